// A plugin with one fault, chosen by a FAULT_ definition. Without one it would be good: it has the task "<fault>.run".
#include <conduit/abi.h>

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace {

const conduit_api* g_api = nullptr;

conduit_str str(const char* text) { return {text, std::strlen(text)}; }

[[maybe_unused]] void run(void*, conduit_attempt* attempt) { g_api->complete(attempt, str("null")); }

#if defined(FAULT_THROWS)
const struct Thrower {
  Thrower() { throw std::runtime_error("no licence file"); }
} g_thrower;
#elif defined(FAULT_EXITS)
const struct Exiter {
  Exiter() { std::exit(0); }
} g_exiter;
#elif defined(FAULT_ABORTS)
const struct Aborter {
  Aborter() {
    std::fputs("bad configuration\n", stderr);
    std::abort();
  }
} g_aborter;
#elif defined(FAULT_CRASHES)
const struct Crasher {
  Crasher() { std::raise(SIGSEGV); }
} g_crasher;
#elif defined(FAULT_HANGS)
const struct Hanger {
  Hanger() {
    for (int fd = 3; fd < 64; ++fd) close(fd);  // so that no end of a pipe tells of it
    while (true) pause();
  }
} g_hanger;
#elif defined(FAULT_STARTS_THREAD)
const struct Starter {
  Starter() {
    pthread_t thread;
    pthread_create(&thread, nullptr, [](void*) -> void* {
      while (true) pause();
    }, nullptr);
  }
} g_starter;
#elif defined(FAULT_NEEDS_SYMBOL)
extern "C" void nobody_has_this_function();
#endif

[[maybe_unused]] int add(const conduit_registry* registry, const char* name, const char* options = "",
        void (*function)(void*, conduit_attempt*) = run) {
  conduit_task task{};
  task.size = sizeof task;
  task.name = str(name);
  task.options = str(options);
  task.run = function;
#if defined(FAULT_UNASKED_ASYNC)
  task.kind = CONDUIT_TASK_ASYNC;
#endif
  return registry->add_task(registry->self, &task);
}

int load(const conduit_api* api, [[maybe_unused]] const conduit_registry* registry) {
  g_api = api;
#if defined(FAULT_DUPLICATE)
  add(registry, "duplicate.run");
  return add(registry, "duplicate.run");
#elif defined(FAULT_OTHER_MISBEHAVE)
  return add(registry, "misbehave.noop");
#elif defined(FAULT_BAD_NAME)
  return add(registry, "bad name\x1b[2J");
#elif defined(FAULT_NO_TASK)
  return 0;
#elif defined(FAULT_NO_RUN)
  return add(registry, "no_run.run", "", nullptr);
#elif defined(FAULT_BAD_OPTIONS)
  return add(registry, "bad_options.run", R"({"timeout": "soon"})");
#elif defined(FAULT_FAULTS)
  registry->fault(registry->self, str("the model file is missing"));
  return 1;
#elif defined(FAULT_HOST_START_FAILS)
  registry->on_host_start(
      registry->self,
      [](void*, char* error, size_t size) {
        std::snprintf(error, size, "%s", "no GPU");
        return 1;
      },
      nullptr);
  return add(registry, "host_start_fails.run");
#else
#if defined(FAULT_NEEDS_SYMBOL)
  nobody_has_this_function();
#endif
  return add(registry, "faulty.run");
#endif
}

}  // namespace

#if defined(FAULT_HIDES)
extern "C" const conduit_plugin* another_name();
extern "C" CONDUIT_EXPORT const conduit_plugin* another_name() {
#else
const conduit_plugin* conduit_plugin_entry() {
#endif
  static conduit_plugin plugin{};
  plugin.size = sizeof plugin;
  plugin.abi_major = CONDUIT_ABI_MAJOR;
  plugin.abi_minor = CONDUIT_ABI_MINOR;
  plugin.name = str("faulty");
  plugin.version = str("1.0.0");
  plugin.sdk_version = str("1.0.0");
  plugin.compiler = str("g++ 12.2");
  plugin.boost = str("1.81.0");
  plugin.load = load;
#if defined(FAULT_OTHER_ABI)
  plugin.abi_major = CONDUIT_ABI_MAJOR + 1;
#elif defined(FAULT_NEWER_ABI)
  plugin.abi_minor = CONDUIT_ABI_MINOR + 1;
#elif defined(FAULT_SHORT_STRUCT)
  plugin.size = 40;
#elif defined(FAULT_OTHER_BOOST)
  plugin.uses_asio = 1;
  plugin.boost = str("1.74.0");
#elif defined(FAULT_OTHER_COMPILER)
  plugin.uses_asio = 1;
  plugin.compiler = str("cfront 3.0");
#endif
  return &plugin;
}
