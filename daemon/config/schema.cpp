#include "config/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "base/broker_url.h"
#include "base/text.h"
#include "config/keys.h"
#include "config/limit_keys.h"
#include "config/resource_keys.h"
#include "job/id.h"

namespace conduitd::config {
namespace {

constexpr std::uint32_t kMany = 1'000'000;
constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kTiB = kMiB * kMiB;
constexpr Millis kSecond{1'000};
constexpr Millis kHour = 3'600 * kSecond;
constexpr Millis kDay = 24 * kHour;
constexpr Millis kYear = 365 * kDay;

/// The password in a URL, or empty.
std::string_view password_in(std::string_view url) {
  if (const auto query = url.find("password="); query != std::string_view::npos) {
    const auto value = url.substr(query + std::string_view("password=").size());
    return value.substr(0, value.find('&'));
  }
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  const auto authority = url.substr(scheme + 3, url.find('/', scheme + 3) - scheme - 3);
  const auto at = authority.rfind('@');
  if (at == std::string_view::npos) return {};
  const auto colon = authority.substr(0, at).find(':');
  return colon == std::string_view::npos ? std::string_view{} : authority.substr(colon + 1, at - colon - 1);
}

/// The URL, and its password as a secret of its own.
Key url_key(std::string& target) {
  Key key = text_key("url", target, "URL", broker_url_fault);
  key.read = [plain = key.read](Reader& reader, const Node& node, const std::string& path) {
    if (!plain(reader, node, path)) return false;
    const auto text = reader.read_text(node, path);
    reader.note_secret(node.at, path, *text, password_in(text->literal));
    return true;
  };
  return key;
}

Keys broker_keys(Broker& broker) {
  return {url_key(broker.url),
          text_key("username", broker.username),
          secret_key("password", broker.password),
          text_key("sentinel_username", broker.sentinel_username),
          secret_key("sentinel_password", broker.sentinel_password),
          duration_key("command_timeout", broker.command_timeout, Millis{100}, 600 * kSecond),
          text_key("tls_ca", broker.tls_ca, "path of a PEM file"),
          text_key("tls_certificate", broker.tls_certificate, "path of a PEM file"),
          text_key("tls_key", broker.tls_key, "path of a PEM file"),
          flag_key("tls_verify", broker.tls_verify),
          flag_key("allow_eviction", broker.allow_eviction)};
}

Keys plugins_keys(Plugins& plugins) {
  return {text_key("directory", plugins.directory, "path",
                   [](const std::string& path) { return path.empty() ? "a directory is needed" : std::string{}; }),
          duration_key("load_timeout", plugins.load_timeout, Millis{100}, kHour), flag_key("strict", plugins.strict)};
}

Keys async_keys(AsyncExecutor& executor) {
  return {count_key("threads", executor.threads, 1, 1'024), count_key("in_flight", executor.in_flight, 1, kMany),
          count_key("waiting", executor.waiting, 0, kMany)};
}

Keys process_keys(ProcessExecutor& executor) {
  return {count_key("children", executor.children, 1, 4'096), count_key("waiting", executor.waiting, 0, 20'000),
          count_key("jobs_per_child", executor.jobs_per_child, 0, std::numeric_limits<std::uint32_t>::max()),
          size_key("memory", executor.memory, 16 * kMiB, kTiB, true),
          size_key("recycle_memory", executor.recycle_memory, kMiB, kTiB, true),
          duration_key("cpu", executor.cpu, Millis{0}, kDay),
          count_key("open_files", executor.open_files, 0, kMany),
          duration_key("grace", executor.grace, Millis{0}, kHour)};
}

Keys executors_keys(Executors& executors) {
  return {table_key("async", async_keys(executors.async)),
          table_key("thread", {count_key("threads", executors.thread.threads, 1, 4'096), count_key("waiting", executors.thread.waiting, 0, 20'000)}),
          table_key("process", process_keys(executors.process)),
          count_key("quarantine_after", executors.quarantine_after, 1, 1'000),
          duration_key("grace", executors.grace, Millis{0}, kHour)};
}

Keys queue_keys(Queue& queue) {
  return {name_key("name", queue.name, false), count_key("weight", queue.weight, 1, 1'000),
          count_key("concurrency", queue.concurrency, 0, kMany)};
}

std::vector<std::string> words(std::span<const std::string_view> names) { return {names.begin(), names.end()}; }

Keys backoff_keys(job::Backoff& backoff) {
  return {choice_key("kind", job::to_string(backoff.kind), words(job::kBackoffNames),
                     [&backoff](const std::string& choice) { backoff.kind = job::parse_backoff(choice).value_or(backoff.kind); }),
          duration_key("base", backoff.base, Millis{0}, kYear), duration_key("max", backoff.max, Millis{0}, kYear),
          share_key("jitter", backoff.jitter), durations_key("delays", backoff.delays, Millis{0}, kYear)};
}

Key backoff_key(job::Backoff& backoff) {
  Key key = table_key("backoff", backoff_keys(backoff));
  key.read = [&backoff, plain = key.read](Reader& reader, const Node& node, const std::string& path) {
    if (!plain(reader, node, path)) return false;
    const bool is_list = backoff.kind == job::Backoff::Kind::list;
    if (is_list && backoff.delays.empty()) return reader.wrong(node, path, "kind \"list\" needs delays = [\"1s\", \"1m\"]");
    if (!is_list && !backoff.delays.empty()) return reader.wrong(node, path, "delays go with kind = \"list\"");
    return true;
  };
  return key;
}

Keys error_rule_keys(job::ErrorRule& rule) {
  return {text_key("type", rule.type), text_key("text", rule.text),
          choice_key("action", job::to_string(rule.action), words(job::kActionNames),
                     [&rule](const std::string& choice) { rule.action = job::parse_action(choice).value_or(rule.action); }),
          optional_key(rule.after, "as backoff says",
                       [](Millis& value) { return duration_key("after", value, Millis{0}, kYear); })};
}

Key error_rules_key(std::vector<job::ErrorRule>& rules) {
  job::ErrorRule sample;
  Key key = table_key("errors", error_rule_keys(sample));
  key.type = "list of tables";
  key.path_of_keys = "errors[]";
  key.read = [&rules](Reader& reader, const Node& node, const std::string& path) {
    if (node.kind != Node::Kind::list) return reader.wrong_type(node, path, "a list of tables ([[task.\"name\".errors]])");
    rules.clear();
    for (const auto& element : node.list) {
      auto& rule = rules.emplace_back();
      if (element.kind != Node::Kind::table) return reader.wrong_type(element, path, "a table of keys and values");
      reader.read_table(element, path, error_rule_keys(rule));
      if (rule.type.empty() && rule.text.empty()) return reader.wrong(element, path, "type, text or both are needed");
    }
    return true;
  };
  return key;
}

Keys task_keys(Task& task) {
  const std::string unset = "as the plugin says";
  return {optional_key(task.queue, unset, [](std::string& value) { return name_key("queue", value, false); }),
          optional_key(task.executor, unset,
                       [](std::string& value) { return choice_key("executor", value, {"async", "thread", "process"}); }),
          optional_key(task.retries, unset, [](std::uint32_t& value) { return count_key("retries", value, 0, kMany); }),
          optional_key(task.backoff, {}, backoff_key),
          optional_key(task.errors, {}, error_rules_key),
          optional_key(task.timeout, unset,
                       [](Millis& value) { return duration_key("timeout", value, Millis{1}, kYear); }),
          optional_key(task.interruptions, unset,
                       [](std::uint32_t& value) { return count_key("interruptions", value, 0, kMany); }),
          concurrency_key(task.concurrency), rate_limit_key(task.rate_limit),
          optional_key(task.weight, unset, [](std::uint32_t& value) { return count_key("weight", value, 1, job::kMostWeight); }), needs_key(task.needs)};
}

/// Reads one [[queue]]: into the queue of that name if an earlier file has it.
void read_queue(Reader& reader, const Node& node, std::vector<Queue>& queues, std::map<std::string, Position>& seen) {
  if (node.kind != Node::Kind::table) {
    (void)reader.wrong_type(node, "queue", "a table of keys and values");
    return;
  }
  Queue spare;  // takes what stands in a table without a usable name, so that its other faults are found too
  Queue* target = &spare;
  const auto named = std::find_if(node.members.begin(), node.members.end(),
                                  [](const Member& member) { return member.key == "name"; });
  if (named == node.members.end()) {
    reader.fault(node.at, "queue: a name is needed in each of these tables");
  } else if (const auto name = fill_in(named->value.text, reader.sources()).value; job::is_valid_name(name)) {
    const auto [first, added] = seen.emplace(name, named->value.at);
    if (!added) {
      reader.fault(named->value.at, fmt::format("queue '{}' is already in line {}", name, first->second.line));
    }
    const auto known = std::find_if(queues.begin(), queues.end(), [&](const Queue& queue) { return queue.name == name; });
    target = known != queues.end() ? &*known : &queues.emplace_back();
  }
  reader.read_table(node, "queue", queue_keys(*target));
}

Key queue_tables(std::vector<Queue>& queues) {
  Queue sample;
  Key key = table_key("queue", queue_keys(sample));
  key.type = "list of tables";
  key.path_of_keys = "queue[]";
  key.read = [&queues](Reader& reader, const Node& node, const std::string& path) {
    if (node.kind == Node::Kind::null) return true;
    if (node.kind != Node::Kind::list) return reader.wrong_type(node, path, "a list of tables ([[queue]])");
    std::map<std::string, Position> seen;
    for (const auto& element : node.list) read_queue(reader, element, queues, seen);
    return true;
  };
  return key;
}

Key task_tables(std::map<std::string, Task>& tasks) {
  Task sample;
  Key key = table_key("task", task_keys(sample));
  key.type = "tables by task name";
  key.path_of_keys = "task.<name>";
  key.read = [&tasks](Reader& reader, const Node& node, const std::string& path) {
    if (node.kind == Node::Kind::null) return true;
    if (node.kind != Node::Kind::table) return reader.wrong_type(node, path, "a table for each task ([task.\"name\"])");
    for (const auto& member : node.members) {
      if (const auto good = job::check_name("task", member.key); !good.has_value()) {
        reader.fault(member.at, good.error().message());
        continue;
      }
      Task& task = tasks[member.key];
      reader.read_table(member.value, join_path(path, member.key), task_keys(task));
      (void)check_limits(reader, member.value, join_path(path, member.key), task.concurrency, task.rate_limit);
    }
    return true;
  };
  return key;
}

Keys cron_keys(Cron& cron) {
  auto& schedule = cron.schedule;
  const auto args_fault = [](const std::string& text) {
    const auto valid = validate_json(text);
    if (!valid.has_value()) return fmt::format("JSON is needed: {}", valid.error().message());
    const bool holds = std::string_view("{[").find(text[text.find_first_not_of(" \t\r\n")]) != std::string_view::npos;
    return holds ? std::string{} : std::string("a JSON object (arguments by name) or array (in order) is needed");
  };
  Key queue = name_key("queue", schedule.queue, false);
  queue.fallback = "the task's own";
  queue.read = [&cron, plain = queue.read](Reader& reader, const Node& node, const std::string& path) {
    return cron.names_queue = plain(reader, node, path);
  };
  return {name_key("task", schedule.task, false), text_key("schedule", schedule.expression, "cron expression"),
          name_key("name", schedule.name, true), text_key("timezone", schedule.timezone, "IANA time zone"),
          std::move(queue), text_key("args", schedule.args, "JSON", args_fault),
          choice_key("missed", job::to_string(schedule.missed), words(job::kMissedNames),
                     [&schedule](const std::string& choice) { schedule.missed = job::parse_missed(choice).value_or(schedule.missed); }),
          choice_key("overlap", job::to_string(schedule.overlap), words(job::kOverlapNames),
                     [&schedule](const std::string& choice) { schedule.overlap = job::parse_overlap(choice).value_or(schedule.overlap); }),
          duration_key("jitter", schedule.jitter, Millis{0}, kDay)};
}

/// The value of a key, to point at; the table where it does not stand there.
const Node& value_of(const Node& table, std::string_view key) {
  const auto found = std::find_if(table.members.begin(), table.members.end(), [key](const Member& member) { return member.key == key; });
  return found != table.members.end() ? found->value : table;
}

/// Reads one [[cron]]; one of an earlier file with the same name is replaced.
bool read_cron(Reader& reader, const Node& node, const std::string& path, std::vector<Cron>& crons, std::map<std::string, Position>& seen) {
  if (node.kind != Node::Kind::table) return reader.wrong_type(node, path, "a table of keys and values");
  Cron cron;
  reader.read_table(node, path, cron_keys(cron));
  auto& schedule = cron.schedule;
  if (schedule.name.empty()) schedule.name = schedule.task;
  if (schedule.task.empty()) return reader.wrong(node, path, "a task is needed in each of these tables");
  const auto expression = job::CronExpression::parse(schedule.expression);
  if (!expression.has_value()) return reader.wrong(value_of(node, "schedule"), join_path(path, "schedule"), expression.error().message());
  const auto times = job::CronSchedule::make(schedule.expression, schedule.timezone);
  if (!times.has_value()) return reader.wrong(value_of(node, "timezone"), join_path(path, "timezone"), times.error().message());
  if (const auto [first, added] = seen.emplace(schedule.name, node.at); !added) {
    return reader.wrong(node, path, fmt::format("the schedule '{}' is already in line {}: give each a name of its own", schedule.name, first->second.line));
  }
  const auto known = std::find_if(crons.begin(), crons.end(), [&](const Cron& other) { return other.schedule.name == schedule.name; });
  if (known != crons.end()) *known = std::move(cron);
  else crons.push_back(std::move(cron));
  return true;
}

Key cron_tables(std::vector<Cron>& crons) {
  Cron sample;
  Key key = table_key("cron", cron_keys(sample));
  key.type = "list of tables";
  key.path_of_keys = "cron[]";
  key.read = [&crons](Reader& reader, const Node& node, const std::string& path) {
    if (node.kind == Node::Kind::null) return true;
    if (node.kind != Node::Kind::list) return reader.wrong_type(node, path, "a list of tables ([[cron]])");
    std::map<std::string, Position> seen;
    for (const auto& element : node.list) (void)read_cron(reader, element, path, crons, seen);
    return true;
  };
  return key;
}

Keys subscription_keys(Subscription& one) {
  auto& subscription = one.subscription;
  const auto fault_of = [](const Result<>& checked) { return checked.has_value() ? std::string{} : checked.error().message(); };
  Key queue = name_key("queue", subscription.queue, false);
  queue.fallback = "the task's own";
  queue.read = [&one, plain = queue.read](Reader& reader, const Node& node, const std::string& path) {
    return one.names_queue = plain(reader, node, path);
  };
  Key key = text_key("key", subscription.key, "JSON pointer");
  key.read = [&subscription, plain = key.read](Reader& reader, const Node& node, const std::string& path) {
    if (!plain(reader, node, path)) return false;
    if (subscription.key.empty()) return true;
    auto pointer = job::parse_limit_key(subscription.key);
    if (!pointer.has_value()) return reader.wrong(node, path, pointer.error().message());
    subscription.key = std::move(pointer.value());
    return true;
  };
  return {text_key("event", subscription.pattern, "pattern of events",
                   [fault_of](const std::string& pattern) { return fault_of(job::check_pattern(pattern)); }),
          name_key("task", subscription.task, false), name_key("name", subscription.name, true), std::move(queue),
          duration_key("debounce", subscription.debounce, Millis{0}, job::kLongestCollecting),
          duration_key("debounce_max", subscription.debounce_max, Millis{0}, job::kLongestCollecting),
          count_key("batch", subscription.batch, 0, job::kMostInBatch),
          duration_key("batch_within", subscription.batch_within, Millis{0}, job::kLongestCollecting), std::move(key),
          choice_key("args", subscription.whole ? "event" : "payload", words(job::kEventArgsNames),
                     [&subscription](const std::string& choice) { subscription.whole = choice == "event"; })};
}

/// Reads one [[subscription]]; one of an earlier file with the same name is replaced.
bool read_subscription(Reader& reader, const Node& node, const std::string& path, std::vector<Subscription>& all,
                       std::map<std::string, Position>& seen) {
  if (node.kind != Node::Kind::table) return reader.wrong_type(node, path, "a table of keys and values");
  Subscription one;
  const auto faults = reader.faults();
  reader.read_table(node, path, subscription_keys(one));
  if (reader.faults() > faults) return false;
  auto& subscription = one.subscription;
  if (subscription.name.empty()) subscription.name = subscription.task;
  if (subscription.task.empty() || subscription.pattern.empty()) return reader.wrong(node, path, "an event and a task are needed in each of these tables");
  if (const auto good = job::check(subscription); !good.has_value()) {
    const std::string what(good.error().message());
    // It begins with the key that does not go with the others.
    return reader.wrong(value_of(node, what.substr(0, what.find_first_of(": "))), path, what);
  }
  if (const auto [first, added] = seen.emplace(subscription.name, node.at); !added) {
    return reader.wrong(node, path, fmt::format("the subscription '{}' is already in line {}: give each a name of its own", subscription.name, first->second.line));
  }
  const auto known = std::find_if(all.begin(), all.end(), [&](const Subscription& other) { return other.subscription.name == subscription.name; });
  if (known != all.end()) *known = std::move(one);
  else all.push_back(std::move(one));
  return true;
}

Key subscription_tables(std::vector<Subscription>& all) {
  Subscription sample;
  Key key = table_key("subscription", subscription_keys(sample));
  key.type = "list of tables";
  key.path_of_keys = "subscription[]";
  key.read = [&all](Reader& reader, const Node& node, const std::string& path) {
    if (node.kind == Node::Kind::null) return true;
    if (node.kind != Node::Kind::list) return reader.wrong_type(node, path, "a list of tables ([[subscription]])");
    std::map<std::string, Position> seen;
    for (const auto& element : node.list) (void)read_subscription(reader, element, path, all, seen);
    return true;
  };
  return key;
}

Keys log_keys(Log& log) {
  return {choice_key("level", log::to_string(log.level), {"trace", "debug", "info", "warning", "error", "off"},
                     [&log](const std::string& choice) { (void)log::parse_level(choice, log.level); }),
          choice_key("format", log.format == log::Format::json ? "json" : "text", {"text", "json"},
                     [&log](const std::string& choice) {
                       log.format = choice == "json" ? log::Format::json : log::Format::text;
                     }),
          flag_key("attempts", log.attempts)};
}

Keys limits_keys(Limits& limits) {
  return {size_key("payload", limits.payload, kKiB, kMiB, false), count_key("json_depth", limits.json_depth, 2, 256),
          count_key("log_lines", limits.log_lines, 0, 100'000)};
}

void collect(const Keys& keys, const std::string& prefix, std::vector<KeyInfo>& out) {
  for (const auto& key : keys) {
    if (key.keys.empty()) {
      out.push_back({prefix + key.name, key.type, key.fallback});
    } else {
      collect(key.keys, fmt::format("{}{}.", prefix, key.path_of_keys), out);
    }
  }
}

}  // namespace

std::vector<KeyInfo> reference() {
  Config defaults;
  std::vector<KeyInfo> out;
  collect(schema(defaults), {}, out);
  return out;
}

Keys schema(Config& config) {
  return {name_key("namespace", config.name_space, false),
          name_key("worker", config.worker, true),
          duration_key("result_ttl", config.result_ttl, Millis{0}, 10 * kYear),
          duration_key("failed_ttl", config.failed_ttl, Millis{0}, 10 * kYear),
          count_key("failed_max", config.failed_max, 1, kMany),
          duration_key("lease", config.lease, Millis{300}, kHour),
          duration_key("drain_timeout", config.drain_timeout, Millis{0}, kDay),
          names_key("queues", config.queues),
          choice_key("queue_order", config.queue_order, {"weighted", "strict"}),
          table_key("broker", broker_keys(config.broker)),
          table_key("plugins", plugins_keys(config.plugins)),
          table_key("executors", executors_keys(config.executors)),
          resources_key(config.resources),
          queue_tables(config.queue),
          task_tables(config.task),
          cron_tables(config.cron),
          subscription_tables(config.subscription),
          table_key("log", log_keys(config.log)),
          table_key("limits", limits_keys(config.limits))};
}

}  // namespace conduitd::config
