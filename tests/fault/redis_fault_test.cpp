// What must hold when the server restarts, dies, hangs, fills up or is emptied. Names carry the rows of the fault list.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <set>

#include "fault/redis_fixture.h"

namespace conduitd::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kPrefix = "{conduit:default}:";

class RedisFault : public RedisFixture<RedisServer> {
 protected:
  RedisFault() : RedisFixture(Millis{500}) {}

  std::string submit(broker::Connection& c) { return must(run(c.broker->enqueue(jobs(1)))).at(0).id; }
  std::size_t connects() {
    const auto info = server_.command({"INFO", "stats"});
    const auto at = info.find("total_connections_received:");
    return std::stoul(info.substr(at + 27));
  }
};

TEST_F(RedisFault, F15_WorkGoesOnWithinTwoSecondsOfTheServersReturn) {
  auto& producer = connect("");
  auto& worker = connect("w1", Millis{5'000}, Millis{15'000});
  must(run(producer.broker->enqueue(jobs(3))));
  const auto before = must(run(worker.broker->claim(request(1))));
  auto waiting = start(io_, worker.broker->claim(request(1, Millis{200})));
  must(finish(io_, waiting));
  server_.stop();
  EXPECT_ERRC(Errc::unavailable, run(producer.broker->enqueue(jobs(1))));
  EXPECT_ERRC(Errc::unavailable, run(worker.broker->settle(completed(before))));
  server_.start();
  const auto took = until_it_works([&] { return run(worker.broker->settle(completed(before))).has_value(); });
  EXPECT_LE(took, Millis{2'000});
  EXPECT_EQ(must(run(worker.broker->settle(completed(before)))), std::vector{broker::Settled::repeated});
  EXPECT_THAT(must(run(worker.broker->claim(request(10)))), SizeIs(1)) << "two of three were taken before";
}

TEST_F(RedisFault, F15_ReconnectingIsNotABusyLoop) {
  auto& worker = connect("w1");
  submit(worker);
  server_.stop();
  // The server is away for as long as five seconds of calls that fail; each waits for the connection a while.
  const auto began = clock_.now();
  std::size_t calls = 0;
  while (clock_.now() - began < Millis{3'000}) {
    EXPECT_ERRC(Errc::unavailable, run(worker.broker->claim(request(1))));
    ++calls;
  }
  EXPECT_LE(calls, 5U) << "a failing call is paced, so that its caller cannot spin";
  server_.start();
  until_it_works([&] { return run(worker.broker->claim(request(1))).has_value(); });
  EXPECT_LE(connects(), 10U);
}

TEST_F(RedisFault, F15_WaitingClaimSurvivesARestart) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  auto waiting = start(io_, worker.broker->claim(request(1, Millis{20'000})));
  run_for(io_, Millis{50});
  server_.stop();
  EXPECT_ERRC(Errc::unavailable, finish(io_, waiting));
  server_.start();
  until_it_works([&] { return run(producer.broker->enqueue(jobs(1))).has_value(); });
  auto again = start(io_, worker.broker->claim(request(1, Millis{20'000})));
  EXPECT_THAT(must(finish(io_, again)), SizeIs(1));
}

TEST_F(RedisFault, F16_KilledServerLosesNothingAccepted) {
  auto& c = connect("w1", Millis{5'000}, Millis{15'000});
  std::set<std::string> accepted;
  for (int round = 0; round < 5; ++round) {
    for (const auto& enqueued : must(run(c.broker->enqueue(jobs(50))))) accepted.insert(enqueued.id);
  }
  const auto running = must(run(c.broker->claim(request(20))));
  server_.kill();
  server_.start();
  until_it_works([&] { return run(c.broker->extend({running[0].lease})).has_value(); });
  EXPECT_EQ(must(run(c.broker->settle(completed(running)))), std::vector(20, broker::Settled::applied)) << "leases survive too";
  for (const auto& claim : running) accepted.erase(claim.lease.job_id);
  for (;;) {
    const auto claims = must(run(c.broker->claim(request(100))));
    if (claims.empty()) break;
    for (const auto& claim : claims) EXPECT_EQ(accepted.erase(claim.lease.job_id), 1U);
  }
  EXPECT_THAT(accepted, IsEmpty());
}

TEST_F(RedisFault, F18_HangingServerIsNoticedByTheDeadlineAndBlocksNothing) {
  auto& c = connect("w1", Millis{300}, Millis{15'000});
  const auto id = submit(c);
  server_.signal(SIGSTOP);
  const auto began = clock_.now();
  EXPECT_ERRC(Errc::timed_out, run(c.directory->find(id)));
  EXPECT_LT(clock_.now() - began, Millis{2'000});
  bool turned = false;
  boost::asio::post(io_, [&] { turned = true; });
  EXPECT_LT(until_it_works([&] { return turned; }), Millis{300});
  server_.signal(SIGCONT);
  until_it_works([&] { return run(c.directory->find(id)).has_value(); });
  EXPECT_THAT(must(run(c.broker->claim(request(1)))), SizeIs(1));
}

TEST_F(RedisFault, F20_ConnectionsKilledAtRandomLoseNoJobAndRunNoneTwice) {
  auto& producer = connect("");
  auto& worker = connect("w1", Millis{2'000}, Millis{3'000});
  std::set<std::string> accepted;
  std::set<std::string> done;
  std::size_t twice = 0;
  auto next_kill = clock_.now();
  const auto work = [&] {
    const auto claims = run(worker.broker->claim(request(8)));
    if (!claims.has_value() || claims.value().empty()) return;
    const auto settlements = completed(claims.value());
    auto settled = run(worker.broker->settle(settlements));
    while (!settled.has_value()) settled = run(worker.broker->settle(settlements));
    for (std::size_t i = 0; i < settlements.size(); ++i) {
      if (settled.value()[i] == broker::Settled::lost) continue;
      twice += done.insert(settlements[i].lease.job_id).second ? 0U : 1U;
    }
  };
  for (int round = 0; round < 60; ++round) {
    const auto enqueued = run(producer.broker->enqueue(jobs(8)));
    if (enqueued.has_value()) {
      for (const auto& job : enqueued.value()) accepted.insert(job.id);
    }
    if (clock_.now() >= next_kill) {
      next_kill = clock_.now() + Millis{50};
      server_.try_command({"CLIENT", "KILL", "TYPE", "normal"});
      server_.try_command({"CLIENT", "KILL", "TYPE", "pubsub"});
    }
    work();
  }
  until_it_works([&] {
    work();
    const auto reclaimed = run(worker.broker->reclaim_expired({}));
    static_cast<void>(reclaimed.has_value());
    return std::includes(done.begin(), done.end(), accepted.begin(), accepted.end());
  });
  EXPECT_EQ(twice, 0U);
  EXPECT_LE(server_.command({"CLIENT", "LIST"}).size(), 4'000U) << "no connections are left behind";
}

TEST_F(RedisFault, F20_JobWhoseClaimReplyWasLostComesBackUncharged) {
  auto& c = connect("w1", Millis{400}, Millis{30'000});
  const auto id = submit(c);
  must(run(c.directory->find(id)));
  // The server takes the command in, and the answer comes too late.
  server_.signal(SIGSTOP);
  EXPECT_ERRC(Errc::timed_out, run(c.broker->claim(request(1))));
  server_.signal(SIGCONT);
  std::vector<job::Claim> claims;
  until_it_works([&] {
    auto claimed = run(c.broker->claim(request(1)));
    if (claimed.has_value()) claims = std::move(claimed).value();
    return !claims.empty();
  });
  EXPECT_EQ(claims[0].lease.job_id, id);
  EXPECT_EQ(claims[0].counters.crashes, 0U);
  EXPECT_EQ(claims[0].lease.attempt, 1U) << "nobody began the first";
}

TEST_F(RedisFault, F21_ForgottenScriptsAreLoadedAgain) {
  auto& c = connect("w1");
  submit(c);
  const auto claims = must(run(c.broker->claim(request(1))));
  server_.command({"SCRIPT", "FLUSH"});
  EXPECT_EQ(must(run(c.broker->settle(completed(claims)))), std::vector{broker::Settled::applied});
  server_.command({"SCRIPT", "FLUSH"});
  auto batch = jobs(3);
  for (auto& job : batch) job.delay = Millis{0};
  EXPECT_THAT(must(run(c.broker->enqueue(batch))), SizeIs(3));
  EXPECT_THAT(must(run(c.broker->claim(request(10)))), SizeIs(3)) << "each once";
}

TEST_F(RedisFault, F22_FullServerRefusesNewJobsAndLetsOldOnesEnd) {
  auto& c = connect("w1");
  must(run(c.broker->enqueue(jobs(3))));
  server_.command({"CONFIG", "SET", "maxmemory", "1"});
  const auto refused = run(c.broker->enqueue(jobs(1)));
  EXPECT_ERRC(Errc::full, refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("maxmemory"));
  auto unique = jobs(1);
  unique[0].unique = "k";
  EXPECT_ERRC(Errc::full, run(c.broker->enqueue(unique)));
  const auto claims = must(run(c.broker->claim(request(10))));
  ASSERT_THAT(claims, SizeIs(3));
  EXPECT_OK(run(c.broker->extend({claims[0].lease})));
  EXPECT_EQ(must(run(c.broker->settle(completed(claims)))), std::vector(3, broker::Settled::applied));
  server_.command({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_OK(run(c.broker->enqueue(jobs(1))));
}

TEST_F(RedisFault, F24_ReplicaRefusesAndWorkGoesOnWhenItIsPrimaryAgain) {
  auto& c = connect("w1");
  submit(c);
  server_.command({"REPLICAOF", "127.0.0.1", "1"});
  EXPECT_ERRC(Errc::unavailable, run(c.broker->enqueue(jobs(1))));
  EXPECT_ERRC(Errc::unavailable, run(c.broker->claim(request(1))));
  server_.command({"REPLICAOF", "NO", "ONE"});
  until_it_works([&] {
    const auto claims = run(c.broker->claim(request(1)));
    return claims.has_value() && claims.value().size() == 1;
  });
}

TEST_F(RedisFault, F31_EmptiedServerIsUsedAnewByWorkersThatWait) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  must(run(producer.broker->enqueue(jobs(2))));
  EXPECT_THAT(must(run(worker.broker->claim(request(10)))), SizeIs(2));
  auto waiting = start(io_, worker.broker->claim(request(1, Millis{20'000})));
  run_for(io_, Millis{50});
  server_.command({"FLUSHALL"});
  run_for(io_, Millis{200});
  EXPECT_FALSE(waiting.done());
  const auto id = submit(producer);
  const auto claims = must(finish(io_, waiting));
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(claims[0].lease.job_id, id);
}

TEST_F(RedisFault, F31_DestroyedGroupIsMadeAgainFromTheBeginning) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  submit(producer);
  const auto first = must(run(worker.broker->claim(request(10))));
  EXPECT_OK(run(worker.broker->settle(completed(first))));
  auto waiting = start(io_, worker.broker->claim(request(1, Millis{20'000})));
  run_for(io_, Millis{50});
  server_.command({"XGROUP", "DESTROY", std::string(kPrefix) + "s:a.task:5", "c"});
  // What stands in the stream when the group is made again must not be skipped.
  const auto id = submit(producer);
  const auto claims = must(finish(io_, waiting));
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(claims[0].lease.job_id, id);
}

TEST_F(RedisFault, F31_VanishingGroupsDoNotMakeTheWorkerSpin) {
  auto& worker = connect("w1");
  submit(worker);
  auto claims = must(run(worker.broker->claim(request(1))));
  auto waiting = start(io_, worker.broker->claim(request(1, Millis{1'500})));
  server_.command({"CONFIG", "RESETSTAT"});
  const auto began = clock_.now();
  while (clock_.now() - began < Millis{1'000}) {
    server_.try_command({"XGROUP", "DESTROY", std::string(kPrefix) + "s:a.task:5", "c"});
    run_for(io_, Millis{10});
  }
  const auto stats = server_.command({"INFO", "commandstats"});
  const auto at = stats.find("cmdstat_xreadgroup:calls=");
  ASSERT_NE(at, std::string::npos);
  EXPECT_LT(std::stoul(stats.substr(at + 25)), 200U);
  must(finish(io_, waiting));
}

TEST_F(RedisFault, F35_EntryDeletedUnderItsAttemptIsNotForgotten) {
  auto& c = connect("w1");
  const auto id = submit(c);
  const auto other = submit(c);
  const auto claims = must(run(c.broker->claim(request(2))));
  for (const auto& claim : claims) {
    const auto& entry = claim.lease.entry;
    const auto from = entry.find('/') + 1;
    server_.command({"XDEL", std::string(kPrefix) + "s:a.task:5", entry.substr(from, entry.find('/', from) - from)});
  }
  EXPECT_EQ(must(run(c.broker->extend({claims[0].lease}))), std::vector{broker::LeaseState::held});
  EXPECT_EQ(must(run(c.broker->settle(completed({claims[0]})))), std::vector{broker::Settled::applied});
  EXPECT_EQ(must(run(c.directory->find(id)))->status, job::JobStatus::complete);
  until_it_works([&] { return !must(run(c.broker->reclaim_expired({}))).entries.empty(); });
  const auto record = must(run(c.directory->find(other)));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->status, job::JobStatus::failed);
  EXPECT_EQ(record->reason, job::FailureReason::invalid);
}

TEST_F(RedisFault, F33_ServerWithNoRoomForClientsIsUnavailable) {
  server_.command({"CONFIG", "SET", "maxclients", "1"});
  broker::Options options;
  options.url = server_.url();
  // The test's own question holds the only place for a moment.
  auto& c = connect("w1");
  EXPECT_ERRC(Errc::unavailable, run(broker::open(io_.get_executor(), clock_, options)));
  EXPECT_OK(run(c.directory->queues()));
}

TEST_F(RedisFault, F75_GarbageEntriesComeAsInvalidAndKeepTheirBytes) {
  auto& c = connect("w1");
  submit(c);
  const std::string stream = std::string(kPrefix) + "s:a.task:5";
  server_.command({"XADD", stream, "*", "h", "not a header", "a", "{}"});
  server_.command({"XADD", stream, "*", "x", "y"});
  server_.command({"XADD", stream, "*", "h", "0.0.0.0|rmany", "a", "{}"});
  submit(c);
  const auto claims = must(run(c.broker->claim(request(10))));
  ASSERT_THAT(claims, SizeIs(5));
  EXPECT_EQ(std::count_if(claims.begin(), claims.end(), [](const auto& claim) { return claim.invalid; }), 3);
  EXPECT_THAT(claims[1].args, HasSubstr("not a header"));
  auto settlements = completed(claims);
  for (std::size_t i = 1; i < 4; ++i) {
    settlements[i].kind = job::Settlement::Kind::fail;
    settlements[i].reason = job::FailureReason::invalid;
    settlements[i].result.clear();
  }
  EXPECT_EQ(must(run(c.broker->settle(settlements))), std::vector(5, broker::Settled::applied));
  for (std::size_t i = 1; i < 4; ++i) {
    const auto record = must(run(c.directory->find(claims[i].lease.job_id)));
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->reason, job::FailureReason::invalid);
    EXPECT_TRUE(validate_json(record->args).has_value()) << record->args;
  }
}

TEST_F(RedisFault, F75_AFinalRecordThatCannotBeReadIsListedShownAndCanBeDeleted) {
  auto& c = connect("w1");
  submit(c);
  submit(c);
  const auto claims = must(run(c.broker->claim(request(10))));
  must(run(c.broker->settle(completed(claims))));
  const auto& id = claims[0].lease.job_id;
  server_.command({"SET", std::string(kPrefix) + "r:" + id.substr(id.find(':') + 1), "not a \"record\""});
  const auto listed = must(run(c.directory->list({}))).jobs;
  ASSERT_THAT(listed, SizeIs(2));
  EXPECT_EQ(std::count_if(listed.begin(), listed.end(), [&](const auto& job) { return job.id == id; }), 1);
  const auto record = must(run(c.directory->find(id)));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->status, job::JobStatus::failed);
  EXPECT_EQ(record->reason, job::FailureReason::invalid);
  EXPECT_THAT(record->args, HasSubstr("not a"));
  ASSERT_TRUE(record->failure);
  EXPECT_THAT(record->failure->message, HasSubstr("cannot be read"));
  EXPECT_ERRC(Errc::conflict, run(c.directory->retry(id)));
  EXPECT_OK(run(c.directory->remove(id)));
  EXPECT_FALSE(must(run(c.directory->find(id))).has_value());
  EXPECT_THAT(must(run(c.directory->list({}))).jobs, SizeIs(1));
}

TEST_F(RedisFault, F75_GarbageOfADeadWorkerIsStillGarbage) {
  auto& c = connect("w1", Millis{5'000}, Millis{50});
  submit(c);
  server_.command({"XADD", std::string(kPrefix) + "s:a.task:5", "*", "x", "y"});
  EXPECT_THAT(must(run(c.broker->claim(request(10)))), SizeIs(2));
  std::size_t reclaimed = 0;
  until_it_works([&] {
    reclaimed += must(run(c.broker->reclaim_expired({}))).entries.size();
    return reclaimed == 2;
  });
  const auto again = must(run(c.broker->claim(request(10))));
  ASSERT_THAT(again, SizeIs(2));
  EXPECT_NE(again[0].invalid, again[1].invalid);
  EXPECT_EQ(again[0].lease.attempt, 2U);
}

}  // namespace
}  // namespace conduitd::test
