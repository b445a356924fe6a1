#include "broker/redis/reconciler.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

using job::JobStatus;

constexpr int kMostPages = 20;  // of each list in one call
constexpr std::size_t kPage = 100;
// Somewhat less than the pause between two looks: whoever comes first after it does the next one.
constexpr std::string_view kTurn = "25000";

std::string tail_of(std::string outcome, std::string message, WallTime now) {
  Tail tail;
  tail.attempt.outcome = std::move(outcome);
  tail.attempt.started_at = now;
  tail.attempt.failure = job::Failure{"reconciled", std::move(message), {}};
  return encode(tail);
}

WallTime time_in(ReplyView time) { return from_unix_ms(time[0].integer_or(0) * 1000 + time[1].integer_or(0) / 1000); }

std::optional<EntryId> last_delivered(ReplyView groups) {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].at("name").text() == "c") return parse_entry_id(groups[i].at("last-delivered-id").text());
  }
  return std::nullopt;
}

}  // namespace

asio::awaitable<Result<std::vector<Mended>>> Reconciler::run() {
  List out;
  CONDUIT_CO_TRY(const bool ours, co_await is_our_turn());
  if (!ours) co_return out;
  CONDUIT_CO_TRY(const auto queues, co_await lanes_.all_queues());
  CONDUIT_CO_TRY(co_await lanes_.refresh(queues));
  for (const auto& queue : queues) {
    const auto lanes = lanes_.known(queue);
    for (const auto& lane : lanes) {
      CONDUIT_CO_TRY(co_await mend_lane(queue, lane, out));
    }
    CONDUIT_CO_TRY(co_await mend_placed(queue, out));
    CONDUIT_CO_TRY(co_await mend_due(queue, out));
    for (const auto status : {JobStatus::scheduled, JobStatus::retrying}) {
      CONDUIT_CO_TRY(co_await mend_waiting(queue, status, out));
    }
    for (const auto status : {JobStatus::complete, JobStatus::failed, JobStatus::cancelled, JobStatus::expired}) {
      CONDUIT_CO_TRY(co_await mend_index(queue, status));
    }
  }
  co_return out;
}

asio::awaitable<Result<bool>> Reconciler::is_our_turn() {
  const auto& me = server_.options.worker;
  if (me.empty()) co_return true;
  Batch batch;
  batch.command({"SET", server_.keys.reconciler(), me, "NX", "PX", kTurn});
  batch.command({"GET", server_.keys.reconciler()});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  co_return replies[1].view().text() == me;
}

asio::awaitable<Result<std::set<std::string>>> Reconciler::parked_of(std::string queue, LaneName lane, std::vector<std::string> entries) {
  std::set<std::string> out;
  if (entries.empty()) co_return out;
  Words ask{"HMGET", server_.keys.limits(lane.task).where};
  for (const auto& entry : entries) ask.push_back(fmt::format("{}/{}/{}", queue, lane_letter(lane.lane), entry));
  Batch batch;
  batch.command(ask);
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!replies[0][i].is_nil()) out.insert(std::move(entries[i]));
  }
  co_return out;
}

asio::awaitable<Result<>> Reconciler::mend_lane(std::string queue, LaneName lane, List& out) {
  const auto keys = server_.keys.queue(queue);
  const auto stream = keys.stream(lane.task, lane.lane);
  auto& seen = entries_seen_[stream];
  for (int page = 0; page < kMostPages; ++page) {
    Batch look;
    look.command({"TIME"});
    look.command({"XINFO", "GROUPS", stream});
    look.command({"XRANGE", stream, "(" + to_string(seen), "+", "COUNT", std::to_string(kPage)});
    // A stream that nobody has read from has no group: everything in it is still to be delivered.
    CONDUIT_CO_TRY(const auto replies, co_await server_.exec_lenient(std::move(look)));
    const auto last = replies[1].view().is_error() ? std::nullopt : last_delivered(replies[1].view());
    if (replies[2].view().is_error()) co_return server_.error_of(replies[2].view(), "XRANGE");
    std::vector<std::size_t> delivered;
    for (std::size_t i = 0; last && i < replies[2].view().size(); ++i) {
      const auto entry = parse_entry_id(replies[2][i][0].text());
      if (entry && *entry <= *last) delivered.push_back(i);
    }
    if (delivered.empty()) {
      seen = {};
      co_return ok();
    }
    const auto first_id = std::string(replies[2][delivered.front()][0].text());
    const auto last_id = std::string(replies[2][delivered.back()][0].text());
    Batch ask;
    // More rows than entries: those of entries that were deleted under their attempts.
    ask.command({"XPENDING", stream, "c", first_id, last_id, std::to_string(10 * kPage)});
    CONDUIT_CO_TRY(const auto rows, co_await server_.exec(std::move(ask)));
    std::set<std::string, std::less<>> pending;
    for (std::size_t i = 0; i < rows[0].view().size(); ++i) pending.emplace(rows[0][i][0].text());
    std::erase_if(delivered, [&](const auto i) { return pending.contains(replies[2][i][0].text()); });
    std::vector<std::string> unheld;
    for (const auto i : delivered) unheld.emplace_back(replies[2][i][0].text());
    CONDUIT_CO_TRY(const auto parked, co_await parked_of(queue, lane, std::move(unheld)));
    Words names{keys.lanes(), keys.placed()};
    Words args{server_.keys.notices(), queue};
    std::vector<std::string> ids;
    for (const auto i : delivered) {
      const auto id = replies[2][i][0].text();
      if (parked.contains(std::string(id))) continue;
      const auto header = decode_header(replies[2][i][1].at("h").text());
      const auto natural = job::to_string(ulid_at({*parse_entry_id(id), lane.lane, hash_of_task(lane.task)}));
      const auto ulid = header && !header->ulid.empty() ? header->ulid : natural;
      ids.push_back(fmt::format("{}:{}", queue, ulid));
      for (auto& name : Words{stream, keys.stream(lane.task, kFrontLane), keys.job(ulid)}) names.push_back(std::move(name));
      for (auto& arg : Words{std::string(id), ulid, lane.task, std::string(1, lane_letter(lane.lane)),
                             tail_of("released", "nobody held its lease any more: its consumer was deleted", time_in(replies[0].view()))}) {
        args.push_back(std::move(arg));
      }
    }
    seen = *parse_entry_id(last_id);
    if (ids.empty()) continue;
    CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::readopt, std::move(names), std::move(args)));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (reply[i].integer_or(0) == 1) out.push_back({ids[i], "it was delivered and nobody held it: it is queued again"});
    }
  }
  co_return ok();
}

asio::awaitable<Result<std::vector<std::string>>> Reconciler::next_members(std::string key) {
  auto& rank = members_seen_[key];
  Batch batch;
  batch.command({"ZRANGE", key, std::to_string(rank), std::to_string(rank + kPage - 1)});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  std::vector<std::string> out;
  for (std::size_t i = 0; i < replies[0].view().size(); ++i) out.emplace_back(replies[0][i].text());
  rank = out.size() < kPage ? 0 : rank + kPage;
  co_return out;
}

asio::awaitable<Result<>> Reconciler::mend_placed(std::string queue, List& out) {
  const auto keys = server_.keys.queue(queue);
  for (int page = 0; page < kMostPages; ++page) {
    CONDUIT_CO_TRY(const auto ulids, co_await next_members(keys.placed()));
    if (ulids.empty()) co_return ok();
    Batch look;
    look.command({"TIME"});
    for (const auto& ulid : ulids) look.command({"HMGET", keys.job(ulid), "k", "at", "w"});
    CONDUIT_CO_TRY(const auto jobs, co_await server_.exec(std::move(look)));
    Words names{keys.placed(), keys.deadlines(), keys.index(JobStatus::failed), keys.expiry(true), keys.waiters()};
    Words args{std::to_string(server_.options.failed_ttl.count()), keys.ended_channel(), server_.keys.notices(),
               tail_of("failed", "its stream entry was deleted while it waited", time_in(jobs[0].view()))};
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < ulids.size(); ++i) {
      const auto& ulid = ulids[i];
      const auto task = std::string(jobs[i + 1][0].text());
      const auto at = decode_standing(jobs[i + 1][1].text());
      auto header = decode_header(jobs[i + 1][2].text()).value_or(Header{});
      header.garbage = true;  // its arguments are gone with the entry: it must not run without them
      const auto own = keys.job(ulid);
      ids.push_back(fmt::format("{}:{}", queue, ulid));
      for (auto& name : Words{at ? keys.stream(task, at->first) : own, own, keys.record(ulid), keys.logs(ulid),
                              header.ties.unique.empty() ? own : keys.unique(header.ties.unique),
                              header.ties.submit.empty() ? own : keys.submit(header.ties.submit)}) {
        names.push_back(std::move(name));
      }
      for (auto& arg : Words{ulid, at ? std::string(jobs[i + 1][1].text()) : "?", task,
                             encode(DueMember{ulid, {task, header.priority.value_or(5)}}), encode(header)}) {
        args.push_back(std::move(arg));
      }
    }
    CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::lost, std::move(names), std::move(args)));
    std::size_t gone = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto done = reply[i].integer_or(0);
      if (done != 0) ++gone;
      if (done == 1) out.push_back({ids[i], "it waited, but its stream entry was gone: it has failed as invalid"});
    }
    auto& rank = members_seen_[keys.placed()];
    rank -= std::min(rank, gone);
    if (ulids.size() < kPage) co_return ok();
  }
  co_return ok();
}

asio::awaitable<Result<>> Reconciler::mend_due(std::string queue, List& out) {
  const auto keys = server_.keys.queue(queue);
  for (int page = 0; page < kMostPages; ++page) {
    CONDUIT_CO_TRY(const auto members, co_await next_members(keys.due()));
    Batch look;
    look.command({"TIME"});
    for (const auto& text : members) look.command({"HMGET", keys.job(text.substr(0, text.find('/'))), "h"});
    CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(look)));
    Words names{keys.due(), keys.deadlines(), keys.index(JobStatus::scheduled), keys.index(JobStatus::retrying),
                keys.index(JobStatus::failed), keys.expiry(true), keys.waiters()};
    Words args{std::to_string(server_.options.failed_ttl.count()), keys.ended_channel(), server_.keys.notices()};
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < members.size(); ++i) {
      const auto member = decode_due(members[i]);
      if (!member || !replies[i + 1][0].is_nil()) continue;
      ids.push_back(fmt::format("{}:{}", queue, member->ulid));
      for (auto& name : Words{keys.job(member->ulid), keys.record(member->ulid), keys.logs(member->ulid)}) names.push_back(std::move(name));
      for (auto& arg : Words{member->ulid, members[i], member->lane.task, std::string(1, lane_letter(member->lane.lane)),
                             tail_of("failed", "what was kept of this job is gone, but for the time at which it was due",
                                     time_in(replies[0].view()))}) {
        args.push_back(std::move(arg));
      }
    }
    if (!ids.empty()) {
      CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::bury, std::move(names), std::move(args)));
      for (std::size_t i = 0; i < ids.size(); ++i) {
        if (reply[i].integer_or(0) == 1) out.push_back({ids[i], "it was due, but the job itself was gone: it has failed as invalid"});
      }
    }
    if (members.size() < kPage) co_return ok();
  }
  co_return ok();
}

asio::awaitable<Result<>> Reconciler::mend_waiting(std::string queue, JobStatus status, List& out) {
  const auto keys = server_.keys.queue(queue);
  const auto wanted = status == JobStatus::scheduled ? "s" : "y";
  for (int page = 0; page < kMostPages; ++page) {
    CONDUIT_CO_TRY(const auto ulids, co_await next_members(keys.index(status)));
    Batch look;
    for (const auto& ulid : ulids) look.command({"HMGET", keys.job(ulid), "st", "k", "d", "h"});
    CONDUIT_CO_TRY(const auto jobs, co_await server_.exec(std::move(look)));
    std::vector<std::pair<std::size_t, std::string>> members;
    Batch ask;
    for (std::size_t i = 0; i < ulids.size(); ++i) {
      const auto header = decode_header(jobs[i][3].text());
      if (jobs[i][0].text() != wanted || !header) continue;
      members.emplace_back(i, encode(DueMember{ulids[i], {std::string(jobs[i][1].text()), header->priority.value_or(5)}}));
      ask.command({"ZSCORE", keys.due(), members.back().second});
    }
    CONDUIT_CO_TRY(const auto scores, co_await server_.exec(std::move(ask)));
    Words names{keys.due()};
    Words args;
    std::vector<std::string> ids;
    for (std::size_t m = 0; m < members.size(); ++m) {
      if (!scores[m].view().is_nil()) continue;
      const auto& [i, member] = members[m];
      names.push_back(keys.job(ulids[i]));
      args.emplace_back(wanted);
      args.push_back(member);
      ids.push_back(fmt::format("{}:{}", queue, ulids[i]));
    }
    if (!ids.empty()) {
      CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::redue, std::move(names), std::move(args)));
      for (std::size_t i = 0; i < ids.size(); ++i) {
        if (reply[i].integer_or(0) == 1) out.push_back({ids[i], "it waited for its time, but was not among those that are due: it is now"});
      }
    }
    if (ulids.size() < kPage) co_return ok();
  }
  co_return ok();
}

asio::awaitable<Result<>> Reconciler::mend_index(std::string queue, JobStatus status) {
  const auto keys = server_.keys.queue(queue);
  for (int page = 0; page < kMostPages; ++page) {
    CONDUIT_CO_TRY(const auto ulids, co_await next_members(keys.index(status)));
    Batch look;
    for (const auto& ulid : ulids) look.command({"EXISTS", keys.record(ulid)});
    CONDUIT_CO_TRY(const auto there, co_await server_.exec(std::move(look)));
    Words names{keys.index(status)};
    Words gone;
    for (std::size_t i = 0; i < ulids.size(); ++i) {
      if (there[i].view().integer_or(1) != 0) continue;
      names.push_back(keys.record(ulids[i]));
      gone.push_back(ulids[i]);
    }
    // Nobody is told: most of these have expired as they should, and prune() was not told of their end.
    if (!gone.empty()) {
      CONDUIT_CO_TRY(co_await server_.call(Script::unlist, std::move(names), std::move(gone)));
    }
    if (ulids.size() < kPage) co_return ok();
  }
  co_return ok();
}

}  // namespace conduitd::broker::redis
