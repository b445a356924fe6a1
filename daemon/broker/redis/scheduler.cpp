#include "broker/redis/scheduler.h"

#include <fmt/format.h>

#include <algorithm>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

// As long as a worker's own announcement counts.
constexpr std::int64_t kMissedBeats = 3;

/// One whose times would be others is begun anew.
std::string timing_of(const job::Schedule& schedule) { return schedule.timezone + ' ' + schedule.expression; }

WallTime now_of(ReplyView time) { return from_unix_ms(time[0].integer_or(0) * 1000 + time[1].integer_or(0) / 1000); }

ScheduleState state_from(std::string_view name, ReplyView kept, WallTime now) {
  ScheduleState out;
  auto schedule = job::schedule_from(name, kept.at("definition").text());
  if (schedule.has_value()) {
    out.schedule = std::move(schedule.value());
  } else {
    out.schedule.name = name;
    out.fault = schedule.error().message();
  }
  out.paused = kept.at("paused").text() == "1";
  out.alive = from_unix_ms(kept.at("alive").integer_or(0)) >= now;
  out.added = kept.at("alive").integer_or(0) == kAddedUntil;
  out.done_until = from_unix_ms(kept.at("done").integer_or(0));
  out.last_job = kept.at("last").text();
  out.runs = job::runs_from(kept.at("runs").text());
  return out;
}

}  // namespace

asio::awaitable<Result<>> Scheduler::define(std::vector<job::Schedule> schedules, Millis interval) {
  if (schedules.empty()) co_return ok();
  const auto registry = server_.keys.schedules();
  Batch look;
  for (const auto& schedule : schedules) look.command({"HGET", registry, schedule.name});
  CONDUIT_CO_TRY(const auto known, co_await server_.exec(std::move(look)));
  const auto lasts = std::to_string(interval.count() * kMissedBeats);
  Batch batch;
  for (std::size_t i = 0; i < schedules.size(); ++i) {
    const auto& schedule = schedules[i];
    const auto key = server_.keys.queue(schedule.queue).schedule(schedule.name);
    const auto before = known[i].view().text();
    if (!before.empty() && before != schedule.queue) {
      CONDUIT_CO_TRY(co_await move(server_.keys.queue(before).schedule(schedule.name), key));
    }
    const Words args{job::encode(schedule), timing_of(schedule), lasts};
    batch.script(Script::define, {key}, args);
    batch.command({"HSET", registry, schedule.name, schedule.queue});
  }
  CONDUIT_CO_TRY(co_await server_.exec(std::move(batch)));
  co_return ok();
}

asio::awaitable<Result<>> Scheduler::add(job::Schedule schedule) {
  const auto registry = server_.keys.schedules();
  Batch look;
  look.command({"HGET", registry, schedule.name});
  look.command({"TIME"});
  CONDUIT_CO_TRY(const auto known, co_await server_.exec(std::move(look)));
  const auto key = server_.keys.queue(schedule.queue).schedule(schedule.name);
  const auto before = known[0].view().text();
  if (!before.empty() && before != schedule.queue) {
    const auto old = server_.keys.queue(before).schedule(schedule.name);
    Batch read;
    read.command({"HGET", old, "alive"});
    CONDUIT_CO_TRY(const auto alive, co_await server_.exec(std::move(read)));
    const auto until = alive[0].view().integer_or(0);
    if (until != kAddedUntil && until >= to_unix_ms(now_of(known[1].view()))) co_return announced_schedule(schedule.name);
    CONDUIT_CO_TRY(co_await move(old, key));
  }
  Words keys{key};
  Words args{job::encode(schedule), timing_of(schedule), "", std::to_string(kAddedUntil)};
  CONDUIT_CO_TRY(const auto added, co_await server_.call(Script::define, std::move(keys), std::move(args)));
  if (added.view().integer_or(0) != 1) co_return announced_schedule(schedule.name);
  Batch write;
  write.command({"HSET", registry, schedule.name, schedule.queue});
  CONDUIT_CO_TRY(co_await server_.exec(std::move(write)));
  co_return ok();
}

asio::awaitable<Result<>> Scheduler::move(std::string from, std::string to) {
  Batch read;
  read.command({"HGETALL", from});
  CONDUIT_CO_TRY(const auto kept, co_await server_.exec(std::move(read)));
  Words words{"HSET", to};
  for (std::size_t i = 0; i < kept[0].view().size(); ++i) words.emplace_back(kept[0][i].text());
  Batch write;
  if (words.size() > 2) write.command(words);
  CONDUIT_CO_TRY(co_await server_.exec(std::move(write)));
  // After that, as the two may be in two places.
  Batch forget;
  forget.command({"DEL", from});
  CONDUIT_CO_TRY(co_await server_.exec(std::move(forget)));
  co_return ok();
}

asio::awaitable<Result<ScheduleList>> Scheduler::list() {
  Batch look;
  look.command({"HGETALL", server_.keys.schedules()});
  look.command({"TIME"});
  CONDUIT_CO_TRY(const auto registry, co_await server_.exec(std::move(look)));
  ScheduleList out;
  out.now = now_of(registry[1].view());
  Batch read;
  for (std::size_t i = 0; i + 1 < registry[0].view().size(); i += 2) {
    read.command({"HGETALL", server_.keys.queue(registry[0][i + 1].text()).schedule(registry[0][i].text())});
  }
  CONDUIT_CO_TRY(const auto kept, co_await server_.exec(std::move(read)));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i].view().size() > 0) out.schedules.push_back(state_from(registry[0][i * 2].text(), kept[i].view(), out.now));
  }
  std::sort(out.schedules.begin(), out.schedules.end(),
            [](const auto& a, const auto& b) { return a.schedule.name < b.schedule.name; });
  co_return out;
}

asio::awaitable<Result<bool>> Scheduler::fire(Firing firing) {
  Batch look;
  look.command({"HGET", server_.keys.schedules(), firing.name});
  CONDUIT_CO_TRY(const auto registry, co_await server_.exec(std::move(look)));
  if (registry[0].view().is_nil()) co_return false;
  std::string queue(registry[0].view().text());
  Batch read;
  read.command({"HGETALL", server_.keys.queue(queue).schedule(firing.name)});
  CONDUIT_CO_TRY(auto kept, co_await server_.exec(std::move(read)));
  CONDUIT_CO_TRY(const auto done, co_await submit(std::move(firing), std::move(queue), std::move(kept[0]), false));
  co_return done.has_value();
}

asio::awaitable<Result<std::string>> Scheduler::run(std::string name) {
  // Another try for whenever a worker has fired it in between.
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    Batch look;
    look.command({"HGET", server_.keys.schedules(), name});
    look.command({"TIME"});
    CONDUIT_CO_TRY(const auto registry, co_await server_.exec(std::move(look)));
    if (registry[0].view().is_nil()) co_return Error(Errc::not_found, fmt::format("there is no schedule '{}'", name));
    std::string queue(registry[0].view().text());
    Batch read;
    read.command({"HGETALL", server_.keys.queue(queue).schedule(name)});
    CONDUIT_CO_TRY(auto kept, co_await server_.exec(std::move(read)));
    const auto state = state_from(name, kept[0].view(), WallTime{});
    if (!state.fault.empty()) co_return Error(Errc::conflict, state.fault);
    Firing firing;
    firing.name = name;
    firing.seen = firing.done_until = state.done_until;
    firing.runs.push_back({now_of(registry[1].view()), "", kRunByHand});
    firing.fired.push_back(0);
    CONDUIT_CO_TRY(const auto id, co_await submit(std::move(firing), std::move(queue), std::move(kept[0]), true));
    if (id) co_return *id;
  }
  co_return Error(Errc::conflict, fmt::format("schedule '{}' changes all the time: try again", name));
}

asio::awaitable<Result<std::optional<std::string>>> Scheduler::submit(Firing firing, std::string queue, Reply kept, bool by_hand) {
  const auto keys = server_.keys.queue(queue);
  const auto state = state_from(firing.name, kept.view(), WallTime{});
  if (!state.fault.empty()) co_return std::nullopt;
  job::NewJob job;
  job.task = state.schedule.task;
  job.queue = state.schedule.queue;
  std::set<LaneName> lane{{job.task, job.priority}};
  CONDUIT_CO_TRY(co_await lanes_.ensure(job.queue, std::move(lane)));
  Words names{keys.schedule(firing.name), keys.placed(), keys.stream(job.task, job.priority)};
  Words headers;
  std::string last = state.last_job;
  for (const auto fired : firing.fired) {
    const auto ulid = job::to_string(server_.fresh_ulid());
    auto header = header_for(job);
    header.ulid = ulid;
    header.priority = job.priority;
    headers.push_back(encode(header));
    names.push_back(keys.job(ulid));
    last = firing.runs.at(fired).job_id = fmt::format("{}:{}", job.queue, ulid);
  }
  std::reverse(firing.runs.begin(), firing.runs.end());
  firing.runs.insert(firing.runs.end(), state.runs.begin(), state.runs.end());
  firing.runs.resize(std::min(firing.runs.size(), job::kRunsKept));
  Words args{std::string(kept.view().at("definition").text()), std::to_string(to_unix_ms(firing.seen)),
             std::to_string(to_unix_ms(firing.done_until)), by_hand ? state.last_job : last, job::encode(firing.runs), job.task,
             std::string(1, lane_letter(job.priority)), state.schedule.args, std::string(kept.view().at("runs").text()),
             by_hand ? "1" : "0"};
  args.insert(args.end(), headers.begin(), headers.end());
  CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::fire, std::move(names), std::move(args)));
  if (reply.view().integer_or(0) != 1) co_return std::nullopt;
  co_return last;
}

asio::awaitable<Result<std::string>> Scheduler::key_of(std::string name) {
  Batch look;
  look.command({"HGET", server_.keys.schedules(), name});
  CONDUIT_CO_TRY(const auto found, co_await server_.exec(std::move(look)));
  if (found[0].view().is_nil()) co_return Error(Errc::not_found, fmt::format("there is no schedule '{}'", name));
  co_return server_.keys.queue(found[0].view().text()).schedule(name);
}

asio::awaitable<Result<>> Scheduler::set_paused(std::string name, bool paused) {
  CONDUIT_CO_TRY(const auto key, co_await key_of(std::move(name)));
  Batch look;
  look.command({"HMGET", key, "paused", "done"});
  look.command({"TIME"});
  CONDUIT_CO_TRY(const auto state, co_await server_.exec(std::move(look)));
  if ((state[0][0].text() == "1") == paused) co_return ok();
  // What passed in a pause is not made up for.
  const auto now = to_unix_ms(now_of(state[1].view()));
  const auto done = paused ? state[0][1].integer_or(now) : std::max(state[0][1].integer_or(now), now);
  Batch write;
  write.command({"HSET", key, "paused", paused ? "1" : "0", "done", std::to_string(done)});
  CONDUIT_CO_TRY(co_await server_.exec(std::move(write)));
  co_return ok();
}

asio::awaitable<Result<>> Scheduler::remove(std::string name) {
  CONDUIT_CO_TRY(const auto key, co_await key_of(name));
  Batch batch;
  batch.command({"HDEL", server_.keys.schedules(), name});
  batch.command({"DEL", key});
  CONDUIT_CO_TRY(co_await server_.exec(std::move(batch)));
  co_return ok();
}

}  // namespace conduitd::broker::redis
