#include "broker/redis/settler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

std::string_view ulid_of(std::string_view id) { return id.substr(id.rfind(':') + 1); }

std::string_view word_for(job::Settlement::Kind kind) {
  constexpr std::array<std::string_view, 5> kWords{"complete", "retry", "failed", "release", "cancelled"};
  return kWords[static_cast<std::size_t>(kind)];
}

Result<Ending> ending_of(job::Settlement&& settlement, const std::string& worker) {
  const auto& lease = settlement.lease;
  auto handle = decode_handle(lease.entry);
  if (!handle || lease.attempt <= handle->attempts_before) {
    return Error(Errc::invalid_argument, fmt::format("job {}: this is no lease of ours", lease.job_id));
  }
  Tail tail;
  tail.attempt = {lease.attempt,       settlement.started_at,  settlement.duration,
                  settlement.worker,   std::string(job::outcome_word(settlement)), std::move(settlement.failure),
                  std::move(settlement.code), settlement.usage};
  tail.result = std::move(settlement.result);
  Ending out;
  out.queue = lease.queue;
  out.task = lease.task;
  out.ulid = ulid_of(lease.job_id);
  out.owner = worker;
  out.attempt = lease.attempt;
  out.deliveries = lease.attempt - handle->attempts_before;
  out.handle = std::move(*handle);
  out.settler = worker;
  out.action = word_for(settlement.kind);
  out.charge = settlement.charge;
  out.reason = settlement.kind == job::Settlement::Kind::fail ? settlement.reason : job::FailureReason::none;
  out.retry_after = std::max(settlement.retry_after, Millis{0});
  out.tail = encode(tail);
  return out;
}

struct TouchCall {
  Words keys;
  Words args;
  std::vector<std::size_t> positions;
};

Result<> add_touch(TouchCall& call, const QueueKeys& keys, HeldLeases& held, const job::Report& report, const std::string& worker, bool renew) {
  const auto& lease = report.lease;
  const auto handle = decode_handle(lease.entry);
  if (!handle || lease.attempt <= handle->attempts_before) {
    return Error(Errc::invalid_argument, fmt::format("job {}: this is no lease of ours", lease.job_id));
  }
  held.speak({lease.queue, lease.task, handle->lane}, handle->entry);
  const auto ulid = ulid_of(lease.job_id);
  call.keys.push_back(keys.stream(lease.task, handle->lane));
  call.keys.push_back(keys.job(ulid));
  call.keys.push_back(keys.logs(ulid));
  const Words head{to_string(handle->entry), worker, std::to_string(lease.attempt - handle->attempts_before),
                   std::to_string(lease.attempt), renew ? "1" : "0"};
  // Within a report the last word on a key counts: a map keeps one.
  std::map<std::string, std::string> fields;
  Words drops;
  if (report.progress) fields["pg"] = encode(*report.progress);
  if (report.checkpoint) fields["ck"] = *report.checkpoint;
  if (report.waits_for) fields["wf"] = fmt::format("{}:{}", lease.attempt, job::ids_to_json(*report.waits_for));
  for (const auto& [key, value] : report.metadata) fields["m:" + key] = value;
  for (auto it = fields.begin(); it != fields.end();) {
    const bool drop = it->first.starts_with("m:") && it->second == "null";
    if (drop) drops.push_back(it->first);
    it = drop ? fields.erase(it) : std::next(it);
  }
  auto& args = call.args;
  args.insert(args.end(), head.begin(), head.end());
  args.push_back(std::to_string(fields.size() * 2));
  for (auto& [key, value] : fields) {
    args.push_back(key);
    args.push_back(value);
  }
  args.push_back(std::to_string(drops.size()));
  args.insert(args.end(), drops.begin(), drops.end());
  args.push_back(std::to_string(report.logs.size()));
  for (const auto& line : report.logs) args.push_back(encode(line));
  return ok();
}

/// The places under limits that endings free, and whether a claim waits for one.
class FreedPlaces {
 public:
  explicit FreedPlaces(const Server& server) : server_(server) {}
  void add(const Ending& ending) {
    if (!ending.handle.limited) return;
    queue_ = ending.queue;
    taken_[ending.task].push_back(place_name(ending.queue, ending.handle.lane, ending.handle.entry));
  }
  void send(Batch& batch) const {
    if (taken_.empty()) return;
    for (const auto& [task, places] : taken_) {
      Words words{"HDEL", server_.keys.limits(task).run};
      words.insert(words.end(), places.begin(), places.end());
      batch.command(words);
    }
    batch.command({"DEL", server_.keys.starving()});
  }
  [[nodiscard]] bool wanted(const Replies& replies) const { return !taken_.empty() && replies.back().view().integer_or(0) > 0; }
  [[nodiscard]] const std::string& queue() const { return queue_; }

 private:
  const Server& server_;
  std::map<std::string, Words> taken_;
  std::string queue_;
};

}  // namespace

std::vector<CompleteCall> Settler::completed(const std::vector<Ending>& endings) const {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < endings.size(); ++i) {
    if (CompleteCall::is_for(endings[i])) order.push_back(i);
  }
  // Jobs end in any order; the pending list is looked at in that of the entries.
  std::ranges::sort(order, {}, [&endings](std::size_t i) {
    const auto& e = endings[i];
    return std::tie(e.queue, e.task, e.handle.lane, e.handle.entry);
  });
  std::vector<CompleteCall> out;
  for (const auto i : order) {
    const auto& next = endings[i];
    auto between = out.empty() ? 0 : held_.between({next.queue, next.task, next.handle.lane}, out.back().last().handle.entry, next.handle.entry, kOthersBetween + 1);
    if (out.empty() || !out.back().takes(next, between)) {
      out.emplace_back(server_, next);
      between = 0;
    }
    out.back().add(next, i, between);
  }
  return out;
}

asio::awaitable<Result<std::vector<Settler::Outcome>>> Settler::end(std::vector<Ending> endings) {
  Batch batch;
  // Of these each is applied as a whole, or refused as a whole and looked at again.
  const auto complete = completed(endings);
  for (const auto& call : complete) call.send(batch);
  std::vector<std::vector<std::size_t>> answered;
  std::map<std::pair<std::string, bool>, SettleCall> open;
  const auto send = [&](const SettleCall& call) {
    call.send(batch);
    answered.push_back(call.positions());
  };
  const auto count = endings.size();
  FreedPlaces freed(server_);
  for (const auto& ending : endings) freed.add(ending);
  for (std::size_t i = 0; i < count; ++i) {
    if (CompleteCall::is_for(endings[i])) continue;
    const bool common = SettleCall::is_common(endings[i]);
    const std::pair key(endings[i].queue, common);
    auto found = open.find(key);
    if (found == open.end()) found = open.emplace(key, SettleCall(server_, endings[i], common)).first;
    found->second.add(std::move(endings[i]), i);
    if (!found->second.full()) continue;
    send(found->second);
    open.erase(found);
  }
  for (const auto& [key, call] : open) send(call);
  // Only what has ended frees a place, and in a cluster the order of two slots is not that of the batch.
  Batch places;
  freed.send(server_.is_cluster() ? places : batch);
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  CONDUIT_CO_TRY(const auto after, co_await server_.exec(std::move(places)));
  if (freed.wanted(server_.is_cluster() ? after : replies)) {
    Batch tell;
    tell.command({"PUBLISH", server_.keys.notices(), "changed " + freed.queue()});
    CONDUIT_CO_TRY(co_await server_.exec(std::move(tell)));
  }
  std::vector<Outcome> out(count, Outcome::lost);
  std::vector<Ending> refused;
  std::vector<std::size_t> refused_at;
  std::size_t reply = 0;
  for (const auto& call : complete) {
    const bool done = replies[reply++].view().integer_or(0) == 1;
    for (const auto position : call.positions()) {
      if (done) {
        out[position] = Outcome::applied;
        continue;
      }
      refused_at.push_back(position);
      refused.push_back(std::move(endings[position]));
      refused.back().silent = false;
    }
  }
  if (!refused.empty()) {
    CONDUIT_CO_TRY(const auto outcomes, co_await end(std::move(refused)));
    for (std::size_t i = 0; i < outcomes.size(); ++i) out[refused_at[i]] = outcomes[i];
  }
  for (std::size_t c = 0; c < answered.size(); ++c) {
    for (std::size_t n = 0; n < answered[c].size(); ++n) {
      const auto said = replies[reply + c][n].integer();
      if (!said || *said < 0 || *said > 3) {
        co_return Error(Errc::protocol, fmt::format("{}: settle: the reply makes no sense", server_.name()));
      }
      out[answered[c][n]] = static_cast<Outcome>(*said);
    }
  }
  co_return out;
}

asio::awaitable<Result<std::vector<Settled>>> Settler::settle(std::vector<job::Settlement> settlements) {
  std::vector<Ending> endings;
  endings.reserve(settlements.size());
  for (auto& settlement : settlements) {
    auto ending = ending_of(std::move(settlement), server_.options.worker);
    if (!ending.has_value()) co_return ending.error();
    auto& e = ending.value();
    const auto* held = e.handle.plain ? held_.find({e.queue, e.task, e.handle.lane}, e.handle.entry) : nullptr;
    if (held != nullptr) {
      e.args = held->args;
      e.silent = held->silent;
    }
    endings.push_back(std::move(ending).value());
  }
  CONDUIT_CO_TRY(const auto outcomes, co_await end(std::move(endings)));
  for (const auto& settlement : settlements) let_go(settlement.lease);
  std::vector<Settled> out;
  out.reserve(outcomes.size());
  for (const auto outcome : outcomes) {
    out.push_back(outcome == Outcome::lost       ? Settled::lost
                  : outcome == Outcome::repeated ? Settled::repeated
                                                 : Settled::applied);
  }
  co_return out;
}

asio::awaitable<Result<std::vector<LeaseState>>> Settler::extend(std::vector<job::Lease> leases) {
  std::vector<job::Report> reports(leases.size());
  for (std::size_t i = 0; i < leases.size(); ++i) reports[i].lease = std::move(leases[i]);
  co_return co_await touch(std::move(reports), true);
}

asio::awaitable<Result<std::vector<LeaseState>>> Settler::report(std::vector<job::Report> reports) {
  co_return co_await touch(std::move(reports), false);
}

void Settler::let_go(const job::Lease& lease) {
  const auto handle = decode_handle(lease.entry);
  if (handle) held_.remove({lease.queue, lease.task, handle->lane}, handle->entry);
}

asio::awaitable<Result<std::vector<LeaseState>>> Settler::touch(std::vector<job::Report> reports, bool renew) {
  Batch batch;
  std::vector<std::vector<std::size_t>> answered;
  std::map<std::string, TouchCall> open;
  const auto send = [&](TouchCall& call) {
    batch.script(Script::touch, call.keys, call.args);
    answered.push_back(std::move(call.positions));
  };
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto& queue = reports[i].lease.queue;
    auto& call = open[queue];
    if (call.args.empty()) call.args.push_back(std::to_string(server_.options.log_lines));
    CONDUIT_CO_TRY(add_touch(call, server_.keys.queue(queue), held_, reports[i], server_.options.worker, renew));
    call.positions.push_back(i);
    if (call.positions.size() < kMostInCall) continue;
    send(call);
    open.erase(queue);
  }
  for (auto& [queue, call] : open) send(call);
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  std::vector<LeaseState> out(reports.size(), LeaseState::lost);
  for (std::size_t c = 0; c < answered.size(); ++c) {
    for (std::size_t n = 0; n < answered[c].size(); ++n) {
      const auto said = replies[c][n].integer_or(0);
      const auto position = answered[c][n];
      out[position] = said == 1 ? LeaseState::held : said == 2 ? LeaseState::cancel_requested : LeaseState::lost;
      if (out[position] == LeaseState::lost) let_go(reports[position].lease);
    }
  }
  co_return out;
}

}  // namespace conduitd::broker::redis
