// Limits are kept when jobs are handed out: what may not run yet is not taken, and holds up nobody else.

#include <ctime>
#include <map>
#include <set>

#include "contract/broker_contract.h"
#include "contract/limits.h"

namespace conduitd::test {

using job::Limit;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace {

/// Limited by a tenant that the arguments name.
job::NewJob job_of(const std::string& tenant, const std::string& task = "test.task") {
  job::NewJob out;
  out.task = task;
  out.args = R"({"tenant":")" + tenant + R"("})";
  return out;
}

std::string tenant_of(const job::Claim& claim) { return job::key_value(claim.args, "/tenant"); }

std::vector<std::string> tenants_of(const std::vector<job::Claim>& claims) {
  std::vector<std::string> out;
  for (const auto& claim : claims) out.push_back(tenant_of(claim));
  return out;
}

broker::Source source(std::vector<Limit> limits, const std::string& task = "test.task", const std::string& queue = "default") {
  return {queue, task, std::move(limits)};
}

}  // namespace

TEST_P(BrokerContract, LimitsNoMoreThanTheConcurrencyRunsOverAllWorkers) {
  auto& a = connect("w1");
  auto& b = connect("w2");
  submit(a, 10);
  const auto first = take(a, 10, {source({at_once(3)})});
  ASSERT_THAT(first, SizeIs(3));
  EXPECT_THAT(take(b, 10, {source({at_once(3)})}), IsEmpty());
  settle(a, complete(first[0]));
  EXPECT_THAT(take(b, 10, {source({at_once(3)})}), SizeIs(1));
  settle(a, retry(first[1], Millis{60'000}));
  settle(a, release(first[2]));
  EXPECT_THAT(take(a, 10, {source({at_once(3)})}), SizeIs(2));
}

TEST_P(BrokerContract, LimitsAJobThatIsNotAdmittedIsNeitherTakenNorCounted) {
  auto& c = connect("w1");
  const auto ids = submit(c, 2);
  ASSERT_THAT(take(c, 1, {source({at_once(1)})}), SizeIs(1));
  EXPECT_THAT(take(c, 1, {source({at_once(1)})}), IsEmpty());
  EXPECT_EQ(record(c, ids[1]).status, job::JobStatus::queued);
  EXPECT_EQ(record(c, ids[1]).counters.attempts, 0U);
}

TEST_P(BrokerContract, LimitsALimitedTaskHoldsUpNoOther) {
  auto& c = connect("w1");
  submit(c, 5);
  submit(c, 5, "test.free");
  const auto claims = take(c, 10, {source({at_once(2)}), source({}, "test.free")});
  EXPECT_THAT(claims, SizeIs(7));
}

TEST_P(BrokerContract, LimitsFarAboveTheLoadHoldNothingUp) {
  auto& c = connect("w1");
  submit(c, 250);
  EXPECT_THAT(take(c, 240, {source({at_once(10'000)})}), SizeIs(240)) << "more than are read in one step";
}

TEST_P(BrokerContract, LimitsCountsATaskInAllItsQueues) {
  auto& c = connect("w1");
  submit(c, 3);
  submit(c, 3, kTask, "other");
  EXPECT_THAT(take(c, 10, {source({at_once(4)}), source({at_once(4)}, kTask, "other")}), SizeIs(4));
  auto& elsewhere = connect("w2");
  EXPECT_THAT(take(elsewhere, 10, {source({at_once(4)}, kTask, "other")}), IsEmpty()) << "a worker that reads one of the queues alone";
}

TEST_P(BrokerContract, LimitsOfAQueueCountsAllItsTasks) {
  auto& c = connect("w1");
  submit(c, 3);
  submit(c, 3, "test.other");
  auto wanted = request(10, {source({}), source({}, "test.other")});
  wanted.concurrency = {{kQueue, 4}};
  const auto claims = run(c.broker->claim(wanted)).value();
  EXPECT_THAT(claims, SizeIs(4));
  auto& b = connect("w2");
  auto others = request(10, {source({}, "test.other")});
  others.concurrency = {{kQueue, 4}};
  EXPECT_THAT(run(b.broker->claim(others)).value(), IsEmpty()) << "of a worker that has one of the tasks alone";
  settle(c, complete(claims[0]));
  EXPECT_THAT(run(b.broker->claim(others)).value(), SizeIs(1));
}

TEST_P(BrokerContract, LimitsOnEachWorkerCountsThatWorkersAttemptsAlone) {
  auto& a = connect("w1");
  auto& b = connect("w2");
  submit(a, 10);
  EXPECT_THAT(take(a, 10, {source({at_once(2, "", Limit::Scope::worker)})}), SizeIs(2));
  EXPECT_THAT(take(b, 10, {source({at_once(2, "", Limit::Scope::worker)})}), SizeIs(2));
  EXPECT_THAT(take(a, 10, {source({at_once(2, "", Limit::Scope::worker)})}), IsEmpty());
}

TEST_P(BrokerContract, LimitsPlacesOfADeadWorkerAreFreeWhenItsLeasesEnd) {
  auto& dead = connect("dead");
  auto& c = connect("w1");
  for (int i = 0; i < 4; ++i) submit(c, job_of("a"));
  const std::vector<Limit> limits{at_once(2, "/tenant")};
  ASSERT_THAT(take(dead, 10, {source(limits)}), SizeIs(2));
  EXPECT_THAT(take(c, 10, {source(limits)}), IsEmpty());
  reclaim(c);
  eventually([&] { return !take(c, 10, {source(limits)}).empty(); });
}

TEST_P(BrokerContract, LimitsAWaitingClaimIsWokenWhenAPlaceBecomesFree) {
  auto& a = connect("w1");
  auto& b = connect("w2");
  submit(a, 2);
  const auto running = take(a, 1, {source({at_once(1)})});
  ASSERT_THAT(running, SizeIs(1));
  auto waiting = start(b.broker->claim(request(1, {source({at_once(1)})}, Millis{20'000})));
  const auto before = clock.now();
  settle(a, complete(running[0]));
  EXPECT_THAT(finish(waiting).value(), SizeIs(1));
  EXPECT_LT(clock.now() - before, Millis{3'000});
}

TEST_P(BrokerContract, LimitsAWaitingClaimIsWokenByASubmitOfALimitedTask) {
  auto& a = connect("w1");
  auto& b = connect("w2");
  submit(a, job_of("a"));
  ASSERT_THAT(take(b, 1, {source({at_once(1, "/tenant"), rate("1000/s")})}), SizeIs(1));
  auto waiting = start(b.broker->claim(request(1, {source({at_once(1, "/tenant"), rate("1000/s")})}, Millis{20'000})));
  const auto before = clock.now();
  submit(a, job_of("b"));
  EXPECT_THAT(finish(waiting).value(), SizeIs(1));
  EXPECT_LT(clock.now() - before, Millis{3'000});
}

TEST_P(BrokerContract, LimitsARateAdmitsNoMoreThanItSaysAndAnIdleClaimSleepsUntilTheNext) {
  auto& c = connect("w1");
  submit(c, 4);
  const std::vector<Limit> limits{rate("5/s")};
  const auto begun = clock.now();
  EXPECT_THAT(take(c, 10, {source(limits)}), SizeIs(1));
  EXPECT_THAT(take(c, 10, {source(limits)}), IsEmpty());
  EXPECT_THAT(take(c, 10, {source(limits)}, Millis{10'000}), SizeIs(1));
  EXPECT_THAT(take(c, 10, {source(limits)}, Millis{10'000}), SizeIs(1));
  const auto took = clock.now() - begun;
  EXPECT_GE(took, Millis{390});
  EXPECT_LT(took, Millis{2'000});
}

TEST_P(BrokerContract, LimitsABurstIsAdmittedAtOnce) {
  auto& c = connect("w1");
  submit(c, 10);
  EXPECT_THAT(take(c, 10, {source({rate("1/h", "", 3)})}), SizeIs(3));
  EXPECT_THAT(take(c, 10, {source({rate("1/h", "", 3)})}), IsEmpty());
}

TEST_P(BrokerContract, LimitsARateCountsOverAllWorkersUnlessItIsEachWorkersOwn) {
  auto& a = connect("w1");
  auto& b = connect("w2");
  submit(a, 10);
  EXPECT_THAT(take(a, 10, {source({rate("1/h")})}), SizeIs(1));
  EXPECT_THAT(take(b, 10, {source({rate("1/h")})}), IsEmpty());
  auto own = rate("2/h", "", 2);
  own.scope = Limit::Scope::worker;
  EXPECT_THAT(take(a, 10, {source({own})}), SizeIs(2));
  EXPECT_THAT(take(b, 10, {source({own})}), SizeIs(2));
  EXPECT_THAT(take(b, 10, {source({own})}), IsEmpty());
}

TEST_P(BrokerContract, LimitsValuesOfAKeyAreServedInTurn) {
  auto& c = connect("w1");
  for (int i = 0; i < 6; ++i) submit(c, job_of("busy"));
  submit(c, job_of("quiet"));
  submit(c, job_of("other"));
  std::vector<std::string> served;
  for (int i = 0; i < 4; ++i) {
    for (const auto& tenant : tenants_of(take(c, 1, {source({at_once(10, "/tenant")})}))) served.push_back(tenant);
  }
  EXPECT_EQ(std::count(served.begin(), served.end(), "busy"), 2) << ::testing::PrintToString(served);
  EXPECT_EQ(std::count(served.begin(), served.end(), "quiet"), 1);
  EXPECT_EQ(std::count(served.begin(), served.end(), "other"), 1);
}

TEST_P(BrokerContract, LimitsManyJobsOfOneTenantDelayAnothersByNoMoreThanAFew) {
  auto& c = connect("w1");
  std::vector<job::NewJob> many(1'000, job_of("busy"));
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(run(c.broker->enqueue(many)).has_value());
  const std::vector<Limit> limits{at_once(100, "/tenant")};
  ASSERT_THAT(take(c, 3, {source(limits)}, Millis{5'000}), SizeIs(3));
  submit(c, job_of("quiet"));
  EXPECT_THAT(tenants_of(take(c, 3, {source(limits)}, Millis{5'000})), ::testing::Contains("quiet"));
}

TEST_P(BrokerContract, LimitsAKeyAtItsLimitLeavesTheOthersAlone) {
  auto& c = connect("w1");
  for (int i = 0; i < 3; ++i) submit(c, job_of("a"));
  submit(c, job_of("b"));
  const auto claims = take(c, 10, {source({at_once(1, "/tenant")})});
  EXPECT_THAT(tenants_of(claims), ::testing::UnorderedElementsAre("a", "b"));
  EXPECT_THAT(take(c, 10, {source({at_once(1, "/tenant")})}), IsEmpty());
  for (const auto& claim : claims) settle(c, complete(claim));
  EXPECT_THAT(tenants_of(take(c, 10, {source({at_once(1, "/tenant")})})), ElementsAre("a"));
}

TEST_P(BrokerContract, LimitsThatVeryManyValuesAreAtAreLookedAtOnceAndNotWithoutEnd) {
  // More than one look takes in.
  constexpr std::size_t kValues = 5'000;
  constexpr std::size_t kBatch = broker::Broker::kMaxBatch;
  auto& c = connect("w1");
  for (std::size_t from = 0; from < 2 * kValues; from += kBatch) {
    std::vector<job::NewJob> jobs;
    for (std::size_t i = from; i < from + kBatch; ++i) jobs.push_back(job_of(std::to_string(i % kValues)));
    ASSERT_TRUE(run(c.broker->enqueue(std::move(jobs))).has_value());
  }
  const std::vector<Limit> limits{at_once(1, "/tenant")};
  std::vector<job::Claim> running;
  while (running.size() < kValues) {
    auto some = take(c, kBatch, {source(limits)}, Millis{10'000});
    ASSERT_FALSE(some.empty()) << running.size() << " of " << kValues;
    std::move(some.begin(), some.end(), std::back_inserter(running));
  }
  // CPU time of this process: one that goes round and round uses all the time there is.
  constexpr Millis kWait{4'000};  // under a sanitizer one look at so many takes a second
  const auto used = std::clock();
  EXPECT_THAT(take(c, 1, {source(limits)}, kWait), IsEmpty());
  EXPECT_LT(1'000 * (std::clock() - used) / CLOCKS_PER_SEC, kWait.count() / 2);
  settle(c, complete(running.back()));
  const auto next = take(c, 1, {source(limits)}, Millis{10'000});
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(tenant_of(next[0]), tenant_of(running.back()));
}

TEST_P(BrokerContract, LimitsWithinAKeyOrderIsKept) {
  auto& c = connect("w1");
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(submit(c, job_of(i % 2 == 0 ? "a" : "b")));
  auto urgent = job_of("a");
  urgent.priority = 9;
  const auto first = submit(c, urgent);
  std::vector<std::string> of_a;
  for (int i = 0; i < 5; ++i) {
    for (const auto& claim : take(c, 1, {source({at_once(10, "/tenant")})})) {
      if (tenant_of(claim) == "a") of_a.push_back(claim.lease.job_id);
    }
  }
  EXPECT_THAT(of_a, ElementsAre(first, ids[0], ids[2]));
}

TEST_P(BrokerContract, LimitsARateOfAKeyCountsForEachValue) {
  auto& c = connect("w1");
  for (const auto* tenant : {"a", "a", "b", "b", "c"}) submit(c, job_of(tenant));
  EXPECT_THAT(tenants_of(take(c, 10, {source({rate("1/h", "/tenant")})})), ::testing::UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(take(c, 10, {source({rate("1/h", "/tenant")})}), IsEmpty());
}

TEST_P(BrokerContract, LimitsJobsWithoutTheKeyShareOneValue) {
  auto& c = connect("w1");
  auto none = new_job();
  none.args = R"({"other":1})";
  auto list = new_job();
  list.args = "[1,2]";
  submit(c, none);
  submit(c, list);
  submit(c, job_of("a"));
  EXPECT_THAT(take(c, 10, {source({at_once(1, "/tenant")})}), SizeIs(2));
}

TEST_P(BrokerContract, LimitsSeveralLimitsHoldTogether) {
  auto& c = connect("w1");
  for (int i = 0; i < 5; ++i) {
    submit(c, job_of("a"));
    submit(c, job_of("b"));
    submit(c, job_of("c"));
  }
  const auto claims = take(c, 20, {source({at_once(2, "/tenant"), at_once(5)})});
  EXPECT_THAT(claims, SizeIs(5));
  std::map<std::string, int> running;
  for (const auto& tenant : tenants_of(claims)) ++running[tenant];
  for (const auto& [tenant, count] : running) EXPECT_LE(count, 2) << tenant;
}

TEST_P(BrokerContract, LimitsAJobWaitingForItsKeyCanBeCancelledListedAndRetried) {
  auto& c = connect("w1");
  const auto first = submit(c, job_of("a"));
  const auto second = submit(c, job_of("a"));
  const auto third = submit(c, job_of("a"));
  const std::vector<Limit> limits{at_once(1, "/tenant")};
  const auto claims = take(c, 10, {source(limits)});
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(record(c, second).status, job::JobStatus::queued);
  broker::JobFilter filter;
  filter.queue = kQueue;
  EXPECT_THAT(run(c.directory->list(filter)).value().jobs, SizeIs(3));
  ASSERT_TRUE(run(c.directory->cancel(second)).has_value());
  EXPECT_EQ(record(c, second).status, job::JobStatus::cancelled);
  settle(c, fail(claims[0]));
  const auto next = take(c, 10, {source(limits)});
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].lease.job_id, third);
  settle(c, complete(next[0]));
  ASSERT_TRUE(run(c.directory->retry(first)).has_value());
  EXPECT_THAT(take(c, 10, {source(limits)}), SizeIs(1));
}

TEST_P(BrokerContract, LimitsARetriedJobStillCountsForItsKey) {
  auto& c = connect("w1");
  submit(c, job_of("a"));
  submit(c, job_of("a"));
  const std::vector<Limit> limits{at_once(1, "/tenant")};
  const auto claims = take(c, 10, {source(limits)});
  settle(c, retry(claims.at(0), Millis{0}));
  EXPECT_THAT(take(c, 10, {source(limits)}), SizeIs(1));
  EXPECT_THAT(take(c, 10, {source(limits)}), IsEmpty());
}

TEST_P(BrokerContract, LimitsLimitsMayChangeWhileJobsWait) {
  auto& c = connect("w1");
  for (const auto* tenant : {"a", "a", "b", "b"}) submit(c, job_of(tenant));
  ASSERT_THAT(take(c, 10, {source({at_once(1, "/tenant")})}), SizeIs(2));
  EXPECT_THAT(take(c, 10, {source({at_once(1, "/other")})}, Millis{2'000}), IsEmpty()) << "one value for all, and two run";
  EXPECT_THAT(take(c, 1, {source({})}, Millis{2'000}), SizeIs(1)) << "no limits any more";
  EXPECT_THAT(take(c, 10, {source({at_once(3, "/tenant")})}, Millis{2'000}), SizeIs(1));
}

TEST_P(BrokerContract, LimitsTheReconcilerLeavesJobsThatWaitForTheirKeyAlone) {
  auto& c = connect("w1");
  for (int i = 0; i < 3; ++i) submit(c, job_of("a"));
  const auto claims = take(c, 10, {source({at_once(1, "/tenant")})});
  ASSERT_THAT(claims, SizeIs(1));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(run(c.broker->reconcile()).value(), IsEmpty());
  settle(c, complete(claims[0]));
  EXPECT_THAT(take(c, 10, {source({at_once(1, "/tenant")})}), SizeIs(1));
}

TEST_P(BrokerContract, LimitsAJobThatExpiresWhileItWaitsForItsKeyIsNotStarted) {
  auto& c = connect("w1");
  submit(c, job_of("a"));
  auto short_lived = job_of("a");
  short_lived.expires = Millis{100};
  const auto id = submit(c, short_lived);
  const std::vector<Limit> limits{at_once(1, "/tenant")};
  const auto claims = take(c, 10, {source(limits)});
  ASSERT_THAT(claims, SizeIs(1));
  promote(c);
  EXPECT_EQ(record(c, id).status, job::JobStatus::expired);
  settle(c, complete(claims[0]));
  EXPECT_THAT(take(c, 10, {source(limits)}), IsEmpty());
}

TEST_P(BrokerContract, StandingTellsWhatIsBeforeAJobAndWhatRuns) {
  auto& c = connect("w1");
  const auto ids = submit(c, 4);
  auto urgent = new_job();
  urgent.priority = 9;
  const auto first = submit(c, urgent);
  const auto standing = [&](const std::string& id, std::vector<Limit> limits = {}) {
    return run(c.directory->standing(id, std::move(limits), {})).value();
  };
  EXPECT_EQ(standing(first)->ahead, 0U);
  EXPECT_EQ(standing(ids[2])->ahead, 3U);
  submit(c, 1, "test.other");
  ASSERT_THAT(take(c, 2, {source({})}), SizeIs(2));
  ASSERT_THAT(claim(c, 1, "test.other"), SizeIs(1));
  const auto then = standing(ids[2]);
  ASSERT_TRUE(then);
  EXPECT_EQ(then->ahead, 1U);
  EXPECT_EQ(then->running_of_task, 2U);
  EXPECT_EQ(then->running_of_queue, 3U);
  EXPECT_FALSE(then->queue_paused);
  EXPECT_FALSE(standing(first)) << "it does not wait any more";
  ASSERT_TRUE(run(c.directory->set_queue_paused(kQueue, true)).has_value());
  EXPECT_TRUE(standing(ids[2])->queue_paused);
  EXPECT_FALSE(standing(ids[2])->task_paused);
}

TEST_P(BrokerContract, StandingTellsOfLimits) {
  auto& c = connect("w1");
  std::vector<std::string> ids;
  for (const auto* tenant : {"a", "b", "a", "a"}) ids.push_back(submit(c, job_of(tenant)));
  const std::vector<Limit> limits{at_once(1, "/tenant"), rate("2/h", "", 2)};
  ASSERT_THAT(take(c, 10, {source(limits)}), SizeIs(2));
  const auto standing = run(c.directory->standing(ids[3], limits, {})).value();
  ASSERT_TRUE(standing);
  EXPECT_EQ(standing->value, "a");
  EXPECT_EQ(standing->running_of_value, 1U);
  EXPECT_EQ(standing->running_of_task, 2U);
  EXPECT_EQ(standing->ahead, 1U) << "of its own tenant";
  ASSERT_EQ(standing->next.size(), 2U);
  EXPECT_FALSE(standing->next[0]) << "no rate";
  ASSERT_TRUE(standing->next[1]);
  EXPECT_GT(*standing->next[1], Millis{29 * 60'000});
  EXPECT_LE(*standing->next[1], Millis{30 * 60'000});
  auto own = rate("2/h", "/tenant");
  own.scope = Limit::Scope::worker;
  auto& b = connect("w2");
  ASSERT_THAT(take(b, 1, {source({own})}), SizeIs(1));
  const auto first_of = [&](std::vector<std::string> workers) { return run(c.directory->standing(ids[3], {own}, std::move(workers))).value()->next.at(0); };
  EXPECT_GT(first_of({"w2"}), Millis{29 * 60'000});
  EXPECT_EQ(first_of({"w2", "w1"}), Millis{0}) << "one of them may";
  EXPECT_FALSE(first_of({})) << "nobody's account was asked about";
  const std::vector<Limit> other{rate("5/s")};
  EXPECT_EQ(run(c.directory->standing(ids[3], other, {})).value()->next.at(0), Millis{0}) << "a rate nobody was measured by";
}

}  // namespace conduitd::test
