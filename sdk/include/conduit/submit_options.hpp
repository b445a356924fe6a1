#pragma once
// What may be said of a job besides its task and arguments; the same for context.submit() and for
// producers.

#include <conduit/json.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace conduit {

/// Everything left out is as the task's own options, or the configuration, say:
///   context.submit("mail.send", args, {.delay = 10min, .unique = "welcome-42"});
struct SubmitOptions {
  std::optional<std::string> queue = {};
  std::optional<std::chrono::milliseconds> delay = {};  ///< not before this long from now
  std::optional<int> priority = {};                     ///< higher goes first within its queue
  std::optional<std::string> unique = {};  ///< no second job with this key while one is not ended
  std::optional<std::chrono::milliseconds> expires =
      {};  ///< given up if not started within this long
  std::optional<std::chrono::milliseconds> deadline =
      {};  ///< must have ended within this long, retries included
  std::optional<std::uint32_t> retries = {};
  std::optional<std::chrono::milliseconds> timeout = {};  ///< of one attempt
};
BOOST_DESCRIBE_STRUCT(SubmitOptions, (),
                      (queue, delay, priority, unique, expires, deadline, retries, timeout))

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
