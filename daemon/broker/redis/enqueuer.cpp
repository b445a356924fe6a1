#include "broker/redis/enqueuer.h"

#include <fmt/format.h>

#include <map>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

// A script must not hold the server up: so many jobs in one call.
constexpr std::size_t kMostScripted = 100;

bool is_plain(const job::NewJob& job) { return !job.delay && !job.at && !job.expires && !job.deadline && job.unique.empty(); }

std::string in_ms(const std::optional<Millis>& duration) { return duration ? std::to_string(duration->count()) : ""; }

/// Which reply answers which jobs.
struct Step {
  std::size_t first = 0;
  std::size_t count = 0;
  bool scripted = false;
};

/// Jobs [first, first + count), all of one queue and none plain, as one script call.
void add_scripted(Batch& batch, const QueueKeys& keys, std::span<const job::NewJob> jobs, std::span<const std::string> ulids) {
  Words names{keys.due(), keys.deadlines(), keys.index(job::JobStatus::scheduled)};
  Words args;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& job = jobs[i];
    const auto& ulid = ulids[i];
    auto header = header_for(job);
    header.ulid = ulid;
    header.priority = job.priority;
    names.push_back(keys.stream(job.task, job.priority));
    names.push_back(keys.job(ulid));
    names.push_back(job.unique.empty() ? keys.job(ulid) : keys.unique(job.unique));
    const auto kind = job.delay ? "in" : job.at ? "at" : "";
    const auto value = job.delay ? job.delay->count() : job.at ? to_unix_ms(*job.at) : 0;
    const Words more{ulid, job.task, std::string(1, lane_letter(job.priority)), kind, std::to_string(value),
                     in_ms(job.expires), in_ms(job.deadline), encode(header), job.args};
    args.insert(args.end(), more.begin(), more.end());
  }
  batch.script(Script::enqueue, names, args);
}

}  // namespace

asio::awaitable<Result<std::vector<Enqueued>>> Enqueuer::enqueue(std::vector<job::NewJob> jobs) {
  std::map<std::string, std::set<LaneName>> wanted;
  std::vector<std::string> ulids(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!is_plain(jobs[i])) ulids[i] = job::to_string(server_.fresh_ulid());
    wanted[jobs[i].queue].insert({jobs[i].task, jobs[i].priority});
  }
  for (auto& [queue, lanes] : wanted) {
    CONDUIT_CO_TRY(co_await lanes_.ensure(queue, lanes));
  }

  Batch batch;
  std::vector<Step> steps;
  for (std::size_t i = 0; i < jobs.size();) {
    const auto& job = jobs[i];
    const auto keys = server_.keys.queue(job.queue);
    Step step{i, 1, !is_plain(job)};
    if (step.scripted) {
      while (i + step.count < jobs.size() && step.count < kMostScripted && !is_plain(jobs[i + step.count]) &&
             jobs[i + step.count].queue == job.queue) {
        ++step.count;
      }
      add_scripted(batch, keys, std::span(jobs).subspan(i, step.count), std::span<const std::string>(ulids).subspan(i, step.count));
    } else {
      batch.command({"XADD", keys.stream(job.task, job.priority), "*", "h", encode(header_for(job)), "a", job.args});
    }
    i += step.count;
    steps.push_back(step);
  }
  for (const auto& [queue, lanes] : wanted) batch.command({"ZCARD", server_.keys.queue(queue).lanes()});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));

  std::vector<Enqueued> out(jobs.size());
  for (std::size_t s = 0; s < steps.size(); ++s) {
    const auto& step = steps[s];
    const auto& first = jobs[step.first];
    if (!step.scripted) {
      const auto entry = parse_entry_id(replies[s].view().text());
      if (!entry) co_return Error(Errc::protocol, fmt::format("{}: XADD: the reply is no entry id", server_.name()));
      out[step.first].id = job::make_id(first.queue, ulid_at({*entry, first.priority, hash_of_task(first.task)}));
      continue;
    }
    for (std::size_t n = 0; n < step.count; ++n) {
      const auto holder = replies[s][n].text();
      auto& enqueued = out[step.first + n];
      enqueued.created = holder.empty();
      enqueued.id = fmt::format("{}:{}", first.queue, holder.empty() ? ulids[step.first + n] : holder);
    }
  }
  std::size_t reply = steps.size();
  for (const auto& [queue, lanes] : wanted) {
    const auto counted = static_cast<std::size_t>(replies[reply++].view().integer_or(0));
    // Everything was flushed between two batches: without this no worker would find these jobs.
    if (counted < lanes_.known(queue).size()) {
      CONDUIT_CO_TRY(co_await lanes_.restore(queue));
    }
  }
  co_return out;
}

}  // namespace conduitd::broker::redis
