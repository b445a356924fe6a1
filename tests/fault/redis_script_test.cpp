// What the scripts must refuse when they come late: between a worker's look and its act others have acted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "broker/open.h"
#include "broker/redis/entry.h"
#include "broker/redis/keys.h"
#include "broker/redis/scripts.h"
#include "fault/redis_fixture.h"
#include "support/loop.h"
#include "support/redis_server.h"
#include "support/result_matchers.h"

namespace conduitd::test {
namespace {

TEST(RedisScript, AWorkerThatPromotesLateDoesNotCutShortTheNextPauseOfAJob) {
  RedisServer server;
  boost::asio::io_context io;
  SystemClock clock;
  broker::Options options;
  options.url = server.url();
  options.worker = "w";
  auto connection = must(run(io, broker::open(io.get_executor(), clock, std::move(options))));
  job::NewJob job;
  job.task = "a.task";
  job.delay = Millis{3'600'000};
  std::vector<job::NewJob> jobs{job};
  const auto id = must(run(io, connection.broker->enqueue(std::move(jobs)))).at(0).id;
  const auto ulid = id.substr(id.find(':') + 1);

  // It saw the job as due; since then another promoted it, it ran, and it waits for its next time under the same name.
  namespace redis = broker::redis;
  const redis::QueueKeys keys("conduit", "default");
  const auto member = ulid + "/5/a.task";
  server.command(
      {"EVAL", redis::text_of(redis::Script::promote).text, "8", keys.due(), keys.lanes(), keys.index(job::JobStatus::scheduled),
       keys.index(job::JobStatus::retrying), keys.placed(), keys.stream("a.task", 5), keys.job(ulid), keys.held(ulid), "conduit:notices", "default", member, ulid,
       "a.task", "5"});

  const auto record = must(run(io, connection.directory->find(id)));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->status, job::JobStatus::scheduled);
  run(io, connection.broker->close());
}

/// Jobs of a first attempt end by one script as a whole, if nothing else is known of them.
class RedisComplete : public RedisFixture<RedisServer> {
 protected:
  RedisComplete() : RedisFixture(Millis{60'000}) {}

  std::vector<job::Claim> claim(broker::Connection& worker, std::size_t count) {
    must(run(worker.broker->enqueue(jobs(count))));
    auto claims = must(run(worker.broker->claim(request(count))));
    EXPECT_EQ(claims.size(), count);
    return claims;
  }
  static std::string hash_of(const job::Claim& claim) {
    const auto& id = claim.lease.job_id;
    return broker::redis::QueueKeys("conduit", "default").job(id.substr(id.find(':') + 1));
  }
};

TEST_F(RedisComplete, WhatIsKeptOfAJobThatWasAskedToStopGoesWithItsRecord) {
  auto& worker = connect("w");
  auto& somebody = connect("");
  const auto claims = claim(worker, 3);
  must(run(somebody.directory->cancel(claims[1].lease.job_id)));
  ASSERT_EQ(server_.command({"PTTL", hash_of(claims[1])}), "-1");
  EXPECT_THAT(must(run(worker.broker->settle(completed(claims)))), ::testing::Each(broker::Settled::applied));
  EXPECT_NE(server_.command({"PTTL", hash_of(claims[1])}), "-1");
  EXPECT_EQ(server_.command({"EXISTS", hash_of(claims[0])}), "0");
  EXPECT_EQ(server_.command({"EXISTS", broker::redis::QueueKeys("conduit", "default").waiters()}), "0");
}

TEST_F(RedisComplete, WhatAJobSaidGoesWithItsRecord) {
  auto& worker = connect("w");
  const auto claims = claim(worker, 2);
  std::vector<job::Report> reports(1);
  reports[0].lease = claims[0].lease;
  reports[0].metadata.emplace_back("film", "\"a\"");
  must(run(worker.broker->report(std::move(reports))));
  EXPECT_THAT(must(run(worker.broker->settle(completed(claims)))), ::testing::Each(broker::Settled::applied));
  EXPECT_GT(std::stoll(server_.command({"PTTL", hash_of(claims[0])})), 0);
}

TEST_F(RedisComplete, OfABatchThatIsNotHeldWholeTheRestIsApplied) {
  auto& worker = connect("w");
  const auto claims = claim(worker, 4);
  must(run(worker.broker->settle(completed({claims[0]}))));
  const broker::redis::QueueKeys keys("conduit", "default");
  const auto taken = broker::redis::decode_handle(claims[2].lease.entry)->entry;
  server_.command({"XCLAIM", keys.stream("a.task", 5), "c", "another", "0", broker::redis::to_string(taken)});
  using broker::Settled;
  EXPECT_THAT(must(run(worker.broker->settle(completed(claims)))),
              ::testing::ElementsAre(Settled::repeated, Settled::applied, Settled::lost, Settled::applied));
  EXPECT_EQ(server_.command({"ZCARD", keys.index(job::JobStatus::complete)}), "3");
}

TEST_F(RedisComplete, JobsOfAWorkerWithManyMayEndInAnyOrder) {
  auto& worker = connect("w");
  constexpr std::size_t kJobs = 300;
  must(run(worker.broker->enqueue(jobs(kJobs))));
  std::vector<job::Claim> claims;
  while (claims.size() < kJobs) {
    auto more = must(run(worker.broker->claim(request(100))));
    claims.insert(claims.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::ranges::shuffle(claims, std::mt19937(seed));
  for (std::size_t first = 0; first < kJobs; first += 50) {
    const std::vector<job::Claim> some(claims.begin() + static_cast<std::ptrdiff_t>(first), claims.begin() + static_cast<std::ptrdiff_t>(first + 50));
    EXPECT_THAT(must(run(worker.broker->settle(completed(some)))), ::testing::Each(broker::Settled::applied));
  }
  EXPECT_EQ(server_.command({"ZCARD", broker::redis::QueueKeys("conduit", "default").index(job::JobStatus::complete)}), std::to_string(kJobs));
}

TEST_F(RedisComplete, OneJobTwiceInABatchEndsOnce) {
  auto& worker = connect("w");
  const auto claims = claim(worker, 2);
  using broker::Settled;
  EXPECT_THAT(must(run(worker.broker->settle(completed({claims[1], claims[0], claims[1]})))),
              ::testing::ElementsAre(Settled::applied, Settled::applied, Settled::repeated));
}

}  // namespace
}  // namespace conduitd::test
