// Clocks that are set or differ, and stores that are full: what a job's place in time and among others depends on.

#include <array>
#include <cstdio>

#include "contract/broker_contract.h"

namespace conduitd::test {

using broker::LeaseState;
using broker::Settled;
using job::JobStatus;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace {

constexpr std::array<Millis, 4> kJumps{hours{1}, hours{-1}, hours{24}, hours{-24}};

}  // namespace

TEST_P(BrokerContract, F66_NoLeaseIsLostOrKeptWhenTheWallClockIsSet) {
  auto& time = set_clock();
  auto with = options("w1");
  with.lease = Millis{60'000};
  auto& holder = connect(with, time);
  with.worker = "w2";
  auto& other = connect(with, time);
  const auto id = submit(holder);
  const auto held = claim_one(holder);
  for (const auto jump : kJumps) {
    time.off = jump;
    EXPECT_THAT(must(run(other.broker->reclaim_expired({}))).entries, IsEmpty()) << jump.count();
    EXPECT_THAT(must(run(holder.broker->extend({held.lease}))), ElementsAre(LeaseState::held)) << jump.count();
    EXPECT_THAT(must(run(other.broker->reclaim_expired({}))).entries, IsEmpty()) << "renewed at that time: " << jump.count();
  }
  EXPECT_EQ(settle(holder, complete(held)), Settled::applied);
  EXPECT_EQ(record(holder, id).counters.attempts, 1U);
}

TEST_P(BrokerContract, F66_ALeaseEndsInTimeAlthoughTheWallClockWasSetBack) {
  auto& time = set_clock();
  auto& holder = connect(options("w1"), time);
  submit(holder);
  claim_one(holder);
  time.off = hours{-24};
  const auto began = clock.now();
  EXPECT_THAT(reclaim(holder).entries, SizeIs(1));
  EXPECT_LT(clock.now() - began, 10 * kLease);
}

TEST_P(BrokerContract, F66_WhatIsScheduledAfterTheWallClockWasSetIsDueInTimeAndOnce) {
  auto& time = set_clock();
  auto& c = connect(options("w1"), time);
  for (const auto jump : kJumps) {
    time.off = jump;
    auto job = new_job();
    job.delay = Millis{150};
    const auto id = submit(c, job);
    EXPECT_EQ(must(run(c.broker->promote_due(100))).promoted, 0U) << jump.count();
    const auto began = clock.now();
    EXPECT_EQ(promote(c).promoted, 1U) << jump.count();
    EXPECT_LT(clock.now() - began, Millis{5'000});
    EXPECT_EQ(settle(c, complete(claim_one(c))), Settled::applied);
    EXPECT_EQ(record(c, id).status, JobStatus::complete);
  }
}

TEST_P(BrokerContract, F67_WorkersWhoseClocksDifferAgreeOnLeasesAndOnWhatIsDue) {
  auto& early = set_clock();
  early.off = -std::chrono::minutes{5};
  auto& late = set_clock();
  late.off = std::chrono::minutes{5};
  auto with = options("early");
  with.lease = Millis{2'000};
  auto& slow = connect(with, early);
  with.worker = "late";
  auto& fast = connect(with, late);
  const auto id = submit(fast);
  const auto held = claim_one(slow);
  EXPECT_THAT(must(run(fast.broker->reclaim_expired({}))).entries, IsEmpty());
  EXPECT_THAT(must(run(slow.broker->extend({held.lease}))), ElementsAre(LeaseState::held));
  EXPECT_THAT(must(run(fast.broker->reclaim_expired({}))).entries, IsEmpty());
  const auto began = clock.now();
  EXPECT_THAT(reclaim(fast).entries, SizeIs(1)) << "and when it ends, either sees it";
  EXPECT_GE(clock.now() - began, with.lease / 2);
  EXPECT_EQ(settle(slow, complete(held)), Settled::lost);
  EXPECT_EQ(settle(fast, complete(claim_one(fast))), Settled::applied);
  const auto ended = record(slow, id);
  EXPECT_EQ(ended.status, JobStatus::complete);
  EXPECT_EQ(ended.counters.attempts, 2U);
}

TEST_P(BrokerContract, F82_ClaimAndEndOfAJobTakeNoLongerWithTwoHundredThousandWaiting) {
  constexpr std::size_t kBatch = 1'000;
  constexpr std::size_t kFew = 2;
  constexpr std::size_t kMany = 200;
  constexpr int kRounds = 20;
  auto with = options("w1");
  with.lease = Millis{60'000};
  with.command_timeout = Millis{20'000};
  auto& c = connect(with);
  const auto fill = [&](std::size_t batches) {
    for (std::size_t i = 0; i < batches; ++i) submit(c, kBatch);
  };
  // The best of many rounds: what else goes on in the machine only ever makes one slower.
  const auto best_round = [&] {
    auto best = std::chrono::nanoseconds::max();
    for (int i = 0; i < kRounds; ++i) {
      submit(c, 10);
      const auto began = clock.now();
      const auto claims = claim(c, 10);
      EXPECT_THAT(claims, SizeIs(10));
      std::vector<job::Settlement> ends;
      for (const auto& one : claims) ends.push_back(complete(one));
      EXPECT_THAT(must(run(c.broker->settle(std::move(ends)))), SizeIs(10));
      best = std::min<std::chrono::nanoseconds>(best, clock.now() - began);
    }
    return std::chrono::duration<double, std::milli>(best).count();
  };
  fill(kFew);
  const auto few = best_round();
  const auto submit_began = clock.now();
  fill(kMany);
  const std::chrono::duration<double> filling = clock.now() - submit_began;
  const auto many = best_round();
  std::printf("[ 10 jobs ] %.2f ms with %zu waiting, %.2f ms with %zu; filled in %.1f s\n", few, kFew * kBatch, many,
              (kFew + kMany) * kBatch, filling.count());
  EXPECT_LT(many, 3 * few + 2);
  // And whoever looks at it gets a page.
  broker::JobFilter filter;
  filter.limit = 50;
  const auto began = clock.now();
  EXPECT_THAT(must(run(c.directory->list(filter))).jobs, SizeIs(50));
  EXPECT_LT(clock.now() - began, Millis{1'000});
}

}  // namespace conduitd::test
