// What the scripts must refuse when they come late: between a worker's look and its act others have acted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/open.h"
#include "broker/redis/keys.h"
#include "broker/redis/scripts.h"
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

}  // namespace
}  // namespace conduitd::test
