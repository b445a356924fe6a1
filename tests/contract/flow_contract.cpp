// Jobs that depend on one another: run after others, be somebody's child, be waited for.

#include <algorithm>

#include "contract/broker_contract.h"

namespace conduitd::test {
namespace {

using job::AfterRule;
using job::JobStatus;
using job::OnParentEnd;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr const char* kNext = "test.next";

job::NewJob after(std::vector<std::string> ids, AfterRule rule = AfterRule::complete, const std::string& queue = "default") {
  job::NewJob out;
  out.task = kNext;
  out.queue = queue;
  out.after = std::move(ids);
  out.after_rule = rule;
  return out;
}

}  // namespace

TEST_P(BrokerContract, AJobRunsAfterAllOthersAreComplete) {
  auto& c = connect("w1");
  const auto ids = submit(c, 2);
  const auto last = submit(c, after(ids));
  auto waiting = record(c, last);
  EXPECT_EQ(waiting.status, JobStatus::scheduled);
  EXPECT_EQ(waiting.after, ids);
  EXPECT_THAT(waiting.held_by, UnorderedElementsAre(ids[0], ids[1]));
  EXPECT_FALSE(waiting.due_at.has_value());
  const auto claims = claim(c, 10);
  ASSERT_THAT(claims, SizeIs(2));
  settle(c, complete(claims[0]));
  eventually([&] { return record(c, last).held_by.size() == 1; });
  EXPECT_THAT(record(c, last).held_by, ElementsAre(claims[1].lease.job_id));
  EXPECT_THAT(claim(c, 10, kNext), IsEmpty());
  settle(c, complete(claims[1]));
  const auto claimed = claim_soon(c, kNext);
  EXPECT_EQ(claimed.lease.job_id, last);
  EXPECT_EQ(job::ids_from_json(claimed.after), ids) << "the task can ask how they ended";
  settle(c, complete(claimed));
  EXPECT_EQ(record(c, last).status, JobStatus::complete);
  EXPECT_EQ(record(c, last).after, ids);
  EXPECT_THAT(record(c, last).held_by, IsEmpty());
}

TEST_P(BrokerContract, AnotherEndThanCompleteCancelsWhatWasToRunAfterAndSaysWhy) {
  auto& c = connect("w1");
  const auto first = submit(c);
  const auto second = submit(c, after({first}));
  const auto third = submit(c, after({second}));
  settle(c, fail(claim_one(c)));
  eventually([&] { return record(c, third).status == JobStatus::cancelled; });
  const auto cancelled = record(c, second);
  EXPECT_EQ(cancelled.status, JobStatus::cancelled);
  ASSERT_TRUE(cancelled.failure.has_value());
  EXPECT_EQ(cancelled.failure->type, "dependency");
  EXPECT_THAT(cancelled.failure->message, HasSubstr(first + ", which ended as failed"));
  ASSERT_TRUE(record(c, third).failure.has_value());
  EXPECT_THAT(record(c, third).failure->message, HasSubstr(second + ", which ended as cancelled"));
}

TEST_P(BrokerContract, ByTheRuleEndedAJobRunsHoweverTheOthersEnded) {
  auto& c = connect("w1");
  auto expiring = new_job();
  expiring.expires = Millis{10};
  const auto late = submit(c, std::move(expiring));
  promote(c);
  const auto failing = submit(c);
  const auto gone = submit(c);
  const auto last = submit(c, after({late, failing, gone}, AfterRule::ended));
  EXPECT_EQ(record(c, last).after_rule, AfterRule::ended);
  settle(c, fail(claim_one(c)));
  must(run(c.directory->cancel(gone)));
  EXPECT_EQ(claim_soon(c, kNext).lease.job_id, last);
}

TEST_P(BrokerContract, WhatHadEndedBeforeHoldsNothing) {
  auto& c = connect("w1");
  const auto first = submit(c);
  settle(c, complete(claim_one(c)));
  const auto last = submit(c, after({first}));
  EXPECT_EQ(claim_soon(c, kNext).lease.job_id, last);
  const auto failed = submit(c);
  settle(c, fail(claim_one(c)));
  const auto never = submit(c, after({failed}));
  eventually([&] { return record(c, never).status == JobStatus::cancelled; });
}

TEST_P(BrokerContract, AJobCannotRunAfterOneThatDoesNotExist) {
  auto& c = connect("w1");
  const auto id = submit(c);
  must(run(c.directory->remove(id)));
  std::vector<job::NewJob> jobs{after({id})};
  const auto refused = run(c.broker->enqueue(std::move(jobs)));
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(Errc::not_found));
  EXPECT_THAT(refused.error().message(), HasSubstr(id));
}

TEST_P(BrokerContract, TheOthersMayStandInOtherQueuesAndEndAtOtherWorkers) {
  auto& c = connect("w1");
  auto& other = connect("w2");
  const auto a = submit(c, new_job(kTask, "left"));
  const auto b = submit(c, new_job(kTask, "right"));
  const auto last = submit(c, after({a, b}, AfterRule::complete, "end"));
  settle(other, complete(claim_one(other, kTask, "left")));
  settle(c, complete(claim_one(c, kTask, "right")));
  EXPECT_EQ(claim_soon(c, kNext, "end").lease.job_id, last);
}

TEST_P(BrokerContract, ARetriedJobHoldsUntilItsEnd) {
  auto& c = connect("w1");
  const auto first = submit(c);
  const auto last = submit(c, after({first}));
  settle(c, retry(claim_one(c), Millis{0}));
  settle(c, release(claim_one(c)));
  EXPECT_THAT(record(c, last).held_by, ElementsAre(first));
  settle(c, complete(claim_one(c)));
  EXPECT_EQ(claim_soon(c, kNext).lease.job_id, last);
}

TEST_P(BrokerContract, AHeldJobCanBeCancelledAndDeletedAndItsHoldersToo) {
  auto& c = connect("w1");
  claim(c);  // from now on it hears of ends
  const auto first = submit(c);
  const auto cancelled = submit(c, after({first}));
  const auto deleted = submit(c, after({first}));
  const auto orphan = submit(c, after({first}));
  const auto after_cancelled = submit(c, after({cancelled}));
  EXPECT_EQ(must(run(c.directory->cancel(cancelled))), broker::CancelOutcome::cancelled);
  eventually([&] { return record(c, after_cancelled).status == JobStatus::cancelled; });
  must(run(c.directory->remove(deleted)));
  EXPECT_FALSE(exists(c, deleted));
  must(run(c.directory->remove(first)));
  eventually([&] { return record(c, orphan).status == JobStatus::cancelled; });
  EXPECT_THAT(record(c, orphan).failure->message, HasSubstr("was deleted"));
  must(run(c.directory->retry(orphan)));
  EXPECT_EQ(claim_soon(c, kNext).lease.job_id, orphan) << "an operator may run it all the same";
}

TEST_P(BrokerContract, AnEndThatNoWorkerHeardOfIsFound) {
  std::string last;
  {
    auto& producer = connect("");
    const auto first = submit(producer);
    last = submit(producer, after({first}, AfterRule::ended));
    must(run(producer.directory->cancel(first)));
    close(producer);
  }
  auto& c = connect("w1");
  eventually([&] {
    must(run(c.broker->promote_due(100)));
    return record(c, last).status == JobStatus::queued;
  });
}

TEST_P(BrokerContract, AHeldJobIsNeverPromotedByTime) {
  auto& c = connect("w1");
  const auto first = submit(c);
  const auto last = submit(c, after({first}));
  const auto end = clock.now() + Millis{1'300};
  while (clock.now() < end) {
    must(run(c.broker->promote_due(100)));
    must(run(c.broker->reconcile()));
    run_for(io, Millis{50});
  }
  EXPECT_EQ(record(c, last).status, JobStatus::scheduled);
  EXPECT_THAT(claim(c, 1, kNext), IsEmpty());
}

TEST_P(BrokerContract, ManyJobsHoldOne) {
  auto& c = connect("w1");
  const auto ids = submit(c, 250);
  const auto last = submit(c, after(ids));
  while (true) {
    const auto claims = claim(c, 100);
    if (claims.empty()) break;
    std::vector<job::Settlement> done;
    for (const auto& one : claims) done.push_back(complete(one));
    must(run(c.broker->settle(std::move(done))));
  }
  EXPECT_EQ(claim_soon(c, kNext).lease.job_id, last);
}

TEST_P(BrokerContract, OneJobHoldsMany) {
  auto& c = connect("w1");
  const auto first = submit(c);
  std::vector<job::NewJob> jobs(250, after({first}));
  must(run(c.broker->enqueue(std::move(jobs))));
  settle(c, complete(claim_one(c)));
  std::size_t claimed = 0;
  eventually([&] {
    claimed += claim(c, 100, kNext).size();
    return claimed == 250;
  });
}

TEST_P(BrokerContract, ChildrenAreListedInPages) {
  auto& c = connect("w1");
  const auto parent = submit(c);
  std::vector<job::NewJob> jobs;
  for (int i = 0; i < 25; ++i) {
    auto child = new_job(kNext, i % 2 == 0 ? "default" : "other");
    child.parent_id = child.root_id = parent;
    if (i % 5 == 0) child.delay = Millis{60'000};
    if (i % 7 == 0) child.unique = "key" + std::to_string(i);
    jobs.push_back(std::move(child));
  }
  std::vector<std::string> ids;
  for (const auto& one : must(run(c.broker->enqueue(std::move(jobs))))) ids.push_back(one.id);
  std::vector<std::string> found;
  std::string cursor;
  do {
    auto page = must(run(c.flows->children(parent, cursor, 10)));
    EXPECT_LE(page.ids.size(), 10U);
    found.insert(found.end(), page.ids.begin(), page.ids.end());
    cursor = page.next;
  } while (!cursor.empty());
  EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(ids));
  for (const auto& id : ids) EXPECT_EQ(record(c, id).parent_id, parent);
  EXPECT_THAT(must(run(c.flows->children(ids[0], "", 10))).ids, IsEmpty());
  EXPECT_FALSE(run(c.flows->children(parent, "nonsense", 10)).has_value());
}

TEST_P(BrokerContract, AGlanceTellsHowAJobStands) {
  auto& c = connect("w1");
  auto child = new_job();
  const auto parent = submit(c, new_job(kNext));
  child.parent_id = child.root_id = parent;
  child.on_parent_end = OnParentEnd::cancel;
  const auto id = submit(c, std::move(child));
  auto seen = glance(c, id);
  EXPECT_TRUE(seen.exists);
  EXPECT_EQ(seen.status, JobStatus::queued);
  EXPECT_EQ(seen.task, kTask);
  EXPECT_EQ(seen.parent_id, parent);
  EXPECT_EQ(seen.on_parent_end, OnParentEnd::cancel);
  EXPECT_EQ(record(c, id).on_parent_end, OnParentEnd::cancel);
  const auto claimed = claim_one(c);
  EXPECT_EQ(glance(c, id).status, JobStatus::running);
  settle(c, complete(claimed, R"({"n":7})"));
  EXPECT_EQ(glance(c, id).result, "");
  seen = glance(c, id, true);
  EXPECT_TRUE(seen.over());
  EXPECT_EQ(seen.result, R"({"n":7})");
  must(run(c.directory->remove(id)));
  EXPECT_FALSE(glance(c, id).exists);
  EXPECT_TRUE(glance(c, id).over());
}

TEST_P(BrokerContract, WhatAnAttemptWaitsForIsKnownWhileItDoes) {
  auto& c = connect("w1");
  const auto other = submit(c, new_job(kNext));
  const auto id = submit(c);
  const auto claimed = claim_one(c);
  const auto say = [&](std::vector<std::string> ids) {
    job::Report report;
    report.lease = claimed.lease;
    report.waits_for = std::move(ids);
    std::vector<job::Report> reports{std::move(report)};
    EXPECT_EQ(must(run(c.broker->report(std::move(reports)))).at(0), broker::LeaseState::held);
  };
  say({other});
  EXPECT_THAT(record(c, id).waits_for, ElementsAre(other));
  EXPECT_THAT(glance(c, id).waits_for, ElementsAre(other));
  say({});
  EXPECT_THAT(record(c, id).waits_for, IsEmpty());
  say({other});
  settle(c, retry(claimed, Millis{0}));
  EXPECT_THAT(record(c, id).waits_for, IsEmpty());
  claim_one(c);
  EXPECT_THAT(record(c, id).waits_for, IsEmpty()) << "this attempt has not said so";
}

TEST_P(BrokerContract, AWatchTellsOfEachEndOnce) {
  auto& c = connect("w1");
  auto& other = connect("w2");
  auto ids = submit(c, 3);
  const auto far = submit(c, new_job(kTask, "other"));
  settle(c, complete(claim_one(c)));
  ids.push_back(far);
  const auto watch = c.flows->watch(ids);
  EXPECT_THAT(must(run(watch->next(kDeadline))), SizeIs(1)) << "it had ended before";
  EXPECT_THAT(must(run(watch->next(Millis{0}))), IsEmpty());
  auto waiting = start(watch->next(kDeadline));
  run_for(io, Millis{20});
  settle(other, fail(claim_one(other, kTask, "other")));
  EXPECT_THAT(must(finish(waiting)), ElementsAre(::testing::Field(&broker::Glance::id, far)));
  for (int i = 0; i < 2; ++i) settle(other, complete(claim_one(other)));
  std::vector<std::string> rest;
  while (rest.size() < 2) {
    for (auto& one : must(run(watch->next(kDeadline)))) rest.push_back(std::move(one.id));
  }
  std::sort(rest.begin(), rest.end());
  EXPECT_EQ(std::unique(rest.begin(), rest.end()), rest.end());
  EXPECT_THAT(must(run(watch->next(Millis{0}))), IsEmpty());
}

TEST_P(BrokerContract, AnInterruptedWatchTellsOfNothingAndGoesOn) {
  auto& c = connect("w1");
  const auto id = submit(c);
  const auto watch = c.flows->watch({id});
  auto waiting = start(watch->next(kDeadline));
  run_for(io, Millis{20});
  watch->interrupt();
  EXPECT_THAT(must(finish(waiting)), IsEmpty());
  watch->interrupt();
  EXPECT_THAT(must(run(watch->next(kDeadline))), IsEmpty()) << "nobody waited, so the next one ends";
  settle(c, complete(claim_one(c)));
  EXPECT_THAT(must(run(watch->next(kDeadline))), SizeIs(1));
}

TEST_P(BrokerContract, AWatchEndsForADeletedJob) {
  auto& c = connect("w1");
  const auto id = submit(c);
  const auto watch = c.flows->watch({id});
  auto waiting = start(watch->next(kDeadline));
  run_for(io, Millis{20});
  must(run(c.directory->remove(id)));
  EXPECT_THAT(must(finish(waiting)), ElementsAre(::testing::Field(&broker::Glance::id, id)));
}

}  // namespace conduitd::test
