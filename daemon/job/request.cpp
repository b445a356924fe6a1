#include "job/request.h"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <set>

#include "base/text.h"
#include "job/id.h"
#include "job/limit.h"

namespace conduitd::job {
namespace {

Error wrong(std::string_view member, std::string_view wanted) {
  return Error(Errc::invalid_argument, fmt::format("{}: {} is needed", member, wanted));
}

Result<> read_text(std::string_view member, const Json& value, std::string& into) {
  const auto* text = value.as_string();
  if (text == nullptr) return wrong(member, "a string");
  into = *text;
  return ok();
}

Result<> read_int(std::string_view member, const Json& value, int& into) {
  const auto* number = value.as_int();
  if (number == nullptr || *number < INT32_MIN || *number > INT32_MAX) return wrong(member, "a whole number");
  into = static_cast<int>(*number);
  return ok();
}

Result<> read_duration(std::string_view member, const Json& value, std::optional<Millis>& into) {
  if (const auto* number = value.as_int()) {
    into = Millis{*number};
    return ok();
  }
  const auto* text = value.as_string();
  if (text == nullptr) return wrong(member, "a duration such as \"10s\"");
  const auto parsed = parse_duration(*text);
  if (!parsed.has_value()) return parsed.error().within(member);
  into = parsed.value();
  return ok();
}

Result<> read_time(const Json& value, std::optional<WallTime>& into) {
  const auto* text = value.as_string();
  if (text == nullptr) return wrong("at", "a time such as \"2026-01-31T09:30:00Z\"");
  const auto parsed = parse_time(*text);
  if (!parsed.has_value()) return parsed.error().within("at");
  into = parsed.value();
  return ok();
}

/// One of a few words.
template <class Enum, std::size_t N>
Result<> read_choice(std::string_view member, const Json& value, const std::array<std::string_view, N>& names,
                     std::optional<Enum> (*parse)(std::string_view), Enum& into) {
  const auto* text = value.as_string();
  const auto choice = text == nullptr ? std::nullopt : parse(*text);
  if (!choice) return wrong(member, fmt::format("one of {}", fmt::join(names, ", ")));
  into = *choice;
  return ok();
}

Result<> read_after(const Json& value, Request& request) {
  const auto* one = value.as_string();
  const auto* many = value.as_array();
  if (one == nullptr && many == nullptr) return wrong("after", "a job's id or ref, or an array of them,");
  std::vector<std::string> names;
  if (one != nullptr) names.push_back(*one);
  for (std::size_t i = 0; many != nullptr && i < many->size(); ++i) {
    const auto* name = (*many)[i].as_string();
    if (name == nullptr) return wrong("after", "a job's id or ref, or an array of them,");
    names.push_back(*name);
  }
  // A ref is a name, and names have no colon; an id has one.
  for (auto& name : names) {
    if (name.find(':') != std::string::npos) {
      request.job.after.push_back(std::move(name));
    } else {
      CONDUIT_TRY(check_name("after: ref", name));
      request.after_refs.push_back(std::move(name));
    }
  }
  return ok();
}

Result<> read_ref(const Json& value, std::string& into) {
  CONDUIT_TRY(read_text("ref", value, into));
  return check_name("ref", into);
}

Result<> read_retries(const Json& value, std::optional<int>& into) {
  int number = 0;
  CONDUIT_TRY(read_int("retries", value, number));
  into = number;
  return ok();
}

Result<> read_weight(const Json& value, std::optional<std::uint32_t>& into) {
  int number = 0;
  CONDUIT_TRY(read_int("weight", value, number));
  if (number < 1) return Error(Errc::invalid_argument, fmt::format("weight: {} is not allowed: 1 to {} are", number, kMostWeight));
  into = static_cast<std::uint32_t>(number);
  return ok();
}

using Reader = Result<> (*)(const Json&, Request&);
struct Member {
  std::string_view name;
  Reader read;
};

const std::array<Member, 20> kMembers{{
    {"task", [](const Json& v, Request& r) { return read_text("task", v, r.job.task); }},
    {"queue",
     [](const Json& v, Request& r) {
       r.names_queue = true;
       return read_text("queue", v, r.job.queue);
     }},
    {"delay", [](const Json& v, Request& r) { return read_duration("delay", v, r.job.delay); }},
    {"at", [](const Json& v, Request& r) { return read_time(v, r.job.at); }},
    {"priority", [](const Json& v, Request& r) { return read_int("priority", v, r.job.priority); }},
    {"weight", [](const Json& v, Request& r) { return read_weight(v, r.job.weight); }},
    {"unique", [](const Json& v, Request& r) { return read_text("unique", v, r.job.unique); }},
    {"unique_window", [](const Json& v, Request& r) { return read_duration("unique_window", v, r.job.unique_window); }},
    {"unique_states",
     [](const Json& v, Request& r) {
       return read_choice("unique_states", v, kUniqueStatesNames, parse_unique_states, r.job.unique_states);
     }},
    {"on_conflict",
     [](const Json& v, Request& r) { return read_choice("on_conflict", v, kOnConflictNames, parse_on_conflict, r.job.on_conflict); }},
    {"idempotency_key", [](const Json& v, Request& r) { return read_text("idempotency_key", v, r.job.idempotency_key); }},
    {"expires", [](const Json& v, Request& r) { return read_duration("expires", v, r.job.expires); }},
    {"deadline", [](const Json& v, Request& r) { return read_duration("deadline", v, r.job.deadline); }},
    {"retries", [](const Json& v, Request& r) { return read_retries(v, r.job.retries); }},
    {"timeout", [](const Json& v, Request& r) { return read_duration("timeout", v, r.job.timeout); }},
    {"traceparent", [](const Json& v, Request& r) { return read_text("traceparent", v, r.job.traceparent); }},
    {"after", [](const Json& v, Request& r) { return read_after(v, r); }},
    {"after_rule",
     [](const Json& v, Request& r) { return read_choice("after_rule", v, kAfterRuleNames, parse_after_rule, r.job.after_rule); }},
    {"on_parent_end",
     [](const Json& v, Request& r) {
       return read_choice("on_parent_end", v, kOnParentEndNames, parse_on_parent_end, r.job.on_parent_end);
     }},
    {"ref", [](const Json& v, Request& r) { return read_ref(v, r.ref); }},
}};

Error unknown_member(const std::string& key) {
  std::vector<std::string> names{"args"};
  for (const auto& member : kMembers) names.emplace_back(member.name);
  const auto near = nearest(key, names);
  return Error(Errc::invalid_argument,
               fmt::format("unknown member '{}'{}: {} are allowed", escape_control(truncate(key, 100)),
                           near ? fmt::format(" (did you mean '{}'?)", *near) : "", fmt::join(names, ", ")));
}

/// Beside the largest arguments allowed, which check() measures by themselves.
JsonLimits room_for_options(JsonLimits limits) {
  constexpr std::size_t kOptionsRoom = 1024 * 1024;
  limits.size += kOptionsRoom;
  limits.depth += 1;
  return limits;
}

}  // namespace

Error rule_without_after() { return {Errc::invalid_argument, "after_rule: it says how the jobs of after must have ended; name them"}; }

Result<Request> read_request(std::string_view json, JsonLimits limits) {
  const auto whole = room_for_options(limits);
  CONDUIT_TRY(validate_json(json, whole));
  const auto first = json.find_first_not_of(" \t\r\n");
  if (json[first] != '{') return Error(Errc::invalid_argument, "a job is a JSON object");
  CONDUIT_TRY(const auto members, split_json(json));
  Request request;
  std::set<std::string_view> seen;
  for (const auto& [key, value] : members) {
    if (!seen.insert(key).second) {
      return Error(Errc::invalid_argument, fmt::format("member '{}' is there twice", escape_control(truncate(key, 100))));
    }
    if (key == "args") {
      request.job.args = value;
      continue;
    }
    const auto* member = std::find_if(kMembers.begin(), kMembers.end(), [&key = key](const Member& m) { return m.name == key; });
    if (member == kMembers.end()) return unknown_member(key);
    CONDUIT_TRY(const auto parsed, parse_json(value, whole));
    CONDUIT_TRY(member->read(parsed, request));
  }
  if (request.job.task.empty()) return wrong("task", "the name of a task");
  if (seen.contains("after_rule") && !seen.contains("after")) return rule_without_after();
  if (request.job.after.size() + request.after_refs.size() > kMostAwaited) {
    return Error(Errc::invalid_argument, fmt::format("after: {} jobs, {} are allowed",
                                                     request.job.after.size() + request.after_refs.size(), kMostAwaited));
  }
  if (!request.after_refs.empty() && (request.job.delay || request.job.at)) {
    return Error(Errc::invalid_argument, "after: a job runs after others or at a time (delay, at), not both");
  }
  CONDUIT_TRY(check(request.job, limits));
  return request;
}

std::optional<std::string> ref_of(std::string_view json, JsonLimits limits) {
  if (!validate_json(json, room_for_options(limits)).has_value()) return std::nullopt;
  const auto members = split_json(json);
  if (!members.has_value()) return std::string();
  for (const auto& [key, value] : members.value()) {
    if (key != "ref") continue;
    const auto parsed = parse_json(value);
    const auto* text = parsed.has_value() ? parsed.value().as_string() : nullptr;
    return text != nullptr ? *text : std::string();
  }
  return std::string();
}

Result<std::vector<Request>> read_requests(std::string_view json, JsonLimits limits) {
  std::vector<Request> requests;
  const auto first = json.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || json[first] != '[') {
    CONDUIT_TRY(auto one, read_request(json, limits));
    requests.push_back(std::move(one));
    return requests;
  }
  constexpr std::size_t kMostAtOnce = 1'000;
  JsonLimits whole;
  whole.size = limits.size * 4;
  whole.depth = limits.depth + 2;
  CONDUIT_TRY(validate_json(json, whole));
  CONDUIT_TRY(const auto elements, split_json(json));
  if (elements.size() > kMostAtOnce) {
    return Error(Errc::invalid_argument, fmt::format("{} jobs at once: at most {} are allowed", elements.size(), kMostAtOnce));
  }
  for (std::size_t i = 0; i < elements.size(); ++i) {
    auto one = read_request(elements[i].value, limits);
    if (!one.has_value()) return one.error().within(fmt::format("job {}", i));
    requests.push_back(std::move(one.value()));
  }
  return requests;
}

}  // namespace conduitd::job
