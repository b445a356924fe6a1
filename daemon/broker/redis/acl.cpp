#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include "broker/redis/keys.h"
#include "broker/redis_acl.h"

namespace conduitd::broker {
namespace {

using redis::SpaceKeys;

// A test holds these to what our scripts and sources send. Never among them: KEYS, SCAN, FLUSHALL, CONFIG, DEBUG, EVAL.
constexpr auto kWorker = std::to_array<std::string_view>({
    "auth",        "select",    "client|setname", "role",  "cluster|slots", "asking",        "info",               "time",         "evalsha",
    "script|load", "publish",   "subscribe",      "unsubscribe",   "xadd",               "xreadgroup",   "xack",
    "xread",       "xclaim",      "xpending",  "xgroup|create",  "xgroup|delconsumer", "xgroup|setid", "xinfo|groups",  "xlen",         "xrange",
    "xrevrange",   "xdel",      "hset",           "hget",          "hmget",              "hgetall",      "hdel",
    "del",         "exists",    "get",            "getrange",      "set",                "pexpire",            "persist",      "zadd",
    "zrem",        "zrange",    "zrangebyscore",  "zscore",        "zcard",  "zrangebylex", "zremrangebyscore", "zrangestore", "zlexcount",
});
constexpr auto kSubmit = std::to_array<std::string_view>({
    "auth",    "select", "client|setname", "role",   "cluster|slots", "asking", "info",  "time", "evalsha", "script|load",
    "publish", "xadd",   "zadd",           "zrange", "zcard", "get", "set",    "hset",        "hdel", "xlen",
});

/// Names have no such characters now; a rule must not become a wider one if they ever may.
std::string literal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

/// The keys that a submit touches, in every queue.
std::vector<std::string> keys_of_submits(const SpaceKeys& space) {
  const auto any = space.queue("*");
  return {"~" + any.stream("*", 0).substr(0, any.stream("*", 0).rfind(':')),
          "~" + any.lanes(),
          "~" + any.paused(),
          "~" + any.due(),
          "~" + any.deadlines(),
          "~" + any.index(job::JobStatus::scheduled),
          "~" + any.placed(),
          "~" + any.heavy(),
          "~" + any.job("*"),
          "~" + any.unique("*"),
          "~" + any.submit("*"),
          "~" + any.children("*"),
          "~" + any.held("*"),
          "~" + space.queues(),
          "~" + space.outbox().times,
          "~" + space.outbox().texts,
          "~" + space.collecting().due,
          "~" + space.collecting().latest,
          "~" + space.collecting().how,
          "~" + space.collecting().group("*"),
          "~" + space.trigger("*"),
          "%R~" + space.paused_tasks(),
          "%R~" + space.version(),
          "%R~" + space.workers(),
          "%R~" + space.worker("*")};
}

/// Which queue a task's jobs belong to, and who subscribes to events. HGETALL of these keys alone: of the jobs' hashes it would read
/// what was submitted.
std::string right_to_read_registries(const SpaceKeys& space) {
  return "(+hgetall %R~" + space.tasks() + " %R~" + space.subscriptions() + ")";
}
/// To take out of the outbox what was delivered; of queues it would take out jobs.
std::string right_to_clear_outbox(const SpaceKeys& space) { return "(+zrem ~" + space.outbox().times + ")"; }

}  // namespace

bool submitters_may(std::string_view command) {
  return std::any_of(kSubmit.begin(), kSubmit.end(), [command](std::string_view one) {
    return std::equal(one.begin(), one.end(), command.begin(), command.end(), [](char a, char b) {
      return a == (b == ' ' ? '|' : static_cast<char>(std::tolower(static_cast<unsigned char>(b))));
    });
  });
}

std::vector<std::string> redis_acl(RedisRole role, std::string_view name_space) {
  const SpaceKeys space(literal(name_space));
  std::vector<std::string> out{"resetchannels", "resetkeys"};
  std::span<const std::string_view> commands = kWorker;
  if (role == RedisRole::submit) {
    commands = kSubmit;
    out.push_back("&" + space.notices());
    for (auto& key : keys_of_submits(space)) out.push_back(std::move(key));
  } else {
    const auto of_queues = space.queue("").lanes().substr(0, space.prefix.size() - 1);  // "{namespace:"
    for (const char kind : {'&', '~'}) {
      out.push_back(kind + space.prefix + "*");
      out.push_back(kind + of_queues + "*");
    }
  }
  out.emplace_back("-@all");
  for (const auto command : commands) out.push_back("+" + std::string(command));
  if (role == RedisRole::submit) {
    out.push_back(right_to_read_registries(space));
    out.push_back(right_to_clear_outbox(space));
  }
  return out;
}

}  // namespace conduitd::broker
