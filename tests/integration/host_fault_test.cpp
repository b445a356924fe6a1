// What one host does or cannot do, and what its neighbours, other hosts and the supervisor make of it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include "channel/frame.h"
#include "channel/messages.h"
#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;
using testing::HasSubstr;

class HostFaultTest : public testing::TestWithParam<StoreKind> {
 protected:
  HostFaultTest() : place(GetParam()) {
    place.install("misbehave");
    place.install("coroutines");
  }
  void use(const std::string& task, const std::string& executor, const std::string& more = "") {
    place.extra_config += fmt::format("[task.\"{}\"]\nexecutor = \"{}\"\n{}", task, executor, more);
  }
  std::string submit_begun(const std::string& task, const std::string& args = "{}") {
    const auto id = place.submit(task, args);
    place.until(id, [](const auto& record) { return record.progress.has_value(); });
    return id;
  }
  static std::string text(const job::JobRecord& record) { return job::to_json(record).text(true); }
  static void limit_descriptors(pid_t pid, rlim_t most) {
    rlimit now{};
    ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, nullptr, &now), 0);
    now.rlim_cur = most;
    ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, &now, nullptr), 0);
  }

  Workplace place;
  SystemClock clock;
};
INSTANTIATE_TEST_SUITE_P(Each, HostFaultTest, testing::ValuesIn(all_stores()), [](const auto& param) { return param.param.name; });

TEST_P(HostFaultTest, F14_ACrashTakesItsHostAndItsNeighboursRunAgainWithinTwoSecondsWhileTheDaemonStands) {
  for (const auto* task : {"misbehave.sleep", "misbehave.crash"}) use(task, "thread");
  for (const auto* task : {"coroutines.sleep", "misbehave.async_crash"}) use(task, "async");
  auto& worker = place.start();
  for (const bool thread : {true, false}) {
    const std::string sleep[] = {"coroutines.sleep", "misbehave.sleep"};
    const auto elsewhere = submit_begun(sleep[thread ? 0 : 1], R"({"ms": 1500})");
    const auto neighbour = submit_begun(sleep[thread ? 1 : 0], R"({"ms": 700})");
    const auto began = clock.now();
    const auto crashed = place.submit(thread ? "misbehave.crash" : "misbehave.async_crash", R"({"only":1})");
    const auto again = place.until(neighbour, [](const auto& record) {
      return record.counters.attempts == 2 && record.status == JobStatus::running;
    });
    EXPECT_LT(clock.now() - began, Millis{2'000});
    EXPECT_EQ(again.counters.crashes, 0U) << "the host named the one that crashed it";
    EXPECT_EQ(again.counters.interruptions, 1U);
    const auto record = place.ended(crashed);
    EXPECT_EQ(record.status, JobStatus::complete) << text(record);
    ASSERT_EQ(record.attempts.size(), 2U) << text(record);
    ASSERT_TRUE(record.attempts[0].failure) << text(record);
    EXPECT_THAT(record.attempts[0].failure->detail, HasSubstr(R"("backtrace":["run_crash +0x)"));
    EXPECT_EQ(place.ended(neighbour).status, JobStatus::complete);
    EXPECT_EQ(place.ended(elsewhere).counters.attempts, 1U) << "another host is not concerned";
  }
  EXPECT_TRUE(worker.running());
}

TEST_P(HostFaultTest, F14_ACoroutineThatCrashesAfterAWaitIsNamedAndItsNeighbourPaysNothing) {
  for (const auto* task : {"coroutines.sleep", "coroutines.crash"}) use(task, "async");
  place.start();
  const auto neighbour = submit_begun("coroutines.sleep", R"({"ms": 700})");
  const auto crashed = place.ended(place.submit("coroutines.crash"));
  EXPECT_EQ(crashed.status, JobStatus::failed) << text(crashed);
  const auto record = place.ended(neighbour);
  EXPECT_EQ(record.status, JobStatus::complete) << text(record);
  EXPECT_EQ(record.counters.crashes, 0U);
  EXPECT_GE(record.counters.interruptions, 1U);
}

TEST_P(HostFaultTest, ACoroutinesCrashIsToldFromItsFirstLineAlthoughItsStackIsDeep) {
  use("coroutines.crash", "async");
  place.start();
  const auto record = place.ended(place.submit("coroutines.crash"));
  ASSERT_TRUE(record.failure) << text(record);
  EXPECT_THAT(record.failure->detail, HasSubstr("crashed: SIGSEGV at 0x0"));
  EXPECT_THAT(record.failure->detail, HasSubstr(R"("backtrace":[)"));
}

TEST_P(HostFaultTest, ACrashAtTheFirstInstructionOfAFunctionNamesThatFunction) {
  use("misbehave.trap", "process");
  place.start();
  const auto record = place.ended(place.submit("misbehave.trap"));
  ASSERT_TRUE(record.failure) << text(record);
  EXPECT_THAT(record.failure->detail, HasSubstr("SIGILL"));
  EXPECT_THAT(record.failure->detail, HasSubstr(R"("backtrace":["run_trap +0x0)"));
}

TEST_P(HostFaultTest, F49_AHostThatSpeaksForAnotherHostsAttemptIsNotHeard) {
  for (const auto* task : {"misbehave.sleep", "misbehave.raw"}) use(task, "process");
  auto& worker = place.start();
  const auto victim = submit_begun("misbehave.sleep", R"({"ms": 1200})");
  channel::Outcome forged;
  forged.payload = R"("forged")";
  channel::Progress progress{0.99, "forged"};
  std::string frames;
  for (std::uint32_t handle = 0; handle < 100; ++handle) {
    channel::append_frame(frames, channel::FrameType::progress, handle, channel::encode(progress));
    channel::append_frame(frames, channel::FrameType::end, handle, {});
    channel::append_frame(frames, channel::FrameType::outcome, handle, channel::encode(forged));
  }
  std::string hex;
  for (const char byte : frames) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  const auto forger = place.ended(place.submit("misbehave.raw", R"({"hex":")" + hex + R"("})"));
  EXPECT_EQ(forger.status, JobStatus::complete) << text(forger);
  EXPECT_EQ(forger.result, R"("forged")") << "of its own attempt it may say what it likes: the frames were read";
  EXPECT_EQ(place.record(victim).status, JobStatus::running);
  const auto record = place.ended(victim);
  EXPECT_EQ(record.result, R"("slept")") << text(record);
  EXPECT_EQ(record.counters.attempts, 1U);
  EXPECT_NE(record.progress->message, "forged");
  EXPECT_TRUE(worker.running());
}

TEST_P(HostFaultTest, F52_WhenNoHostCanBeMadeTheOthersServeAndItIsMadeWhenItCanBe) {
  for (const auto* task : {"misbehave.echo", "misbehave.sleep"}) use(task, "process");
  auto& worker = place.start();
  EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
  const auto zygote = zygote_of(worker.pid());
  ASSERT_GT(zygote, 0);
  const auto serving = [&] { return hosts_of(worker.pid(), "conduit-process").size(); };
  for (int i = 0; i < 500 && serving() < 2; ++i) run_for(place.io, Millis{10});
  rlimit before{};
  ASSERT_EQ(::prlimit(zygote, RLIMIT_NOFILE, nullptr, &before), 0);
  limit_descriptors(zygote, 4);  // no pipe can be made
  ::kill(hosts_of(worker.pid(), "conduit-process").front(), SIGKILL);
  EXPECT_THAT(worker.wait_for_line("fork a host"), HasSubstr("Too many open files"));
  EXPECT_EQ(serving(), 1U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
  limit_descriptors(zygote, before.rlim_cur);
  for (int i = 0; i < 1'000 && serving() < 2; ++i) run_for(place.io, Millis{10});
  EXPECT_EQ(serving(), 2U) << worker.output();
  EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
}

TEST_P(HostFaultTest, F52_ASupervisorWithoutRoomForDescriptorsServesWithTheHostsItHas) {
  use("misbehave.echo", "process");
  auto& worker = place.start();
  EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
  const auto serving = [&] { return hosts_of(worker.pid(), "conduit-process").size(); };
  for (int i = 0; i < 500 && serving() < 2; ++i) run_for(place.io, Millis{10});
  rlimit before{};
  ASSERT_EQ(::prlimit(worker.pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  limit_descriptors(worker.pid(), 5);  // what is open stays open; nothing more can be
  ::kill(hosts_of(worker.pid(), "conduit-process").front(), SIGKILL);
  worker.wait_for_line("fork a host");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
  limit_descriptors(worker.pid(), before.rlim_cur);
  for (int i = 0; i < 1'000 && serving() < 2; ++i) run_for(place.io, Millis{10});
  EXPECT_EQ(serving(), 2U) << worker.output();
  EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
}

TEST_P(HostFaultTest, F61_WhileATaskBlocksItsLoopLeasesAreKeptAndOtherHostsServe) {
  use("misbehave.async_block", "async");
  use("misbehave.echo", "process");
  use("misbehave.noop", "thread");
  auto& worker = place.start();
  // Longer than two leases of a second; nothing else in this host can go on meanwhile, nor be heard.
  const auto blocker = place.submit("misbehave.async_block", R"({"ms": 2500})");
  place.until(blocker, [](const auto& record) { return record.status == JobStatus::running; });
  for (int i = 0; i < 10; ++i) {
    const auto began = clock.now();
    EXPECT_EQ(place.ended(place.submit(i % 2 == 0 ? "misbehave.echo" : "misbehave.noop")).status, JobStatus::complete);
    EXPECT_LT(clock.now() - began, Millis{2'000});
  }
  EXPECT_EQ(place.record(blocker).status, JobStatus::running);
  const auto record = place.ended(blocker);
  EXPECT_EQ(record.status, JobStatus::complete) << text(record);
  EXPECT_EQ(record.counters.attempts, 1U) << "its lease was renewed all the time";
  EXPECT_TRUE(worker.running());
}

TEST_P(HostFaultTest, F61_ATaskThatBlocksItsLoopIsNamedWhileItDoesAndNoOtherIs) {
  // One blocks before it ever waits, and is C; the other after a wait, and is a coroutine.
  for (const auto* task : {"misbehave.async_block", "coroutines.block", "coroutines.sleep"}) use(task, "async");
  auto& worker = place.start();
  for (const std::string task : {"misbehave.async_block", "coroutines.block"}) {
    const auto neighbour = submit_begun("coroutines.sleep", R"({"ms": 1500})");
    const auto blocker = place.submit(task, R"({"ms": 3000})");
    const auto line = worker.wait_for_line("a task blocks its event loop");
    EXPECT_THAT(line, HasSubstr(blocker));
    EXPECT_THAT(line, HasSubstr(task));
    EXPECT_EQ(place.record(blocker).status, JobStatus::running) << "it is told while it lasts";
    const auto over = worker.wait_for_line("an event loop turns again");
    const auto record = place.ended(blocker);
    EXPECT_EQ(record.status, JobStatus::complete) << text(record);
    EXPECT_EQ(record.counters.attempts, 1U);
    const auto said = place.logs(blocker);
    ASSERT_EQ(said.size(), 1U) << "once, however long it lasts";
    EXPECT_THAT(said[0].message, HasSubstr("blocks its event loop"));
    EXPECT_THAT(place.logs(neighbour), testing::IsEmpty());
  }
}

TEST_P(HostFaultTest, F61_ALoopThatIsBusyWithManyShortTurnsAccusesNobody) {
  use("coroutines.tick", "async");
  auto& worker = place.start();
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(place.submit("coroutines.tick", R"({"count": 800})"));
  for (const auto& id : ids) EXPECT_EQ(place.ended(id).status, JobStatus::complete);
  EXPECT_THAT(worker.output(), testing::Not(HasSubstr("blocks its event loop")));
}

}  // namespace
}  // namespace conduitd::test
