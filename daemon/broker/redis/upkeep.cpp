#include "broker/redis/upkeep.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/failpoint.h"
#include "broker/redis/pruner.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {


std::vector<std::string> texts(ReplyView list) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < list.size(); ++i) out.emplace_back(list[i].text());
  return out;
}

/// A row of XPENDING: an attempt whose lease has ended.
struct Overdue {
  std::string queue;
  LaneName lane;
  EntryId entry;
  std::string owner;
  Millis idle{0};
  std::uint32_t deliveries = 1;
  std::optional<Header> left{};  // what is kept beside an entry that somebody deleted
};

/// An entry that is gone does not say whose it was, and if it did not give its job the id, its own id does not either. Placed knows.
asio::awaitable<Result<>> find_placed(Server& server, Overdue& row) {
  const auto keys = server.keys.queue(row.queue);
  const auto when = std::to_string(row.entry.ms);
  Batch look;
  look.command({"ZRANGE", keys.placed(), when, when, "BYSCORE"});
  CONDUIT_CO_TRY(const auto members, co_await server.exec(std::move(look)));
  const auto ulids = texts(members[0].view());
  Batch ask;
  for (const auto& ulid : ulids) ask.command({"HMGET", keys.job(ulid), "k", "at", "w"});
  CONDUIT_CO_TRY(const auto jobs, co_await server.exec(std::move(ask)));
  for (std::size_t i = 0; i < ulids.size(); ++i) {
    const auto at = decode_standing(jobs[i][1].text());
    if (jobs[i][0].text() != row.lane.task || !at || at->first != row.lane.lane || !(at->second == row.entry)) continue;
    row.left = decode_header(jobs[i][2].text()).value_or(Header{});
    row.left->ulid = ulids[i];
    break;
  }
  co_return ok();
}

Ending reclaim(const Overdue& row, ReplyView fields, WallTime now, const ReclaimRequest& request, Millis lease) {
  const bool ours = fields.size() == 4 && fields[0].text() == "h" && fields[2].text() == "a";
  const auto header = (ours ? decode_header(fields[1].text()) : row.left).value_or(Header{});
  Ending out;
  out.queue = row.queue;
  out.task = row.lane.task;
  const Place place{row.entry, row.lane.lane, hash_of_task(row.lane.task)};
  out.ulid = header.ulid.empty() ? job::to_string(ulid_at(place)) : header.ulid;
  out.handle = {row.lane.lane, row.entry, header.counters.attempts,
                header.priority.value_or(row.lane.lane == kFrontLane ? 5 : row.lane.lane), header.ties, true};
  out.owner = row.owner;
  out.deliveries = row.deliveries;
  out.idle = lease;
  out.attempt = header.counters.attempts + row.deliveries;
  out.charge = job::Settlement::Charge::crash;
  Tail tail;
  tail.attempt = {out.attempt, now - row.idle, row.idle, row.owner, "lease expired",
                  lease_expired(row.owner)};
  const auto crashes = header.counters.crashes + 1;
  out.action = "release";
  if (fields.size() == 0) {
    // Somebody deleted the entry under its attempt: there is nothing left to run, but it is not forgotten.
    out.action = "failed";
    out.reason = job::FailureReason::invalid;
    tail.attempt.failure->message = "its stream entry was deleted while it ran";
  } else if (crashes >= request.quarantine_after) {
    out.action = "failed";
    out.reason = job::FailureReason::poison;
    tail.attempt.failure->message += fmt::format("; {} attempts have ended with their host or worker dead", crashes);
  }
  out.tail = encode(tail);
  return out;
}

}  // namespace

asio::awaitable<Result<Promotion>> Upkeep::promote_due(std::size_t most) {
  CONDUIT_CO_TRY(const auto queues, co_await lanes_.all_queues());
  Promotion out;
  Batch batch;
  for (const auto& queue : queues) {
    const auto keys = server_.keys.queue(queue);
    const Words names{keys.due(), keys.deadlines()};
    const Words args{std::to_string(std::min(most, kMostInCall))};
    batch.script(Script::due, names, args);
  }
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  WallTime now{};
  for (std::size_t i = 0; i < queues.size(); ++i) {
    now = from_unix_ms(replies[i][0].integer_or(0));
    auto due = texts(replies[i][2]);
    auto late = texts(replies[i][3]);
    due.resize(std::min(due.size(), most - std::min(most, out.promoted)));
    if (const auto next = replies[i][1].integer(); next && (!out.next_due || from_unix_ms(*next) < *out.next_due)) {
      out.next_due = from_unix_ms(*next);
    }
    // What is left over is due at once.
    if (due.size() == kMostInCall || due.size() < replies[i][2].size()) out.next_due = now;
    // First those that are too late: they must not be promoted just before.
    if (!late.empty()) {
      CONDUIT_CO_TRY(const auto expired, co_await expire(queues[i], std::move(late)));
      out.expired += expired;
    }
    if (!due.empty()) {
      if (failpoint::fails_at("schedule.mid")) co_return Error(Errc::unavailable, "failpoint schedule.mid");
      CONDUIT_CO_TRY(const auto promoted, co_await promote(queues[i], std::move(due)));
      out.promoted += promoted;
    }
  }
  if (!queues.empty()) {
    CONDUIT_CO_TRY(co_await prune(server_, queues, now));
  }
  co_return out;
}

asio::awaitable<Result<std::size_t>> Upkeep::promote(std::string queue, std::vector<std::string> members) {
  const auto keys = server_.keys.queue(queue);
  Words names{keys.due(), keys.lanes(), keys.index(job::JobStatus::scheduled), keys.index(job::JobStatus::retrying),
              keys.placed()};
  Words args{server_.keys.notices(), queue};
  Batch batch;
  std::vector<DueMember> tried;
  for (const auto& text : members) {
    const auto member = decode_due(text);
    if (!member) {
      // Not of our making, and it would be found due for ever.
      batch.command({"ZREM", keys.due(), text});
      continue;
    }
    names.push_back(keys.stream(member->lane.task, member->lane.lane));
    names.push_back(keys.job(member->ulid));
    names.push_back(keys.held(member->ulid));
    tried.push_back(*member);
    const Words its{text, member->ulid, member->lane.task, std::string(1, lane_letter(member->lane.lane))};
    args.insert(args.end(), its.begin(), its.end());
  }
  batch.script(Script::promote, names, args);
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  const auto held = replies.back()[1];
  for (std::size_t i = 0; i < held.size(); ++i) {
    const auto& member = tried.at(static_cast<std::size_t>(held[i].integer_or(1)) - 1);
    CONDUIT_CO_TRY(co_await followers_.bind(queue, member));
  }
  co_return static_cast<std::size_t>(replies.back()[0].integer_or(0));
}

asio::awaitable<Result<std::size_t>> Upkeep::expire(std::string queue, std::vector<std::string> members) {
  const auto keys = server_.keys.queue(queue);
  Batch look;
  for (const auto& text : members) look.command({"HMGET", keys.job(text.substr(0, text.find('/'))), "st", "at", "h"});
  CONDUIT_CO_TRY(const auto seen, co_await server_.exec(std::move(look)));
  std::vector<Waiting> jobs;
  Words over{"ZREM", keys.deadlines()};
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto member = decode_due(members[i]);
    const auto state = seen[i][0].text();
    if (!member || state.empty()) {
      over.push_back(members[i]);
      continue;
    }
    Waiting job{member->ulid, member->lane.task, member->lane.lane, std::nullopt, member->lane.lane, {}};
    if (state == "q") {
      const auto at = decode_standing(seen[i][1].text());
      if (!at) continue;
      job.lane = at->first;
      job.entry = at->second;
    }
    jobs.push_back(std::move(job));
  }
  CONDUIT_CO_TRY(co_await find_ties(queue, jobs));
  std::size_t expired = 0;
  CONDUIT_CO_TRY(const auto outcomes, co_await end_waiting(server_, queue, job::JobStatus::expired, jobs));
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i] == EndOutcome::ended) ++expired;
    // Started or ended in time.
    if (outcomes[i] == EndOutcome::not_there) over.push_back(encode(DueMember{jobs[i].ulid, {jobs[i].task, jobs[i].priority}}));
  }
  if (over.size() > 2) {
    Batch clear;
    clear.command(over);
    CONDUIT_CO_TRY(co_await server_.exec(std::move(clear)));
  }
  co_return expired;
}

asio::awaitable<Result<>> Upkeep::find_ties(const std::string& queue, std::vector<Waiting>& jobs) {
  const auto keys = server_.keys.queue(queue);
  Batch look;
  for (const auto& job : jobs) {
    if (job.entry) {
      const auto entry = to_string(*job.entry);
      look.command({"XRANGE", keys.stream(job.task, job.lane), entry, entry});
    } else {
      look.command({"HGET", keys.job(job.ulid), "h"});
    }
  }
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(look)));
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto text = jobs[i].entry ? replies[i][0][1].at("h").text() : replies[i].view().text();
    if (const auto header = decode_header(text)) jobs[i].ties = header->ties;
  }
  co_return ok();
}

asio::awaitable<Result<std::vector<Ending>>> Upkeep::find_expired(ReclaimRequest request) {
  CONDUIT_CO_TRY(auto queues, co_await lanes_.all_queues());
  CONDUIT_CO_TRY(co_await lanes_.refresh(queues));
  struct Line {
    std::string queue;
    LaneName lane;
  };
  std::vector<Line> lines;
  Batch look;
  look.command({"TIME"});
  const auto lease = std::to_string(server_.options.lease.count());
  const auto most = std::to_string(request.most);
  for (const auto& queue : queues) {
    for (const auto& lane : lanes_.known(queue)) {
      lines.push_back({queue, lane});
      const auto stream = server_.keys.queue(queue).stream(lane.task, lane.lane);
      look.command({"XPENDING", stream, "c", "IDLE", lease, "-", "+", most});
    }
  }
  // A stream nobody has read yet has no group: an error reply, and nothing to reclaim.
  CONDUIT_CO_TRY(const auto rows, co_await server_.exec_lenient(std::move(look)));
  std::vector<Overdue> overdue;
  Batch read;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto list = rows[i + 1].view();
    for (std::size_t n = 0; n < list.size() && overdue.size() < request.most; ++n) {
      const auto entry = parse_entry_id(list[n][0].text());
      if (!entry) continue;
      overdue.push_back({lines[i].queue, lines[i].lane, *entry, std::string(list[n][1].text()), Millis{list[n][2].integer_or(0)},
                         static_cast<std::uint32_t>(list[n][3].integer_or(1))});
      const auto id = to_string(*entry);
      read.command({"XRANGE", server_.keys.queue(lines[i].queue).stream(lines[i].lane.task, lines[i].lane.lane), id, id});
    }
  }
  CONDUIT_CO_TRY(const auto entries, co_await server_.exec(std::move(read)));
  const auto now = from_unix_ms(rows[0][0].integer_or(0) * 1000 + rows[0][1].integer_or(0) / 1000);
  std::vector<Ending> out;
  for (std::size_t i = 0; i < overdue.size(); ++i) {
    if (entries[i].view().size() == 0) {
      CONDUIT_CO_TRY(co_await find_placed(server_, overdue[i]));
    }
    out.push_back(reclaim(overdue[i], entries[i][0][1], now, request, server_.options.lease));
  }
  co_return out;
}

asio::awaitable<Result<Reclaimed>> Upkeep::reclaim_expired(ReclaimRequest request) {
  CONDUIT_CO_TRY(auto endings, co_await find_expired(request));
  if (!endings.empty() && failpoint::fails_at("reclaim.after_scan")) {
    co_return Error(Errc::unavailable, "failpoint reclaim.after_scan");
  }
  Reclaimed out;
  for (const auto& ending : endings) {
    out.entries.push_back({fmt::format("{}:{}", ending.queue, ending.ulid), ending.attempt,
                           ending.reason == job::FailureReason::poison});
  }
  CONDUIT_CO_TRY(const auto outcomes, co_await settler_.end(std::move(endings)));
  // Renewed, settled or reclaimed by another in the meantime: not ours to report.
  auto outcome = outcomes.begin();
  std::erase_if(out.entries, [&](const auto&) { return *outcome++ == Settler::Outcome::lost; });
  co_return out;
}

}  // namespace conduitd::broker::redis
