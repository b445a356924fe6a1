#pragma once
// Events: what may be said of one besides its name and payload, and what became of it; the same for
// context.trigger() and for producers.

#include <conduit/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace conduit {

struct TriggerOptions {
  /// Of this trigger: repeated after an answer that was lost, within a day, it makes no second jobs.
  std::optional<std::string> idempotency_key = {};
  /// W3C Trace Context of the jobs. Left out inside a task: the task's own trace goes on.
  std::optional<std::string> traceparent = {};
};
BOOST_DESCRIBE_STRUCT(TriggerOptions, (), (idempotency_key, traceparent))

/// What became of an event.
struct Triggered {
  std::string id;                      ///< of the event
  std::vector<std::string> jobs = {};  ///< made of it: one for each subscription that does not collect
  std::uint32_t collected = 0;         ///< subscriptions that keep it, for a job that is made later
  bool repeated = false;               ///< this trigger had been accepted before: nothing was done now
};
BOOST_DESCRIBE_STRUCT(Triggered, (), (id, jobs, collected, repeated))

namespace detail {
/// An event as the host takes it.
inline Json event_object(std::string_view name, const Json& payload, const TriggerOptions& options) {
  Json out = {{"event", name}, {"payload", payload}};
  for (const auto& [key, value] : conduit::to_json(options).members()) {
    if (!value.is_null()) out[key] = value;
  }
  return out;
}
}  // namespace detail

}  // namespace conduit
