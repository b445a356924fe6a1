#include "host/command_pacer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recording_sink.h"

namespace conduitd::host {
namespace {

using channel::FrameType;
using testing::HasSubstr;

class CommandPacerTest : public testing::Test {
 protected:
  void after(Millis time) { now += time; }
  std::vector<FrameType> sent() {
    std::vector<FrameType> types;
    for (auto& command : sink.take()) {
      types.push_back(command.type);
      bodies.push_back(std::move(command.body));
    }
    return types;
  }
  channel::Progress last_progress() { return channel::decode<channel::Progress>(bodies.back()).value(); }
  channel::Log last_log() { return channel::decode<channel::Log>(bodies.back()).value(); }

  test::RecordingSink sink;
  CommandPacer pacer{sink, 1};
  SteadyTime now{std::chrono::hours(1)};
  std::vector<std::string> bodies;
};

TEST_F(CommandPacerTest, SendsTheFirstProgressAtOnceThenTheLatestOfEachInterval) {
  pacer.progress(0.1, "a", now);
  EXPECT_EQ(sent().size(), 1u);
  for (int i = 0; i < 1'000; ++i) pacer.progress(0.2, "b", now);
  pacer.progress(0.3, "c", now);
  EXPECT_TRUE(sent().empty());
  EXPECT_TRUE(pacer.waiting());
  after(CommandPacer::kInterval);
  pacer.tick(now);
  EXPECT_EQ(sent().size(), 1u);
  EXPECT_EQ(last_progress().message, "c");
  EXPECT_FALSE(pacer.waiting());
}

TEST_F(CommandPacerTest, DeliversTheLatestBeforeTheEnd) {
  pacer.progress(0.1, "", now);
  pacer.progress(1, "all", now);
  pacer.checkpoint("1", now);
  pacer.checkpoint("2", now);
  pacer.metadata("k", "1", now);
  pacer.metadata("k", "2", now);
  pacer.metadata("l", "3", now);
  sent();
  pacer.finish();
  EXPECT_EQ(sent(), (std::vector{FrameType::progress, FrameType::metadata, FrameType::metadata, FrameType::checkpoint}));
  EXPECT_EQ(bodies.back(), "2");
}

TEST_F(CommandPacerTest, ClampsAFractionThatMakesNoSense) {
  const std::pair<double, double> cases[] = {{-1, 0}, {7, 1}, {std::nan(""), 0}, {0.5, 0.5}};
  for (const auto& [given, kept] : cases) {
    pacer.progress(given, "", now);
    sent();
    EXPECT_EQ(last_progress().fraction, kept);
    after(CommandPacer::kInterval);
  }
}

TEST_F(CommandPacerTest, HoldsEverythingWhileTheSinkIsCongested) {
  sink.full = true;
  pacer.progress(0.1, "", now);
  pacer.checkpoint("1", now);
  pacer.log({job::LogLevel::info, 0, "line", {}}, now);
  EXPECT_TRUE(sent().empty());
  sink.full = false;
  pacer.tick(now);
  EXPECT_EQ(sent(), (std::vector{FrameType::progress, FrameType::checkpoint}));
  pacer.finish();
  EXPECT_EQ(sent(), std::vector{FrameType::log});
  EXPECT_THAT(last_log().message, HasSubstr("1 log lines were dropped"));
}

TEST_F(CommandPacerTest, CapsLogLinesPerSecondAndSaysHowManyItDropped_F48) {
  for (int i = 0; i < CommandPacer::kLogsPerSecond + 7; ++i) pacer.log({job::LogLevel::info, 0, "x", {}}, now);
  EXPECT_EQ(sent().size(), static_cast<std::size_t>(CommandPacer::kLogsPerSecond));
  after(Millis(1'000));
  pacer.log({job::LogLevel::info, 0, "next second", {}}, now);
  EXPECT_EQ(sent().size(), 2u);
  EXPECT_THAT(channel::decode<channel::Log>(bodies[bodies.size() - 2]).value().message, HasSubstr("7 log lines were dropped"));
  EXPECT_EQ(last_log().message, "next second");
}

TEST_F(CommandPacerTest, CutsALongLineAndReplacesWhatIsNotUtf8_F50) {
  pacer.log({job::LogLevel::info, 0, std::string(100'000, 'x'), R"({"a":1})"}, now);
  sent();
  EXPECT_LE(last_log().message.size(), CommandPacer::kLongestLog + 64);
  EXPECT_EQ(last_log().fields, R"({"a":1})");
  pacer.log({job::LogLevel::info, 0, "\xff\x1b", "[1]"}, now);
  sent();
  EXPECT_EQ(last_log().message, "\\xff\\x1b");
  EXPECT_THAT(last_log().fields, HasSubstr("not kept"));
}

TEST_F(CommandPacerTest, ValuesThatAreNoJsonAreNotKeptAndALineSaysSo) {
  pacer.checkpoint("{", now);
  EXPECT_EQ(sent(), std::vector{FrameType::log});
  EXPECT_THAT(last_log().message, HasSubstr("a checkpoint was not kept"));
  pacer.metadata("k", std::string(2'000'000, ' '), now);
  EXPECT_EQ(sent(), std::vector{FrameType::log});
  EXPECT_THAT(last_log().message, HasSubstr("metadata 'k' was not kept"));
  pacer.metadata("", "1", now);
  EXPECT_EQ(sent(), std::vector{FrameType::log});
}

}  // namespace
}  // namespace conduitd::host
