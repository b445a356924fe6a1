#include "broker/redis/settle_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace conduitd::broker::redis {
namespace {

std::string_view word_for(job::Settlement::Charge charge) {
  constexpr std::array<std::string_view, 4> kWords{"nothing", "failure", "crash", "interruption"};
  return kWords[static_cast<std::size_t>(charge)];
}

/// What follows in the record of a job of which nothing is known but its arguments, as finish.lua writes it of others.
std::string plain_rest(const Ending& e) {
  using Charge = job::Settlement::Charge;
  const auto counted = [&e](Charge charge) { return e.charge == charge ? 1 : 0; };
  const auto header = fmt::format("{}.{}.{}.{}", e.attempt, counted(Charge::failure), counted(Charge::crash), counted(Charge::interruption));
  return fmt::format("{}|{}|{}{}{}", header.size(), e.args.size(), header, e.args, e.tail);
}

template <class Range>
void append(Words& to, Range&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

bool SettleCall::is_common(const Ending& e) {
  const bool is_final = e.action == "complete" || e.action == "failed" || e.action == "cancelled";
  return is_final && e.handle.ties.empty() && e.idle == Millis{0} && e.owner == e.settler;
}

SettleCall::SettleCall(const Server& server, const Ending& first, bool common)
    : server_(server), keys_(server.keys.queue(first.queue)), owner_(first.owner), common_(common) {}

bool SettleCall::full() const { return positions_.size() >= kMostInCall || bytes_ >= kMostBytesInCall; }

void SettleCall::add(Ending&& ending, std::size_t position) {
  positions_.push_back(position);
  bytes_ += ending.tail.size();
  common_ ? add_common(std::move(ending)) : add_any(std::move(ending));
}

void SettleCall::add_common(Ending&& e) {
  auto key = keys_.stream(e.task, e.handle.lane);
  auto found = std::ranges::find(streams_, key, &Stream::key);
  if (found == streams_.end()) {
    Stream added{std::move(key), e.task + '|' + lane_letter(e.handle.lane) + '|', e.handle.entry, e.handle.entry};
    found = streams_.insert(found, std::move(added));
  }
  found->first = std::min(found->first, e.handle.entry);
  found->last = std::max(found->last, e.handle.entry);
  ++found->jobs;
  append(job_keys_, std::array<std::string, 3>{keys_.record(e.ulid), keys_.job(e.ulid), keys_.logs(e.ulid)});
  const bool plain = e.handle.plain && !e.args.empty();
  auto rest = plain ? plain_rest(e) : std::move(e.tail);
  append(job_args_, std::array<std::string, 8>{std::to_string(found - streams_.begin() + 1), std::move(e.ulid), to_string(e.handle.entry),
                                               std::to_string(e.deliveries), std::to_string(e.attempt),
                                               plain ? std::string() : std::string(word_for(e.charge)),
                                               e.action + '|' + std::string(job::to_string(e.reason)) + '|', std::move(rest)});
}

void SettleCall::add_any(Ending&& e) {
  const auto& handle = e.handle;
  const auto own = keys_.job(e.ulid);
  append(job_keys_, std::array<std::string, 8>{keys_.stream(e.task, handle.lane), keys_.stream(e.task, handle.priority),
                                               keys_.stream(e.task, kFrontLane), own, keys_.record(e.ulid), keys_.logs(e.ulid),
                                               handle.ties.unique.empty() ? own : keys_.unique(handle.ties.unique),
                                               handle.ties.submit.empty() ? own : keys_.submit(handle.ties.submit)});
  append(job_args_, std::array<std::string, 15>{std::move(e.ulid), to_string(handle.entry), std::move(e.owner),
                                                std::to_string(e.deliveries), std::to_string(e.idle.count()),
                                                std::to_string(e.attempt), std::move(e.settler), std::move(e.action),
                                                std::string(word_for(e.charge)), std::string(job::to_string(e.reason)),
                                                std::to_string(e.retry_after.count()), std::string(1, lane_letter(handle.lane)),
                                                std::move(e.task), std::to_string(handle.priority), std::move(e.tail)});
}

void SettleCall::send(Batch& batch) const {
  using job::JobStatus;
  const auto result_ttl = std::to_string(server_.options.result_ttl.count());
  const auto failed_ttl = std::to_string(server_.options.failed_ttl.count());
  Words names;
  Words args;
  if (common_) {
    names = {keys_.waiters(), keys_.index(JobStatus::complete), keys_.index(JobStatus::failed),
             keys_.index(JobStatus::cancelled), keys_.expiry(false), keys_.expiry(true), keys_.placed()};
    args = {result_ttl, failed_ttl, keys_.ended_channel(), server_.keys.notices(), owner_, std::to_string(streams_.size())};
    for (const auto& stream : streams_) {
      names.push_back(stream.key);
      append(args, std::array<std::string, 4>{stream.mark, to_string(stream.first), to_string(stream.last), std::to_string(stream.jobs + kOthersBetween)});
    }
  } else {
    names = {keys_.waiters(), keys_.lanes(), keys_.due(), keys_.index(JobStatus::complete), keys_.index(JobStatus::failed),
             keys_.index(JobStatus::cancelled), keys_.index(JobStatus::expired), keys_.index(JobStatus::retrying),
             keys_.expiry(false), keys_.expiry(true), keys_.placed()};
    args = {result_ttl, failed_ttl, server_.keys.notices(), keys_.ended_channel(), keys_.queue()};
  }
  names.insert(names.end(), job_keys_.begin(), job_keys_.end());
  args.insert(args.end(), job_args_.begin(), job_args_.end());
  batch.script(common_ ? Script::finish : Script::settle, names, args);
}

}  // namespace conduitd::broker::redis
