#include "broker/redis/settle_call.h"

#include <array>

namespace conduitd::broker::redis {
namespace {

constexpr std::size_t kMostBytesInCall = std::size_t{8} * 1024 * 1024;

std::string_view word_for(job::Settlement::Charge charge) {
  constexpr std::array<std::string_view, 4> kWords{"nothing", "failure", "crash", "interruption"};
  return kWords[static_cast<std::size_t>(charge)];
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
  auto stream = keys_.stream(e.task, e.handle.lane);
  const auto [found, is_new] = streams_.emplace(stream, streams_.size() + 1);
  if (is_new) {
    stream_keys_.push_back(std::move(stream));
    stream_marks_.push_back(e.task + '|' + lane_letter(e.handle.lane) + '|');
  }
  append(job_keys_, std::array<std::string, 3>{keys_.record(e.ulid), keys_.job(e.ulid), keys_.logs(e.ulid)});
  append(job_args_, std::array<std::string, 8>{std::to_string(found->second), std::move(e.ulid), to_string(e.handle.entry),
                                               std::to_string(e.deliveries), std::to_string(e.attempt),
                                               std::string(word_for(e.charge)),
                                               e.action + '|' + std::string(job::to_string(e.reason)) + '|', std::move(e.tail)});
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
    names.insert(names.end(), stream_keys_.begin(), stream_keys_.end());
    args.insert(args.end(), stream_marks_.begin(), stream_marks_.end());
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
