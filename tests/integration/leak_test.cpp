// The checks at the end of every test with workers fire when something is not given back.
#include <fcntl.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <numeric>

#include "support/worker.h"

namespace conduitd::test {
namespace {

/// This process is the one that is watched: a check that finds nothing and one that finds what is then done.
class LeakTest : public testing::Test {
 protected:
  [[nodiscard]] std::string found() const { return grown(before, holdings_of(::getpid()), allowed); }
  Holdings before = holdings_of(::getpid());
  Allowance allowed;
};

TEST_F(LeakTest, ADescriptorThatIsNotClosedIsFound) {
  EXPECT_EQ(found(), "");
  const UniqueFd kept(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_NE(found().find("1 more of '/dev/null'"), std::string::npos) << found();
  allowed.descriptors = 1;
  EXPECT_EQ(found(), "");
}

TEST_F(LeakTest, MemoryThatIsNotFreedIsFound) {
  EXPECT_EQ(found(), "");
  const std::vector<char> kept(static_cast<std::size_t>(2 * allowed.rss_kib) * 1024, 'x');
  EXPECT_NE(found().find("KiB of memory now"), std::string::npos) << found();
  allowed.rss_kib *= 3;
  EXPECT_EQ(found(), "") << std::accumulate(kept.begin(), kept.end(), 0);
}

TEST_F(LeakTest, AProcessBelowIsFoundAlsoOneThatEndedAndNobodyWaitedFor) {
  ChildProcess child({"/bin/sh", "-c", "echo here; exec tail -f /dev/null"});
  child.wait_for_line("here");
  EXPECT_NE(found().find("1 processes '"), std::string::npos) << found();
  child.signal(SIGKILL);
  for (int i = 0; i < 500 && found().find("not waited for") == std::string::npos; ++i) ::poll(nullptr, 0, 10);
  EXPECT_NE(found().find("not waited for"), std::string::npos) << found();
  child.wait_for_exit();
  EXPECT_EQ(found().find("processes"), std::string::npos) << found();
}

class WorkplaceLeakTest : public testing::TestWithParam<StoreKind> {};
INSTANTIATE_TEST_SUITE_P(Each, WorkplaceLeakTest, testing::ValuesIn(all_stores()), [](const auto& param) { return param.param.name; });

TEST_P(WorkplaceLeakTest, AProcessThatOutlivesItsWorkerFailsTheTestAndIsEnded) {
  Workplace place(GetParam());
  place.allowed.patience = Millis{300};
  place.install("misbehave");
  // In a session of its own, as what a plugin starts and forgets.
  place.wrapper = {"/bin/sh", "-c", "setsid tail -f /dev/null & exec \"$@\"", "sh"};
  place.allowed.below["tail"] = 1;
  place.start();
  EXPECT_NONFATAL_FAILURE(place.end_workers(), "lives on: tail");
  EXPECT_TRUE(place.mark().living().empty());
}

TEST_P(WorkplaceLeakTest, AWorkerThatHasMoreProcessesOrDescriptorsThanWhenItWasReadyFailsTheTest) {
  Workplace place(GetParam());
  place.allowed.patience = Millis{300};
  place.install("misbehave");
  place.wrapper = {"/bin/sh", "-c", "tail -f /dev/null & exec \"$@\"", "sh"};
  auto& worker = place.start();
  EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, job::JobStatus::complete);
  EXPECT_NONFATAL_FAILURE(place.expect_all_given_back(worker), "1 processes 'tail' below it, where at most 0 may be");
  place.allowed.below["tail"] = 1;
  place.allowed.descriptors = -100;
  EXPECT_NONFATAL_FAILURE(place.expect_all_given_back(worker), "descriptors now");
  place.allowed.descriptors = 0;
  place.allowed.rss_kib = -1'000'000;
  EXPECT_NONFATAL_FAILURE(place.expect_all_given_back(worker), "KiB of memory now");
  place.allowed.rss_kib = Allowance().rss_kib;
  place.expect_all_given_back(worker);
  EXPECT_NONFATAL_FAILURE(place.end_workers(), "lives on: tail");
}

}  // namespace
}  // namespace conduitd::test
