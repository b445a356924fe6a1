#include "broker/redis/claimer.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "broker/redis/claim_entry.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

// A blocking read is repeated after this long, to notice a server that hangs and lanes nobody told us of.
constexpr Millis kLongestBlock{5'000};
constexpr int kMostRounds = 3;
constexpr std::string_view kWakeTtl = "86400000";

/// How to give a job back that was read and handed to nobody.
Ending unread(const job::Claim& claim, const std::string& worker) {
  Ending out;
  out.queue = claim.lease.queue;
  out.task = claim.lease.task;
  out.ulid = claim.lease.job_id.substr(claim.lease.job_id.rfind(':') + 1);
  out.handle = decode_handle(claim.lease.entry).value_or(LeaseHandle{});
  out.owner = worker;
  out.attempt = claim.lease.attempt;
  out.action = "unread";
  return out;
}

}  // namespace

Claimer::Claimer(Server& server, Lanes& lanes, Settler& settler, HeldLeases& held, Clock& clock)
    : server_(server),
      lanes_(lanes),
      settler_(settler),
      held_(held),
      clock_(clock),
      born_(clock.now()),
      blocking_(server.executor, server.endpoint, fmt::format("conduit:{}:claim", server.options.worker),
                server.options.command_timeout),
      slot_watch_(server),
      limits_(server, lanes),
      outlook_limits_(server, lanes),
      nap_(server.executor),
      tasks_(server.executor) {}

asio::awaitable<Result<std::vector<job::Claim>>> Claimer::claim(ClaimRequest request) {
  std::erase_if(request.groups, [](const ClaimGroup& group) { return group.most == 0 || group.sources.empty(); });
  if (request.groups.empty()) co_return std::vector<job::Claim>();
  if (server_.options.worker.empty()) co_return Error(Errc::invalid_argument, "claim: a broker opened without a worker's id takes no jobs");
  if (claiming_) co_return Error(Errc::conflict, "claim: another claim is under way");
  struct Under {
    bool& flag;
    ~Under() { flag = false; }
  };
  claiming_ = true;
  const Under under{claiming_};
  interrupted_ = false;
  if (unsure_) {
    CONDUIT_CO_TRY(co_await give_back(request));
    unsure_ = false;
  }
  auto claims = co_await claim_until(std::move(request));
  unsure_ = !claims.has_value();
  if (unsure_) co_return claims;
  for (const auto& claim : claims.value()) {
    const auto handle = decode_handle(claim.lease.entry);
    const bool kept = handle->plain && claim.args.size() <= HeldLeases::kKeptArgs;
    held_.add({claim.lease.queue, claim.lease.task, handle->lane}, handle->entry, kept ? claim.args : job::Bytes());
  }
  co_return claims;
}

asio::awaitable<Result<std::vector<job::Claim>>> Claimer::claim_until(ClaimRequest request) {
  const auto end = clock_.now() + request.wait;
  for (;;) {
    look_again_ = false;
    Plan plan;
    auto taken = co_await take_waiting(request, plan);
    if (!taken.has_value() || !taken.value().empty()) co_return taken;
    const auto left = std::chrono::ceil<Millis>(end - clock_.now());
    if (interrupted_ || left <= Millis{0}) co_return taken;
    if (look_again_) continue;
    if (server_.is_cluster()) {
      CONDUIT_CO_TRY(co_await watch_slots(std::move(plan), std::min(left, kLongestBlock)));
      if (interrupted_) co_return std::vector<job::Claim>();
      continue;
    }
    if (plan.limited) {
      CONDUIT_CO_TRY(co_await watch(std::move(plan), std::min(left, kLongestBlock)));
      if (interrupted_) co_return std::vector<job::Claim>();
      continue;
    }
    taken = co_await block(std::move(plan), std::min(left, kLongestBlock));
    if (!taken.has_value() || !taken.value().empty()) co_return taken;
    if (interrupted_) co_return taken;
  }
}

asio::awaitable<Result<std::vector<bool>>> Claimer::would_give(ClaimRequest request) {
  if (server_.is_cluster()) co_return co_await would_give_over_slots(std::move(request));
  std::set<std::string> unknown;
  for (const auto& group : request.groups) {
    for (const auto& source : group.sources) {
      if (!lanes_.has_queue(source.queue)) unknown.insert(source.queue);
    }
  }
  std::vector<bool> out;
  CONDUIT_CO_TRY(co_await outlook_limits_.prepare(request));
  // What changes meanwhile is known when it is asked next.
  for (int rounds = 0; rounds < 2; ++rounds) {
    if (!unknown.empty()) {
      std::vector<std::string> queues(unknown.begin(), unknown.end());
      CONDUIT_CO_TRY(co_await lanes_.refresh(std::move(queues)));
      unknown.clear();
    }
    auto plan = plan_for(request);
    auto call = call_for(request, plan, outlook_limits_, true);
    CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::claim, std::move(call.keys), std::move(call.args)));
    std::set<std::pair<std::string, std::string>> waiting;
    for (std::size_t i = 2; i < reply.view().size(); ++i) {
      const auto& line = plan.lines.at(static_cast<std::size_t>(reply[i].integer_or(1)) - 1);
      waiting.emplace(plan.queues[line.queue], line.task);
    }
    out.clear();
    for (const auto& group : request.groups) {
      for (const auto& source : group.sources) out.push_back(waiting.contains({source.queue, source.task}));
    }
    bool all = false;
    for (std::size_t i = 0; i < reply[1].size(); ++i) {
      const auto number = static_cast<std::size_t>(reply[1][i].integer_or(0));
      if (number > 0) unknown.insert(plan.queues.at(number - 1));
      all = all || number == 0;
    }
    if (all) {
      CONDUIT_CO_TRY(co_await lanes_.refresh_all());
      unknown.clear();
    }
    if (!all && unknown.empty()) break;
  }
  co_return out;
}

Claimer::Plan Claimer::plan_for(const ClaimRequest& request) const {
  Plan out;
  for (const auto& group : request.groups) {
    out.most.push_back(group.most);
    for (const auto& source : group.sources) {
      auto queue = std::find(out.queues.begin(), out.queues.end(), source.queue);
      if (queue == out.queues.end()) queue = out.queues.insert(queue, source.queue);
      const auto keys = server_.keys.queue(source.queue);
      for (const auto lane : lanes_.of_task(source.queue, source.task)) {
        out.lines.push_back({out.most.size() - 1, static_cast<std::size_t>(queue - out.queues.begin()), source.task, lane,
                             keys.stream(source.task, lane), false, false});
      }
    }
  }
  return out;
}

asio::awaitable<Result<std::vector<job::Claim>>> Claimer::take_waiting(const ClaimRequest& request, Plan& plan) {
  for (const auto& group : request.groups) {
    for (const auto& source : group.sources) {
      if (!lanes_.has_queue(source.queue)) stale_.insert(source.queue);
    }
  }
  CONDUIT_CO_TRY(co_await limits_.prepare(request));
  // Not for ever: what changes while we look is told by a notice, or found by the next look. Sorting by a key goes on.
  int rounds = 0;
  while (rounds < kMostRounds) {
    CONDUIT_CO_TRY(co_await refresh_lanes());
    plan = plan_for(request);
    CONDUIT_CO_TRY(auto taken, co_await take(request, plan));
    if (taken.claims.empty() && plan.again == std::chrono::microseconds{0} && !interrupted_) continue;
    ++rounds;
    if (!taken.expired.empty()) {
      CONDUIT_CO_TRY(const auto outcomes, co_await settler_.end(std::move(taken.expired)));
      expired_ += static_cast<std::size_t>(std::count(outcomes.begin(), outcomes.end(), Settler::Outcome::applied));
    }
    if (!taken.claims.empty()) {
      CONDUIT_CO_TRY(co_await add_memories(taken.claims));
      co_return std::move(taken.claims);
    }
    if (!taken.lanes_changed) break;
  }
  co_return std::vector<job::Claim>();
}

asio::awaitable<Result<>> Claimer::refresh_lanes() {
  if (std::exchange(all_stale_, false)) {
    CONDUIT_CO_TRY(co_await lanes_.refresh_all());
  }
  // What is said to have changed while these are read is read again.
  const auto stale = std::exchange(stale_, {});
  if (stale.empty()) co_return ok();
  std::vector<std::string> queues(stale.begin(), stale.end());
  const auto refreshed = co_await lanes_.refresh(std::move(queues));
  if (!refreshed.has_value()) stale_.insert(stale.begin(), stale.end());
  co_return refreshed;
}

Claimer::Call Claimer::call_for(const ClaimRequest& request, Plan& plan, Limits& of, bool look) const {
  Words names;
  Words args{server_.options.worker, std::to_string(plan.queues.size())};
  for (const auto& queue : plan.queues) {
    names.push_back(server_.keys.queue(queue).paused());
    names.push_back(server_.keys.queue(queue).lanes());
    args.push_back(std::to_string(lanes_.known(queue).size()));
  }
  args.push_back(std::to_string(kMostBytes));
  const auto first_stream = names.size();
  for (const auto& line : plan.lines) names.push_back(line.key);
  KeyList keys(std::move(names));
  auto limits = of.tell(request, plan.queues, first_stream, keys);
  args.push_back(limits.json);
  // In a cluster the wait begins after the last entries, as it takes nothing.
  args.emplace_back(look ? "look" : server_.is_cluster() ? "last" : "");
  plan.limited = !limits.json.empty();
  auto line = plan.lines.begin();
  for (std::size_t group = 0; group < plan.most.size(); ++group) {
    const auto end = std::find_if(line, plan.lines.end(), [&](const Line& l) { return l.group != group; });
    args.push_back(std::to_string(plan.most[group]));
    args.push_back(std::to_string(end - line));
    for (; line != end; ++line) {
      const auto limit = limits.tasks.find(line->task);
      line->limited = limit != limits.tasks.end() || limits.queues.contains(plan.queues[line->queue]);
      args.push_back(std::to_string(line->queue + 1));
      args.push_back(line->task);
      args.push_back(std::to_string(limit != limits.tasks.end() ? limit->second : 0));
    }
  }
  return {keys.take(), std::move(args), std::move(limits)};
}

asio::awaitable<Result<Claimer::Taken>> Claimer::take(const ClaimRequest& request, Plan& plan) {
  if (server_.is_cluster()) co_return co_await take_over_slots(request, plan);
  auto call = call_for(request, plan, limits_, false);
  CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::claim, std::move(call.keys), std::move(call.args)));
  co_return accept(call.limits, plan, reply.view());
}

Result<Claimer::Taken> Claimer::accept(const Limits::Told& limits, Plan& plan, ReplyView reply) {
  Taken out;
  out.counts.resize(plan.lines.size());
  const auto now = from_unix_ms(reply[0].integer_or(0));
  for (std::size_t i = 0; i < reply[1].size(); ++i) {
    const auto number = static_cast<std::size_t>(reply[1][i].integer_or(0));
    if (number == 0) {
      all_stale_ = true;
    } else {
      stale_.insert(plan.queues.at(number - 1));
    }
    out.lanes_changed = true;
  }
  for (std::size_t i = 0; i < reply[2].size(); ++i) {
    plan.lines.at(static_cast<std::size_t>(reply[2][i].integer_or(1)) - 1).paused = true;
  }
  if (reply[3].size() == 3) {
    limits_.go_on(limits, reply[3][2]);
    if (const auto again = reply[3][0].integer_or(-1); again >= 0) plan.again = std::chrono::microseconds(again);
    for (std::size_t i = 0; i < reply[3][1].size(); ++i) plan.last.emplace_back(reply[3][1][i].text());
  }
  for (std::size_t i = 4; i + 1 < reply.size(); i += 2) {
    const auto number = static_cast<std::size_t>(reply[i].integer_or(1)) - 1;
    const auto& from = plan.lines.at(number);
    out.counts[number] += reply[i + 1].size();
    const auto& queue = plan.queues[from.queue];
    const auto entries = reply[i + 1];
    for (std::size_t n = 0; n < entries.size(); ++n) {
      const auto entry = parse_entry_id(entries[n][0].text());
      if (!entry) return Error(Errc::protocol, fmt::format("{}: claim: an entry without an id", server_.name()));
      auto claim = to_claim(queue, from, *entry, entries[n][1]);
      const auto header = decode_header(entries[n][1][1].text());
      if (!claim.invalid && header->expires_at && *header->expires_at <= now && header->counters.attempts == 0) {
        auto ending = unread(claim, server_.options.worker);
        ending.action = "expired";
        out.expired.push_back(std::move(ending));
      } else {
        if (header && header->deadline_at) claim.remaining = *header->deadline_at - now;
        out.claims.push_back(std::move(claim));
      }
    }
  }
  if (out.claims.empty() && !out.expired.empty()) out.lanes_changed = true;  // look again: there may be live ones behind
  return out;
}

asio::awaitable<Result<std::vector<job::Claim>>> Claimer::block(Plan plan, Millis wait) {
  if (!wake_ready_) {
    CONDUIT_CO_TRY(co_await prepare_wake());
  }
  if (interrupted_ || look_again_) co_return std::vector<job::Claim>();
  std::erase_if(plan.lines, [](const Line& line) { return line.paused; });
  const auto wait_text = std::to_string(wait.count());
  const auto wake = server_.keys.wake(server_.options.worker);
  std::vector<std::string_view> words{"XREADGROUP", "GROUP", "c", server_.options.worker, "COUNT", "1",
                                      "BLOCK",      wait_text, "STREAMS", wake};
  for (const auto& line : plan.lines) words.push_back(line.key);
  words.insert(words.end(), plan.lines.size() + 1, ">");
  Pipeline pipeline;
  pipeline.add(words);
  blocked_ = true;
  auto replies = co_await blocking_.exec(std::move(pipeline), wait);
  blocked_ = false;
  if (!replies.has_value()) co_return replies.error();
  auto reply = std::move(replies.value().front());
  if (!reply.view().is_error()) co_return co_await accept_blocked(std::move(plan), std::move(reply));
  const auto text = reply.view().text();
  const bool group_lost = text.starts_with("NOGROUP") || (text.starts_with("UNBLOCKED") && !tells_of_another_role(text));
  if (!group_lost) co_return server_.error_of(reply.view(), "XREADGROUP");
  // The next look makes the groups anew, at 0. Not at once, in case they keep vanishing.
  wake_ready_ = false;
  for (const auto& queue : plan.queues) stale_.insert(queue);
  asio::steady_timer pause(server_.executor, Millis{50});
  boost::system::error_code ignored;
  co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_return std::vector<job::Claim>();
}

asio::awaitable<Result<>> Claimer::watch(Plan plan, Millis wait) {
  if (plan.again && *plan.again < kNap) {
    nap_.expires_after(*plan.again);
    boost::system::error_code ignored;
    co_await nap_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_return ok();
  }
  if (!wake_ready_) {
    CONDUIT_CO_TRY(co_await prepare_wake());
  }
  if (interrupted_ || look_again_ || plan.last.size() != plan.lines.size()) co_return ok();
  const auto wait_text = std::to_string(wait.count());
  const auto wake = server_.keys.wake(server_.options.worker);
  std::vector<std::string_view> words{"XREAD", "COUNT", "1", "BLOCK", wait_text, "STREAMS", wake};
  std::vector<std::string_view> from{last_wake_};
  for (std::size_t i = 0; i < plan.lines.size(); ++i) {
    if (plan.lines[i].paused) continue;
    words.push_back(plan.lines[i].key);
    from.push_back(plan.last[i]);
  }
  words.insert(words.end(), from.begin(), from.end());
  Pipeline pipeline;
  pipeline.add(words);
  // A limit that admits more only later than this wait is looked at when it is over.
  if (plan.again && *plan.again < wait) {
    nap_.expires_after(*plan.again);
    tasks_.spawn("redis limit", wake_after_nap());
  }
  blocked_ = true;
  auto replies = co_await blocking_.exec(std::move(pipeline), wait);
  blocked_ = false;
  nap_.cancel();
  if (!replies.has_value()) co_return replies.error();
  const auto reply = replies.value().front().view();
  if (reply.is_error()) {
    // A stream that is deleted meanwhile is none of ours; the next look finds out.
    if (!reply.text().starts_with("UNBLOCKED") || tells_of_another_role(reply.text())) co_return server_.error_of(reply, "XREAD");
    for (const auto& queue : plan.queues) stale_.insert(queue);
    co_return ok();
  }
  Batch clear;
  for (std::size_t s = 0; s < reply.size(); ++s) {
    if (reply[s][0].text() != wake) continue;
    last_wake_ = reply[s][1][0][0].text();
    clear.command({"XDEL", wake, last_wake_});
    clear.command({"PEXPIRE", wake, kWakeTtl});
  }
  if (!clear.empty()) {
    CONDUIT_CO_TRY(co_await server_.exec(std::move(clear)));
  }
  co_return ok();
}

asio::awaitable<void> Claimer::wake_after_nap() {
  boost::system::error_code cancelled;
  co_await nap_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  if (!cancelled && blocked_) wake_up();
}

asio::awaitable<Result<std::vector<job::Claim>>> Claimer::accept_blocked(Plan plan, Reply reply) {
  std::vector<job::Claim> claims;
  std::vector<Ending> surplus;
  std::vector<std::size_t> taken(plan.most.size(), 0);
  std::vector<std::pair<std::size_t, WallTime>> deadlines;  // of which claim, and when
  const auto wake = server_.keys.wake(server_.options.worker);
  Batch clear;
  for (std::size_t s = 0; s < reply.view().size(); ++s) {
    const auto key = reply[s][0].text();
    const auto first = reply[s][1][0];
    if (key == wake) {
      clear.command({"XACK", wake, "c", first[0].text()});
      clear.command({"XDEL", wake, first[0].text()});
      clear.command({"PEXPIRE", wake, kWakeTtl});
      continue;
    }
    const auto line = std::find_if(plan.lines.begin(), plan.lines.end(), [&](const Line& l) { return l.key == key; });
    const auto entry = parse_entry_id(first[0].text());
    if (line == plan.lines.end() || !entry) co_return Error(Errc::protocol, fmt::format("{}: XREADGROUP: an entry nobody asked for", server_.name()));
    auto claim = to_claim(plan.queues[line->queue], *line, *entry, first[1]);
    // Jobs that came to several streams at once can be more than there is room for: those nobody has seen go back.
    if (taken[line->group] == plan.most[line->group]) {
      surplus.push_back(unread(claim, server_.options.worker));
    } else {
      ++taken[line->group];
      const auto header = decode_header(first[1][1].text());
      if (!claim.invalid && header->deadline_at) deadlines.emplace_back(claims.size(), *header->deadline_at);
      claims.push_back(std::move(claim));
    }
  }
  if (!surplus.empty()) {
    CONDUIT_CO_TRY(co_await settler_.end(std::move(surplus)));
  }
  if (!clear.empty()) {
    CONDUIT_CO_TRY(co_await server_.exec(std::move(clear)));
  }
  if (!deadlines.empty()) {
    Batch ask;
    ask.command({"TIME"});
    CONDUIT_CO_TRY(const auto time, co_await server_.exec(std::move(ask)));
    const auto now = from_unix_ms(time[0][0].integer_or(0) * 1000 + time[0][1].integer_or(0) / 1000);
    for (const auto& [index, deadline] : deadlines) claims[index].remaining = deadline - now;
  }
  CONDUIT_CO_TRY(co_await add_memories(claims));
  co_return claims;
}

asio::awaitable<Result<>> Claimer::give_back(ClaimRequest request) {
  const auto plan = plan_for(request);
  const auto most = std::to_string(held_.size() + Broker::kMaxBatch);
  Batch look;
  for (const auto& line : plan.lines) look.command({"XPENDING", line.key, "c", "-", "+", most, server_.options.worker});
  CONDUIT_CO_TRY(const auto rows, co_await server_.exec_lenient(std::move(look)));
  // An earlier worker of the same name may have left leases: those attempts were begun, and end as any dead worker's.
  const auto age = std::chrono::floor<Millis>(clock_.now() - born_);
  struct Row {
    const Line* line;
    EntryId entry;
    std::uint32_t deliveries;
  };
  std::vector<Row> unknown;
  Batch read;
  for (std::size_t i = 0; i < plan.lines.size(); ++i) {
    for (std::size_t n = 0; n < rows[i].view().size(); ++n) {
      const auto row = rows[i][n];
      const auto entry = parse_entry_id(row[0].text());
      if (!entry || held_.contains({plan.queues[plan.lines[i].queue], plan.lines[i].task, plan.lines[i].lane}, *entry) || Millis{row[2].integer_or(0)} > age) continue;
      unknown.push_back({&plan.lines[i], *entry, static_cast<std::uint32_t>(row[3].integer_or(1))});
      read.command({"XRANGE", plan.lines[i].key, row[0].text(), row[0].text()});
    }
  }
  CONDUIT_CO_TRY(const auto entries, co_await server_.exec(std::move(read)));
  std::vector<Ending> endings;
  for (std::size_t i = 0; i < unknown.size(); ++i) {
    const auto& [line, entry, deliveries] = unknown[i];
    endings.push_back(unread(to_claim(plan.queues[line->queue], *line, entry, entries[i][0][1]), server_.options.worker));
    endings.back().deliveries = deliveries;
  }
  CONDUIT_CO_TRY(co_await settler_.end(std::move(endings)));
  co_return ok();
}

asio::awaitable<Result<>> Claimer::prepare_wake() {
  const auto wake = server_.keys.wake(server_.options.worker);
  Batch batch;
  batch.command({"XGROUP", "CREATE", wake, "c", "0", "MKSTREAM"});
  batch.command({"PEXPIRE", wake, kWakeTtl});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec_lenient(std::move(batch)));
  const auto created = replies[0].view();
  if (created.is_error() && !created.text().starts_with("BUSYGROUP")) co_return server_.error_of(created, "XGROUP CREATE");
  wake_ready_ = true;
  co_return ok();
}

asio::awaitable<Result<>> Claimer::add_memories(std::vector<job::Claim>& claims) {
  // Only a job that was tried before can have left something, and one that ran after others knows which.
  std::vector<job::Claim*> tried;
  Batch batch;
  for (auto& claim : claims) {
    if (claim.counters.attempts == 1 && claim.after.empty()) continue;
    const auto& id = claim.lease.job_id;
    tried.push_back(&claim);
    batch.command({"HGETALL", server_.keys.queue(claim.lease.queue).job(id.substr(id.rfind(':') + 1))});
  }
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  for (std::size_t i = 0; i < tried.size(); ++i) {
    tried[i]->metadata = metadata_of(replies[i].view());
    tried[i]->checkpoint = replies[i].view().at("ck").text();
    if (!tried[i]->after.empty()) tried[i]->after = replies[i].view().at("af").text();
  }
  co_return ok();
}

void Claimer::interrupt() {
  if (!claiming_) return;
  interrupted_ = true;
  wake_up();
}

void Claimer::look_again(const std::string& queue) {
  // Of no queue: something may have been missed. Each look finds out what is not known.
  if (!queue.empty()) stale_.insert(queue);
  look_again_ = true;
  wake_up();
}

void Claimer::wake_up() {
  nap_.cancel();
  if (server_.is_cluster()) return slot_watch_.wake();
  if (blocked_) tasks_.spawn("redis wake", poke());
}

asio::awaitable<void> Claimer::poke() {
  Batch batch;
  batch.command({"XADD", server_.keys.wake(server_.options.worker), "MAXLEN", "1", "*", "w", "1"});
  // If this fails, the server is away or hangs, and the blocked read finds that out itself.
  const auto poked = co_await server_.exec(std::move(batch));
  static_cast<void>(poked.has_value());
}

asio::awaitable<void> Claimer::close() {
  co_await blocking_.close();
  co_await slot_watch_.close();
  co_await tasks_.stop();
}

}  // namespace conduitd::broker::redis
