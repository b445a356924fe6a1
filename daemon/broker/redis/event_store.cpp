#include "broker/redis/event_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/failpoint.h"
#include "base/json.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

// As long as a worker's own announcement counts.
constexpr std::int64_t kMissedBeats = 3;
// Whoever accepted a delivery does it within this; then anybody does.
constexpr Millis kOwnDelivery{1'000};
// Whoever took one over does it within this.
constexpr Millis kTakenDelivery{10'000};
constexpr std::size_t kMostDeliveries = 10;
constexpr std::size_t kMostGroups = 100;
// Of a list for people: more groups are not counted.
constexpr std::size_t kMostCounted = 10'000;
// What one write may hold of arguments.
constexpr std::size_t kMostBytes = 8 * 1024 * 1024;

std::string in_ms(Millis duration) { return std::to_string(duration.count()); }

WallTime now_of(ReplyView time) { return from_unix_ms(time[0].integer_or(0) * 1000 + time[1].integer_or(0) / 1000); }

/// What is kept of a subscription: "<announced until> <kept until> <definition>".
struct Kept {
  WallTime alive;
  WallTime until;
  Result<job::Subscription> subscription;
};

Kept kept_from(std::string_view name, std::string_view text) {
  const auto first = text.find(' ');
  const auto second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos) return {{}, WallTime::max(), job::subscription_from(name, text)};
  const auto time = [](std::string_view digits) { return from_unix_ms(std::strtoll(std::string(digits).c_str(), nullptr, 10)); };
  return {time(text.substr(0, first)), time(text.substr(first + 1, second - first - 1)), job::subscription_from(name, text.substr(second + 1))};
}

/// Events that one subscription collects, of one value of its key. Names hold no slash.
std::string group_name(const job::Subscription& subscription, std::string_view payload) {
  return fmt::format("{}/{}/{}", subscription.batch > 0 ? 'b' : 'd', subscription.name, job::group_of(subscription, payload));
}
bool is_batch(std::string_view group) { return group.starts_with("b/"); }
std::string subscription_in(std::string_view group) {
  const auto name = group.substr(std::min<std::size_t>(group.size(), 2));
  return std::string(name.substr(0, name.find('/')));
}

/// Beside a group: whose it is, and what its job has besides.
std::string encode_how(const job::Subscription& subscription, const job::NewEvent& given) {
  Json out;
  out.set("name", subscription.name).set("how", job::encode(subscription));
  out.set("parent", given.parent_id).set("root", given.root_id).set("trace", given.traceparent);
  return out.text();
}

std::string to_job_id(const job::Subscription& subscription, const std::string& ulid) { return fmt::format("{}:{}", subscription.queue, ulid); }

}  // namespace

asio::awaitable<Result<>> EventStore::subscribe(std::vector<job::Subscription> subscriptions, Millis interval) {
  Words args{in_ms(interval * kMissedBeats), in_ms(Events::kForgottenAfter)};
  for (const auto& subscription : subscriptions) {
    args.push_back(subscription.name);
    args.push_back(job::encode(subscription));
  }
  Words keys{server_.keys.subscriptions()};
  CONDUIT_CO_TRY(co_await server_.call(Script::subscribe, std::move(keys), std::move(args)));
  co_return ok();
}

asio::awaitable<Result<>> EventStore::withdraw(std::vector<std::string> names, Millis grace) {
  Words args{"0", in_ms(grace)};
  for (const auto& name : names) {
    args.push_back(name);
    args.emplace_back();
  }
  Words keys{server_.keys.subscriptions()};
  CONDUIT_CO_TRY(co_await server_.call(Script::subscribe, std::move(keys), std::move(args)));
  co_return ok();
}

asio::awaitable<Result<std::vector<SubscriptionState>>> EventStore::list() {
  const auto keys = server_.keys.collecting();
  const auto most = std::to_string(kMostCounted - 1);
  Batch look;
  look.command({"HGETALL", server_.keys.subscriptions()});
  look.command({"TIME"});
  look.command({"ZRANGE", keys.due, "0", most, "WITHSCORES"});
  CONDUIT_CO_TRY(const auto found, co_await server_.exec(std::move(look)));
  const auto groups = found[2].view();
  std::map<std::string, SubscriptionState> states;
  Batch count;
  for (std::size_t i = 0; i + 1 < groups.size(); i += 2) {
    const auto group = groups[i].text();
    if (is_batch(group)) count.command({"XLEN", keys.group(group)});
    // In the order of their times: the first is the one.
    auto& due = states[subscription_in(group)].due;
    if (!due) due = from_unix_ms(groups[i + 1].integer_or(0));
  }
  CONDUIT_CO_TRY(const auto lengths, co_await server_.exec(std::move(count)));
  for (std::size_t i = 0, batches = 0; i + 1 < groups.size(); i += 2) {
    const auto group = groups[i].text();
    states[subscription_in(group)].collected += is_batch(group) ? static_cast<std::uint64_t>(lengths[batches++].view().integer_or(0)) : 1;
  }
  const auto now = now_of(found[1].view());
  std::vector<SubscriptionState> out;
  for (std::size_t i = 0; i + 1 < found[0].view().size(); i += 2) {
    const auto name = std::string(found[0][i].text());
    const auto kept = kept_from(name, found[0][i + 1].text());
    if (kept.until < now) continue;
    auto& state = states[name];
    state.alive = kept.alive >= now;
    state.subscription.name = name;
    if (kept.subscription.has_value()) {
      state.subscription = kept.subscription.value();
    } else {
      state.fault = kept.subscription.error().message();
    }
    out.push_back(state);
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.subscription.name < b.subscription.name; });
  co_return out;
}

asio::awaitable<Result<>> EventStore::remove(std::string name) {
  Batch batch;
  batch.command({"HDEL", server_.keys.subscriptions(), name});
  CONDUIT_CO_TRY(const auto removed, co_await server_.exec(std::move(batch)));
  if (removed[0].view().integer_or(0) == 0) co_return Error(Errc::not_found, fmt::format("there is no subscription '{}'", name));
  co_return ok();
}

asio::awaitable<Result<EventStore::Subscribers>> EventStore::subscribers_of(std::string event) {
  Batch look;
  look.command({"HGETALL", server_.keys.subscriptions()});
  look.command({"TIME"});
  CONDUIT_CO_TRY(const auto found, co_await server_.exec(std::move(look)));
  Subscribers out;
  out.now = now_of(found[1].view());
  for (std::size_t i = 0; i + 1 < found[0].view().size(); i += 2) {
    auto kept = kept_from(found[0][i].text(), found[0][i + 1].text());
    // What somebody wrote over is shown as such, and takes no part.
    if (kept.until < out.now || !kept.subscription.has_value()) continue;
    if (job::matches(kept.subscription.value().pattern, event)) out.matching.push_back(std::move(kept.subscription.value()));
  }
  if (out.matching.size() > Events::kMostDeliveries) co_return too_many_subscribers(event);
  std::sort(out.matching.begin(), out.matching.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  co_return out;
}

asio::awaitable<Result<Triggered>> EventStore::trigger(job::NewEvent given) {
  auto named = given.name;
  CONDUIT_CO_TRY(const auto subscribers, co_await subscribers_of(std::move(named)));
  const auto collecting = server_.keys.collecting();
  const auto outbox = server_.keys.outbox();
  Triggered out;
  out.id = job::to_string(server_.fresh_ulid());
  const job::Event event{out.id, given.name, subscribers.now, given.payload};
  std::vector<std::pair<job::Subscription, std::string>> to;
  Words group_keys;
  Words group_args;
  for (const auto& subscription : subscribers.matching) {
    if (!subscription.collects()) {
      to.emplace_back(subscription, job::to_string(server_.fresh_ulid()));
      out.deliveries.push_back({subscription.name, to_job_id(subscription, to.back().second)});
      continue;
    }
    out.deliveries.push_back({subscription.name, {}});
    const auto group = group_name(subscription, given.payload);
    const bool batch = subscription.batch > 0;
    group_keys.push_back(collecting.group(group));
    const Words more{group, encode_how(subscription, given), batch ? "b" : "d",
                     batch ? std::to_string(subscription.batch) : in_ms(subscription.debounce),
                     batch ? in_ms(subscription.batch_within) : subscription.debounce_max > Millis{0} ? in_ms(subscription.debounce_max) : ""};
    group_args.insert(group_args.end(), more.begin(), more.end());
  }
  const bool repeatable = !given.idempotency_key.empty();
  if (out.deliveries.empty() && !repeatable) co_return out;
  auto text = to.empty() ? std::string() : encode_outbox(event, given, to);
  Words keys{repeatable ? server_.keys.trigger(given.idempotency_key) : outbox.times, outbox.times, outbox.texts, collecting.due,
             collecting.latest, collecting.how};
  keys.insert(keys.end(), group_keys.begin(), group_keys.end());
  Words args{out.id, encode(out), repeatable ? in_ms(Events::kRepeatable) : "", text, in_ms(kOwnDelivery), job::encode(event)};
  args.insert(args.end(), group_args.begin(), group_args.end());
  const auto began = clock_.now();
  CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::trigger, std::move(keys), std::move(args)));
  if (!reply.view().text().empty()) {
    auto earlier = triggered_from(reply.view().text());
    earlier.repeated = true;
    co_return earlier;
  }
  // It is accepted: what is not delivered now, for whatever reason, any worker delivers within a second or two.
  if (!text.empty() && clock_.now() - began < kOwnDelivery / 2 && !failpoint::fails_at("event.accepted")) {
    auto id = out.id;
    static_cast<void>(co_await deliver(std::move(id), std::move(text)));
  }
  co_return out;
}

asio::awaitable<Result<std::size_t>> EventStore::deliver(std::string id, std::string text) {
  auto read = deliveries_in(text);
  // Somebody wrote over it: nothing says what jobs these would be.
  auto deliveries = read.has_value() ? std::move(read.value()) : Deliveries{};
  const auto count = deliveries.jobs.size();
  for (std::size_t i = 0; i < count;) {
    std::vector<job::NewJob> jobs;
    Words ulids;
    for (std::size_t bytes = 0; i < count && (jobs.empty() || bytes + deliveries.jobs[i].args.size() <= kMostBytes); ++i) {
      bytes += deliveries.jobs[i].args.size();
      jobs.push_back(std::move(deliveries.jobs[i]));
      ulids.push_back(std::move(deliveries.ulids[i]));
    }
    CONDUIT_CO_TRY(co_await enqueuer_.enqueue(std::move(jobs), std::move(ulids)));
  }
  const auto outbox = server_.keys.outbox();
  Batch done;
  done.command({"HDEL", outbox.texts, id});
  done.command({"ZREM", outbox.times, id});
  CONDUIT_CO_TRY(co_await server_.exec(std::move(done)));
  co_return count;
}

asio::awaitable<Result<EventStore::Gathered>> EventStore::gather() {
  const auto outbox = server_.keys.outbox();
  const auto collecting = server_.keys.collecting();
  Words keys{outbox.times, outbox.texts, collecting.due, collecting.latest};
  Words args{std::to_string(kMostDeliveries), in_ms(kTakenDelivery), std::to_string(kMostGroups)};
  CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::gather, std::move(keys), std::move(args)));
  Gathered out;
  if (const auto next = reply[1].integer()) out.next = from_unix_ms(*next);
  for (std::size_t i = 0; i + 1 < reply[2].size(); i += 2) {
    std::string id(reply[2][i].text());
    std::string text(reply[2][i + 1].text());
    CONDUIT_CO_TRY(const auto delivered, co_await deliver(std::move(id), std::move(text)));
    out.jobs += delivered;
  }
  for (std::size_t i = 0; i < reply[3].size(); ++i) {
    std::string group(reply[3][i].text());
    CONDUIT_CO_TRY(const auto made, co_await make_job(std::move(group)));
    out.jobs += made;
  }
  co_return out;
}

asio::awaitable<Result<std::size_t>> EventStore::make_job(std::string group) {
  Batch look;
  look.command({"HGET", server_.keys.collecting().how, group});
  CONDUIT_CO_TRY(const auto found, co_await server_.exec(std::move(look)));
  const auto how = parse_json(found[0].view().text());
  const auto known = how.has_value() ? how.value() : Json();
  auto subscription = job::subscription_from(known.string_or("name", ""), known.string_or("how", ""));
  if (found[0].view().is_nil() || !subscription.has_value()) {
    // Another was faster; or somebody wrote over it, and nothing says whose job this would be.
    if (!found[0].view().is_nil()) co_return co_await forget(std::move(group));
    const auto keys = server_.keys.collecting();
    Batch forget;
    forget.command({"ZREM", keys.due, group});
    forget.command({"ZREM", keys.latest, group});
    CONDUIT_CO_TRY(co_await server_.exec(std::move(forget)));
    co_return std::size_t{0};
  }
  if (is_batch(group)) co_return co_await make_batch(std::move(group), std::move(subscription.value()));
  job::NewEvent given;
  given.parent_id = known.string_or("parent", "");
  given.root_id = known.string_or("root", "");
  given.traceparent = known.string_or("trace", "");
  co_return co_await make_last(std::move(group), std::move(subscription.value()), std::move(given));
}

asio::awaitable<Result<std::size_t>> EventStore::make_batch(std::string group, job::Subscription subscription) {
  // Large ones are read a few at a time, until there is enough for one job.
  constexpr std::size_t kPage = 16;
  std::vector<std::string> events;
  std::vector<std::size_t> sizes;
  Words seen{std::to_string(subscription.batch), in_ms(subscription.batch_within)};
  const auto key = server_.keys.collecting().group(group);
  std::string from = "-";
  for (bool more = true; more && events.size() < subscription.batch && job::fitting(sizes, sizes.size()) == sizes.size();) {
    Batch read;
    const auto page = std::to_string(std::min(kPage, subscription.batch - events.size()));
    read.command({"XRANGE", key, from, "+", "COUNT", page});
    CONDUIT_CO_TRY(const auto entries, co_await server_.exec(std::move(read)));
    for (std::size_t i = 0; i < entries[0].view().size(); ++i) {
      seen.emplace_back(entries[0][i][0].text());
      events.emplace_back(entries[0][i][1].at("e").text());
      sizes.push_back(events.back().size());
    }
    more = entries[0].view().size() == kPage;
    from = "(" + seen.back();
  }
  const auto taken = job::fitting(sizes, subscription.batch);
  events.resize(taken);
  seen.resize(2 + taken);
  if (taken == 0) co_return co_await forget(std::move(group));
  auto id = job::to_string(server_.fresh_ulid());
  const auto job = job::job_for(subscription, events);
  auto text = encode_outbox(job, job::to_string(server_.fresh_ulid()));
  co_return co_await hand_over(std::move(group), std::move(id), std::move(text), std::move(seen));
}

asio::awaitable<Result<std::size_t>> EventStore::make_last(std::string group, job::Subscription subscription, job::NewEvent given) {
  Batch read;
  read.command({"HMGET", server_.keys.collecting().group(group), "id", "e"});
  CONDUIT_CO_TRY(const auto found, co_await server_.exec(std::move(read)));
  const auto event = job::event_from(found[0][1].text());
  if (!event.has_value()) co_return co_await forget(std::move(group));
  auto id = job::to_string(server_.fresh_ulid());
  std::vector<std::pair<job::Subscription, std::string>> to;
  to.emplace_back(std::move(subscription), job::to_string(server_.fresh_ulid()));
  auto text = encode_outbox(event.value(), given, to);
  Words seen(2);
  seen.emplace_back(found[0][0].text());
  co_return co_await hand_over(std::move(group), std::move(id), std::move(text), std::move(seen));
}

asio::awaitable<Result<std::size_t>> EventStore::forget(std::string group) {
  Words nothing(2);
  co_return co_await hand_over(std::move(group), std::string(), std::string(), std::move(nothing));
}

asio::awaitable<Result<std::size_t>> EventStore::hand_over(std::string group, std::string id, std::string text, Words seen) {
  const auto collecting = server_.keys.collecting();
  const auto outbox = server_.keys.outbox();
  Words keys{collecting.group(group), collecting.due, collecting.latest, collecting.how, outbox.times, outbox.texts};
  Words args{std::move(group), id, text, in_ms(kTakenDelivery)};
  args.insert(args.end(), seen.begin(), seen.end());
  CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::collect, std::move(keys), std::move(args)));
  // Another was faster, or one more event has come.
  if (reply.view().integer_or(0) != 1 || id.empty()) co_return std::size_t{0};
  co_return co_await deliver(std::move(id), std::move(text));
}

}  // namespace conduitd::broker::redis
