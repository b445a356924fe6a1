/* Tasks that do nothing, to measure what the rest costs: noop.run (blocking), noop.start (async). */
#include <conduit/abi.h>

#define STR(text) {text, sizeof(text) - 1}

static const conduit_api* api;

static void run(void* user, conduit_attempt* attempt) {
  static const conduit_str nothing = STR("null");
  (void)user;
  api->complete(attempt, nothing);
}

static void start(void* user, conduit_attempt* attempt, void* io_context) {
  (void)io_context;
  run(user, attempt);
}

static int load(const conduit_api* host, const conduit_registry* registry) {
  static const conduit_task tasks[] = {
      {sizeof(conduit_task), CONDUIT_TASK_BLOCKING, 0, 0, STR("noop.run"), {0, 0}, 0, run, 0},
      {sizeof(conduit_task), CONDUIT_TASK_ASYNC, 0, 0, STR("noop.start"), {0, 0}, 0, run, start},
  };
  size_t i;
  api = host;
  for (i = 0; i < sizeof tasks / sizeof tasks[0]; ++i) {
    if (registry->add_task(registry->self, &tasks[i]) != 0) return 1;
  }
  return 0;
}

const conduit_plugin* conduit_plugin_entry(void) {
  static const conduit_plugin plugin = {
      sizeof(conduit_plugin), CONDUIT_ABI_MAJOR, CONDUIT_ABI_MINOR, 0,    STR("noop"), STR("1.0.0"), STR("1.0.0"),
      STR("cc"),              {0, 0},            0,                 0,    load};
  return &plugin;
}
