#include "channel/task_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "base/json.h"
#include "base/text.h"
#include "job/id.h"

namespace conduitd::channel {
namespace {

constexpr std::array<std::string_view, 3> kExecutorNames{"async", "thread", "process"};

Error fault(std::string_view member, std::string_view allowed) {
  return {Errc::invalid_argument, fmt::format("option '{}': {} is needed", member, allowed)};
}

Result<std::uint32_t> to_count(std::string_view member, const Json& value) {
  const auto* number = value.as_int();
  if (number == nullptr || *number < 0 || *number > 1'000'000) return fault(member, "a number from 0 to 1000000");
  return static_cast<std::uint32_t>(*number);
}

Result<Millis> to_duration(std::string_view member, const Json& value) {
  if (const auto* number = value.as_int(); number != nullptr && *number >= 0) return Millis(*number);
  if (const auto* text = value.as_string()) {
    const auto duration = parse_duration(*text);
    if (duration.has_value()) return duration;
  }
  return fault(member, "a duration such as \"30s\", or milliseconds,");
}

Result<std::string> to_one_of(std::string_view member, const Json& value, std::span<const std::string_view> words) {
  const auto* text = value.as_string();
  if (text != nullptr && std::ranges::find(words, *text) != words.end()) return *text;
  return fault(member, fmt::format("one of {}", fmt::join(words, ", ")));
}

Result<job::Backoff> to_backoff(const Json& value) {
  if (value.as_object() == nullptr) return fault("backoff", "an object");
  job::Backoff backoff;
  if (const auto* kind = value.find("kind")) {
    CONDUIT_TRY(const auto name, to_one_of("backoff.kind", *kind, job::kBackoffNames));
    backoff.kind = job::parse_backoff(name).value_or(backoff.kind);
  }
  if (const auto* base = value.find("base")) {
    CONDUIT_TRY(backoff.base, to_duration("backoff.base", *base));
  }
  if (const auto* max = value.find("max")) {
    CONDUIT_TRY(backoff.max, to_duration("backoff.max", *max));
  }
  if (const auto* jitter = value.find("jitter")) {
    const auto number = jitter->as_number();
    if (!number || *number < 0 || *number > 1) return fault("backoff.jitter", "a number from 0 to 1");
    backoff.jitter = *number;
  }
  if (const auto* delays = value.find("delays"); delays != nullptr && !delays->is_null()) {
    if (delays->as_array() == nullptr) return fault("backoff.delays", "a list of durations");
    for (const auto& delay : *delays->as_array()) {
      CONDUIT_TRY(const auto duration, to_duration("backoff.delays", delay));
      backoff.delays.push_back(duration);
    }
  }
  if ((backoff.kind == job::Backoff::Kind::list) == backoff.delays.empty()) {
    return fault("backoff.delays", "a list of durations, with kind \"list\" and no other,");
  }
  return backoff;
}

Result<job::ErrorRule> to_error_rule(const Json& value) {
  job::ErrorRule rule;
  rule.type = value.string_or("type", "");
  rule.text = value.string_or("text", "");
  if (rule.type.empty() && rule.text.empty()) return fault("errors", "a type, a text or both");
  if (const auto* action = value.find("action")) {
    CONDUIT_TRY(const auto name, to_one_of("errors.action", *action, job::kActionNames));
    rule.action = job::parse_action(name).value_or(rule.action);
  }
  if (const auto* after = value.find("after"); after != nullptr && !after->is_null()) {
    CONDUIT_TRY(rule.after, to_duration("errors.after", *after));
  }
  return rule;
}

Result<std::vector<job::ErrorRule>> to_error_rules(const Json& value) {
  if (value.as_array() == nullptr) return fault("errors", "a list of objects");
  std::vector<job::ErrorRule> rules;
  for (const auto& element : *value.as_array()) {
    CONDUIT_TRY(auto rule, to_error_rule(element));
    rules.push_back(std::move(rule));
  }
  return rules;
}

Result<job::Schedule> to_schedule(const Json& value) {
  job::Schedule schedule;
  schedule.expression = value.string_or("schedule", "");
  schedule.name = value.string_or("name", "");
  schedule.timezone = value.string_or("timezone", "");
  if (const auto* missed = value.find("missed")) {
    CONDUIT_TRY(const auto name, to_one_of("cron.missed", *missed, job::kMissedNames));
    schedule.missed = job::parse_missed(name).value_or(schedule.missed);
  }
  if (const auto* overlap = value.find("overlap")) {
    CONDUIT_TRY(const auto name, to_one_of("cron.overlap", *overlap, job::kOverlapNames));
    schedule.overlap = job::parse_overlap(name).value_or(schedule.overlap);
  }
  if (const auto* jitter = value.find("jitter")) {
    CONDUIT_TRY(schedule.jitter, to_duration("cron.jitter", *jitter));
  }
  if (const auto* args = value.find("args"); args != nullptr && !args->is_null()) schedule.args = args->text();
  const auto times = job::CronSchedule::make(schedule.expression, schedule.timezone);
  if (!times.has_value()) return Error(Errc::invalid_argument, fmt::format("option 'cron': {}", times.error().message()));
  return schedule;
}

Result<job::Subscription> to_subscription(const Json& value) {
  job::Subscription subscription;
  subscription.pattern = value.string_or("event", "");
  subscription.name = value.string_or("name", "");
  const auto good = job::check_pattern(subscription.pattern);
  if (!good.has_value()) return Error(Errc::invalid_argument, fmt::format("option 'on': {}", good.error().message()));
  for (const auto& [member, into] : {std::pair("debounce", &subscription.debounce), {"debounce_max", &subscription.debounce_max},
                                     {"batch_within", &subscription.batch_within}}) {
    if (const auto* given = value.find(member); given != nullptr && !given->is_null()) {
      CONDUIT_TRY(*into, to_duration(fmt::format("on.{}", member), *given));
    }
  }
  if (const auto* batch = value.find("batch"); batch != nullptr && !batch->is_null()) {
    CONDUIT_TRY(subscription.batch, to_count("on.batch", *batch));
  }
  if (const auto key = value.string_or("key", ""); !key.empty()) {
    auto pointer = job::parse_limit_key(key);
    if (!pointer.has_value()) return pointer.error().within("option 'on.key'");
    subscription.key = std::move(pointer.value());
  }
  if (const auto* args = value.find("args"); args != nullptr && !args->is_null()) {
    CONDUIT_TRY(const auto what, to_one_of("on.args", *args, job::kEventArgsNames));
    subscription.whole = what == "event";
  }
  return subscription;
}

using Setter = Result<> (*)(TaskOptions&, const Json&);

struct Member {
  std::string_view name;
  Setter set;
};

const std::array<Member, 13> kMembers{{
    {"executor",
     [](TaskOptions& options, const Json& value) -> Result<> {
       CONDUIT_TRY(options.executor, to_one_of("executor", value, kExecutorNames));
       return ok();
     }},
    {"queue",
     [](TaskOptions& options, const Json& value) -> Result<> {
       const auto* name = value.as_string();
       if (name == nullptr || !job::is_valid_name(*name)) return fault("queue", "a queue's name");
       options.queue = *name;
       return ok();
     }},
    {"retries",
     [](TaskOptions& options, const Json& value) -> Result<> {
       CONDUIT_TRY(options.retries, to_count("retries", value));
       return ok();
     }},
    {"backoff",
     [](TaskOptions& options, const Json& value) -> Result<> {
       CONDUIT_TRY(options.backoff, to_backoff(value));
       return ok();
     }},
    {"errors",
     [](TaskOptions& options, const Json& value) -> Result<> {
       CONDUIT_TRY(options.errors, to_error_rules(value));
       return ok();
     }},
    {"interruptions",
     [](TaskOptions& options, const Json& value) -> Result<> {
       CONDUIT_TRY(options.interruptions, to_count("interruptions", value));
       return ok();
     }},
    {"timeout",
     [](TaskOptions& options, const Json& value) -> Result<> {
       CONDUIT_TRY(options.timeout, to_duration("timeout", value));
       return ok();
     }},
    {"concurrency",
     [](TaskOptions& options, const Json& value) -> Result<> {
       CONDUIT_TRY(options.concurrency, job::concurrency_from(value));
       return ok();
     }},
    {"rate_limit",
     [](TaskOptions& options, const Json& value) -> Result<> {
       CONDUIT_TRY(options.rate_limit, job::rates_from(value));
       return ok();
     }},
    {"weight",
     [](TaskOptions& options, const Json& value) -> Result<> {
       CONDUIT_TRY(options.weight, to_count("weight", value));
       if (*options.weight < 1 || *options.weight > job::kMostWeight) return fault("weight", fmt::format("a number from 1 to {}", job::kMostWeight));
       return ok();
     }},
    {"needs",
     [](TaskOptions& options, const Json& value) -> Result<> {
       CONDUIT_TRY(options.needs, job::needs_from(value));
       return ok();
     }},
    {"cron",
     [](TaskOptions& options, const Json& value) -> Result<> {
       if (value.as_array() == nullptr) return fault("cron", "a list of objects");
       for (const auto& element : *value.as_array()) {
         CONDUIT_TRY(auto schedule, to_schedule(element));
         options.cron.push_back(std::move(schedule));
       }
       return ok();
     }},
    {"on",
     [](TaskOptions& options, const Json& value) -> Result<> {
       if (value.as_array() == nullptr) return fault("on", "a list of objects");
       for (const auto& element : *value.as_array()) {
         CONDUIT_TRY(auto subscription, to_subscription(element));
         options.on.push_back(std::move(subscription));
       }
       return ok();
     }},
}};

std::string warning(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& member : kMembers) known.emplace_back(member.name);
  const auto meant = nearest(name, known);
  return fmt::format("option '{}' is not known here{}", escape_control(name),
                     meant ? fmt::format("; did you mean '{}'?", *meant) : "");
}

}  // namespace

Result<TaskOptions> parse_options(std::string_view json) {
  TaskOptions options;
  if (json.empty()) return options;
  const auto parsed = parse_json(json);
  if (!parsed.has_value()) return parsed.error().within("options");
  const auto* members = parsed.value().as_object();
  if (members == nullptr) return Error(Errc::invalid_argument, "options: a JSON object is needed");
  for (const auto& [name, value] : *members) {
    const auto member = std::ranges::find(kMembers, name, &Member::name);
    if (member == kMembers.end()) {
      options.warnings.push_back(warning(name));
    } else if (!value.is_null()) {
      CONDUIT_TRY(member->set(options, value));
    }
  }
  return options;
}

}  // namespace conduitd::channel
