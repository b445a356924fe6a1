// Events: who subscribes, the jobs that are made at once, and what is collected for later ones.

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "broker/sqlite/operations.h"
#include "broker/sqlite/schema_upgrade.h"

namespace conduitd::broker::sqlite {
namespace {

std::string fresh_id(WallTime now) {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  return job::to_string(job::Ulid{static_cast<std::uint64_t>(std::max<std::int64_t>(to_unix_ms(now), 0)),
                                  static_cast<std::uint16_t>(random()), random()});
}

Result<std::vector<job::Subscription>> subscribers_of(Store& store, const std::string& event) {
  std::vector<job::Subscription> out;
  CONDUIT_TRY(store.db().each("SELECT name, definition FROM subscriptions WHERE keep_until >= ? ORDER BY name",
                              [&](const Row& row) {
                                auto one = job::subscription_from(row.text(0), row.text(1));
                                // What somebody wrote over is shown as such, and takes no part.
                                if (one.has_value() && job::matches(one.value().pattern, event)) out.push_back(std::move(one.value()));
                              },
                              store.now()));
  if (out.size() > Events::kMostDeliveries) return too_many_subscribers(event);
  return out;
}

/// Events of one subscription and value of its key that are to become a job.
struct Group {
  std::int64_t number = 0;
  WallTime first;
  std::uint32_t count = 0;
};

Result<std::optional<Group>> find_group(Store& store, const job::Subscription& subscription, const std::string& value) {
  std::optional<Group> out;
  CONDUIT_TRY(store.db().each("SELECT number, first, count FROM collecting WHERE subscription = ? AND batch = ? AND value = ?",
                              [&](const Row& row) {
                                out = Group{row.integer(0), from_unix_ms(row.integer(1)), static_cast<std::uint32_t>(row.integer(2))};
                              },
                              subscription.name, subscription.batch > 0, value));
  return out;
}

/// When the job of a group is made, if nothing more comes.
WallTime due_of(const job::Subscription& subscription, const Group& group, WallTime now) {
  if (subscription.batch > 0) return group.count >= subscription.batch ? now : group.first + subscription.batch_within;
  const auto quiet = now + subscription.debounce;
  return subscription.debounce_max > Millis{0} ? std::min(quiet, group.first + subscription.debounce_max) : quiet;
}

Result<> collect(Store& store, const job::Subscription& subscription, const job::NewEvent& given, const job::Event& event) {
  auto& db = store.db();
  const auto value = job::group_of(subscription, event.payload);
  CONDUIT_TRY(auto group, find_group(store, subscription, value));
  if (!group) {
    CONDUIT_TRY(db.run("INSERT INTO collecting(subscription, batch, value, definition, first, due, count) VALUES(?, ?, ?, '', ?, 0, 0)",
                       subscription.name, subscription.batch > 0, value, event.time));
    group = Group{db.last_row(), event.time, 0};
  }
  // Of a burst only the last one counts.
  group->count = subscription.batch > 0 ? group->count + 1 : 1;
  if (subscription.batch == 0) {
    CONDUIT_TRY(db.run("DELETE FROM collected WHERE number = ?", group->number));
  }
  CONDUIT_TRY(db.run("INSERT INTO collected(number, n, time, event) VALUES(?1, (SELECT coalesce(max(n), 0) + 1 FROM collected WHERE number = ?1), ?2, ?3)",
                     group->number, event.time, job::encode(event)));
  CONDUIT_TRY(db.run("UPDATE collecting SET definition = ?, due = ?, count = ?, parent = ?, root = ?, trace = ? WHERE number = ?",
                     job::encode(subscription), due_of(subscription, *group, event.time), group->count, given.parent_id, given.root_id,
                     given.traceparent, group->number));
  return ok();
}

/// A group whose time has come.
struct Due {
  Group group;
  std::string subscription;
  std::string definition;
  std::string parent;
  std::string root;
  std::string trace;
};

/// What a group holds, in order; the events themselves may be large, and are not among it.
struct Contents {
  std::vector<std::int64_t> numbers;
  std::vector<WallTime> times;
  std::vector<std::size_t> sizes;
};

Result<Contents> contents_of(Store& store, std::int64_t group, std::size_t most) {
  Contents out;
  CONDUIT_TRY(store.db().each("SELECT n, time, length(CAST(event AS BLOB)) FROM collected WHERE number = ? ORDER BY n LIMIT ?",
                              [&](const Row& row) {
                                out.numbers.push_back(row.integer(0));
                                out.times.push_back(from_unix_ms(row.integer(1)));
                                out.sizes.push_back(static_cast<std::size_t>(row.integer(2)));
                              },
                              group, most));
  return out;
}

/// Makes the job of a group, or of as much of it as one job may be given.
Result<> make_job(Store& store, const Due& due, WallTime now) {
  auto& db = store.db();
  const auto subscription = job::subscription_from(due.subscription, due.definition);
  const auto forget = [&]() -> Result<> {
    CONDUIT_TRY(db.run("DELETE FROM collected WHERE number = ?", due.group.number));
    CONDUIT_TRY(db.run("DELETE FROM collecting WHERE number = ?", due.group.number));
    return ok();
  };
  // Somebody wrote over it: nothing says whose job this would be.
  if (!subscription.has_value()) return forget();
  const auto most = std::max<std::size_t>(subscription.value().batch, 1);
  CONDUIT_TRY(const auto contents, contents_of(store, due.group.number, most + 1));
  if (contents.numbers.empty()) return forget();
  const auto taken = job::fitting(contents.sizes, most);
  const auto last = contents.numbers[taken - 1];
  std::vector<std::string> events;
  CONDUIT_TRY(db.each("SELECT event FROM collected WHERE number = ? AND n <= ? ORDER BY n", [&](const Row& row) { events.push_back(row.text(0)); },
                      due.group.number, last));
  std::vector<job::NewJob> jobs(1);
  if (subscription.value().batch > 0) {
    jobs[0] = job::job_for(subscription.value(), events);
  } else {
    const auto event = job::event_from(events.front());
    if (!event.has_value()) return forget();
    jobs[0] = job::job_for(subscription.value(), event.value());
    jobs[0].parent_id = due.parent;
    jobs[0].root_id = due.root;
    jobs[0].traceparent = due.trace;
  }
  CONDUIT_TRY(enqueue(store, jobs));
  if (taken == contents.numbers.size()) return forget();
  auto rest = due.group;
  rest.first = contents.times[taken];
  rest.count -= std::min(rest.count, static_cast<std::uint32_t>(taken));
  CONDUIT_TRY(db.run("DELETE FROM collected WHERE number = ? AND n <= ?", due.group.number, last));
  CONDUIT_TRY(db.run("UPDATE collecting SET first = ?, count = ?, due = ? WHERE number = ?", rest.first, rest.count,
                     due_of(subscription.value(), rest, now), due.group.number));
  return ok();
}

Result<std::optional<Triggered>> find_repeated(Store& store, const std::string& key) {
  std::optional<Triggered> out;
  if (key.empty()) return out;
  CONDUIT_TRY(store.db().each("SELECT answer FROM triggers WHERE key = ? AND until >= ?",
                              [&](const Row& row) { out = triggered_from(row.text(0)); }, key, store.now()));
  if (out) out->repeated = true;
  return out;
}

}  // namespace

Result<> subscribe(Store& store, const std::vector<job::Subscription>& subscriptions, Millis interval) {
  const auto now = store.now();
  for (const auto& subscription : subscriptions) {
    CONDUIT_TRY(store.db().run(
        "INSERT INTO subscriptions(name, definition, alive_until, keep_until) VALUES(?1, ?2, ?3, ?4) "
        "ON CONFLICT(name) DO UPDATE SET definition = ?2, alive_until = ?3, keep_until = ?4",
        subscription.name, job::encode(subscription), now + interval * kMissedBeats, now + Events::kForgottenAfter));
  }
  CONDUIT_TRY(store.db().run("DELETE FROM subscriptions WHERE keep_until < ?", now));
  return ok();
}

Result<> withdraw(Store& store, const std::vector<std::string>& names, Millis grace) {
  for (const auto& name : names) {
    CONDUIT_TRY(store.db().run("UPDATE subscriptions SET keep_until = min(keep_until, ?) WHERE name = ?", store.now() + grace, name));
  }
  return ok();
}

Result<std::vector<SubscriptionState>> subscriptions(Store& store) {
  std::vector<SubscriptionState> out;
  const auto now = store.now();
  CONDUIT_TRY(store.db().each(
      "SELECT name, definition, alive_until, (SELECT total(count) FROM collecting c WHERE c.subscription = s.name), "
      "(SELECT min(due) FROM collecting c WHERE c.subscription = s.name) FROM subscriptions s WHERE keep_until >= ? ORDER BY name",
      [&](const Row& row) {
        SubscriptionState state;
        auto subscription = job::subscription_from(row.text(0), row.text(1));
        if (subscription.has_value()) {
          state.subscription = std::move(subscription.value());
        } else {
          state.subscription.name = row.text(0);
          state.fault = subscription.error().message();
        }
        state.alive = from_unix_ms(row.integer(2)) >= now;
        state.collected = static_cast<std::uint64_t>(row.integer(3));
        state.due = row.maybe_time(4);
        out.push_back(std::move(state));
      },
      now));
  return out;
}

Result<> remove_subscription(Store& store, const std::string& name) {
  CONDUIT_TRY(const int removed, store.db().run("DELETE FROM subscriptions WHERE name = ?", name));
  if (removed == 0) return Error(Errc::not_found, fmt::format("there is no subscription '{}'", name));
  return ok();
}

Result<Triggered> trigger(Store& store, const job::NewEvent& given) {
  CONDUIT_TRY(auto repeated, find_repeated(store, given.idempotency_key));
  if (repeated) return std::move(*repeated);
  CONDUIT_TRY(const auto subscribers, subscribers_of(store, given.name));
  const auto now = store.now();
  const job::Event event{fresh_id(now), given.name, now, given.payload};
  Triggered out;
  out.id = event.id;
  std::vector<job::NewJob> jobs;
  for (const auto& subscription : subscribers) {
    out.deliveries.push_back({subscription.name, {}});
    if (subscription.collects()) {
      CONDUIT_TRY(collect(store, subscription, given, event));
      continue;
    }
    auto& job = jobs.emplace_back(job::job_for(subscription, event));
    job.parent_id = given.parent_id;
    job.root_id = given.root_id;
    job.traceparent = given.traceparent;
  }
  CONDUIT_TRY(const auto accepted, enqueue(store, jobs));
  for (std::size_t i = 0, made = 0; i < subscribers.size(); ++i) {
    if (!subscribers[i].collects()) out.deliveries[i].job_id = accepted[made++].id;
  }
  if (!given.idempotency_key.empty()) {
    CONDUIT_TRY(store.db().run("INSERT OR REPLACE INTO triggers(key, answer, until) VALUES(?, ?, ?)", given.idempotency_key, encode(out),
                               now + Events::kRepeatable));
  }
  return out;
}

Result<Gathered> gather(Store& store, std::size_t most) {
  Gathered out;
  const auto now = store.now();
  for (; out.jobs < most; ++out.jobs) {
    std::optional<Due> due;
    CONDUIT_TRY(store.db().each(
        "SELECT number, first, count, subscription, definition, parent, root, trace FROM collecting WHERE due <= ? ORDER BY due LIMIT 1",
        [&](const Row& row) {
          due = Due{{row.integer(0), from_unix_ms(row.integer(1)), static_cast<std::uint32_t>(row.integer(2))},
                    row.text(3), row.text(4), row.text(5), row.text(6), row.text(7)};
        },
        now));
    if (!due) break;
    CONDUIT_TRY(make_job(store, *due, now));
  }
  CONDUIT_TRY(store.db().each("SELECT min(due) FROM collecting", [&](const Row& row) { out.next = row.maybe_time(0); }));
  return out;
}

}  // namespace conduitd::broker::sqlite
