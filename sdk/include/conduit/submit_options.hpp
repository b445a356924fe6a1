#pragma once
// What may be said of a job besides its task and arguments; the same for context.submit() and for
// producers.

#include <conduit/json.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace conduit {

/// Which jobs a unique key keeps a second one out for.
enum class UniqueStates : std::uint8_t {
  live,     ///< until the first has ended
  waiting,  ///< until the first has been started
};
BOOST_DESCRIBE_ENUM(UniqueStates, live, waiting)

/// What becomes of a job whose unique key another one holds.
enum class OnConflict : std::uint8_t {
  existing,  ///< nothing is submitted; the answer is the other's id
  reject,    ///< nothing is submitted; submit() throws
  replace,   ///< the other is cancelled if it still waits; if it runs, as reject
};
BOOST_DESCRIBE_ENUM(OnConflict, existing, reject, replace)

/// When a job that runs after others may run.
enum class AfterRule : std::uint8_t {
  complete,  ///< when all of them are complete; if one ends otherwise, it is cancelled
  ended,     ///< when all of them have ended, in whatever way
};
BOOST_DESCRIBE_ENUM(AfterRule, complete, ended)

/// What becomes of a child that has not ended when its parent fails or is cancelled.
enum class OnParentEnd : std::uint8_t { leave, cancel };
BOOST_DESCRIBE_ENUM(OnParentEnd, leave, cancel)

/// Everything left out is as the task's own options, or the configuration, say:
///   context.submit("mail.send", args, {.delay = 10min, .unique = "welcome-42"});
struct SubmitOptions {
  std::optional<std::string> queue = {};
  std::optional<std::chrono::milliseconds> delay = {};  ///< not before this long from now
  std::optional<int> priority = {};                     ///< higher goes first within its queue
  std::optional<std::uint32_t> weight = {};             ///< units of its task's and queue's limits that it takes
  std::optional<std::string> unique =
      {};  ///< keeps other jobs of its queue with this key out while it has not ended
  std::optional<std::chrono::milliseconds> unique_window = {};  ///< the key counts no longer than this
  std::optional<UniqueStates> unique_states = {};               ///< live, if left out
  std::optional<OnConflict> on_conflict = {};                   ///< existing, if left out
  /// Of this submit: repeated after an answer that was lost, it returns the first one's id, also when
  /// that job has ended, for as long as its record is kept.
  std::optional<std::string> idempotency_key = {};
  std::optional<std::chrono::milliseconds> expires =
      {};  ///< given up if not started within this long
  std::optional<std::chrono::milliseconds> deadline =
      {};  ///< must have ended within this long, retries included
  std::optional<std::uint32_t> retries = {};
  std::optional<std::chrono::milliseconds> timeout = {};  ///< of one attempt
  /// W3C Trace Context. Left out inside a task: the task's own trace goes on.
  std::optional<std::string> traceparent = {};
  /// Ids of jobs that must have ended first, at most 10,000. Not together with delay.
  std::optional<std::vector<std::string>> after = {};
  std::optional<AfterRule> after_rule = {};        ///< complete, if left out
  std::optional<OnParentEnd> on_parent_end = {};   ///< leave, if left out
};
BOOST_DESCRIBE_STRUCT(SubmitOptions, (),
                      (queue, delay, priority, weight, unique, unique_window, unique_states, on_conflict,
                       idempotency_key, expires, deadline, retries, timeout, traceparent, after, after_rule,
                       on_parent_end))

namespace detail {
/// A job as a line of `conduitctl submit --jsonl`: task, args, and the options that were given.
inline Json job_object(std::string_view task, const Json& args, const SubmitOptions& options) {
  if (!args.is_object() && !args.is_array() && !args.is_null()) {
    throw JsonError("", "arguments are an object or an array, not " + shown(args));
  }
  Json out = {{"task", task}, {"args", args.is_null() ? Json::object() : args}};
  for (const auto& [key, value] : conduit::to_json(options).members()) {
    if (!value.is_null()) out[key] = value;
  }
  return out;
}
}  // namespace detail

}  // namespace conduit
