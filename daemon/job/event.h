#pragma once
// Events and who subscribes to them, as plain data. An event has a name of segments, "order.placed"; a subscription says which
// names it is for and what job is made of an event, or of several.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "job/job.h"

namespace conduitd::job {

/// Segments of A-Z a-z 0-9 _ - joined by dots, at most kLongestEventName characters. The error says what is allowed.
[[nodiscard]] Result<> check_event_name(std::string_view name);
/// The same with `*` for any one segment and `**` for any number of them, none too.
[[nodiscard]] Result<> check_pattern(std::string_view pattern);
inline constexpr std::size_t kLongestEventName = 100;
/// Both must have passed their checks.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view name);

/// Jobs of `task` for each event whose name `pattern` matches. With `debounce` or `batch`, of which one may be set, events are
/// collected in the broker first: apart for each value that `key` finds in their payloads.
struct Subscription {
  std::string name;  ///< of its own in the namespace
  std::string pattern;
  std::string task;
  std::string queue = "default";
  Millis debounce{0};       ///< above 0: one job, of the last event, once none has come for so long
  Millis debounce_max{0};   ///< above 0: the job does not wait longer than this for the first of them
  std::uint32_t batch = 0;  ///< above 0: one job of up to so many events
  Millis batch_within{0};   ///< the first of them waits no longer than this
  std::string key;          ///< a JSON pointer; empty: all events alike
  bool whole = false;       ///< the job is given the event, not its payload alone
  bool operator==(const Subscription&) const = default;

  [[nodiscard]] bool collects() const { return debounce > Millis{0} || batch > 0; }
};
/// `whole` by its names: "payload" is not, "event" is.
inline constexpr std::array<std::string_view, 2> kEventArgsNames{"payload", "event"};
inline constexpr std::uint32_t kMostInBatch = 1'000;
inline constexpr Millis kLongestCollecting{7LL * 24 * 3'600'000};

/// Checks names, pattern, key and bounds. The error names the member.
[[nodiscard]] Result<> check(const Subscription& subscription);

/// As it is kept by brokers, and back. Errc::protocol for what is none.
[[nodiscard]] std::string encode(const Subscription& subscription);
[[nodiscard]] Result<Subscription> subscription_from(std::string_view name, std::string_view text);

/// What somebody tells: that this has happened.
struct NewEvent {
  std::string name;
  Bytes payload = "{}";         ///< any JSON
  std::string idempotency_key;  ///< of this trigger: repeated, it makes no second jobs
  std::string parent_id;        ///< of the jobs made of it, as are the two below
  std::string root_id;
  std::string traceparent;
};
/// Checks the name, the key and the payload's JSON, which must leave room for what is put around it in a job's arguments.
[[nodiscard]] Result<> check(const NewEvent& event, JsonLimits limits = {});
/// A trigger as JSON, {"event": name, "payload": ..., "idempotency_key": ..., "traceparent": ...}; all but the name may be left
/// out. It has passed check(). The error names the member.
[[nodiscard]] Result<NewEvent> read_event(std::string_view json, JsonLimits limits = {});

/// An event that has happened.
struct Event {
  std::string id;  ///< a ULID
  std::string name;
  WallTime time;
  Bytes payload;
};
[[nodiscard]] std::string encode(const Event& event);
/// Errc::protocol for what is none.
[[nodiscard]] Result<Event> event_from(std::string_view text);

/// The job of one event. Its arguments are the payload if that is an object or array, nothing if it is null, and one argument,
/// the payload, otherwise. If the subscription wants it whole they are {"event": {"id", "name", "time", "payload"}}.
[[nodiscard]] NewJob job_for(const Subscription& subscription, const Event& event);
/// The job of several: its arguments are {"events": [...]}, each as above. `events` are encoded.
[[nodiscard]] NewJob job_for(const Subscription& subscription, const std::vector<std::string>& events);
/// How many encoded events of these sizes, from the first on, one job may be given: at least one, and no more than its arguments
/// may hold.
[[nodiscard]] std::size_t fitting(const std::vector<std::size_t>& sizes, std::size_t most);

/// The value of the subscription's key in a payload; empty without one.
[[nodiscard]] std::string group_of(const Subscription& subscription, std::string_view payload);

}  // namespace conduitd::job
