// Schedules: what workers announced, how far each is dealt with, and the jobs of its times.

#include <fmt/format.h>

#include <algorithm>

#include "broker/sqlite/operations.h"
#include "broker/sqlite/schema_upgrade.h"

namespace conduitd::broker::sqlite {
namespace {

Error no_such_schedule(const std::string& name) { return {Errc::not_found, fmt::format("there is no schedule '{}'", name)}; }

/// One whose times would be others is begun anew.
std::string timing_of(const job::Schedule& schedule) { return schedule.timezone + ' ' + schedule.expression; }

ScheduleState state_from(const Row& row, WallTime now) {
  ScheduleState out;
  const auto name = row.text(0);
  auto schedule = job::schedule_from(name, row.text(1));
  if (schedule.has_value()) {
    out.schedule = std::move(schedule.value());
  } else {
    out.schedule.name = name;
    out.fault = schedule.error().message();
  }
  out.done_until = from_unix_ms(row.integer(2));
  out.paused = row.integer(3) != 0;
  out.last_job = row.text(4);
  out.runs = job::runs_from(row.text(5));
  out.alive = from_unix_ms(row.integer(6)) >= now;
  out.added = row.integer(6) == kAddedUntil;
  return out;
}

constexpr const char* kColumns = "SELECT name, definition, done_until, paused, last_job, runs, alive_until FROM schedules ";

Result<std::optional<ScheduleState>> find_schedule(Store& store, const std::string& name) {
  std::optional<ScheduleState> out;
  CONDUIT_TRY(store.db().each(std::string(kColumns) + "WHERE name = ?",
                              [&](const Row& row) { out = state_from(row, store.now()); }, name));
  return out;
}

/// The jobs of a firing, whose ids are written into `runs`.
Result<> submit(Store& store, const job::Schedule& schedule, const std::vector<std::size_t>& fired, std::vector<job::ScheduleRun>& runs) {
  std::vector<job::NewJob> jobs(fired.size());
  for (auto& job : jobs) {
    job.task = schedule.task;
    job.queue = schedule.queue;
    job.args = schedule.args;
  }
  CONDUIT_TRY(const auto accepted, enqueue(store, jobs));
  for (std::size_t i = 0; i < accepted.size(); ++i) runs.at(fired[i]).job_id = accepted[i].id;
  return ok();
}

/// The history with `runs`, which are the oldest first.
std::string history_with(std::vector<job::ScheduleRun> runs, const ScheduleState& state) {
  std::reverse(runs.begin(), runs.end());
  runs.insert(runs.end(), state.runs.begin(), state.runs.end());
  runs.resize(std::min(runs.size(), job::kRunsKept));
  return job::encode(runs);
}

}  // namespace

Result<> define_schedules(Store& store, const std::vector<job::Schedule>& schedules, Millis interval) {
  const auto now = store.now();
  const auto alive_until = now + interval * kMissedBeats;
  for (const auto& schedule : schedules) {
    CONDUIT_TRY(store.db().run(
        "INSERT INTO schedules(name, definition, timing, done_until, alive_until) VALUES(?1, ?2, ?3, ?4, ?5) "
        "ON CONFLICT(name) DO UPDATE SET definition = ?2, timing = ?3, alive_until = ?5, "
        "done_until = iif(timing = ?3, done_until, ?4)",
        schedule.name, job::encode(schedule), timing_of(schedule), now, alive_until));
  }
  return ok();
}

Result<> add_schedule(Store& store, const job::Schedule& schedule) {
  CONDUIT_TRY(const auto known, find_schedule(store, schedule.name));
  if (known && known->alive && !known->added) return announced_schedule(schedule.name);
  CONDUIT_TRY(store.db().run(
      "INSERT INTO schedules(name, definition, timing, done_until, alive_until) VALUES(?1, ?2, ?3, ?4, ?5) "
      "ON CONFLICT(name) DO UPDATE SET definition = ?2, timing = ?3, alive_until = ?5, "
      "done_until = iif(timing = ?3 AND alive_until = ?5, done_until, ?4)",
      schedule.name, job::encode(schedule), timing_of(schedule), store.now(), from_unix_ms(kAddedUntil)));
  return ok();
}

Result<ScheduleList> schedules(Store& store) {
  ScheduleList out;
  out.now = store.now();
  CONDUIT_TRY(store.db().each(std::string(kColumns) + "ORDER BY name",
                              [&](const Row& row) { out.schedules.push_back(state_from(row, store.now())); }));
  return out;
}

Result<bool> fire(Store& store, const Firing& firing) {
  CONDUIT_TRY(auto state, find_schedule(store, firing.name));
  if (!state || !state->fault.empty() || state->paused || state->done_until != firing.seen) return false;
  auto runs = firing.runs;
  CONDUIT_TRY(submit(store, state->schedule, firing.fired, runs));
  if (!firing.fired.empty()) state->last_job = runs.at(firing.fired.back()).job_id;
  CONDUIT_TRY(store.db().run("UPDATE schedules SET done_until = ?, last_job = ?, runs = ? WHERE name = ?", firing.done_until,
                             state->last_job, history_with(std::move(runs), *state), firing.name));
  return true;
}

Result<std::string> run_schedule(Store& store, const std::string& name) {
  CONDUIT_TRY(const auto state, find_schedule(store, name));
  if (!state) return no_such_schedule(name);
  if (!state->fault.empty()) return Error(Errc::conflict, state->fault);
  std::vector<job::ScheduleRun> runs{{store.now(), "", kRunByHand}};
  CONDUIT_TRY(submit(store, state->schedule, {0}, runs));
  auto id = runs.front().job_id;
  CONDUIT_TRY(store.db().run("UPDATE schedules SET runs = ? WHERE name = ?", history_with(std::move(runs), *state), name));
  return id;
}

Result<> set_schedule_paused(Store& store, const std::string& name, bool paused) {
  CONDUIT_TRY(const auto state, find_schedule(store, name));
  if (!state) return no_such_schedule(name);
  if (state->paused == paused) return ok();
  // What passed in a pause is not made up for.
  CONDUIT_TRY(store.db().run("UPDATE schedules SET paused = ?1, done_until = iif(?1, done_until, max(done_until, ?2)) WHERE name = ?3",
                             paused, store.now(), name));
  return ok();
}

Result<> remove_schedule(Store& store, const std::string& name) {
  CONDUIT_TRY(const auto state, find_schedule(store, name));
  if (!state) return no_such_schedule(name);
  CONDUIT_TRY(store.db().run("DELETE FROM schedules WHERE name = ?", name));
  return ok();
}

}  // namespace conduitd::broker::sqlite
