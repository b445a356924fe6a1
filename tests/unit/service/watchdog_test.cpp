#include "service/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduitd::service {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class WatchdogTest : public testing::Test {
 protected:
  static SteadyTime at(int second) { return SteadyTime{seconds(1'000 + second)}; }

  Watchdog watchdog{seconds(30)};
  Watchdog::Mark loop = watchdog.watch("core loop", seconds(10), at(0));
  Watchdog::Mark broker = watchdog.watch("broker", seconds(20), at(0));
};

struct Event {
  int second;
  enum { loop_turned, broker_answered, broker_away, broker_back, nothing } what;
};

struct Story {
  const char* name;
  std::vector<Event> events;
  int asked_at;
  std::vector<std::string> stuck;
};

void PrintTo(const Story& story, std::ostream* out) { *out << story.name; }

class WatchdogStory : public WatchdogTest, public testing::WithParamInterface<Story> {};

TEST_P(WatchdogStory, IsAliveOnlyWhileEverythingMoves) {
  for (const auto& event : GetParam().events) {
    switch (event.what) {
      case Event::loop_turned: watchdog.progressed(loop, at(event.second)); break;
      case Event::broker_answered: watchdog.progressed(broker, at(event.second)); break;
      case Event::broker_away: watchdog.set_away(broker, true, at(event.second)); break;
      case Event::broker_back: watchdog.set_away(broker, false, at(event.second)); break;
      case Event::nothing: break;
    }
  }
  const auto verdict = watchdog.check(at(GetParam().asked_at));
  EXPECT_EQ(verdict.stuck, GetParam().stuck);
  EXPECT_EQ(verdict.alive, GetParam().stuck.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Stories, WatchdogStory,
    testing::Values(
        Story{"JustStarted", {}, 0, {}},
        Story{"AtTheEdgeOfPatience", {}, 10, {}},
        Story{"NothingEverMoves", {}, 21, {"core loop", "broker"}},
        Story{"TheLoopHangs", {{5, Event::broker_answered}}, 11, {"core loop"}},
        Story{"TheBrokerHangsWhileTheLoopTurns", {{20, Event::loop_turned}}, 25, {"broker"}},
        Story{"BothMove", {{20, Event::loop_turned}, {20, Event::broker_answered}}, 25, {}},
        Story{"TheLoopHangsAgain", {{20, Event::loop_turned}, {20, Event::broker_answered}}, 31, {"core loop"}},
        Story{"ABrokerKnownToBeAwayIsNotWaitedFor", {{5, Event::broker_away}, {100, Event::loop_turned}}, 100, {}},
        Story{"ABrokerThatIsAwayHidesNoHangingLoop", {{5, Event::broker_away}}, 100, {"core loop"}},
        Story{"ABrokerThatCameBackHasItsPatience",
              {{5, Event::broker_away}, {95, Event::broker_back}, {100, Event::loop_turned}}, 105, {}},
        Story{"ABrokerThatCameBackAndHangs",
              {{5, Event::broker_away}, {95, Event::broker_back}, {116, Event::loop_turned}}, 116, {"broker"}}),
    [](const auto& story) { return std::string(story.param.name); });

TEST_F(WatchdogTest, AskingFeedsNothing) {
  for (int second = 0; second <= 10; ++second) EXPECT_TRUE(watchdog.check(at(second)).alive);
  EXPECT_FALSE(watchdog.check(at(11)).alive);
}

TEST_F(WatchdogTest, ChecksSeveralTimesInAnInterval) { EXPECT_EQ(watchdog.period(), seconds(10)); }

TEST(WatchdogWithoutMarks, IsAlive) { EXPECT_TRUE(Watchdog(seconds(1)).check(SteadyTime{seconds(99)}).alive); }

}  // namespace
}  // namespace conduitd::service
