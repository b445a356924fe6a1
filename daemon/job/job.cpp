#include "job/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "job/id.h"
#include "job/limit.h"
#include "job/trace.h"

namespace conduitd::job {
namespace {

void set_if(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) json.set(key, value);
}

void set_if(Json& json, const char* key, const std::optional<WallTime>& value) {
  if (value) json.set(key, format_time(*value));
}

WallTime time_or_epoch(const Json& json, std::string_view key) {
  const auto parsed = parse_time(json.string_or(key, ""));
  return parsed.has_value() ? parsed.value() : WallTime{};
}

/// The enumerator with that name, by its place in the list.
template <class Enum, std::size_t N>
std::optional<Enum> named(const std::array<std::string_view, N>& names, std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

Json raw_or_null(const Bytes& bytes) { return bytes.empty() ? Json() : Json(Json::Raw{bytes}); }

}  // namespace

std::string to_word(const Code& code) {
  if (code.plugin.empty()) return {};
  auto word = fmt::format("{}/{}/{}", code.plugin, code.version, code.build_id);
  // Versions are free text.
  for (char& c : word) {
    if (c <= ' ' || c == '|' || c == 0x7F) c = '_';
  }
  return word;
}

Code code_from_word(std::string_view word) {
  const auto first = word.find('/');
  const auto last = word.rfind('/');
  if (first == std::string_view::npos || first == last) return {std::string(word), {}, {}};
  return {std::string(word.substr(0, first)), std::string(word.substr(first + 1, last - first - 1)),
          std::string(word.substr(last + 1))};
}

std::string_view to_string(LogLevel level) {
  constexpr std::array<std::string_view, 4> kNames{"debug", "info", "warning", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

std::string_view to_string(UniqueStates states) { return kUniqueStatesNames[static_cast<std::size_t>(states)]; }

std::optional<UniqueStates> parse_unique_states(std::string_view text) {
  return named<UniqueStates>(kUniqueStatesNames, text);
}

std::string_view to_string(OnConflict rule) { return kOnConflictNames[static_cast<std::size_t>(rule)]; }

std::optional<OnConflict> parse_on_conflict(std::string_view text) { return named<OnConflict>(kOnConflictNames, text); }

std::string_view to_string(AfterRule rule) { return kAfterRuleNames[static_cast<std::size_t>(rule)]; }

std::optional<AfterRule> parse_after_rule(std::string_view text) { return named<AfterRule>(kAfterRuleNames, text); }

std::string_view to_string(OnParentEnd rule) { return kOnParentEndNames[static_cast<std::size_t>(rule)]; }

std::optional<OnParentEnd> parse_on_parent_end(std::string_view text) { return named<OnParentEnd>(kOnParentEndNames, text); }

namespace {

Result<> check_after(const NewJob& job) {
  if (job.after.size() > kMostAwaited) {
    return Error(Errc::invalid_argument, fmt::format("after: {} jobs, {} are allowed", job.after.size(), kMostAwaited));
  }
  for (const auto& id : job.after) {
    if (auto parsed = parse_id(id); !parsed.has_value()) return parsed.error().within("after");
  }
  if (!job.after.empty() && (job.delay || job.at)) {
    return Error(Errc::invalid_argument, "after: a job runs after others or at a time (delay, at), not both");
  }
  return ok();
}

}  // namespace

Result<> check(const NewJob& job, JsonLimits limits) {
  constexpr std::size_t kLongestKey = 256;
  CONDUIT_TRY(check_name("task", job.task));
  CONDUIT_TRY(check_name("queue", job.queue));
  const auto fault = [](std::string what) { return Error(Errc::invalid_argument, std::move(what)); };
  if (job.priority < 0 || job.priority > 9) return fault(fmt::format("priority {}: 0 to 9 are allowed", job.priority));
  if (job.weight && (*job.weight < 1 || *job.weight > kMostWeight)) {
    return fault(fmt::format("weight {}: 1 to {} are allowed", *job.weight, kMostWeight));
  }
  if (job.retries && (*job.retries < 0 || *job.retries > 1'000'000)) {
    return fault(fmt::format("retries {}: 0 to 1000000 are allowed", *job.retries));
  }
  // Beyond a century arithmetic on times overflows.
  const auto beyond = [](const std::optional<Millis>& value, Millis least) {
    return value && (*value < least || *value > std::chrono::hours(24 * 365 * 100));
  };
  if (beyond(job.delay, Millis{0})) return fault("delay: a duration from zero to a century is needed");
  if (beyond(job.expires, Millis{1})) return fault("expires: a duration above zero, at most a century, is needed");
  if (beyond(job.deadline, Millis{1})) return fault("deadline: a duration above zero, at most a century, is needed");
  if (beyond(job.timeout, Millis{1})) return fault("timeout: a duration above zero, at most a century, is needed");
  if (beyond(job.unique_window, Millis{1})) return fault("unique_window: a duration above zero, at most a century, is needed");
  for (const auto& [name, key] : {std::pair{"unique", &job.unique}, {"idempotency_key", &job.idempotency_key}}) {
    if (key->size() > kLongestKey || !is_utf8(*key)) {
      return fault(fmt::format("{}: at most {} bytes of UTF-8 are allowed", name, kLongestKey));
    }
  }
  const bool says_how = job.unique_window || job.unique_states != UniqueStates::live || job.on_conflict != OnConflict::existing;
  if (says_how && job.unique.empty()) return fault("unique_window, unique_states and on_conflict go with unique: a key is needed");
  if (!job.traceparent.empty()) {
    CONDUIT_TRY(check_traceparent(job.traceparent));
  }
  CONDUIT_TRY(check_after(job));
  const auto args = validate_json(job.args, limits);
  if (!args.has_value()) return args.error().within("args");
  const auto first = job.args.find_first_not_of(" \t\r\n");
  if (job.args[first] != '{' && job.args[first] != '[') {
    return fault("args: a JSON object (arguments by name) or array (in order) is needed");
  }
  return ok();
}

std::string_view outcome_word(const Settlement& settlement) {
  using Kind = Settlement::Kind;
  if (settlement.charge == Settlement::Charge::crash) return "crash";
  switch (settlement.kind) {
    case Kind::complete: return "complete";
    case Kind::retry: return "retry";
    case Kind::fail: return "failed";
    case Kind::release: return "released";
    case Kind::cancel: return "cancelled";
  }
  return "failed";
}

Json to_json(const Failure& failure) {
  Json json;
  json.set("type", failure.type).set("message", failure.message);
  if (!failure.detail.empty()) json.set("detail", Json::Raw{failure.detail});
  return json;
}

Failure failure_from_json(const Json& json) {
  Failure failure;
  failure.type = json.string_or("type", "");
  failure.message = json.string_or("message", "");
  if (const Json* detail = json.find("detail")) failure.detail = detail->text();
  return failure;
}

Json to_json(const AttemptRecord& attempt) {
  Json json;
  json.set("attempt", attempt.attempt).set("outcome", attempt.outcome).set("started_at", format_time(attempt.started_at));
  json.set("duration_ms", attempt.duration.count());
  set_if(json, "worker", attempt.worker);
  if (!attempt.code.plugin.empty()) {
    json.set("plugin", attempt.code.plugin).set("plugin_version", attempt.code.version).set("build_id", attempt.code.build_id);
  }
  if (attempt.usage.cpu_us >= 0) json.set("cpu_ms", static_cast<double>(attempt.usage.cpu_us) / 1'000);
  if (attempt.usage.peak_rss_kib >= 0) json.set("peak_rss_kib", attempt.usage.peak_rss_kib);
  if (attempt.failure) json.set("failure", to_json(*attempt.failure));
  return json;
}

AttemptRecord attempt_from_json(const Json& json) {
  AttemptRecord attempt;
  attempt.attempt = static_cast<std::uint32_t>(json.int_or("attempt", 0));
  attempt.outcome = json.string_or("outcome", "");
  attempt.started_at = time_or_epoch(json, "started_at");
  attempt.duration = Millis{json.int_or("duration_ms", 0)};
  attempt.worker = json.string_or("worker", "");
  attempt.code = {json.string_or("plugin", ""), json.string_or("plugin_version", ""), json.string_or("build_id", "")};
  if (const Json* cpu = json.find("cpu_ms"); cpu != nullptr && cpu->as_number()) {
    attempt.usage.cpu_us = static_cast<std::int64_t>(*cpu->as_number() * 1'000);
  }
  attempt.usage.peak_rss_kib = json.int_or("peak_rss_kib", -1);
  if (const Json* failure = json.find("failure")) attempt.failure = failure_from_json(*failure);
  return attempt;
}

Json to_json(const LogLine& line) {
  Json json;
  json.set("time", format_time(line.time)).set("attempt", line.attempt).set("level", to_string(line.level));
  json.set("message", line.message);
  if (!line.fields.empty()) json.set("fields", Json::Raw{line.fields});
  return json;
}

Failure not_to_run_after(std::string_view id, std::optional<JobStatus> status) {
  const auto how = status ? fmt::format("ended as {}", to_string(*status)) : std::string("was deleted");
  return {"dependency", fmt::format("it was to run after job {}, which {}", id.empty() ? "(unknown)" : id, how), {}};
}

Bytes ids_to_json(const std::vector<std::string>& ids) {
  Json out{Json::Array{}};
  for (const auto& id : ids) out.push(id);
  return out.text();
}

std::vector<std::string> ids_from_json(std::string_view json) {
  std::vector<std::string> out;
  if (json.empty()) return out;
  constexpr JsonLimits kLimits{4 * 1024 * 1024, 4};
  const auto parsed = parse_json(json, kLimits);
  const auto* ids = parsed.has_value() ? parsed.value().as_array() : nullptr;
  if (ids == nullptr) return out;
  for (const auto& id : *ids) {
    if (const auto* text = id.as_string()) out.push_back(*text);
  }
  return out;
}

Json to_json(const JobRecord& record) {
  Json json;
  json.set("id", record.id).set("task", record.task).set("queue", record.queue);
  json.set("status", to_string(record.status));
  if (record.reason != FailureReason::none) json.set("reason", to_string(record.reason));
  json.set("args", raw_or_null(record.args)).set("priority", record.priority);
  if (record.weight) json.set("weight", *record.weight);
  json.set("attempts", record.counters.attempts).set("failures", record.counters.failures);
  json.set("crashes", record.counters.crashes).set("interruptions", record.counters.interruptions);
  if (record.retries) json.set("retries", *record.retries);
  if (record.timeout) json.set("timeout_ms", record.timeout->count());
  set_if(json, "unique", record.unique);
  set_if(json, "parent_id", record.parent_id);
  set_if(json, "root_id", record.root_id);
  set_if(json, "traceparent", record.traceparent);
  const auto set_ids = [&json](const char* key, const std::vector<std::string>& ids) {
    if (!ids.empty()) json.set(key, Json::Raw{ids_to_json(ids)});
  };
  set_ids("after", record.after);
  if (!record.after.empty()) json.set("after_rule", to_string(record.after_rule));
  set_ids("held_by", record.held_by);
  set_ids("waits_for", record.waits_for);
  if (record.on_parent_end != OnParentEnd::leave) json.set("on_parent_end", to_string(record.on_parent_end));
  json.set("created_at", format_time(record.created_at));
  set_if(json, "due_at", record.due_at);
  set_if(json, "expires_at", record.expires_at);
  set_if(json, "deadline_at", record.deadline_at);
  set_if(json, "started_at", record.started_at);
  set_if(json, "ended_at", record.ended_at);
  set_if(json, "worker", record.worker);
  if (record.cancel_requested) json.set("cancel_requested", true);
  if (record.progress) {
    Json progress;
    progress.set("fraction", record.progress->fraction).set("message", record.progress->message);
    json.set("progress", std::move(progress));
  }
  json.set("metadata", record.metadata.empty() ? Json(Json::Object{}) : Json(Json::Raw{record.metadata}));
  json.set("checkpoint", raw_or_null(record.checkpoint)).set("result", raw_or_null(record.result));
  if (record.failure) json.set("failure", to_json(*record.failure));
  Json history{Json::Array{}};
  for (const auto& attempt : record.attempts) history.push(to_json(attempt));
  json.set("history", std::move(history));
  return json;
}

}  // namespace conduitd::job
