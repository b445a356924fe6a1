#include <conduit/abi.h>

#define TEXT(literal) {literal, sizeof literal - 1}

static const conduit_api* host;

static void run(void* user, conduit_attempt* attempt) {
  const conduit_str result = TEXT("3");
  (void)user;
  host->complete(attempt, result);
}

static int load(const conduit_api* api, const conduit_registry* registry) {
  conduit_task task = {0};
  const conduit_str name = TEXT("in_c.three");
  host = api;
  task.size = sizeof task;
  task.kind = CONDUIT_TASK_BLOCKING;
  task.name = name;
  task.run = run;
  return registry->add_task(registry->self, &task);
}

const conduit_plugin* conduit_plugin_entry(void) {
  static const conduit_plugin plugin = {
      .size = sizeof(conduit_plugin),
      .abi_major = CONDUIT_ABI_MAJOR,
      .abi_minor = CONDUIT_ABI_MINOR,
      .name = TEXT("in_c"),
      .version = TEXT("1.0.0"),
      .load = load,
  };
  return &plugin;
}
