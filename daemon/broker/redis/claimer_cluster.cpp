// What a claim does otherwise in a cluster: one call for each queue, and a wait that takes nothing.

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "broker/redis/claim_parts.h"
#include "broker/redis/claimer.h"
#include "broker/redis/limited_claim.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

bool share_something(const ClaimRequest& request) {
  return std::any_of(request.groups.begin(), request.groups.end(), [](const ClaimGroup& group) {
    return std::any_of(group.sources.begin(), group.sources.end(),
                       [](const Source& source) { return source.most != Source::kUnbounded || !source.needs.empty(); });
  });
}

std::size_t bytes_of(const std::vector<job::Claim>& claims) {
  std::size_t out = 0;
  for (const auto& claim : claims) out += claim.args.size();
  return out;
}

bool is_limited(const ClaimRequest& request) {
  return !request.concurrency.empty() || std::any_of(request.groups.begin(), request.groups.end(), [](const ClaimGroup& group) {
    return std::any_of(group.sources.begin(), group.sources.end(), [](const Source& source) { return !source.limits.empty(); });
  });
}

std::vector<bool> of_sources(const ClaimRequest& request, const std::set<std::pair<std::string, std::string>>& waiting) {
  std::vector<bool> out;
  for (const auto& group : request.groups) {
    for (const auto& source : group.sources) out.push_back(waiting.contains({source.queue, source.task}));
  }
  return out;
}

}  // namespace

/// Queues of which no stream is known are in no call: whether that is so still is asked here.
asio::awaitable<Result<>> Claimer::check_lanes(const Plan& plan, Taken& out) {
  std::vector<std::string> bare;
  for (std::size_t i = 0; i < plan.queues.size(); ++i) {
    const bool named = std::any_of(plan.lines.begin(), plan.lines.end(), [&](const Line& line) { return line.queue == i; });
    if (!named) bare.push_back(plan.queues[i]);
  }
  Batch batch;
  for (const auto& queue : bare) batch.command({"ZCARD", server_.keys.queue(queue).lanes()});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  for (std::size_t i = 0; i < bare.size(); ++i) {
    if (static_cast<std::size_t>(replies[i].view().integer_or(0)) == lanes_.known(bare[i]).size()) continue;
    stale_.insert(bare[i]);
    out.lanes_changed = true;
  }
  co_return ok();
}

asio::awaitable<Result<Claimer::Taken>> Claimer::take_over_slots(ClaimRequest request, Plan& plan) {
  if (is_limited(request) || limits_.drains()) co_return co_await take_limited(std::move(request), plan);
  Taken out;
  plan.last.assign(plan.lines.size(), "0-0");
  auto most = plan.most;
  std::size_t bytes = 0;
  CONDUIT_CO_TRY(co_await check_lanes(plan, out));
  for (auto& round : parts_of(plan, share_something(request))) {
    Batch batch;
    std::vector<Call> calls;
    std::vector<ClaimPart*> asked;
    for (auto& part : round) {
      part.plan.most = most;
      const bool wanted = std::any_of(part.plan.lines.begin(), part.plan.lines.end(), [&](const Line& line) { return most[line.group] > 0; });
      if (!wanted) continue;
      calls.push_back(call_for(request, part.plan, limits_, false));
      asked.push_back(&part);
      batch.script(Script::claim, calls.back().keys, calls.back().args);
    }
    if (batch.empty()) continue;
    CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
    for (std::size_t i = 0; i < asked.size(); ++i) {
      auto& part = *asked[i];
      CONDUIT_CO_TRY(auto taken, accept(calls[i].limits, part.plan, replies[i].view()));
      for (std::size_t n = 0; n < part.lines.size(); ++n) {
        plan.lines[part.lines[n]].paused = part.plan.lines[n].paused;
        plan.lines[part.lines[n]].limited = part.plan.lines[n].limited;
        if (n < part.plan.last.size()) plan.last[part.lines[n]] = part.plan.last[n];
      }
      for (std::size_t n = 0; n < part.lines.size(); ++n) take_from(request, most, plan, part.lines[n], taken.counts[n]);
      bytes += bytes_of(taken.claims);
      out.lanes_changed = out.lanes_changed || taken.lanes_changed;
      std::move(taken.claims.begin(), taken.claims.end(), std::back_inserter(out.claims));
      std::move(taken.expired.begin(), taken.expired.end(), std::back_inserter(out.expired));
    }
    if (bytes >= kMostBytes) break;
  }
  co_return out;
}

asio::awaitable<Result<std::vector<bool>>> Claimer::would_give_over_slots(ClaimRequest request) {
  std::vector<std::string> queues;
  for (const auto& group : request.groups) {
    for (const auto& source : group.sources) queues.push_back(source.queue);
  }
  std::sort(queues.begin(), queues.end());
  queues.erase(std::unique(queues.begin(), queues.end()), queues.end());
  CONDUIT_CO_TRY(co_await lanes_.refresh(std::move(queues)));
  auto plan = plan_for(request);
  std::set<std::pair<std::string, std::string>> waiting;
  if (is_limited(request)) {
    CONDUIT_CO_TRY(co_await lanes_.refresh_all());
    plan = plan_for(request);
    LimitedClaim limited(*this, request, plan);
    CONDUIT_CO_TRY(const auto given, co_await limited.look());
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (given[i]) waiting.emplace(plan.queues[plan.lines[i].queue], plan.lines[i].task);
    }
    co_return of_sources(request, waiting);
  }
  Batch batch;
  std::vector<ClaimPart> parts;
  for (auto& round : parts_of(plan, false)) std::move(round.begin(), round.end(), std::back_inserter(parts));
  for (auto& part : parts) {
    const auto call = call_for(request, part.plan, outlook_limits_, true);
    batch.script(Script::claim, call.keys, call.args);
  }
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    for (std::size_t n = 2; n < replies[i].view().size(); ++n) {
      const auto& line = parts[i].plan.lines.at(static_cast<std::size_t>(replies[i][n].integer_or(1)) - 1);
      waiting.emplace(parts[i].plan.queues[0], line.task);
    }
  }
  co_return of_sources(request, waiting);
}

asio::awaitable<Result<>> Claimer::watch_slots(Plan plan, Millis wait) {
  if (plan.again && *plan.again < kNap) {
    nap_.expires_after(*plan.again);
    boost::system::error_code ignored;
    co_await nap_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_return ok();
  }
  if (interrupted_ || look_again_) co_return ok();
  std::vector<SlotWatch::Stream> streams;
  for (std::size_t i = 0; i < plan.lines.size() && i < plan.last.size(); ++i) {
    const auto& line = plan.lines[i];
    if (!line.paused) streams.push_back({plan.queues[line.queue], line.key, plan.last[i]});
  }
  if (plan.again && *plan.again < wait) {
    nap_.expires_after(*plan.again);
    tasks_.spawn("redis limit", wake_after_nap());
  }
  blocked_ = true;
  const auto waited = co_await slot_watch_.wait(std::move(streams), wait);
  blocked_ = false;
  nap_.cancel();
  co_return waited;
}

}  // namespace conduitd::broker::redis
