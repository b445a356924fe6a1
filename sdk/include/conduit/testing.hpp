#pragma once
// Runs a plugin's tasks in a unit test, with no daemon and no broker. Link the plugin's sources
// into the test program:
//
//   #include <conduit/testing.hpp>
//
//   TEST(Resize, StopsWhenCancelled) {
//     auto outcome = conduit::testing::run("images.resize", {{"path", "a.jpg"}}, {.cancel_after =
//     0ms}); EXPECT_EQ(outcome.kind, conduit::testing::Kind::cancelled);
//   }
//
// run() goes the way a job goes: in through conduit_plugin_entry and JSON, out through the C ABI.
// Middleware and hooks run as in a host; a failed attempt counts as one that will be retried while
// max_attempts is 0 or more than attempt. Coroutines run on an io_context of their own. What the attempt says about itself is recorded in
// the outcome; what it submits is recorded and answered, not run. on_host_start functions run
// before the first task.
//
// run() may be called from several threads at once.

#include <conduit/context.hpp>
#include <conduit/options.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::testing {

/// How an attempt ended, as the task said it; whether there is a retry is the daemon's decision.
enum class Kind : std::uint8_t { complete, retry, fail, invalid, cancelled, snooze };
BOOST_DESCRIBE_ENUM(Kind, complete, retry, fail, invalid, cancelled, snooze)

struct Progress {
  double fraction = 0;
  std::string message;
};

struct LogLine {
  LogLevel level = LogLevel::info;
  std::string message;
  Json fields;  ///< an object, or null
};

/// All that an attempt did, in order.
struct Outcome {
  Kind kind = Kind::complete;
  Json result;                                     ///< of a complete attempt
  std::string error_type;                          ///< of any other: "std::runtime_error"
  std::string error;                               ///< its message
  std::string error_path;                          ///< of invalid arguments: "/width"
  std::optional<std::chrono::milliseconds> after;  ///< of Retry and Snooze

  std::vector<Progress> progress;
  std::vector<Json> checkpoints;
  Json metadata = Json::object();  ///< what was given, with the attempt's changes
  std::vector<LogLine> logs;
  std::vector<std::string> hooks;  ///< that were run, in order: "on_start", "on_retry"
  std::vector<Json> submits;  ///< each with "task", "args" and the options given
  std::vector<std::string> waits;    ///< ids of jobs that were waited for
  std::vector<std::string> cancels;  ///< ids of jobs that were cancelled
  std::vector<Json> triggers;  ///< each with "event", "payload" and the options given

  [[nodiscard]] bool ok() const noexcept { return kind == Kind::complete; }
};

/// What the attempt is to find. Everything has a default.
struct Options {
  std::uint32_t attempt = 1;
  std::uint32_t max_attempts = 0;
  std::optional<std::chrono::system_clock::time_point> deadline = {};
  Json checkpoint = {};            ///< of an earlier attempt
  Json metadata = Json::object();  ///< set by earlier attempts
  std::string job_id = "test:1";
  std::string parent_id = {};
  std::string queue = "default";
  std::string traceparent = {};
  std::vector<std::string> devices = {};  ///< that the attempt holds
  std::optional<Executor> executor =
      {};  ///< default: the task's own, else async for coroutines, thread for others

  /// Asks the attempt to stop after this long; 0ms: before it starts.
  std::optional<std::chrono::milliseconds> cancel_after = {};
  /// Asks the attempt to stop once this says so; called after each thing that is recorded. The way
  /// to cancel in the middle without a race: [](const Outcome& so_far) { return
  /// so_far.progress.size() == 3; }
  std::function<bool(const Outcome& so_far)> cancel_when = {};
  /// Answers a submit with the new job's id. Throw to refuse. Default: "test:submitted-1",
  /// "test:submitted-2", ...
  std::function<std::string(const Json& job)> on_submit = {};
  /// How a job ends that is waited for, or was to end before. Default: it is complete, its result null.
  std::function<JobEnd(const std::string& id)> on_wait = {};
  std::vector<std::string> after = {};  ///< ids of jobs that it was to run after
  /// Answers a trigger. Throw to refuse. Default: nobody subscribes.
  std::function<Triggered(const Json& event)> on_trigger = {};
};

/// A task as the plugin registered it.
struct TaskInfo {
  std::string name;
  bool is_async = false;
  bool wants_context = false;
  Json options;  ///< with the keys of the configuration file
};

/// Runs one attempt of `task` to its end. Throws std::invalid_argument if there is no such task,
/// and std::runtime_error, with the plugin's own sentences, if the plugin does not load or a host
/// does not start.
Outcome run(std::string_view task, const Json& args = {}, const Options& options = {});

/// The same with the arguments as text, which may be no JSON at all.
Outcome run_text(std::string_view task, std::string_view args, const Options& options = {});

/// What the plugin registered, in order.
const std::vector<TaskInfo>& tasks();

/// Runs the on_host_stop functions, if on_host_start's were run. The next run() starts anew.
void stop_host();

}  // namespace conduit::testing

#include <conduit/detail/testing_impl.hpp>  // the functions declared above
