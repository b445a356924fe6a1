// Layers and hooks around tasks in all three executors, with the daemon's own decisions behind them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "job/trace.h"
#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// One executor; what they do is the same in each.
class AroundTest : public testing::TestWithParam<std::string> {
 protected:
  AroundTest() : place(all_stores().front()) { place.install("around"); }

  [[nodiscard]] std::string task() const { return "around." + GetParam(); }
  std::string submit(const std::string& args, int retries = 0) {
    job::NewJob job;
    job.task = task();
    job.args = args;
    job.retries = retries;
    return place.submit(std::move(job));
  }
  static std::string text(const job::JobRecord& record) { return job::to_json(record).text(true); }
  /// The messages of the job's log of that attempt.
  std::vector<std::string> said(const std::string& id, std::uint32_t attempt = 1) {
    std::vector<std::string> messages;
    for (const auto& line : place.logs(id)) {
      if (line.attempt == attempt) messages.push_back(line.message);
    }
    return messages;
  }
  Json told(const std::string& id, const std::string& message) {
    for (const auto& line : place.logs(id)) {
      if (line.message == message) return parse_json(line.fields).value();
    }
    return {};
  }

  Workplace place;
};
INSTANTIATE_TEST_SUITE_P(Each, AroundTest, testing::Values("thread", "process", "async"),
                         [](const auto& param) { return param.param; });

TEST_P(AroundTest, LayersAndHooksStandInOrderAroundATask) {
  place.start();
  const auto id = submit(R"({"end": "done"})");
  const auto record = place.ended(id);
  ASSERT_EQ(record.status, JobStatus::complete) << text(record);
  EXPECT_EQ(record.result, R"({"by":"outer","inside":{"by":"inner","inside":{"executor":")" + GetParam() +
                               R"(","traceparent":"","args":{"end":"done"}}}})");
  EXPECT_THAT(said(id), ElementsAre("on_start", "worker: on_start", "> outer", "< outer", "on_success", "on_complete",
                                    "worker: on_complete"));
  const auto success = told(id, "on_success");
  EXPECT_EQ(success.string_or("kind", ""), "complete");
  EXPECT_TRUE(success.bool_or("current", false));
  EXPECT_EQ(success.string_or("job", ""), id);
  ASSERT_NE(success.find("result"), nullptr);
  EXPECT_EQ(success.find("result")->string_or("by", ""), "outer");
}

TEST_P(AroundTest, AFailedAttemptIsToldAsRetryUntilNoneIsLeftThenAsFailure) {
  place.extra_config = "[task.\"" + task() + "\"]\nbackoff = { kind = \"fixed\", base = \"7ms\", jitter = 0 }\n";
  place.start();
  const auto id = submit(R"({"end": "error"})", 1);
  const auto record = place.ended(id);
  ASSERT_EQ(record.status, JobStatus::failed) << text(record);
  EXPECT_THAT(said(id, 1), ElementsAre("on_start", "worker: on_start", "> outer", "on_retry", "on_complete", "worker: on_complete"));
  EXPECT_THAT(said(id, 2), ElementsAre("on_start", "worker: on_start", "> outer", "on_failure", "on_complete", "worker: on_complete"));
  const auto retry = told(id, "on_retry");
  EXPECT_EQ(retry.string_or("type", ""), "std::runtime_error");
  EXPECT_EQ(retry.string_or("error", ""), "broken");
  EXPECT_EQ(retry.int_or("after", -1), 7);
  EXPECT_EQ(told(id, "on_failure").string_or("kind", ""), "failed");
  // What a hook submits is a child of the job.
  broker::JobFilter notes;
  notes.task = "around.note";
  const auto page = run(place.io, place.broker().directory->list(notes));
  ASSERT_EQ(page.value().jobs.size(), 1u);
  EXPECT_EQ(place.ended(page.value().jobs[0].id).parent_id, id);
}

TEST_P(AroundTest, RulesOfTheConfigurationDecideWhatHooksAreTold) {
  place.extra_config = "[task.\"" + task() + "\"]\nerrors = [{ text = \"broken\", action = \"fail\" }]\n";
  place.start();
  const auto id = submit(R"({"end": "error"})", 5);
  const auto record = place.ended(id);
  EXPECT_EQ(record.counters.attempts, 1u) << text(record);
  EXPECT_THAT(said(id), testing::Contains("on_failure"));
  EXPECT_THAT(said(id), testing::Not(testing::Contains("on_retry")));
}

TEST_P(AroundTest, WhatIsNoSuccessAndNoFailureIsToldAsComplete) {
  place.start();
  const auto snoozed = submit(R"({"end": "snooze"})");
  EXPECT_EQ(place.ended(snoozed).status, JobStatus::complete);
  EXPECT_THAT(said(snoozed, 1), ElementsAre("on_start", "worker: on_start", "> outer", "on_complete", "worker: on_complete"));
  EXPECT_EQ(told(snoozed, "on_complete").string_or("kind", ""), "snoozed");

  const auto cancelled = submit(R"({"end": "heed"})");
  place.until(cancelled, [&](const auto&) { return !place.logs(cancelled).empty(); });
  ASSERT_TRUE(run(place.io, place.broker().directory->cancel(cancelled)).has_value());
  EXPECT_EQ(place.ended(cancelled).status, JobStatus::cancelled);
  EXPECT_EQ(told(cancelled, "on_complete").string_or("kind", ""), "cancelled");
}

TEST_P(AroundTest, ATimeoutThatTheTaskHeedsIsToldAsWhatItIs) {
  place.extra_config = "[task.\"" + task() + "\"]\ntimeout = \"200ms\"\n";
  place.start();
  const auto id = submit(R"({"end": "heed"})");
  const auto record = place.ended(id);
  ASSERT_EQ(record.status, JobStatus::failed) << text(record);
  EXPECT_EQ(told(id, "on_failure").string_or("type", ""), "timeout");
}

TEST_P(AroundTest, AHookThatThrowsIsReportedAndChangesNothing) {
  place.start();
  const auto id = submit(R"({"end": "done", "bad": "throw"})");
  const auto record = place.ended(id);
  ASSERT_EQ(record.status, JobStatus::complete) << text(record);
  EXPECT_THAT(said(id), testing::Contains("on_complete of plugin 'around' failed: std::runtime_error: no such channel; the job is "
                                          "not affected"));
  EXPECT_THAT(said(id), testing::Contains("on_complete")) << "the next one ran";
}

TEST_P(AroundTest, AHookThatTakesItsHostAlongChangesNothing) {
  place.start();
  for (const std::string bad : {"crash", "exit"}) {
    const auto good = submit(R"({"end": "done", "bad": ")" + bad + "\"}", 3);
    const auto record = place.ended(good);
    ASSERT_EQ(record.status, JobStatus::complete) << text(record);
    EXPECT_THAT(record.result, HasSubstr("inside"));
    EXPECT_EQ(record.counters.attempts, 1u) << text(record);
    EXPECT_EQ(record.counters.crashes, 0u) << text(record);
    EXPECT_THAT(said(good), testing::Contains(HasSubstr("its host ended while the hooks of this attempt ran")));
    const auto failed = place.ended(submit(R"({"end": "fail", "bad": ")" + bad + "\"}", 3));
    ASSERT_EQ(failed.status, JobStatus::failed) << text(failed);
    EXPECT_EQ(failed.failure->message, "for good");
    EXPECT_EQ(failed.counters.crashes, 0u) << text(failed);
  }
}

TEST_P(AroundTest, TheTraceReachesTheTaskAndGoesOnInWhatItSubmits) {
  place.start();
  job::NewJob job;
  job.task = task();
  job.traceparent = kTrace;
  const auto plain = place.ended(place.submit(job));
  EXPECT_THAT(plain.result, HasSubstr(kTrace)) << text(plain);
  EXPECT_EQ(plain.traceparent, kTrace);
  job.args = R"({"end": "child"})";
  const auto parent = place.ended(place.submit(job));
  ASSERT_EQ(parent.status, JobStatus::complete) << text(parent);
  const auto result = parse_json(parent.result).value();
  const auto* child = result.find("inside")->find("inside")->as_string();
  ASSERT_NE(child, nullptr) << text(parent);
  const auto trace = place.ended(*child).traceparent;
  EXPECT_TRUE(job::check_traceparent(trace).has_value()) << trace;
  EXPECT_EQ(trace.substr(0, 36), std::string(kTrace).substr(0, 36));
  EXPECT_NE(trace, kTrace);
}

/// Layers of the worker, of a plugin without tasks, around those of a C++ plugin with layers and hooks of its own.
class WorkersLayers : public AroundTest {
 protected:
  WorkersLayers() { place.install("layers"); }
  /// What is said before the plugin's own layers: "half" has no form for coroutines.
  [[nodiscard]] std::vector<std::string> entered() const {
    std::vector<std::string> out{"on_start", "worker: on_start", "> outside", "> within"};
    if (GetParam() != "async") out.emplace_back("> half");
    return out;
  }
  [[nodiscard]] std::vector<std::string> and_then(const std::vector<std::string>& more) const {
    auto out = entered();
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(Each, WorkersLayers, testing::Values("thread", "process", "async"),
                         [](const auto& param) { return param.param; });

TEST_P(WorkersLayers, StandOutsideOfThePluginsOwnByPriority) {
  place.start();
  const auto id = submit(R"({"end": "done", "layer": "replace"})");
  const auto record = place.ended(id);
  ASSERT_EQ(record.status, JobStatus::complete) << text(record);
  EXPECT_THAT(record.result, HasSubstr(R"({"replaced":{"by":"outer","inside":{"by":"inner")"));
  EXPECT_EQ(said(id), and_then({"> outer", "< outer", "< outside", "on_success", "on_complete", "worker: on_complete"}));
}

TEST_P(WorkersLayers, SeeAFailureAsTheTaskSaidItAndLetItThroughAsItWas) {
  place.extra_config = "[task.\"" + task() + "\"]\nerrors = [{ type = \"std::runtime_error\", action = \"fail\" }]\n";
  place.start();
  const auto id = submit(R"({"end": "error", "layer": "tell"})", 5);
  const auto record = place.ended(id);
  ASSERT_EQ(record.status, JobStatus::failed) << text(record);
  EXPECT_EQ(record.failure->type, "std::runtime_error");
  EXPECT_EQ(record.failure->message, "broken");
  const auto failure = told(id, "it failed");
  EXPECT_EQ(failure.string_or("type", ""), "std::runtime_error");
  EXPECT_TRUE(failure.bool_or("current", false));

  const auto snoozed = submit(R"({"end": "snooze", "layer": "tell"})");
  EXPECT_EQ(place.ended(snoozed).status, JobStatus::complete);
  EXPECT_EQ(told(snoozed, "it failed").string_or("type", ""), "conduit::Snooze");
  EXPECT_EQ(told(snoozed, "it failed").int_or("after", -1), 1);
  EXPECT_EQ(told(snoozed, "on_complete").string_or("kind", ""), "snoozed");
}

TEST_P(WorkersLayers, MayRunTheTaskAgain) {
  place.start();
  const auto id = submit(R"({"end": "once", "layer": "again"})");
  const auto record = place.ended(id);
  ASSERT_EQ(record.status, JobStatus::complete) << text(record);
  EXPECT_EQ(record.counters.attempts, 1u);
  EXPECT_THAT(said(id), testing::Contains("< outside"));
}

TEST_P(WorkersLayers, ACancelReachesTheTaskInside) {
  place.start();
  const auto id = submit(R"({"end": "heed", "layer": "tell"})");
  place.until(id, [&](const auto&) { return said(id).size() > entered().size(); });
  ASSERT_TRUE(run(place.io, place.broker().directory->cancel(id)).has_value());
  EXPECT_EQ(place.ended(id).status, JobStatus::cancelled);
  EXPECT_EQ(told(id, "it failed").int_or("kind", -1), 3);
}

/// Hooks of ends that had no host left, on each broker.
class LateHooksTest : public testing::TestWithParam<StoreKind> {
 protected:
  LateHooksTest() : place(GetParam()) { place.install("late"); }

  /// What hooks were told of that job, as they submitted it: "on_retry 1 signal", in the order of attempts.
  std::vector<std::string> told(const std::string& id) {
    broker::JobFilter notes;
    notes.task = "late.note";
    std::multimap<std::int64_t, std::string> out;
    const auto page = test::run(place.io, place.broker().directory->list(notes));
    if (!page.has_value()) throw std::runtime_error(page.error().message());
    for (const auto& job : page.value().jobs) {
      const auto args = parse_json(place.record(job.id).args).value();
      if (args.string_or("about", "") != id) continue;
      EXPECT_EQ(place.record(job.id).parent_id, id);
      const auto attempt = args.int_or("attempt", 0);
      out.emplace(attempt, args.string_or("hook", "") + ' ' + std::to_string(attempt) + ' ' + args.string_or("type", ""));
    }
    std::vector<std::string> lines;
    for (const auto& [attempt, line] : out) lines.push_back(line);
    return lines;
  }
  std::vector<std::string> told_when(const std::string& id, std::size_t count) {
    place.until(id, [&](const auto&) { return told(id).size() >= count; });
    auto lines = told(id);
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  std::string submit(const std::string& task, const std::string& args, int retries = 0) {
    job::NewJob job;
    job.task = task;
    job.args = args;
    job.retries = retries;
    return place.submit(std::move(job));
  }

  Workplace place;
};
INSTANTIATE_TEST_SUITE_P(Each, LateHooksTest, testing::ValuesIn(all_stores()), [](const auto& param) { return param.param.name; });

TEST_P(LateHooksTest, OfEachCrashRunInAnotherHostUntilTheJobIsPoison) {
  place.start();
  const auto id = submit("late.process", R"({"end": "crash"})");
  const auto record = place.ended(id);
  ASSERT_EQ(record.status, JobStatus::failed) << job::to_json(record).text(true);
  EXPECT_EQ(record.reason, job::FailureReason::poison);
  EXPECT_THAT(told_when(id, 6), ElementsAre("on_complete 1 signal", "on_complete 2 signal", "on_complete 3 signal", "on_failure 3 signal",
                                            "on_retry 1 signal", "on_retry 2 signal"));
}

TEST_P(LateHooksTest, OfACrashInAHostOfManyRunInTheNextOne) {
  place.start();
  for (const std::string executor : {"thread", "async"}) {
    const auto id = submit("late." + executor, R"({"end": "first"})");
    const auto record = place.ended(id);
    ASSERT_EQ(record.status, JobStatus::complete) << job::to_json(record).text(true);
    EXPECT_THAT(told_when(id, 3), ElementsAre("on_complete 1 signal", "on_complete 2 ", "on_retry 1 signal"));
  }
}

TEST_P(LateHooksTest, OfACrashThatIsTheLastInAHostOfManyTellOfTheFailure) {
  place.executors.insert(place.executors.find('\n'), "\nquarantine_after = 1");
  place.start();
  for (const std::string executor : {"thread", "async"}) {
    const auto id = submit("late." + executor, R"({"end": "crash"})");
    EXPECT_EQ(place.ended(id).reason, job::FailureReason::poison);
    EXPECT_THAT(told_when(id, 2), ElementsAre("on_complete 1 signal", "on_failure 1 signal"));
  }
}

TEST_P(LateHooksTest, OneThatCrashesItsHostInItsTurnIsNotRepeatedAndChargesNobody) {
  auto& worker = place.start();
  const auto id = submit("late.process", R"({"end": "crash", "bad": "crash"})");
  const auto record = place.ended(id);
  EXPECT_EQ(record.counters.crashes, 3u) << job::to_json(record).text(true);
  EXPECT_THAT(told_when(id, 6), testing::SizeIs(6));
  worker.wait_for_line("their host ended meanwhile");
}

TEST_P(LateHooksTest, OfAThreadThatIgnoresItsTimeoutRunOnce) {
  place.extra_config = "[task.\"late.thread\"]\ntimeout = \"200ms\"\n";
  auto& worker = place.start();
  const auto id = submit("late.thread", R"({"end": "deaf"})");
  const auto record = place.ended(id);
  ASSERT_EQ(record.status, JobStatus::failed) << job::to_json(record).text(true);
  EXPECT_THAT(told_when(id, 2), ElementsAre("on_complete 1 timeout", "on_failure 1 timeout"));
  // When it returns at last, in the host that it kept, it is not told again.
  place.until(id, [&](const auto&) { return hosts_of(worker.pid(), "conduit-thread").size() == 1; });
  EXPECT_THAT(told(id), testing::SizeIs(2));
}

TEST_P(LateHooksTest, OfAnAttemptWhoseWorkerDiedRunInTheOneThatFindsOut) {
  auto& dead = place.start();
  const auto id = submit("late.process", R"({"end": "hang"})");
  place.until(id, [](const auto& record) { return record.progress.has_value(); });
  dead.signal(SIGKILL);
  dead.wait_for_exit();
  place.start();
  EXPECT_EQ(place.ended(id).status, JobStatus::complete);
  EXPECT_THAT(told_when(id, 3), testing::IsSupersetOf({"on_complete 1 lease expired", "on_retry 1 lease expired"}));
}

class AroundOthers : public testing::Test {
 protected:
  AroundOthers() : place(all_stores().front()) {
    place.install("around");
    place.install("misbehave");
  }
  Workplace place;
};

TEST_F(AroundOthers, HooksOfTheWorkerRunForATaskInCOfAnotherPlugin) {
  place.start();
  const auto id = place.submit("misbehave.echo", R"({"a": 1})");
  const auto record = place.ended(id);
  EXPECT_EQ(record.status, JobStatus::complete);
  EXPECT_EQ(record.result, R"({"a": 1})") << "the layers of another plugin are not around it";
  std::vector<std::string> said;
  for (const auto& line : place.logs(id)) said.push_back(line.message);
  EXPECT_THAT(said, ElementsAre("worker: on_start", "worker: on_complete"));
}

TEST_F(AroundOthers, LayersOfTheWorkerGoAroundATaskInCOfAnotherPlugin) {
  place.install("layers");
  auto& worker = place.launch();
  worker.wait_for_line("middleware 'half' of plugin 'layers' is a function, for the thread and process executors alone");
  place.wait_until_ready(worker);
  const auto id = place.submit("misbehave.echo", R"({"layer": "replace", "big": 12345678901234567890123})");
  EXPECT_THAT(place.ended(id).result, HasSubstr(R"({"replaced":{"layer":"replace")"));
  const auto plain = place.submit("misbehave.echo", R"({"a" :  12345678901234567890123})");
  EXPECT_EQ(place.ended(plain).result, R"({"a" :  12345678901234567890123})") << "what is let through is not written anew";
  job::NewJob job;
  job.task = "misbehave.fail";
  job.args = R"({"kind": 2, "layer": "tell"})";
  const auto failed = place.ended(place.submit(job));
  ASSERT_EQ(failed.status, JobStatus::failed);
  EXPECT_EQ(failed.failure->type, "misbehave");
  EXPECT_EQ(failed.failure->detail, R"({"path":"/kind"})");
}

TEST_F(AroundOthers, TheLogOfAttemptsHasTimeAndTraceOfEveryTaskIfAskedFor) {
  place.extra_config = "[log]\nattempts = true\nformat = \"json\"\n";
  auto& worker = place.launch();
  worker.wait_for_line(R"("message":"ready")");
  job::NewJob job;
  job.task = "misbehave.echo";
  job.traceparent = kTrace;
  const auto id = place.submit(job);
  const auto began = parse_json(worker.wait_for_line("an attempt began")).value();
  EXPECT_EQ(began.string_or("job", ""), id);
  EXPECT_EQ(began.string_or("executor", ""), "process");
  EXPECT_EQ(began.string_or("traceparent", ""), kTrace);
  const auto ended = parse_json(worker.wait_for_line("an attempt ended")).value();
  EXPECT_EQ(ended.string_or("job", ""), id);
  EXPECT_EQ(ended.string_or("outcome", ""), "complete");
  EXPECT_NE(ended.find("duration_ms"), nullptr);
  EXPECT_EQ(ended.string_or("traceparent", ""), kTrace);
  place.ended(id);
}

}  // namespace
}  // namespace conduitd::test
