#include "broker/redis/pruner.h"

#include <algorithm>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

using job::JobStatus;

// Records expire by themselves; each round forgets the index entries of so many batches of them.
constexpr std::string_view kMostPruned = "20";
// Failed jobs beyond the bound: so many steps in a round, each of so many batches.
constexpr int kMostSteps = 20;
constexpr std::string_view kBatchesInStep = "4";

/// One entry of an expiry stream: jobs that ended together.
struct EndedTogether {
  std::string entry;
  std::vector<std::string> ulids;
};

EndedTogether read_together(ReplyView entry) {
  constexpr std::size_t kUlid = 26;
  EndedTogether out;
  out.entry = entry[0].text();
  const auto list = entry[1].at("i").text();
  for (std::size_t at = 0; at + kUlid <= list.size(); at += kUlid + 1) out.ulids.emplace_back(list.substr(at, kUlid));
  return out;
}

asio::awaitable<Result<>> forget_expired(Server& server, std::vector<std::string> queues, WallTime now) {
  struct Line {
    std::string queue;
    std::string key;
  };
  std::vector<Line> lines;
  Batch look;
  for (const auto& queue : queues) {
    for (const bool failed : {false, true}) {
      lines.push_back({queue, server.keys.queue(queue).expiry(failed)});
      const auto ttl = failed ? server.options.failed_ttl : server.options.result_ttl;
      look.command({"XRANGE", lines.back().key, "-", std::to_string(std::max<std::int64_t>(0, to_unix_ms(now - ttl))), "COUNT",
                    kMostPruned});
    }
  }
  CONDUIT_CO_TRY(const auto old, co_await server.exec(std::move(look)));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto keys = server.keys.queue(lines[i].queue);
    const auto entries = old[i].view();
    if (entries.size() == 0) continue;
    std::vector<std::string> ulids;
    Words seen{"XDEL", lines[i].key};
    for (std::size_t n = 0; n < entries.size(); ++n) {
      auto together = read_together(entries[n]);
      seen.push_back(std::move(together.entry));
      ulids.insert(ulids.end(), together.ulids.begin(), together.ulids.end());
    }
    Batch still;
    for (const auto& ulid : ulids) still.command({"EXISTS", keys.record(ulid)});
    CONDUIT_CO_TRY(const auto exist, co_await server.exec(std::move(still)));
    Words gone;
    for (std::size_t n = 0; n < ulids.size(); ++n) {
      if (exist[n].view().integer_or(1) == 0) gone.push_back(ulids[n]);
    }
    Batch forget;
    for (const auto status : {JobStatus::complete, JobStatus::failed, JobStatus::cancelled, JobStatus::expired}) {
      if (gone.empty()) break;
      Words words{"ZREM", keys.index(status)};
      words.insert(words.end(), gone.begin(), gone.end());
      forget.command(words);
    }
    forget.command(seen);
    CONDUIT_CO_TRY(co_await server.exec(std::move(forget)));
  }
  co_return ok();
}

/// One step of bringing a queue's failed jobs down to the bound: `surplus` of those that failed first. False if there are
/// no more to be found.
asio::awaitable<Result<bool>> drop_oldest_failures(Server& server, std::string queue, std::size_t surplus) {
  const auto keys = server.keys.queue(queue);
  Batch look;
  look.command({"XRANGE", keys.expiry(true), "-", "+", "COUNT", kBatchesInStep});
  CONDUIT_CO_TRY(const auto oldest, co_await server.exec(std::move(look)));
  std::vector<EndedTogether> groups;
  Batch read;
  for (std::size_t i = 0; i < oldest[0].view().size(); ++i) {
    groups.push_back(read_together(oldest[0][i]));
    for (const auto& ulid : groups.back().ulids) {
      read.command({"GETRANGE", keys.record(ulid), "0", std::to_string(kRecordHead - 1)});
    }
  }
  if (groups.empty()) co_return false;
  CONDUIT_CO_TRY(const auto heads, co_await server.exec(std::move(read)));
  std::vector<Ended> old;
  Words not_there{"ZREM", keys.index(JobStatus::failed)};
  Words done{"XDEL", keys.expiry(true)};
  std::size_t at = 0;
  for (const auto& group : groups) {
    if (old.size() >= surplus) break;
    const auto ended = parse_entry_id(group.entry).value_or(EntryId{});
    for (const auto& ulid : group.ulids) {
      const auto text = heads[at++].view().text();
      auto record = decode_record_head(text);
      if (text.empty()) not_there.push_back(ulid);
      // One that was run again and failed again is listed once more, later.
      const bool meant = record && record->status == JobStatus::failed && to_unix_ms(record->ended_at) <= static_cast<std::int64_t>(ended.ms);
      if (meant && old.size() < surplus) old.push_back({ulid, std::move(*record)});
    }
    if (old.size() < surplus) done.push_back(group.entry);
  }
  CONDUIT_CO_TRY(co_await forget(server, queue, std::move(old)));
  Batch clear;
  if (not_there.size() > 2) clear.command(not_there);
  if (done.size() > 2) clear.command(done);
  CONDUIT_CO_TRY(co_await server.exec(std::move(clear)));
  co_return true;
}

asio::awaitable<Result<>> bound_failures(Server& server, std::vector<std::string> queues) {
  for (int step = 0; step < kMostSteps && !queues.empty(); ++step) {
    Batch count;
    for (const auto& queue : queues) count.command({"ZCARD", server.keys.queue(queue).index(JobStatus::failed)});
    CONDUIT_CO_TRY(const auto counts, co_await server.exec(std::move(count)));
    std::vector<std::string> over;
    for (std::size_t i = 0; i < queues.size(); ++i) {
      const auto failed = static_cast<std::size_t>(counts[i].view().integer_or(0));
      if (failed <= server.options.failed_max) continue;
      CONDUIT_CO_TRY(const bool more, co_await drop_oldest_failures(server, queues[i], failed - server.options.failed_max));
      if (more) over.push_back(queues[i]);
    }
    queues = std::move(over);
  }
  co_return ok();
}

}  // namespace

asio::awaitable<Result<std::size_t>> forget(Server& server, std::string queue, std::vector<Ended> jobs) {
  const auto keys = server.keys.queue(queue);
  Batch batch;
  for (std::size_t first = 0; first < jobs.size(); first += kMostInCall) {
    Words names{keys.index(jobs[first].record.status)};
    Words args;
    for (std::size_t i = first; i < std::min(first + kMostInCall, jobs.size()); ++i) {
      const auto& [ulid, record] = jobs[i];
      const auto own = keys.job(ulid);
      const auto& submit = record.header.ties.submit;
      for (auto& name : Words{keys.record(ulid), own, keys.logs(ulid), submit.empty() ? own : keys.submit(submit)}) {
        names.push_back(std::move(name));
      }
      args.push_back(ulid);
      args.push_back(record.seen);
    }
    batch.script(Script::forget, names, args);
  }
  CONDUIT_CO_TRY(const auto replies, co_await server.exec(std::move(batch)));
  std::size_t out = 0;
  for (const auto& reply : replies) {
    for (std::size_t i = 0; i < reply.view().size(); ++i) out += reply[i].integer_or(0) == 1 ? 1 : 0;
  }
  co_return out;
}

asio::awaitable<Result<>> prune(Server& server, std::vector<std::string> queues, WallTime now) {
  CONDUIT_CO_TRY(co_await forget_expired(server, queues, now));
  co_return co_await bound_failures(server, std::move(queues));
}

}  // namespace conduitd::broker::redis
