#include "broker/redis/complete_call.h"

#include <fmt/compile.h>

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

bool CompleteCall::takes(const Ending& next, std::size_t between) const {
  return endings_.size() < kMostInCall && bytes_ < kMostBytesInCall && others_ + between <= kOthersBetween && next.handle.lane == first_.handle.lane &&
         next.task == first_.task && next.queue == first_.queue && next.owner == first_.owner;
}

void CompleteCall::add(const Ending& next, std::size_t position, std::size_t between) {
  endings_.push_back(&next);
  positions_.push_back(position);
  others_ += between;
  bytes_ += next.args.size() + next.tail.size();
}

void CompleteCall::send(Batch& batch) const {
  const auto keys = server_.keys.queue(first_.queue);
  const auto before_ulid = keys.record("");
  Text records;
  Text entries;
  Text tails;
  std::string ulids;
  for (const auto* e : endings_) {
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
  for (const auto* e : endings_) args.insert(args.end(), {"0", e->ulid});
  tails.append_words(args);
  batch.script(Script::complete, names, args);
}

}  // namespace conduitd::broker::redis
