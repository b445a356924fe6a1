#include "ctl/announced.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace conduitd::ctl {
namespace {

Json object_of(const std::string& text) {
  auto parsed = parse_json(text.empty() ? "{}" : text);
  return parsed.has_value() ? std::move(parsed.value()) : Json();
}

std::uint64_t number_of(const broker::WorkerInfo& worker, const char* member, const std::string& queue) {
  const auto detail = detail_of(worker);
  const auto* numbers = detail.find(member);
  return numbers == nullptr ? 0 : static_cast<std::uint64_t>(std::max<std::int64_t>(numbers->int_or(queue, 0), 0));
}

std::string short_text(const job::Limit& limit) {
  auto out = limit.kind == job::Limit::Kind::rate ? job::format_rate(limit) : fmt::format("{}", limit.most);
  if (limit.scope == job::Limit::Scope::worker) out += " on each worker";
  return limit.key.empty() ? out : out + " for each " + limit.key;
}

}  // namespace

std::vector<job::Limit> announced_limits(const broker::TaskInfo& task) {
  std::vector<job::Limit> out;
  const auto options = object_of(task.options);
  const auto add = [&](const char* name, Result<std::vector<job::Limit>> (*read)(const Json&)) {
    const auto* found = options.find(name);
    if (found == nullptr) return;
    auto limits = read(*found);
    if (limits.has_value()) out.insert(out.end(), limits.value().begin(), limits.value().end());
  };
  add("concurrency", job::concurrency_from);
  add("rate_limit", job::rates_from);
  return out;
}

std::uint32_t announced_weight(const broker::TaskInfo& task) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(object_of(task.options).int_or("weight", 1), 1, job::kMostWeight));
}

std::string limits_text(const broker::TaskInfo& task) {
  std::string out;
  for (const auto& limit : announced_limits(task)) out += (out.empty() ? "" : ", ") + short_text(limit);
  const auto weight = announced_weight(task);
  return weight == 1 ? out : out + fmt::format("{}weight {}", out.empty() ? "" : ", ", weight);
}

Json detail_of(const broker::WorkerInfo& worker) { return object_of(worker.detail); }

std::uint64_t announced_concurrency(const broker::WorkerInfo& worker, const std::string& queue) { return number_of(worker, "concurrency", queue); }

std::string announced_of_queue(const std::vector<broker::WorkerInfo>& workers, const char* member, const std::string& queue) {
  std::set<std::uint64_t> numbers;
  for (const auto& worker : workers) numbers.insert(number_of(worker, member, queue));
  numbers.erase(0);
  return fmt::format("{}", fmt::join(numbers, ", "));
}

}  // namespace conduitd::ctl
