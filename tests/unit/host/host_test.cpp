// Hosts of all three executors, driven over a raw socket.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "driver.h"

namespace conduitd {
namespace {

using channel::Executor;
using channel::FrameType;
using channel::Outcome;
using testing::HasSubstr;

std::vector<FrameType> types(const std::vector<test::Seen>& frames) {
  std::vector<FrameType> out;
  for (const auto& frame : frames) out.push_back(frame.type);
  return out;
}

class HostOf : public testing::TestWithParam<Executor> {
 protected:
  HostOf() { zygote.load_plugin("misbehave"); }

  [[nodiscard]] bool is_async() const { return GetParam() == Executor::async; }
  /// The task of that name that suits the executor.
  [[nodiscard]] std::string task(const std::string& name) const {
    return "misbehave." + std::string(is_async() ? "async_" : "") + name;
  }

  test::Zygote zygote;
};

INSTANTIATE_TEST_SUITE_P(Executors, HostOf, testing::Values(Executor::async, Executor::thread, Executor::process),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(HostOf, ThreeCommandQueuesDrainedPerJobFlushedAndEndedByASentinelBeforeTheResultIsRecorded) {
  auto host = zygote.spawn_ready(GetParam(), 2);
  for (std::uint32_t handle = 1; handle <= 20; ++handle) host.start(handle, task("progress"), R"({"count":50})");
  for (std::uint32_t handle = 1; handle <= 20; ++handle) {
    const auto frames = host.channel.attempt(handle);
    ASSERT_GE(frames.size(), 6u);
    EXPECT_EQ(frames.front().type, FrameType::began);
    EXPECT_EQ(frames[frames.size() - 2].type, FrameType::end) << "the sentinel, after every command";
    EXPECT_EQ(frames.back().as<Outcome>().payload, "50");
    EXPECT_THAT(types(frames), testing::IsSupersetOf({FrameType::log, FrameType::metadata}));
    double last = 0;
    for (const auto& frame : frames) {
      if (frame.type != FrameType::progress) continue;
      const auto progress = frame.as<channel::Progress>();
      EXPECT_GT(progress.fraction, last) << "in order";
      last = progress.fraction;
    }
    EXPECT_EQ(last, 1.0) << "the latest progress comes before the sentinel, whatever was merged";
  }
}

TEST_P(HostOf, TellsTheAttemptWhatItIs) {
  auto host = zygote.spawn_ready(GetParam());
  channel::Start start;
  start.task = task("info");
  start.job_id = "media:1";
  start.parent_id = "media:0";
  start.root_id = "";
  start.queue = "media";
  start.args = "[1]";
  start.metadata = R"({"a":1})";
  start.attempt = 2;
  start.max_attempts = 5;
  start.deadline_ms = 1'700'000'000'000;
  host.start(7, start);
  const auto outcome = host.channel.outcome(7);
  ASSERT_EQ(outcome.kind, Outcome::Kind::complete) << outcome.error_message;
  EXPECT_THAT(outcome.payload, HasSubstr(R"("attempt":2,"max_attempts":5,"deadline_ms":1700000000000,"job_id":"media:1")"));
  EXPECT_THAT(outcome.payload, HasSubstr(R"("parent_id":"media:0","root_id":"media:1")"));
  EXPECT_THAT(outcome.payload, HasSubstr(R"("metadata":{"a":1},"executor":")" + std::string(to_string(GetParam()))));
  EXPECT_THAT(outcome.payload, HasSubstr(is_async() ? R"("on_event_loop":1)" : R"("on_event_loop":0)"));
}

#if defined(__SANITIZE_THREAD__)
constexpr Millis kEnd{4'000};  // that sanitizer waits a second of its own before a process exits
#else
constexpr Millis kEnd{1'000};
#endif

TEST_P(HostOf, EndsWithinASecondOfEndOfFileWhateverUserCodeDoes_F12) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, is_async() ? "misbehave.async_block" : "misbehave.hang", R"({"ms":60000})");
  host.channel.await(FrameType::began, 1);
  host.channel.close();
  EXPECT_TRUE(host.await_end(kEnd));
  EXPECT_TRUE(!is_async() || WIFEXITED(zygote.exit_status(host.pid)));
}

TEST_P(HostOf, ACrashIsToldBySignalWithABacktraceAndOnlyTheBegunAttemptBegan_F40) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, task("crash"));
  if (GetParam() == Executor::process) host.start(2, "misbehave.noop");
  host.channel.await(FrameType::began, 1);
  while (const auto frame = host.channel.next()) EXPECT_NE(frame->handle, 2u) << "a staged attempt never began";
  const int status = zygote.exit_status(host.pid);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
  EXPECT_THAT(host.read_output(), HasSubstr("crashed: SIGSEGV"));
}

TEST_P(HostOf, AsksTheBrokerAndGetsItsAnswer) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(3, task("submit"), R"({"task":"a.b"})");
  const auto call = host.channel.await(FrameType::call, 3).as<channel::Call>();
  EXPECT_EQ(call.payload, R"({"task":"a.b"})");
  host.channel.send(FrameType::reply, 3, channel::Reply{call.id + 1, true, "[]"});  // nobody waits for that
  host.channel.send(FrameType::reply, 3, channel::Reply{call.id, true, R"(["default:9"])"});
  EXPECT_EQ(host.channel.outcome(3).payload, R"(["default:9"])");
}

TEST_P(HostOf, FinishesWhatItWasGivenBeforeItStops) {
  auto host = zygote.spawn_ready(GetParam());
  const std::string slow = is_async() ? "misbehave.async_later" : "misbehave.sleep";
  for (std::uint32_t handle = 1; handle <= 3; ++handle) host.start(handle, slow, R"({"ms":30})");
  host.channel.send_body(FrameType::stop, 0, "");
  for (std::uint32_t handle = 1; handle <= 3; ++handle) {
    EXPECT_EQ(host.channel.outcome(handle).kind, Outcome::Kind::complete);
  }
  EXPECT_FALSE(host.channel.next());
  EXPECT_EQ(zygote.exit_status(host.pid), 0);
}

TEST_P(HostOf, AnUnknownTaskFailsTheAttemptNotTheHost) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "nobody.has_this");
  EXPECT_THAT(host.channel.outcome(1).error_message, HasSubstr("no plugin of this host has the task 'nobody.has_this'"));
  host.start(2, task("info"));
  EXPECT_EQ(host.channel.outcome(2).kind, Outcome::Kind::complete);
}

TEST_P(HostOf, DropsASupervisorThatMakesNoSense_S15) {
  auto host = zygote.spawn_ready(GetParam());
  host.channel.send_bytes("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(host.await_end());
}

TEST_P(HostOf, DoesNotEndByTheSignalsOfATerminalOrBySigterm) {
  auto host = zygote.spawn_ready(GetParam());
  ASSERT_EQ(::kill(static_cast<pid_t>(host.pid), SIGINT), 0);
  ASSERT_EQ(::kill(static_cast<pid_t>(host.pid), SIGTERM), 0);
  host.start(1, task("info"));
  EXPECT_EQ(host.channel.outcome(1).kind, Outcome::Kind::complete);
}

/// What blocking tasks do, in the two executors that run them.
class BlockingHost : public HostOf {};
INSTANTIATE_TEST_SUITE_P(Executors, BlockingHost, testing::Values(Executor::thread, Executor::process),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(BlockingHost, TakesTheFirstOutcomeAndNoSecond) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "misbehave.twice");
  const auto frames = host.channel.attempt(1);
  EXPECT_EQ(types(frames), (std::vector{FrameType::began, FrameType::end, FrameType::outcome}));
  EXPECT_EQ(frames.back().as<Outcome>().payload, "1");
  host.start(2, "misbehave.noop");
  EXPECT_EQ(host.channel.attempt(2).size(), 3u) << "nothing of the first attempt came late";
}

TEST_P(BlockingHost, FailsAnAttemptThatReturnsWithoutAnOutcome) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "misbehave.silent");
  const auto outcome = host.channel.outcome(1);
  EXPECT_EQ(outcome.kind, Outcome::Kind::retry);
  EXPECT_EQ(outcome.error_message, "the task returned without complete or fail");
}

TEST_P(BlockingHost, F76_FailsAResultThatIsTooLargeOrNoJson) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "misbehave.large", R"({"bytes":1048576})");
  EXPECT_EQ(host.channel.outcome(1).payload.size(), 1'048'576u);
  host.start(2, "misbehave.large", R"({"bytes":1048577})");
  const auto large = host.channel.outcome(2);
  EXPECT_EQ(large.kind, Outcome::Kind::invalid);
  EXPECT_THAT(large.error_message, HasSubstr("1048577 bytes, 1048576 are allowed"));
  host.start(3, "misbehave.broken_json");
  EXPECT_THAT(host.channel.outcome(3).error_message, HasSubstr("is no JSON"));
}

TEST_P(BlockingHost, MergesAFloodAndSaysHowManyLinesItDropped_F48) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "misbehave.flood", R"({"count":100000})");
  const auto frames = host.channel.attempt(1);
  EXPECT_LT(frames.size(), 20'000u) << "of 200000 commands";
  std::string last_log;
  double fraction = 0;
  for (const auto& frame : frames) {
    if (frame.type == FrameType::log) last_log = frame.as<channel::Log>().message;
    if (frame.type == FrameType::progress) fraction = frame.as<channel::Progress>().fraction;
  }
  EXPECT_THAT(last_log, HasSubstr("log lines were dropped"));
  EXPECT_EQ(fraction, 1.0);
}

TEST_P(BlockingHost, AnAttemptIsAskedToStopAndAStagedOneNeverBegins) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "misbehave.sleep", R"({"ms":60000})");
  host.start(2, "misbehave.noop");
  host.channel.await(FrameType::began, 1);
  host.channel.send(FrameType::cancel, 2, channel::Cancel{});
  const auto staged = host.channel.attempt(2);
  EXPECT_EQ(types(staged), (std::vector{FrameType::end, FrameType::outcome}));
  EXPECT_EQ(staged.back().as<Outcome>().kind, Outcome::Kind::cancelled);
  host.channel.send(FrameType::cancel, 1, channel::Cancel{});
  EXPECT_EQ(host.channel.outcome(1).kind, Outcome::Kind::cancelled);
  host.channel.send(FrameType::cancel, 99, channel::Cancel{});  // unknown: it may have ended meanwhile
  host.start(3, "misbehave.noop");
  EXPECT_EQ(host.channel.outcome(3).kind, Outcome::Kind::complete);
}

TEST_P(BlockingHost, ACancelThatComesRightBehindItsStartIsHeard) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "misbehave.sleep", R"({"ms":60000})");
  host.channel.await(FrameType::began, 1);
  channel::Start staged;
  staged.task = "misbehave.noop";
  std::string together;
  channel::append_frame(together, FrameType::start, 2, channel::encode(staged));
  channel::append_frame(together, FrameType::cancel, 2, channel::encode(channel::Cancel{}));
  host.channel.send_bytes(together);
  EXPECT_EQ(host.channel.outcome(2).kind, Outcome::Kind::cancelled);
}

TEST_P(BlockingHost, ExitInATaskEndsTheHostWithoutAnOutcome_F41) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "misbehave.exit", R"({"code":0})");
  host.channel.await(FrameType::began, 1);
  while (const auto frame = host.channel.next()) EXPECT_NE(frame->type, FrameType::outcome);
  EXPECT_EQ(zygote.exit_status(host.pid), 0);
}

TEST_P(BlockingHost, FailuresKeepTheirKindDelayAndDetail) {
  auto host = zygote.spawn_ready(GetParam());
  const std::pair<int, Outcome::Kind> kinds[] = {{0, Outcome::Kind::retry},     {1, Outcome::Kind::fail},
                                                 {2, Outcome::Kind::invalid},   {3, Outcome::Kind::cancelled},
                                                 {4, Outcome::Kind::snooze},    {99, Outcome::Kind::retry}};
  std::uint32_t handle = 0;
  for (const auto& [kind, expected] : kinds) {
    host.start(++handle, "misbehave.fail", R"({"after_ms":1500,"kind":)" + std::to_string(kind) + "}");
    const auto outcome = host.channel.outcome(handle);
    EXPECT_EQ(outcome.kind, expected) << kind;
    EXPECT_EQ(outcome.after_ms, 1'500);
    EXPECT_EQ(outcome.error_type, "misbehave");
    EXPECT_EQ(outcome.payload, R"({"path":"/kind"})");
  }
}

TEST_P(BlockingHost, PrintsIntoTheOutputPipeNotTheChannel_F50) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "misbehave.print", R"({"lines":3})");
  EXPECT_EQ(host.channel.outcome(1).kind, Outcome::Kind::complete);
  host.channel.send_body(FrameType::stop, 0, "");
  const auto text = host.read_output();
  EXPECT_THAT(text, HasSubstr("line 3 of 3\n"));
  EXPECT_THAT(text, HasSubstr("to standard error\n"));
}

TEST_P(BlockingHost, GarbageOnTheChannelReachesTheReaderAsSuch_F46) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "misbehave.garbage");
  EXPECT_THROW((void)host.channel.outcome(1), std::runtime_error);
}

/// Coroutines written with the SDK: they share this host's event loop, or have one of their own in the other executors.
class CoroutineHost : public testing::TestWithParam<Executor> {
 protected:
  CoroutineHost() { zygote.load_plugin("coroutines"); }
  test::Zygote zygote;
};
INSTANTIATE_TEST_SUITE_P(Executors, CoroutineHost, testing::Values(Executor::async, Executor::thread, Executor::process),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(CoroutineHost, RunsThemToTheirEndAndKnowsTheirContextAcrossEveryWait) {
  auto host = zygote.spawn_ready(GetParam(), 2);
  for (std::uint32_t handle = 1; handle <= 40; ++handle) host.start(handle, "coroutines.tick", R"({"count":3})");
  for (std::uint32_t handle = 1; handle <= 40; ++handle) {
    const auto frames = host.channel.attempt(handle);
    EXPECT_EQ(frames.back().as<Outcome>().payload, "3") << frames.back().as<Outcome>().error_message;
    EXPECT_THAT(types(frames), testing::Contains(FrameType::progress));
  }
  host.start(41, "coroutines.throws");
  EXPECT_EQ(host.channel.outcome(41).error_message, "thrown after a wait");
}

// The plugin has its own copy of Asio: what the host's copy knows of the loop's thread must be known to both, or a socket
// that becomes ready while nobody waits for just that crashes the host.
TEST_P(CoroutineHost, ManySocketsAtOnceServeTheirCoroutinesInOneLoop) {
  auto host = zygote.spawn_ready(GetParam(), 2);
  for (std::uint32_t handle = 1; handle <= 50; ++handle) host.start(handle, "coroutines.sockets", R"({"mib":2})");
  for (std::uint32_t handle = 1; handle <= 50; ++handle) {
    EXPECT_EQ(host.channel.outcome(handle).payload, "2097152");
  }
}

TEST_P(CoroutineHost, CancelsThemWhereTheyWait) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "coroutines.wait");
  host.channel.await(FrameType::began, 1);
  host.channel.send(FrameType::cancel, 1, channel::Cancel{});
  EXPECT_EQ(host.channel.outcome(1).kind, Outcome::Kind::cancelled);
}

/// One event loop, and a task that blocks it for a while.
/// Layers of one plugin around the tasks of two others, one of them in C.
class LayeredHost : public testing::TestWithParam<Executor> {
 protected:
  LayeredHost() {
    for (const std::string plugin : {"misbehave", "coroutines", "layers"}) zygote.load_plugin(plugin);
  }
  /// What was said in the attempt's log.
  static std::vector<std::string> said(const std::vector<test::Seen>& frames) {
    std::vector<std::string> out;
    for (const auto& frame : frames) {
      if (frame.type == FrameType::log) out.push_back(frame.as<channel::Log>().message);
    }
    return out;
  }
  [[nodiscard]] std::vector<std::string> entered() const {
    if (GetParam() == Executor::async) return {"> outside", "> within"};
    return {"> outside", "> within", "> half"};
  }
  test::Zygote zygote;
};
INSTANTIATE_TEST_SUITE_P(Executors, LayeredHost, testing::Values(Executor::async, Executor::thread, Executor::process),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(LayeredHost, ManyAttemptsOfACoroutineEachHaveTheirOwn) {
  auto host = zygote.spawn_ready(GetParam(), 2);
  for (std::uint32_t handle = 1; handle <= 40; ++handle) host.start(handle, "coroutines.echo", R"({"layer":"replace"})");
  for (std::uint32_t handle = 1; handle <= 40; ++handle) {
    const auto frames = host.channel.attempt(handle);
    EXPECT_EQ(frames.back().as<Outcome>().payload, R"({"replaced":{"layer":"replace"}})") << frames.back().as<Outcome>().error_message;
    EXPECT_THAT(said(frames), testing::IsSupersetOf(entered()));
  }
}

TEST_P(LayeredHost, ATaskInCIsWrapped) {
  auto host = zygote.spawn_ready(GetParam(), 2);
  const bool async = GetParam() == Executor::async;
  host.start(1, async ? "misbehave.async_later" : "misbehave.progress", R"({"ms":1,"count":3,"layer":"replace"})");
  const auto frames = host.channel.attempt(1);
  EXPECT_EQ(frames.back().as<Outcome>().payload, async ? R"({"replaced":"later"})" : R"({"replaced":3})");
  EXPECT_EQ(said(frames).front(), "> outside");
  EXPECT_EQ(said(frames).back(), "< outside");
}

TEST_P(LayeredHost, ACancelReachesTheTaskInside) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "coroutines.sleep", R"({"ms":60000})");
  host.channel.await(FrameType::progress, 1);
  host.channel.send(FrameType::cancel, 1, channel::Cancel{});
  EXPECT_EQ(host.channel.outcome(1).kind, Outcome::Kind::cancelled);
}

TEST_P(LayeredHost, ACrashInsideIsACrash) {
  auto host = zygote.spawn_ready(GetParam());
  host.start(1, "coroutines.crash");
  while (const auto frame = host.channel.next()) EXPECT_NE(frame->type, FrameType::outcome);
  EXPECT_TRUE(WIFSIGNALED(zygote.exit_status(host.pid)));
}

TEST_P(LayeredHost, AFailureThatIsLetThroughIsTheTasksOwn) {
  if (GetParam() == Executor::async) return;  // that task is no coroutine; see the integration tests
  auto host = zygote.spawn_ready(GetParam());
  for (std::uint32_t kind = 0; kind <= 4; ++kind) {
    host.start(kind + 1, "misbehave.fail", R"({"layer":"tell","after_ms":1500,"kind":)" + std::to_string(kind) + "}");
    const auto outcome = host.channel.outcome(kind + 1);
    EXPECT_EQ(static_cast<std::uint32_t>(outcome.kind), kind + 1);
    EXPECT_EQ(outcome.after_ms, 1'500);
    EXPECT_EQ(outcome.error_type, "misbehave");
    EXPECT_EQ(outcome.error_message, "asked to fail");
    EXPECT_EQ(outcome.payload, R"({"path":"/kind"})");
  }
}

class AsyncHost : public testing::Test {
 protected:
  AsyncHost() { zygote.load_plugin("misbehave"); }
  test::Zygote zygote;
};

TEST_F(AsyncHost, ALoopAnswersAProbeAsSoonAsItTurns) {
  auto host = zygote.spawn_ready(Executor::async);
  host.start(1, "misbehave.async_block", R"({"ms":300})");
  host.channel.await(FrameType::began, 1);
  host.channel.send_body(FrameType::probe, 7, "");
  EXPECT_EQ(host.channel.outcome(1).kind, Outcome::Kind::complete);
  host.channel.await(FrameType::turning, 7);
}

TEST_F(AsyncHost, F61_ALoopThatDoesNotTurnIsToldOfOnceWhileItLastsAndOnceWhenItIsOver) {
  auto host = zygote.spawn_ready(Executor::async);
  host.start(7, "misbehave.async_block", R"({"ms":2600})");
  host.channel.await(FrameType::began, 7);
  const auto told = host.channel.await(FrameType::blocked, 7).as<channel::Blocked>();
  EXPECT_GE(told.for_ms, 1'000);
  EXPECT_FALSE(told.over);
  const auto frames = host.channel.attempt(7);
  EXPECT_EQ(types(frames), (std::vector{FrameType::progress, FrameType::end, FrameType::outcome})) << "not again before its end";
  const auto over = host.channel.await(FrameType::blocked, 7).as<channel::Blocked>();
  EXPECT_TRUE(over.over);
  EXPECT_GT(over.for_ms, told.for_ms);
}

TEST_F(AsyncHost, WhatIsTakenBackBehindABusyLoopNeverBegins) {
  auto host = zygote.spawn_ready(Executor::async);
  host.start(1, "misbehave.async_block", R"({"ms":300})");
  host.channel.await(FrameType::began, 1);
  host.start(2, "misbehave.async_later");
  host.channel.send(FrameType::cancel, 2, channel::Cancel{});
  const auto frames = host.channel.attempt(2);
  EXPECT_EQ(types(frames), (std::vector{FrameType::end, FrameType::outcome}));
  EXPECT_EQ(frames.back().as<Outcome>().kind, Outcome::Kind::cancelled);
}

class ProcessHost : public testing::Test {
 protected:
  ProcessHost() { zygote.load_plugin("misbehave"); }
  test::Zygote zygote;
};

TEST_F(ProcessHost, MeasuresTimeAndMemoryOfEachAttempt) {
  auto host = zygote.spawn_ready(Executor::process);
  host.start(1, "misbehave.burn", R"({"ms":50})");
  host.start(2, "misbehave.eat", R"({"mib":64})");
  host.start(3, "misbehave.noop");
  const auto burnt = host.channel.outcome(1);
  EXPECT_GE(burnt.cpu_us, 45'000);
  EXPECT_GE(burnt.duration_us, 45'000);
  const auto eaten = host.channel.outcome(2);
  EXPECT_GE(eaten.peak_rss_kib, 64 * 1024);
  const auto idle = host.channel.outcome(3);
  EXPECT_LT(idle.cpu_us, 40'000);
  EXPECT_GT(idle.peak_rss_kib, 0);
}

TEST_F(ProcessHost, ClosingItsChannelEndsItsLife_F45) {
  auto host = zygote.spawn_ready(Executor::process);
  host.start(1, "misbehave.close_all");
  EXPECT_TRUE(host.await_end());
}

TEST_F(ProcessHost, WhatATaskForkedGoesWithTheHostThoughItLeftTheGroup_F44) {
  auto host = zygote.spawn_ready(Executor::process);
  host.start(1, "misbehave.orphan");
  const pid_t orphan = std::stoi(host.channel.outcome(1).payload);
  ASSERT_EQ(::kill(orphan, 0), 0);
  ASSERT_EQ(::kill(static_cast<pid_t>(host.pid), SIGKILL), 0);
  EXPECT_EQ(WTERMSIG(zygote.exit_status(host.pid)), SIGKILL);
  EXPECT_TRUE(test::eventually([orphan] { return ::kill(orphan, 0) != 0; })) << "though it left the group and the session";
}

TEST_F(ProcessHost, ReadsCancelWhileTheTaskRuns_F43) {
  auto host = zygote.spawn_ready(Executor::process);
  host.start(1, "misbehave.sleep", R"({"ms":60000})");
  host.channel.await(FrameType::began, 1);
  host.channel.send(FrameType::cancel, 1, channel::Cancel{channel::Cancel::Reason::timeout});
  EXPECT_EQ(host.channel.outcome(1).kind, Outcome::Kind::cancelled);
}

}  // namespace
}  // namespace conduitd
