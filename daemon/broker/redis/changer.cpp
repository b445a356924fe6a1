#include "broker/redis/changer.h"

#include <fmt/format.h>

#include <algorithm>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

// How often to look again for a job that moves on while we reach for it.

Error no_such_job(const std::string& id) { return {Errc::not_found, fmt::format("there is no job {}", id)}; }

Error moves_on(const std::string& id) {
  return {Errc::unavailable, fmt::format("job {} changes faster than it can be reached; try again", id)};
}

}  // namespace

asio::awaitable<Result<CancelOutcome>> Changer::cancel(std::string id) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    CONDUIT_CO_TRY(const auto found, co_await finder_.find(id));
    if (!found) co_return no_such_job(id);
    if (found->final) co_return CancelOutcome::ended;
    std::vector<Waiting> jobs{*found->waiting};
    CONDUIT_CO_TRY(const auto outcomes,
                   co_await end_waiting(server_, found->id.queue, job::JobStatus::cancelled, std::move(jobs)));
    if (outcomes.at(0) == EndOutcome::ended) co_return CancelOutcome::cancelled;
    if (outcomes.at(0) == EndOutcome::asked) co_return CancelOutcome::requested;
  }
  co_return moves_on(id);
}

asio::awaitable<Result<>> Changer::retry(std::string id) {
  std::string over;  // a holder of its unique key that does not count any more
  for (int tries = 0; tries < kMostTries; ++tries) {
    CONDUIT_CO_TRY(auto found, co_await finder_.find(id));
    if (!found) co_return no_such_job(id);
    if (!found->final) co_return not_ended(id, found->record.status);
    if (found->final->task.empty()) {
      co_return Error(Errc::conflict, fmt::format("job {}: its record cannot be read, so its task is not known; delete it", id));
    }
    const auto unique = found->record.unique;
    const auto queue = found->id.queue;
    CONDUIT_CO_TRY(const auto done, co_await requeue(std::move(*found), over));
    if (done == "1") co_return ok();
    if (done == "0") continue;
    CONDUIT_CO_TRY(const auto holder, co_await look_at_holder(finder_, queue, done));
    if (holder.counts) {
      co_return Error(Errc::conflict, fmt::format("job {}: job {} holds its unique key '{}'", id, holder.id, unique));
    }
    over = done;
  }
  co_return moves_on(id);
}

asio::awaitable<Result<std::string>> Changer::requeue(Found found, std::string over) {
  const auto& final = *found.final;
  const auto ulid = job::to_string(found.id.ulid);
  const auto keys = server_.keys.queue(found.id.queue);
  auto header = final.header;
  header.counters.failures = 0;
  header.counters.crashes = 0;
  header.counters.interruptions = 0;
  header.ulid = ulid;
  header.created_at = found.record.created_at;
  header.priority = found.record.priority;
  header.expires_at.reset();
  header.deadline_at.reset();
  // What was started once does not hold such a key again.
  const bool holds = !header.ties.unique.empty() && (!header.unique_waiting || header.counters.attempts == 0);
  std::string tail;
  if (auto last = decode_tail(final.tail, final.attempt)) {
    last->result.clear();
    tail = encode(*last);
  }
  const auto lane = *header.priority;
  std::set<LaneName> lanes{{final.task, lane}};
  CONDUIT_CO_TRY(co_await lanes_.ensure(found.id.queue, std::move(lanes)));
  const auto own = keys.job(ulid);
  Words names{keys.record(ulid),           own, keys.logs(ulid), keys.stream(final.task, lane), keys.lanes(), keys.index(final.status),
              holds ? keys.unique(header.ties.unique) : own, header.ties.submit.empty() ? own : keys.submit(header.ties.submit),
              keys.placed()};
  Words args{ulid,
             final.seen,
             encode(header),
             final.args,
             final.task,
             std::string(1, lane_letter(lane)),
             server_.keys.notices(),
             found.id.queue,
             std::to_string(final.attempt),
             tail,
             header.unique_until ? std::to_string(to_unix_ms(*header.unique_until)) : "",
             std::string(key_suffix(header.unique_waiting)),
             std::move(over)};
  CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::requeue, std::move(names), std::move(args)));
  co_return std::string(reply.view().text());
}

asio::awaitable<Result<>> Changer::remove(std::string id) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    CONDUIT_CO_TRY(auto found, co_await finder_.find(id));
    if (!found) co_return no_such_job(id);
    if (found->final) {
      const auto queue = found->id.queue;
      std::vector<Ended> records{{job::to_string(found->id.ulid), std::move(*found->final)}};
      CONDUIT_CO_TRY(const auto forgotten, co_await forget(server_, queue, std::move(records)));
      if (forgotten == 1) co_return ok();
      continue;
    }
    std::vector<Waiting> jobs{*found->waiting};
    CONDUIT_CO_TRY(const auto outcomes, co_await end_waiting(server_, found->id.queue, std::nullopt, std::move(jobs)));
    if (outcomes.at(0) == EndOutcome::ended) co_return ok();
    if (outcomes.at(0) == EndOutcome::running) co_return Error(Errc::conflict, fmt::format("job {} is running: cancel it first", id));
  }
  co_return moves_on(id);
}

asio::awaitable<Result<std::vector<QueueInfo>>> Changer::queues() {
  CONDUIT_CO_TRY(const auto names, co_await lanes_.all_queues());
  CONDUIT_CO_TRY(co_await lanes_.refresh(names));
  constexpr std::size_t kFixed = 3;
  Batch batch;
  for (const auto& name : names) {
    const auto keys = server_.keys.queue(name);
    batch.command({"ZRANGE", keys.paused(), "0", "-1"});
    batch.command({"ZCARD", keys.due()});
    batch.command({"ZCARD", keys.index(job::JobStatus::failed)});
    for (const auto& lane : lanes_.known(name)) {
      batch.command({"XLEN", keys.stream(lane.task, lane.lane)});
      batch.command({"XPENDING", keys.stream(lane.task, lane.lane), "c"});
    }
  }
  // XPENDING of a stream nobody has read yet is an error: nothing runs there.
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec_lenient(std::move(batch)));
  std::vector<QueueInfo> out;
  std::size_t at = 0;
  for (const auto& name : names) {
    QueueInfo info;
    info.name = name;
    const auto paused = replies[at].view();
    for (std::size_t i = 0; i < paused.size(); ++i) info.paused = info.paused || paused[i].text() == "*";
    info.scheduled = static_cast<std::uint64_t>(replies[at + 1].view().integer_or(0));
    info.failed = static_cast<std::uint64_t>(replies[at + 2].view().integer_or(0));
    at += kFixed;
    for (std::size_t lane = 0; lane < lanes_.known(name).size(); ++lane, at += 2) {
      const auto length = static_cast<std::uint64_t>(replies[at].view().integer_or(0));
      const auto pending = static_cast<std::uint64_t>(replies[at + 1][0].integer_or(0));
      info.queued += length - std::min(length, pending);
      info.running += pending;
    }
    out.push_back(std::move(info));
  }
  co_return out;
}

asio::awaitable<Result<>> Changer::check_queue(std::string queue) {
  CONDUIT_CO_TRY(const auto names, co_await lanes_.all_queues());
  if (std::find(names.begin(), names.end(), queue) != names.end()) co_return ok();
  co_return Error(Errc::not_found, fmt::format("there is no queue '{}'", queue));
}

asio::awaitable<Result<>> Changer::set_queue_paused(std::string queue, bool paused) {
  CONDUIT_CO_TRY(co_await check_queue(queue));
  const auto key = server_.keys.queue(queue).paused();
  Batch batch;
  paused ? batch.command({"ZADD", key, "0", "*"}) : batch.command({"ZREM", key, "*"});
  batch.command({"PUBLISH", server_.keys.notices(), "changed " + queue});
  CONDUIT_CO_TRY(co_await server_.exec(std::move(batch)));
  co_return ok();
}

asio::awaitable<Result<bool>> Changer::knows_task(std::string task, std::vector<std::string> queues) {
  CONDUIT_CO_TRY(co_await lanes_.refresh(queues));
  for (const auto& queue : queues) {
    if (!lanes_.of_task(queue, task).empty()) co_return true;
  }
  Batch batch;
  batch.command({"HGET", server_.keys.tasks(), task});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  co_return !replies[0].view().is_nil();
}

asio::awaitable<Result<>> Changer::set_task_paused(std::string task, bool paused) {
  CONDUIT_CO_TRY(const auto queues, co_await lanes_.all_queues());
  CONDUIT_CO_TRY(const bool known, co_await knows_task(task, queues));
  if (!known) co_return Error(Errc::not_found, fmt::format("there is no task '{}'", task));
  const auto all = server_.keys.paused_tasks();
  Batch batch;
  paused ? batch.command({"ZADD", all, "0", task}) : batch.command({"ZREM", all, task});
  CONDUIT_CO_TRY(co_await server_.exec(std::move(batch)));
  // After that is written, or a queue made in between would miss it.
  CONDUIT_CO_TRY(const auto now_there, co_await lanes_.all_queues());
  Batch then;
  for (const auto& queue : now_there) {
    const auto key = server_.keys.queue(queue).paused();
    paused ? then.command({"ZADD", key, "0", task}) : then.command({"ZREM", key, task});
    then.command({"PUBLISH", server_.keys.notices(), "changed " + queue});
  }
  CONDUIT_CO_TRY(co_await server_.exec(std::move(then)));
  co_return ok();
}

asio::awaitable<Result<std::uint64_t>> Changer::purge(std::string queue, std::string task) {
  CONDUIT_CO_TRY(auto queues, co_await lanes_.all_queues());
  if (!queue.empty()) {
    CONDUIT_CO_TRY(co_await check_queue(queue));
    queues = {queue};
  }
  if (!task.empty()) {
    CONDUIT_CO_TRY(const bool known, co_await knows_task(task, queues));
    if (!known) co_return Error(Errc::not_found, fmt::format("there is no task '{}'", task));
  }
  std::uint64_t out = 0;
  for (auto& each : queues) {
    CONDUIT_CO_TRY(const auto purged, co_await purge_one(std::move(each), task));
    out += purged;
  }
  co_return out;
}

asio::awaitable<Result<std::uint64_t>> Changer::purge_one(std::string queue, std::string task) {
  constexpr std::size_t kAtOnce = 200;
  std::uint64_t out = 0;
  for (;;) {
    CONDUIT_CO_TRY(auto jobs, co_await lister_.waiting(queue, task, kAtOnce));
    CONDUIT_CO_TRY(const auto outcomes, co_await end_waiting(server_, queue, job::JobStatus::cancelled, std::move(jobs)));
    const auto ended = std::count(outcomes.begin(), outcomes.end(), EndOutcome::ended);
    if (ended == 0) co_return out;
    out += static_cast<std::uint64_t>(ended);
  }
}

}  // namespace conduitd::broker::redis
