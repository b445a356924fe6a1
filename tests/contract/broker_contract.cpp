#include "contract/broker_contract.h"

namespace conduitd::test {

using broker::Connection;
using job::Settlement;

void BrokerContract::TearDown() { close_all(); }

broker::Options BrokerContract::options(const std::string& worker) const {
  broker::Options out;
  out.url = site->url();
  out.worker = worker;
  out.lease = kLease;
  return out;
}

Connection& BrokerContract::connect(const std::string& worker) { return connect(options(worker)); }

Connection& BrokerContract::connect(broker::Options with, Clock& time) {
  connections_.push_back(must(run(broker::open(io.get_executor(), time, std::move(with)))));
  return connections_.back();
}

void BrokerContract::close(Connection& connection) {
  run(connection.broker->close());
  connections_.remove_if([&](const Connection& c) { return &c == &connection; });
}

void BrokerContract::close_all() {
  for (auto& connection : connections_) run(connection.broker->close());
  connections_.clear();
}

job::NewJob BrokerContract::new_job(const std::string& task, const std::string& queue) {
  job::NewJob job;
  job.task = task;
  job.queue = queue;
  return job;
}

std::string BrokerContract::submit(Connection& c, job::NewJob job) {
  std::vector<job::NewJob> jobs{std::move(job)};
  return must(run(c.broker->enqueue(std::move(jobs)))).at(0).id;
}

std::vector<std::string> BrokerContract::submit(Connection& c, std::size_t count, const std::string& task,
                                                const std::string& queue) {
  std::vector<job::NewJob> jobs(count, new_job(task, queue));
  std::vector<std::string> ids;
  for (auto& enqueued : must(run(c.broker->enqueue(std::move(jobs))))) ids.push_back(enqueued.id);
  return ids;
}

broker::ClaimRequest BrokerContract::request(std::size_t most, std::vector<broker::Source> sources, Millis wait) {
  broker::ClaimRequest request;
  request.groups.push_back({most, std::move(sources)});
  request.wait = wait;
  return request;
}

std::vector<job::Claim> BrokerContract::claim(Connection& c, std::size_t most, const std::string& task,
                                              const std::string& queue) {
  return must(run(c.broker->claim(request(most, {{queue, task}}))));
}

std::vector<job::Claim> BrokerContract::take(broker::Connection& c, std::size_t most, std::vector<broker::Source> sources, Millis wait) {
  auto wanted = request(most, std::move(sources), wait);
  auto claims = run(c.broker->claim(std::move(wanted)));
  EXPECT_TRUE(claims.has_value()) << claims.error().message();
  return claims.has_value() ? std::move(claims).value() : std::vector<job::Claim>();
}

job::Claim BrokerContract::claim_one(Connection& c, const std::string& task, const std::string& queue) {
  auto claims = claim(c, 1, task, queue);
  if (claims.size() != 1) throw std::runtime_error("no job was there to claim");
  return std::move(claims.front());
}

job::Claim BrokerContract::claim_soon(Connection& c, const std::string& task, const std::string& queue) {
  std::vector<job::Claim> claims;
  eventually([&] {
    claims = claim(c, 1, task, queue);
    return !claims.empty();
  });
  return std::move(claims.front());
}

broker::Glance BrokerContract::glance(Connection& c, const std::string& id, bool with_results) {
  std::vector<std::string> ids{id};
  return must(run(c.flows->look(std::move(ids), with_results))).at(0);
}

Settlement BrokerContract::settlement(const job::Claim& claim, Settlement::Kind kind) {
  Settlement out;
  out.lease = claim.lease;
  out.kind = kind;
  out.started_at = SystemClock().wall_now();
  out.duration = Millis{7};
  out.worker = "someone";
  return out;
}

Settlement BrokerContract::complete(const job::Claim& claim, const std::string& result) {
  auto out = settlement(claim, Settlement::Kind::complete);
  out.result = result;
  return out;
}

Settlement BrokerContract::retry(const job::Claim& claim, Millis after, const std::string& message) {
  auto out = settlement(claim, Settlement::Kind::retry);
  out.charge = Settlement::Charge::failure;
  out.retry_after = after;
  out.failure = job::Failure{"std::runtime_error", message, {}};
  return out;
}

Settlement BrokerContract::fail(const job::Claim& claim, job::FailureReason reason) {
  auto out = settlement(claim, Settlement::Kind::fail);
  out.charge = Settlement::Charge::failure;
  out.reason = reason;
  out.failure = job::Failure{"std::runtime_error", "it failed for good", R"({"code":7})"};
  return out;
}

Settlement BrokerContract::release(const job::Claim& claim) {
  auto out = settlement(claim, Settlement::Kind::release);
  out.charge = Settlement::Charge::interruption;
  return out;
}

broker::Settled BrokerContract::settle(Connection& c, Settlement settlement) {
  std::vector<Settlement> batch{std::move(settlement)};
  return must(run(c.broker->settle(std::move(batch)))).at(0);
}

void BrokerContract::subscribe(Connection& c, std::vector<job::Subscription> subscriptions, Millis interval) {
  EXPECT_OK(run(c.events->subscribe(std::move(subscriptions), interval)));
}

broker::Triggered BrokerContract::trigger(Connection& c, job::NewEvent event) { return must(run(c.events->trigger(std::move(event)))); }

broker::Triggered BrokerContract::trigger(Connection& c, const std::string& name, const std::string& payload) {
  job::NewEvent event;
  event.name = name;
  event.payload = payload;
  return trigger(c, std::move(event));
}

std::vector<job::Claim> BrokerContract::gathered(Connection& c) {
  std::vector<job::Claim> out;
  eventually([&] {
    must(run(c.broker->promote_due(100)));
    out = claim(c, 100);
    return !out.empty();
  });
  return out;
}

broker::SubscriptionState BrokerContract::only_subscription(Connection& c) {
  auto all = must(run(c.events->subscriptions()));
  if (all.size() != 1) throw std::runtime_error("not one subscription but " + std::to_string(all.size()));
  return std::move(all.front());
}

job::JobRecord BrokerContract::record(Connection& c, const std::string& id) {
  auto found = must(run(c.directory->find(id)));
  if (!found) throw std::runtime_error("there is no job " + id);
  return std::move(*found);
}

bool BrokerContract::exists(Connection& c, const std::string& id) {
  return must(run(c.directory->find(id))).has_value();
}

broker::Reclaimed BrokerContract::reclaim(Connection& c, std::uint32_t quarantine_after) {
  broker::Reclaimed out;
  eventually([&] {
    broker::ReclaimRequest wanted;
    wanted.quarantine_after = quarantine_after;
    out = must(run(c.broker->reclaim_expired(wanted)));
    return !out.entries.empty();
  });
  return out;
}

broker::Promotion BrokerContract::promote(Connection& c) {
  broker::Promotion out;
  eventually([&] {
    out = must(run(c.broker->promote_due(100)));
    return out.promoted + out.expired > 0;
  });
  return out;
}

void BrokerContract::eventually(const std::function<bool()>& holds) {
  const auto end = clock.now() + kDeadline;
  while (!holds()) {
    if (clock.now() >= end) throw std::runtime_error("the deadline of a condition is over");
    run_for(io, Millis{10});
  }
}

}  // namespace conduitd::test
