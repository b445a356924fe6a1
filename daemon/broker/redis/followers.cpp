#include "broker/redis/followers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

// What was not told in time is found when the held jobs are looked at, each 15 seconds.
constexpr std::size_t kMostFreed = 100'000;

/// Of the jobs of one queue that are let go: by which of those that have ended.
struct Freed {
  DueMember member;
  std::string complete;
  std::string other;
};
using FreedJobs = std::map<std::string, std::map<std::string, Freed>>;  // by queue and ulid

void note(FreedJobs& out, std::string_view follower, const Glance& holder) {
  const auto colon = follower.find(':');
  const auto member = colon == std::string_view::npos ? std::nullopt : decode_due(follower.substr(colon + 1));
  if (!member) return;
  auto& freed = out[std::string(follower.substr(0, colon))][member->ulid];
  freed.member = *member;
  auto& ids = holder.exists && holder.status == job::JobStatus::complete ? freed.complete : freed.other;
  ids += (ids.empty() ? "" : " ") + holder.id;
}

}  // namespace

Followers::Followers(Server& server, Glancer& glancer, Finder& finder)
    : server_(server), glancer_(glancer), finder_(finder), tasks_(server.executor) {}

asio::awaitable<Result<>> Followers::bind(std::string queue, DueMember follower) {
  Batch look;
  look.command({"ZRANGE", server_.keys.queue(queue).held(follower.ulid), "0", "-1"});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(look)));
  std::map<std::string, std::vector<std::string>> ulids;  // by queue
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < replies[0].view().size(); ++i) {
    const auto id = replies[0][i].text();
    const auto colon = id.rfind(':');
    if (colon == std::string_view::npos) continue;
    ulids[std::string(id.substr(0, colon))].emplace_back(id.substr(colon + 1));
    ids.emplace_back(id);
  }
  const auto name = fmt::format("{}:{}", queue, encode(follower));
  const auto remembered = std::to_string(std::max<std::int64_t>(server_.options.result_ttl.count(), 7 * 24 * 3'600'000LL));
  Batch batch;
  for (const auto& [holders_queue, its] : ulids) {
    const auto keys = server_.keys.queue(holders_queue);
    for (std::size_t first = 0; first < its.size(); first += kMostInCall) {
      Words names{keys.waiters()};
      Words args{remembered};
      for (std::size_t i = first; i < std::min(first + kMostInCall, its.size()); ++i) {
        names.push_back(keys.followers(its[i]));
        for (auto& word : Words{its[i], fmt::format("{}:{}", holders_queue, its[i]), name}) args.push_back(std::move(word));
      }
      batch.script(Script::bind, names, args);
    }
  }
  if (!batch.empty()) {
    CONDUIT_CO_TRY(co_await server_.exec(std::move(batch)));
  }
  // Those that ended before they knew of it.
  co_return co_await release(std::move(ids));
}

asio::awaitable<Result<>> Followers::release(std::vector<std::string> ids) {
  CONDUIT_CO_TRY(auto seen, co_await glancer_.look(std::move(ids), false));
  std::erase_if(seen, [](const Glance& one) { return !one.over(); });
  Batch ask;
  for (const auto& one : seen) {
    const auto colon = one.id.rfind(':');
    ask.command({"ZRANGE", server_.keys.queue(one.id.substr(0, colon)).followers(one.id.substr(colon + 1)), "0", "-1"});
  }
  CONDUIT_CO_TRY(const auto followers, co_await server_.exec(std::move(ask)));
  FreedJobs freed;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    for (std::size_t n = 0; n < followers[i].view().size(); ++n) note(freed, followers[i][n].text(), seen[i]);
  }
  for (const auto& [queue, jobs] : freed) {
    const auto keys = server_.keys.queue(queue);
    std::vector<std::string> sent;
    Batch batch;
    Words names;
    Words args;
    const auto send = [&] {
      if (!names.empty()) batch.script(Script::release, names, args);
      names.clear();
    };
    for (const auto& [ulid, one] : jobs) {
      if (names.size() > 3 * kMostInCall) send();
      if (names.empty()) {
        names = {keys.due(), keys.lanes(), keys.index(job::JobStatus::scheduled), keys.placed()};
        args = {server_.keys.notices(), queue};
      }
      const auto& lane = one.member.lane;
      for (auto& word : Words{keys.stream(lane.task, lane.lane), keys.job(ulid), keys.held(ulid)}) names.push_back(std::move(word));
      for (auto& word : Words{encode(one.member), ulid, lane.task, std::string(1, lane_letter(lane.lane)), one.complete, one.other}) {
        args.push_back(std::move(word));
      }
      sent.push_back(ulid);
    }
    send();
    CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
    std::size_t at = 0;
    for (const auto& reply : replies) {
      for (std::size_t i = 0; i < reply.view().size(); ++i, ++at) {
        if (reply[i].integer_or(0) != 2) continue;
        CONDUIT_CO_TRY(co_await cancel(fmt::format("{}:{}", queue, sent.at(at)), seen));
      }
    }
  }
  Batch over;
  for (const auto& one : seen) {
    const auto colon = one.id.rfind(':');
    over.command({"DEL", server_.keys.queue(one.id.substr(0, colon)).followers(one.id.substr(colon + 1))});
  }
  CONDUIT_CO_TRY(co_await server_.exec(std::move(over)));
  co_return ok();
}

/// A job that can never run: one of those it was to run after has not completed.
asio::awaitable<Result<>> Followers::cancel(std::string id, std::vector<Glance> holders) {
  CONDUIT_CO_TRY(auto found, co_await finder_.find(id));
  if (!found || !found->waiting || found->waiting->entry) co_return ok();  // it has ended, or was let go
  const auto by = std::find_if(holders.begin(), holders.end(), [&](const Glance& one) {
    const bool held = std::find(found->record.after.begin(), found->record.after.end(), one.id) != found->record.after.end();
    return held && !(one.exists && one.status == job::JobStatus::complete);
  });
  std::optional<job::Failure> why;
  if (by != holders.end()) why = job::not_to_run_after(by->id, by->exists ? std::optional(by->status) : std::nullopt);
  std::vector<Waiting> jobs{*found->waiting};
  CONDUIT_CO_TRY(co_await end_waiting(server_, found->id.queue, job::JobStatus::cancelled, std::move(jobs), std::move(why)));
  co_return ok();
}

void Followers::freed(std::string_view ids) {
  while (!ids.empty() && freed_.size() < kMostFreed) {
    const auto space = std::min(ids.find(' '), ids.size());
    freed_.emplace_back(ids.substr(0, space));
    ids.remove_prefix(std::min(space + 1, ids.size()));
  }
  if (std::exchange(releasing_, true)) return;
  tasks_.spawn("redis followers", release_freed());
}

asio::awaitable<void> Followers::release_freed() {
  while (!freed_.empty() && !tasks_.stopping()) {
    const auto end = freed_.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(freed_.size(), 500));
    std::vector<std::string> ids(freed_.begin(), end);
    freed_.erase(freed_.begin(), end);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    const auto released = co_await release(std::move(ids));
    static_cast<void>(released.has_value());  // if the server is away now, the next look at held jobs does it
  }
  releasing_ = false;
}

asio::awaitable<void> Followers::close() { co_await tasks_.stop(); }

}  // namespace conduitd::broker::redis
