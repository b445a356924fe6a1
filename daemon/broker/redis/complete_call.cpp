#include "broker/redis/complete_call.h"

#include <fmt/compile.h>

#include <algorithm>
#include <iterator>

namespace conduitd::broker::redis {
namespace {

/// Words written one behind the other, for a call that names hundreds of them.
class Text {
 public:
  template <class Format, class... Args>
  void word(const Format& format, const Args&... args) {
    fmt::format_to(std::back_inserter(bytes_), format, args...);
    ends_.push_back(bytes_.size());
  }
  void append_words(std::vector<std::string_view>& to) const {
    std::size_t begin = 0;
    for (const auto end : ends_) {
      to.push_back(std::string_view(bytes_).substr(begin, end - begin));
      begin = end;
    }
  }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

}  // namespace

bool CompleteCall::is_for(const Ending& e) {
  return e.action == "complete" && e.handle.plain && e.silent && !e.args.empty() && !e.handle.limited && e.attempt == 1 && e.deliveries == 1 &&
         e.idle == Millis{0} && e.owner == e.settler && e.charge == job::Settlement::Charge::nothing && e.handle.ties.empty();
}

CompleteCall::CompleteCall(const Server& server, const Ending& first) : server_(server), first_(first) {}

bool CompleteCall::takes(const Ending& e) const {
  return endings_.size() < kMostInCall && e.handle.lane == first_.handle.lane && e.task == first_.task && e.queue == first_.queue && e.owner == first_.owner;
}

void CompleteCall::add(const Ending& ending, std::size_t position) { endings_.emplace_back(&ending, position); }

void CompleteCall::send(Batch& batch) {
  std::ranges::sort(endings_, {}, [](const auto& one) { return one.first->handle.entry; });
  const auto keys = server_.keys.queue(first_.queue);
  const auto before_ulid = keys.record({});
  Text records;
  Text entries;
  Text tails;
  std::string ulids;
  for (const auto& [e, position] : endings_) {
    records.word(FMT_COMPILE("{}{}"), before_ulid, e->ulid);
    entries.word(FMT_COMPILE("{}-{}"), e->handle.entry.ms, e->handle.entry.seq);
    constexpr std::string_view kHeader = "1.0.0.0";
    tails.word(FMT_COMPILE("|{}|{}|{}|{}|{}{}{}"), e->task, lane_letter(e->handle.lane), kHeader.size(), e->args.size(), kHeader, e->args, e->tail);
    ulids += ulids.empty() ? "" : " ";
    ulids += e->ulid;
  }
  const Words shared{keys.waiters(), keys.index(job::JobStatus::complete), keys.expiry(false), keys.stream(first_.task, first_.handle.lane)};
  const Words first_args{std::to_string(server_.options.result_ttl.count()), keys.ended_channel(), server_.keys.notices(), first_.owner,
                         std::to_string(endings_.size() + kOthersBetween), fmt::format(FMT_COMPILE("1|{}|complete|none|"), first_.owner), std::move(ulids)};
  std::vector<std::string_view> names(shared.begin(), shared.end());
  std::vector<std::string_view> args(first_args.begin(), first_args.end());
  records.append_words(names);
  entries.append_words(args);
  for (const auto& [e, position] : endings_) args.insert(args.end(), {"0", e->ulid});
  tails.append_words(args);
  batch.script(Script::complete, names, args);
}

std::vector<std::size_t> CompleteCall::positions() const {
  std::vector<std::size_t> out;
  for (const auto& [e, position] : endings_) out.push_back(position);
  return out;
}

}  // namespace conduitd::broker::redis
