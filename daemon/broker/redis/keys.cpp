#include "broker/redis/keys.h"

#include <fmt/compile.h>

namespace conduitd::broker::redis {

QueueKeys::QueueKeys(std::string_view name_space, std::string_view queue)
    : queue_(queue), prefix_(fmt::format(FMT_COMPILE("{{{}:{}}}:"), name_space, queue)) {}

std::string QueueKeys::stream(std::string_view task, Lane lane) const {
  return fmt::format(FMT_COMPILE("{}s:{}:{}"), prefix_, task, lane_letter(lane));
}
std::string QueueKeys::index(job::JobStatus status) const {
  return fmt::format(FMT_COMPILE("{}{}"), prefix_, job::to_string(status));
}
std::string QueueKeys::job(std::string_view ulid) const { return fmt::format(FMT_COMPILE("{}j:{}"), prefix_, ulid); }
std::string QueueKeys::record(std::string_view ulid) const { return fmt::format(FMT_COMPILE("{}r:{}"), prefix_, ulid); }
std::string QueueKeys::logs(std::string_view ulid) const { return fmt::format(FMT_COMPILE("{}l:{}"), prefix_, ulid); }
std::string QueueKeys::unique(std::string_view key) const { return fmt::format(FMT_COMPILE("{}u:{}"), prefix_, key); }
std::string QueueKeys::children(std::string_view parent) const { return fmt::format(FMT_COMPILE("{}kids:{}"), prefix_, parent); }
std::string QueueKeys::held(std::string_view ulid) const { return fmt::format(FMT_COMPILE("{}held:{}"), prefix_, ulid); }
std::string QueueKeys::followers(std::string_view ulid) const { return fmt::format(FMT_COMPILE("{}after:{}"), prefix_, ulid); }
std::string QueueKeys::schedule(std::string_view name) const { return fmt::format(FMT_COMPILE("{}schedule:{}"), prefix_, name); }
std::string QueueKeys::wake(std::string_view worker) const { return fmt::format(FMT_COMPILE("{}wake:{}"), prefix_, worker); }
std::string QueueKeys::submit(std::string_view key) const { return fmt::format(FMT_COMPILE("{}i:{}"), prefix_, key); }

SpaceKeys::SpaceKeys(std::string_view space) : name_space(space), prefix(fmt::format(FMT_COMPILE("{{{}}}:"), space)) {}
LimitKeys SpaceKeys::limits(std::string_view task) const {
  const auto key = [&](std::string_view what) { return fmt::format(FMT_COMPILE("{}limit:{}:{}"), prefix, task, what); };
  return {key("parked"), key("old"), key("where"), key("run"), key("rates")};
}
CollectKeys SpaceKeys::collecting() const {
  return {prefix + "collect:due", prefix + "collect:latest", prefix + "collect:how", prefix + "collected:"};
}
std::string SpaceKeys::trigger(std::string_view key) const { return fmt::format(FMT_COMPILE("{}trigger:{}"), prefix, key); }
std::string SpaceKeys::worker(std::string_view id) const { return fmt::format(FMT_COMPILE("{}worker:{}"), prefix, id); }
std::string SpaceKeys::wake(std::string_view worker) const { return fmt::format(FMT_COMPILE("{}wake:{}"), prefix, worker); }

}  // namespace conduitd::broker::redis
