// Damage done to a Redis store by hand, and how it is mended.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <sstream>

#include "broker/open.h"
#include "support/loop.h"
#include "support/redis_server.h"
#include "support/result_matchers.h"

namespace conduitd::test {
namespace {

using job::JobStatus;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RedisReconcile : public ::testing::Test {
 protected:
  void TearDown() override {
    for (auto& connection : connections_) test::run(io_, connection.broker->close(), Millis{30'000});
  }
  broker::Connection& connect(const std::string& worker) {
    broker::Options options;
    options.url = server_.url();
    options.worker = worker;
    options.lease = Millis{60'000};
    connections_.push_back(must(run(broker::open(io_.get_executor(), clock_, std::move(options)))));
    return connections_.back();
  }
  template <class T>
  T run(boost::asio::awaitable<T> work) {
    return test::run(io_, std::move(work), Millis{30'000});
  }
  static job::NewJob a_job(std::optional<Millis> delay = std::nullopt) {
    job::NewJob out;
    out.task = "a.task";
    out.args = R"({"a":1})";
    out.delay = delay;
    return out;
  }
  std::string submit(job::NewJob job = a_job()) {
    std::vector<job::NewJob> jobs{std::move(job)};
    return must(run(c_.broker->enqueue(std::move(jobs)))).at(0).id;
  }
  std::vector<job::Claim> claim(std::size_t most = 10) {
    broker::ClaimRequest request;
    request.groups.push_back({most, {{"default", "a.task"}}});
    return must(run(c_.broker->claim(std::move(request))));
  }
  job::JobRecord record(const std::string& id) {
    auto found = must(run(c_.directory->find(id)));
    if (!found) throw std::runtime_error("there is no job " + id);
    return std::move(*found);
  }
  std::vector<broker::Mended> reconcile() { return must(run(c_.broker->reconcile())); }
  static std::string key(const std::string& name) { return "{conduit:default}:" + name; }
  static std::string ulid(const std::string& id) { return id.substr(id.rfind(':') + 1); }

  boost::asio::io_context io_;
  SystemClock clock_;
  RedisServer server_;
  std::list<broker::Connection> connections_;
  broker::Connection& c_ = connect("w1");
};

TEST_F(RedisReconcile, F36_JobsOfADeletedConsumerRunAgainAndTheOldAttemptStaysFencedOff) {
  const auto id = submit();
  auto job = a_job();
  job.unique = "k";
  const auto unique = submit(job);
  const auto held = claim();
  ASSERT_THAT(held, SizeIs(2));
  EXPECT_THAT(reconcile(), IsEmpty());
  server_.command({"XGROUP", "DELCONSUMER", key("s:a.task:5"), "c", "w1"});
  const auto mended = reconcile();
  ASSERT_THAT(mended, SizeIs(2));
  EXPECT_THAT(mended[0].what, HasSubstr("nobody held it"));
  EXPECT_THAT(reconcile(), IsEmpty()) << "each is told once";
  for (const auto& one : {id, unique}) {
    const auto waiting = record(one);
    EXPECT_EQ(waiting.status, JobStatus::queued);
    EXPECT_EQ(waiting.counters.interruptions, 1U);
    EXPECT_EQ(waiting.counters.crashes, 0U) << "it did no harm";
    ASSERT_THAT(waiting.attempts, SizeIs(1));
  }
  EXPECT_EQ(submit(job), unique) << "it holds its key as before";
  const auto again = claim();
  ASSERT_THAT(again, SizeIs(2));
  for (const auto& one : again) {
    EXPECT_EQ(one.lease.attempt, 2U);
    EXPECT_EQ(one.args, R"({"a":1})");
  }
  job::Settlement late;
  late.lease = held[0].lease;
  EXPECT_EQ(must(run(c_.broker->settle({late}))).at(0), broker::Settled::lost);
}

TEST_F(RedisReconcile, F64_AnEntryGivenToAnotherByHandEndsOnceAndItsFirstHolderWritesNothingMore) {
  const auto id = submit();
  const auto held = claim();
  ASSERT_THAT(held, SizeIs(1));
  auto& other = connect("w2");
  const auto stream = key("s:a.task:5");
  const auto entry = server_.command({"XRANGE", stream, "-", "+"});
  const auto entry_id = entry.substr(0, entry.find('\n'));
  server_.command({"XCLAIM", stream, "c", "w2", "0", entry_id});
  EXPECT_THAT(claim(), IsEmpty()) << "it is held";
  EXPECT_EQ(must(run(c_.broker->extend({held[0].lease}))).at(0), broker::LeaseState::lost);
  job::Settlement first;
  first.lease = held[0].lease;
  EXPECT_EQ(must(run(c_.broker->settle({first}))).at(0), broker::Settled::lost);
  // The other one never learned of it. Its lease ends, as if it had died.
  server_.command({"XCLAIM", stream, "c", "w2", "0", entry_id, "IDLE", "120000"});
  ASSERT_THAT(must(run(other.broker->reclaim_expired({}))).entries, SizeIs(1));
  const auto again = claim();
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_GT(again[0].lease.attempt, held[0].lease.attempt);
  EXPECT_EQ(must(run(c_.broker->settle({first}))).at(0), broker::Settled::lost);
  job::Settlement second;
  second.lease = again[0].lease;
  EXPECT_EQ(must(run(c_.broker->settle({second}))).at(0), broker::Settled::applied);
  EXPECT_EQ(record(id).status, JobStatus::complete);
  EXPECT_THAT(reconcile(), IsEmpty());
}

TEST_F(RedisReconcile, F64_EntriesDeliveredAgainBelongToOneHolderAlone) {
  const auto id = submit();
  const auto held = claim();
  auto& other = connect("w2");
  server_.command({"XGROUP", "SETID", key("s:a.task:5"), "c", "0"});
  broker::ClaimRequest request;
  request.groups.push_back({10, {{"default", "a.task"}}});
  const auto second = must(run(other.broker->claim(std::move(request))));
  ASSERT_THAT(second, SizeIs(1));
  job::Settlement first_end;
  first_end.lease = held.at(0).lease;
  first_end.result = "1";
  EXPECT_EQ(must(run(c_.broker->settle({first_end}))).at(0), broker::Settled::lost);
  job::Settlement second_end;
  second_end.lease = second[0].lease;
  second_end.result = "2";
  EXPECT_EQ(must(run(other.broker->settle({second_end}))).at(0), broker::Settled::applied);
  EXPECT_EQ(must(run(c_.broker->settle({first_end}))).at(0), broker::Settled::lost);
  EXPECT_EQ(record(id).result, "2");
}

TEST_F(RedisReconcile, F36_JobsThatAGroupWasSetPastRunAgain) {
  std::vector<std::string> ids;
  claim();  // makes nothing: there is no stream yet
  for (int i = 0; i < 250; ++i) ids.push_back(submit());
  ASSERT_THAT(claim(1), SizeIs(1));
  server_.command({"XGROUP", "SETID", key("s:a.task:5"), "c", "$"});
  EXPECT_THAT(claim(), IsEmpty()) << "nobody would ever get them";
  EXPECT_THAT(reconcile(), SizeIs(249)) << "several pages";
  EXPECT_THAT(claim(1'000), SizeIs(249));
}

TEST_F(RedisReconcile, F35_AWaitingJobWhoseEntryWasDeletedEndsAsInvalidAndFreesItsKey) {
  auto job = a_job();
  job.unique = "k";
  const auto unique = submit(job);
  const auto scheduled = submit(a_job(Millis{1}));
  const auto sound = submit(a_job(Millis{1}));
  std::size_t promoted = 0;
  while (promoted < 2) {
    promoted += must(run(c_.broker->promote_due(10))).promoted;
    run_for(io_, Millis{2});
  }
  EXPECT_THAT(reconcile(), IsEmpty());
  for (const auto& id : {unique, scheduled}) {
    const auto at = server_.command({"HGET", key("j:" + ulid(id)), "at"});
    server_.command({"XDEL", key("s:a.task:5"), at.substr(at.find('/') + 1)});
  }
  const auto mended = reconcile();
  ASSERT_THAT(mended, SizeIs(2));
  EXPECT_THAT(mended[0].what, HasSubstr("its stream entry was gone"));
  EXPECT_THAT(reconcile(), IsEmpty()) << "each is told once";
  for (const auto& id : {unique, scheduled}) {
    const auto failed = record(id);
    EXPECT_EQ(failed.status, JobStatus::failed);
    EXPECT_EQ(failed.reason, job::FailureReason::invalid);
    EXPECT_EQ(failed.task, "a.task");
    ASSERT_TRUE(failed.failure.has_value());
    EXPECT_THAT(failed.failure->message, HasSubstr("deleted while it waited"));
  }
  broker::JobFilter filter;
  filter.reason = job::FailureReason::invalid;
  EXPECT_THAT(must(run(c_.directory->list(filter))).jobs, SizeIs(2)) << "they are listed among the failed";
  EXPECT_NE(submit(job), unique) << "a key does not outlive its job";
  EXPECT_THAT(claim(), SizeIs(2));
  EXPECT_EQ(record(sound).status, JobStatus::running);
}

TEST_F(RedisReconcile, F35_ManyDeletedEntriesAreFoundInPagesAndARunningOneIsLeftToItsWorker) {
  auto job = a_job();
  for (int i = 0; i < 250; ++i) {
    job.unique = std::to_string(i);
    submit(job);
  }
  const auto held = claim(1);
  ASSERT_THAT(held, SizeIs(1));
  server_.command({"XTRIM", key("s:a.task:5"), "MAXLEN", "0"});
  EXPECT_THAT(reconcile(), SizeIs(249));
  EXPECT_EQ(server_.command({"ZRANGE", key("placed"), "0", "-1"}), ulid(held[0].lease.job_id));
  job::Settlement done;
  done.lease = held[0].lease;
  EXPECT_EQ(must(run(c_.broker->settle({done}))).at(0), broker::Settled::applied);
  EXPECT_EQ(server_.command({"ZCARD", key("placed")}), "0");
}

/// Three running jobs whose entries a foreign hand deletes: one with a unique key, one that was scheduled, one that has no more than
/// its entry until it speaks.
class RedisLostEntries : public RedisReconcile {
 protected:
  void SetUp() override {
    keyed_.unique = "k";
    ids_ = {submit(keyed_), submit(a_job(Millis{1}))};
    while (must(run(c_.broker->promote_due(10))).promoted == 0) run_for(io_, Millis{2});
    ids_.push_back(submit());
    held_ = claim();
    ASSERT_THAT(held_, SizeIs(3));
    for (const auto& one : held_) {
      job::Report report;
      report.lease = one.lease;
      report.progress = job::Progress{0.5, "half"};
      must(run(c_.broker->report({report})));
    }
  }
  /// As if the worker had renewed its leases two minutes ago, and died.
  void let_leases_end() {
    std::istringstream lines(server_.command({"XRANGE", kStream, "-", "+"}));
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty() && line.find('-') != std::string::npos && line.find_first_not_of("0123456789-") == std::string::npos) {
        server_.command({"XCLAIM", kStream, "c", "w1", "0", line, "IDLE", "120000", "JUSTID"});
      }
    }
  }
  void expect_ended() {
    for (const auto& id : ids_) {
      const auto failed = record(id);
      EXPECT_EQ(failed.status, JobStatus::failed) << id;
      EXPECT_EQ(failed.reason, job::FailureReason::invalid);
      ASSERT_TRUE(failed.failure.has_value());
      EXPECT_THAT(failed.failure->message, HasSubstr("its stream entry was deleted"));
      ASSERT_TRUE(failed.progress.has_value());
      EXPECT_EQ(failed.progress->message, "half");
    }
    EXPECT_THAT(must(run(c_.directory->list({}))).jobs, SizeIs(3)) << "there are no more jobs than were submitted";
    EXPECT_EQ(server_.command({"ZCARD", key("placed")}), "0");
    EXPECT_THAT(reconcile(), IsEmpty());
    EXPECT_NE(submit(keyed_), ids_[0]) << "a key does not outlive its job";
  }

  const std::string kStream = key("s:a.task:5");
  job::NewJob keyed_ = a_job();
  std::vector<std::string> ids_;
  std::vector<job::Claim> held_;
};

TEST_F(RedisLostEntries, F35_EndUnderTheirOwnIdsWhenTheirWorkerHasDied) {
  let_leases_end();
  server_.command({"XTRIM", kStream, "MAXLEN", "0"});
  EXPECT_THAT(reconcile(), IsEmpty()) << "somebody still holds them";
  const auto reclaimed = must(run(c_.broker->reclaim_expired({}))).entries;
  ASSERT_THAT(reclaimed, SizeIs(3));
  for (const auto& id : ids_) {
    EXPECT_EQ(std::count_if(reclaimed.begin(), reclaimed.end(), [&id](const auto& entry) { return entry.job_id == id; }), 1) << id;
  }
  expect_ended();
}

TEST_F(RedisReconcile, OnlyJobsThatStandInAStreamAndHaveMoreThanTheirEntryAreListedAsPlaced) {
  const auto placed = [this] { return server_.command({"ZCARD", key("placed")}); };
  const auto settle_all = [this](job::Settlement::Kind kind, Millis after = Millis{0}) {
    for (const auto& claimed : claim()) {
      job::Settlement end;
      end.lease = claimed.lease;
      end.kind = kind;
      end.retry_after = after;
      EXPECT_EQ(must(run(c_.broker->settle({end}))).at(0), broker::Settled::applied);
    }
  };
  const auto id = submit();
  EXPECT_EQ(placed(), "0") << "a plain job is its entry";
  settle_all(job::Settlement::Kind::release);
  EXPECT_EQ(placed(), "1") << "handed back";
  settle_all(job::Settlement::Kind::retry, Millis{1});
  EXPECT_EQ(placed(), "0") << "it waits for its time";
  while (must(run(c_.broker->promote_due(10))).promoted == 0) run_for(io_, Millis{2});
  EXPECT_EQ(placed(), "1");
  settle_all(job::Settlement::Kind::fail);
  EXPECT_EQ(placed(), "0") << "it has ended";
  must(run(c_.directory->retry(id)));
  EXPECT_EQ(placed(), "1") << "run again";
  must(run(c_.directory->cancel(id)));
  EXPECT_EQ(placed(), "0");
  auto job = a_job();
  job.unique = "k";
  submit(job);
  job.on_conflict = job::OnConflict::replace;
  const auto replacing = submit(job);
  EXPECT_EQ(server_.command({"ZRANGE", key("placed"), "0", "-1"}), ulid(replacing));
  must(run(c_.directory->remove(replacing)));
  EXPECT_EQ(placed(), "0");
}

TEST_F(RedisReconcile, DueTimeWithoutAJobEndsAsInvalidAndSaysSo) {
  const auto id = submit(a_job(Millis{60'000}));
  const auto sound = submit(a_job(Millis{60'000}));
  server_.command({"DEL", key("j:" + ulid(id))});
  ASSERT_THAT(reconcile(), SizeIs(1));
  EXPECT_THAT(reconcile(), IsEmpty());
  const auto failed = record(id);
  EXPECT_EQ(failed.status, JobStatus::failed);
  EXPECT_EQ(failed.reason, job::FailureReason::invalid);
  ASSERT_TRUE(failed.failure.has_value());
  EXPECT_THAT(failed.failure->message, HasSubstr("what was kept of this job is gone"));
  EXPECT_EQ(record(sound).status, JobStatus::scheduled);
  broker::JobFilter filter;
  filter.reason = job::FailureReason::invalid;
  EXPECT_THAT(must(run(c_.directory->list(filter))).jobs, SizeIs(1)) << "it is listed among the failed";
}

TEST_F(RedisReconcile, JobWhoseDueTimeWasLostIsDueAgain) {
  const auto id = submit(a_job(Millis{200}));
  server_.command({"DEL", key("due")});
  const auto mended = reconcile();
  ASSERT_THAT(mended, SizeIs(1));
  EXPECT_EQ(mended[0].job_id, id);
  EXPECT_THAT(reconcile(), IsEmpty());
  const auto began = clock_.now();
  while (must(run(c_.broker->promote_due(10))).promoted == 0) {
    ASSERT_LT(clock_.now() - began, Millis{20'000});
    run_for(io_, Millis{10});
  }
  EXPECT_THAT(claim(), SizeIs(1));
}

TEST_F(RedisReconcile, DueTimeLeftBehindByAJobThatRunsMakesNoSecondJob) {
  const auto id = submit(a_job(Millis{1}));
  const auto member = ulid(id) + "/5/a.task";
  while (must(run(c_.broker->promote_due(10))).promoted == 0) run_for(io_, Millis{2});
  server_.command({"ZADD", key("due"), "1", member});
  EXPECT_EQ(must(run(c_.broker->promote_due(10))).promoted, 0U);
  EXPECT_THAT(claim(), SizeIs(1));
  server_.command({"ZADD", key("due"), "99999999999999", member});
  reconcile();
  EXPECT_EQ(server_.command({"ZCARD", key("due")}), "0");
  EXPECT_EQ(record(id).status, JobStatus::running);
}

TEST_F(RedisReconcile, IndexForgetsWhatHasNoRecord) {
  const auto gone = submit();
  const auto kept = submit();
  for (const auto& claimed : claim()) {
    job::Settlement done;
    done.lease = claimed.lease;
    must(run(c_.broker->settle({done})));
  }
  server_.command({"DEL", key("r:" + ulid(gone))});
  reconcile();
  EXPECT_EQ(server_.command({"ZRANGE", key("complete"), "0", "-1"}), ulid(kept));
}

TEST_F(RedisReconcile, F91_StoreOfANewerVersionIsRefusedAndBothVersionsAreNamed) {
  submit();
  EXPECT_EQ(server_.command({"GET", "{conduit}:version"}), "1") << "the first worker wrote it";
  server_.command({"SET", "{conduit}:version", "99"});
  for (const auto* worker : {"w1", ""}) {
    broker::Options options;
    options.url = server_.url();
    options.worker = worker;
    const auto opened = run(broker::open(io_.get_executor(), clock_, options));
    ASSERT_FALSE(opened.has_value());
    EXPECT_TRUE(opened.error().is(Errc::unsupported)) << opened.error().message();
    EXPECT_THAT(opened.error().message(), HasSubstr("has version 99, this program knows version 1"));
  }
}

TEST_F(RedisReconcile, F91_VersionThatIsNoNumberIsRefusedAndTheKeyIsNamed) {
  for (const auto* text : {"two", "", "1x", "-1"}) {
    server_.command({"SET", "{conduit}:version", text});
    broker::Options options;
    options.url = server_.url();
    const auto opened = run(broker::open(io_.get_executor(), clock_, options));
    ASSERT_FALSE(opened.has_value()) << text;
    EXPECT_TRUE(opened.error().is(Errc::corrupt)) << opened.error().message();
    EXPECT_THAT(opened.error().message(), HasSubstr(std::string("{conduit}:version holds '") + text + "'"));
    EXPECT_THAT(opened.error().message(), HasSubstr("delete it"));
  }
}

TEST_F(RedisReconcile, OneWorkerAtATimeDoesIt) {
  auto& other = connect("w2");
  submit();
  claim();
  EXPECT_THAT(reconcile(), IsEmpty());
  server_.command({"XGROUP", "DELCONSUMER", key("s:a.task:5"), "c", "w1"});
  EXPECT_THAT(must(run(other.broker->reconcile())), IsEmpty()) << "it is the first one's turn";
  EXPECT_THAT(reconcile(), SizeIs(1));
  server_.command({"DEL", "{conduit}:reconciler"});
  EXPECT_THAT(must(run(other.broker->reconcile())), IsEmpty());
  EXPECT_EQ(server_.command({"GET", "{conduit}:reconciler"}), "w2") << "a worker that died is followed by another";
}

}  // namespace
}  // namespace conduitd::test
