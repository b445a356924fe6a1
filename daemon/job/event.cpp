#include "job/event.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "job/id.h"
#include "job/limit.h"
#include "job/trace.h"

namespace conduitd::job {
namespace {

// What may stand around a payload in a job's arguments: the event's id, name and time, and the list of a batch.
constexpr std::size_t kRoomAround = 1'024;
constexpr std::size_t kLevelsAround = 4;

bool is_plain(std::string_view segment) {
  return !segment.empty() && std::all_of(segment.begin(), segment.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

/// The first segment, which is taken off `rest`; `more` says whether a dot stood behind it.
std::string_view take_segment(std::string_view& rest, bool& more) {
  const auto dot = rest.find('.');
  more = dot != std::string_view::npos;
  const auto out = rest.substr(0, dot);
  rest = more ? rest.substr(dot + 1) : std::string_view{};
  return out;
}

std::vector<std::string_view> segments_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (bool more = true; more;) out.push_back(take_segment(text, more));
  return out;
}

std::string shown(std::string_view text) { return escape_control(truncate(text, kLongestEventName)); }

constexpr const char* kNameRule = "segments of A-Z a-z 0-9 _ - joined by dots, as in order.placed, at most 100 characters, are allowed";
constexpr const char* kPatternRule =
    "segments of A-Z a-z 0-9 _ - joined by dots are allowed, with * for any one segment and ** for any number of them, as in order.*, at "
    "most 100 characters";

std::string args_of(std::string_view payload) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = payload.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "{}";
  payload = payload.substr(first, payload.find_last_not_of(kBlanks) + 1 - first);
  if (payload[0] == '{' || payload[0] == '[') return std::string(payload);
  return payload == "null" ? "{}" : fmt::format("[{}]", payload);
}

NewJob empty_job(const Subscription& subscription) {
  NewJob out;
  out.task = subscription.task;
  out.queue = subscription.queue;
  return out;
}

Error wrong(std::string what) { return {Errc::invalid_argument, std::move(what)}; }

Result<> check_collecting(const Subscription& subscription) {
  const auto beyond = [](Millis value) { return value < Millis{0} || value > kLongestCollecting; };
  if (beyond(subscription.debounce)) return wrong("debounce: a duration from zero to 7d is needed");
  if (beyond(subscription.debounce_max)) return wrong("debounce_max: a duration from zero to 7d is needed");
  if (beyond(subscription.batch_within)) return wrong("batch_within: a duration from zero to 7d is needed");
  if (subscription.batch > kMostInBatch) return wrong(fmt::format("batch: 1 to {} events are allowed", kMostInBatch));
  const bool debounces = subscription.debounce > Millis{0};
  if (debounces && subscription.batch > 0) return wrong("debounce and batch: one of the two is allowed");
  if (!debounces && subscription.debounce_max > Millis{0}) return wrong("debounce_max goes with debounce");
  if (debounces && subscription.debounce_max > Millis{0} && subscription.debounce_max < subscription.debounce) {
    return wrong("debounce_max: it cannot be shorter than debounce");
  }
  if (subscription.batch > 0 && subscription.batch_within == Millis{0}) {
    return wrong("batch: batch_within is needed, how long the first event may wait for the others");
  }
  if (subscription.batch == 0 && subscription.batch_within > Millis{0}) return wrong("batch_within goes with batch");
  if (!subscription.key.empty() && !subscription.collects()) return wrong("key goes with debounce or batch");
  if (subscription.whole && subscription.batch > 0) return wrong("args: the job of a batch is given its events whole by itself");
  return ok();
}

Result<> read_text(const Json& value, std::string_view member, std::string& into) {
  const auto* text = value.as_string();
  if (text == nullptr) return wrong(fmt::format("{}: a text is needed", member));
  into = *text;
  return ok();
}

}  // namespace

Result<> check_event_name(std::string_view name) {
  const auto segments = segments_of(name);
  if (name.size() <= kLongestEventName && std::all_of(segments.begin(), segments.end(), is_plain)) return ok();
  return wrong(fmt::format("'{}' is no event: {}", shown(name), kNameRule));
}

Result<> check_pattern(std::string_view pattern) {
  const auto segments = segments_of(pattern);
  const bool good = std::all_of(segments.begin(), segments.end(), [](auto segment) { return segment == "*" || segment == "**" || is_plain(segment); });
  if (pattern.size() <= kLongestEventName && good) return ok();
  return wrong(fmt::format("'{}' is no pattern of events: {}", shown(pattern), kPatternRule));
}

bool matches(std::string_view pattern, std::string_view name) {
  const auto wanted = segments_of(pattern);
  const auto given = segments_of(name);
  // What was tried last: the `**` that may still take more, and the segment it takes next.
  std::optional<std::size_t> star;
  std::size_t taken = 0;
  std::size_t p = 0;
  std::size_t n = 0;
  while (n < given.size()) {
    if (p < wanted.size() && wanted[p] == "**") {
      star = p++;
      taken = n;
    } else if (p < wanted.size() && (wanted[p] == "*" || wanted[p] == given[n])) {
      ++p;
      ++n;
    } else if (star) {
      p = *star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  return std::all_of(wanted.begin() + static_cast<std::ptrdiff_t>(p), wanted.end(), [](auto segment) { return segment == "**"; });
}

Result<> check(const Subscription& subscription) {
  CONDUIT_TRY(check_name("subscription", subscription.name));
  CONDUIT_TRY(check_name("task", subscription.task));
  CONDUIT_TRY(check_name("queue", subscription.queue));
  CONDUIT_TRY(check_pattern(subscription.pattern));
  if (!subscription.key.empty()) {
    CONDUIT_TRY(const auto key, parse_limit_key(subscription.key));
    if (key != subscription.key) return wrong("key: a JSON pointer is needed");
  }
  return check_collecting(subscription);
}

std::string encode(const Subscription& subscription) {
  Json out;
  out.set("event", subscription.pattern).set("task", subscription.task).set("queue", subscription.queue);
  if (subscription.debounce > Millis{0}) out.set("debounce", subscription.debounce.count());
  if (subscription.debounce_max > Millis{0}) out.set("debounce_max", subscription.debounce_max.count());
  if (subscription.batch > 0) out.set("batch", subscription.batch).set("batch_within", subscription.batch_within.count());
  if (!subscription.key.empty()) out.set("key", subscription.key);
  if (subscription.whole) out.set("args", "event");
  return out.text();
}

Result<Subscription> subscription_from(std::string_view name, std::string_view text) {
  const auto json = parse_json(text);
  Subscription out;
  out.name = name;
  if (!json.has_value()) return Error(Errc::protocol, fmt::format("subscription '{}': what is kept of it cannot be read", name));
  const auto& members = json.value();
  out.pattern = members.string_or("event", "");
  out.task = members.string_or("task", "");
  out.queue = members.string_or("queue", "");
  out.debounce = Millis{members.int_or("debounce", 0)};
  out.debounce_max = Millis{members.int_or("debounce_max", 0)};
  out.batch = static_cast<std::uint32_t>(std::clamp<std::int64_t>(members.int_or("batch", 0), 0, kMostInBatch));
  out.batch_within = Millis{members.int_or("batch_within", 0)};
  out.key = members.string_or("key", "");
  out.whole = members.string_or("args", "") == "event";
  const auto good = check(out);
  if (good.has_value()) return out;
  return Error(Errc::protocol, fmt::format("subscription '{}': what is kept of it makes no sense: {}", name, good.error().message()));
}

Result<> check(const NewEvent& event, JsonLimits limits) {
  constexpr std::size_t kLongestKey = 256;
  CONDUIT_TRY(check_event_name(event.name));
  if (event.idempotency_key.size() > kLongestKey || !is_utf8(event.idempotency_key)) {
    return wrong(fmt::format("idempotency_key: at most {} bytes of UTF-8 are allowed", kLongestKey));
  }
  if (!event.traceparent.empty()) {
    CONDUIT_TRY(check_traceparent(event.traceparent));
  }
  limits.size -= std::min(limits.size, kRoomAround);
  limits.depth -= std::min(limits.depth, kLevelsAround);
  const auto payload = validate_json(event.payload, limits);
  if (!payload.has_value()) return payload.error().within("payload");
  return ok();
}

Result<NewEvent> read_event(std::string_view json, JsonLimits limits) {
  constexpr std::size_t kRoomBeside = 8 * 1'024;
  JsonLimits whole = limits;
  whole.size += kRoomBeside;
  whole.depth += 1;
  CONDUIT_TRY(validate_json(json, whole));
  if (json[json.find_first_not_of(" \t\r\n")] != '{') return wrong("an event is a JSON object");
  CONDUIT_TRY(const auto members, split_json(json));
  NewEvent out;
  for (const auto& [key, value] : members) {
    if (key == "payload") {
      out.payload = value;
      continue;
    }
    CONDUIT_TRY(const auto parsed, parse_json(value, whole));
    if (key == "event") {
      CONDUIT_TRY(read_text(parsed, key, out.name));
    } else if (key == "idempotency_key") {
      CONDUIT_TRY(read_text(parsed, key, out.idempotency_key));
    } else if (key == "traceparent") {
      CONDUIT_TRY(read_text(parsed, key, out.traceparent));
    } else {
      return wrong(fmt::format("unknown member '{}': event, payload, idempotency_key and traceparent are allowed", shown(key)));
    }
  }
  CONDUIT_TRY(check(out, limits));
  return out;
}

std::string encode(const Event& event) {
  // By hand: the payload's bytes stay as they came, and nothing else here needs an escape.
  return fmt::format(R"({{"id":"{}","name":"{}","time":"{}","payload":{}}})", event.id, event.name, format_time(event.time), event.payload);
}

Result<Event> event_from(std::string_view text) {
  const auto broken = [] { return Error(Errc::protocol, "what is kept of an event cannot be read"); };
  constexpr JsonLimits kAny{64 * 1'024 * 1'024, 1'000};
  if (!validate_json(text, kAny).has_value()) return broken();
  const auto members = split_json(text);
  const auto json = parse_json(text, kAny);
  if (!members.has_value() || !json.has_value() || json.value().as_object() == nullptr) return broken();
  Event out;
  out.id = json.value().string_or("id", "");
  out.name = json.value().string_or("name", "");
  const auto time = parse_time(json.value().string_or("time", ""));
  if (time.has_value()) out.time = time.value();
  for (const auto& [key, value] : members.value()) {
    if (key == "payload") out.payload = value;
  }
  if (out.payload.empty() || !check_event_name(out.name).has_value()) return broken();
  return out;
}

NewJob job_for(const Subscription& subscription, const Event& event) {
  auto out = empty_job(subscription);
  out.args = subscription.whole ? fmt::format(R"({{"event":{}}})", encode(event)) : args_of(event.payload);
  return out;
}

NewJob job_for(const Subscription& subscription, const std::vector<std::string>& events) {
  auto out = empty_job(subscription);
  out.args = fmt::format(R"({{"events":[{}]}})", fmt::join(events, ","));
  return out;
}

std::size_t fitting(const std::vector<std::size_t>& sizes, std::size_t most) {
  constexpr std::size_t kAround = 64;
  auto left = JsonLimits().size - kAround;
  std::size_t out = 0;
  for (; out < std::min(most, sizes.size()); ++out) {
    if (out > 0 && sizes[out] + 1 > left) break;
    left -= std::min(left, sizes[out] + 1);
  }
  return out;
}

std::string group_of(const Subscription& subscription, std::string_view payload) {
  return subscription.key.empty() ? std::string() : key_value(payload, subscription.key);
}

}  // namespace conduitd::job
