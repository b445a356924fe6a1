#include "ctl/limit_reasons.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "ctl/announced.h"
#include "ctl/human.h"

namespace conduitd::ctl {
namespace {

using job::Limit;

std::string for_value(const Limit& limit, const std::string& value) {
  if (limit.key.empty()) return {};
  return value.empty() ? fmt::format(" for jobs without {}", limit.key) : fmt::format(" for {} = {}", limit.key, value);
}

/// Its own, or as its task says.
std::uint32_t weight_of(const job::JobRecord& job, const Surroundings& around) {
  if (job.weight) return *job.weight;
  return around.task ? announced_weight(*around.task) : 1;
}

/// How much of a limit is taken. What weighs more than one makes units of what are jobs otherwise.
struct Taken {
  std::uint64_t most = 0;
  std::uint64_t running = 0;
  std::uint32_t weight = 1;

  [[nodiscard]] bool full() const { return running + std::min<std::uint64_t>(weight, most) > most; }
  [[nodiscard]] std::string limit() const { return weight == 1 && running <= most ? grouped(most) : counted(most, "unit"); }
  [[nodiscard]] std::string text() const {
    const auto run = running == 1 ? "runs" : "run";
    if (weight != 1) return fmt::format("{} {}: it weighs {}", grouped(running), run, weight);
    return running <= most ? fmt::format("{} {}", grouped(running), run) : fmt::format("{} {}", counted(running, "unit"), run);
  }
};

/// If a job that waits for this one holds a place that it needs.
Reason with_holder(Reason reason, const job::JobRecord* holder) {
  if (holder == nullptr) return reason;
  reason.text += fmt::format("; one of them is job {}, which waits for this one", holder->id);
  reason.advice = "no job should need a limit that its parent holds: raise it, or give the two different tasks and queues";
  return reason;
}

template <class Which>
const job::JobRecord* holder_above(const Surroundings& around, Which which) {
  const auto found = std::find_if(around.above.begin(), around.above.end(), which);
  return found == around.above.end() ? nullptr : &*found;
}

const job::JobRecord* holder_of(const Limit& limit, const job::JobRecord& job, const Surroundings& around, const std::string& value) {
  return holder_above(around, [&](const auto& one) { return one.task == job.task && (limit.key.empty() || job::key_value(one.args, limit.key) == value); });
}

/// A concurrency that each worker has alone: nothing if one of those that could take the job has a place left.
void add_own(const job::JobRecord& job, const Surroundings& around, const Limit& limit, const std::vector<const broker::WorkerInfo*>& takers,
             std::vector<Reason>& out) {
  const auto& value = around.standing->value;
  std::map<std::string, std::uint64_t> running;
  for (const auto& one : around.alike) {
    if (limit.key.empty() || job::key_value(one.args, limit.key) == value) running[one.worker] += weight_of(one, around);
  }
  Taken all{limit.most, 0, weight_of(job, around)};
  for (const auto* worker : takers) {
    const Taken taken{limit.most, running[worker->id], all.weight};
    if (!taken.full()) return;
    all.running = taken.running;
  }
  if (takers.empty()) return;
  auto text = fmt::format("limited to {} at once on each worker{}, and ", all.limit(), for_value(limit, value));
  if (takers.size() == 1) {
    text += fmt::format("{} on {}", all.text(), takers.front()->id);
  } else {
    text += fmt::format("{} workers have so many", takers.size() == 2 ? "both" : fmt::format("all {}", grouped(takers.size())));
  }
  out.push_back(with_holder({"concurrency", std::move(text), ""}, holder_of(limit, job, around, value)));
}

}  // namespace

void add_limits(const job::JobRecord& job, const Surroundings& around, const std::vector<const broker::WorkerInfo*>& takers, std::vector<Reason>& out) {
  const auto weight = weight_of(job, around);
  const auto limits = around.task ? announced_limits(*around.task) : std::vector<Limit>();
  const auto& standing = *around.standing;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const auto& limit = limits[i];
    const bool own = limit.scope == Limit::Scope::worker;
    if (limit.kind == Limit::Kind::rate) {
      if (i >= standing.next.size() || !standing.next[i] || *standing.next[i] <= Millis{0}) continue;
      out.push_back({"rate", fmt::format("limited to {}{}{}: the next start is in {}", job::format_rate(limit), own ? " on each worker" : "",
                                         for_value(limit, standing.value), span(*standing.next[i])), ""});
    } else if (own) {
      add_own(job, around, limit, takers, out);
    } else {
      const Taken taken{limit.most, limit.key.empty() ? standing.running_of_task : standing.running_of_value, weight};
      if (!taken.full()) continue;
      auto text = fmt::format("limited to {} at once{}, and {}", taken.limit(), for_value(limit, standing.value), taken.text());
      out.push_back(with_holder({"concurrency", std::move(text), ""}, holder_of(limit, job, around, standing.value)));
    }
  }
}

void add_queue_limit(const job::JobRecord& job, const Surroundings& around, const std::vector<const broker::WorkerInfo*>& takers, std::vector<Reason>& out) {
  for (const auto* worker : takers) {
    const auto most = announced_concurrency(*worker, job.queue);
    if (most == 0) continue;
    const Taken taken{most, around.standing->running_of_queue, weight_of(job, around)};
    if (!taken.full()) continue;
    auto text = fmt::format("queue {} is limited to {} at once, and {}", job.queue, taken.limit(), taken.text());
    out.push_back(with_holder({"queue_concurrency", std::move(text), ""}, holder_above(around, [&](const auto& one) { return one.queue == job.queue; })));
    return;
  }
}

std::optional<std::size_t> started_at_once(const Surroundings& around) {
  std::optional<std::size_t> out;
  for (const auto& limit : around.task ? announced_limits(*around.task) : std::vector<Limit>()) {
    if (limit.kind != Limit::Kind::rate) continue;
    auto most = std::size_t{limit.burst.value_or(1)};
    if (limit.scope == Limit::Scope::worker) most *= std::max<std::size_t>(around.workers.size(), 1);
    out = std::min(out.value_or(most), most);
  }
  return out;
}

}  // namespace conduitd::ctl
