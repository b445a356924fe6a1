#include "ctl/line_flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduitd::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LineFlowTest : public testing::Test {
 protected:
  void line(std::string ref = {}, std::vector<std::string> after = {}) {
    job::Request request;
    request.ref = std::move(ref);
    request.after_refs = std::move(after);
    flow.add(++number, request);
  }
  [[nodiscard]] std::vector<std::string> faults() const {
    std::vector<std::string> out;
    for (const auto& fault : flow.faults()) out.push_back(std::to_string(fault.line) + ": " + fault.what);
    return out;
  }

  LineFlow flow;
  std::uint64_t number = 0;
};

TEST_F(LineFlowTest, FilesWithoutRefsHaveNone) {
  line();
  line();
  EXPECT_FALSE(flow.any());
  EXPECT_EQ(flow.size(), 2U);
}

TEST_F(LineFlowTest, PutsLinesThatRunAfterOthersInLaterWavesWhereverTheyStand) {
  line("end", {"left", "right", "left"});
  line("left", {"start"});
  line("right", {"start"});
  line();
  line("start");
  EXPECT_THAT(faults(), IsEmpty());
  EXPECT_THAT(flow.waves(), ElementsAre(ElementsAre(3, 4), ElementsAre(1, 2), ElementsAre(0)));
  EXPECT_THAT(flow.before(0), ElementsAre(1, 2));
  EXPECT_THAT(flow.before(3), IsEmpty());
}

TEST_F(LineFlowTest, NamesRefsThatAreDoubledOrNobodys) {
  line("a");
  line("a");
  line("", {"b"});
  EXPECT_THAT(faults(), ElementsAre("2: ref: 'a' is that of line 1 already", "3: after: 'b' is neither a job id nor the ref of a line"));
}

TEST_F(LineFlowTest, NamesCirclesAndRefsThatAreNobodysInTheOrderOfTheLines) {
  line("", {"x"});
  line("a", {"b", "y"});
  line("b", {"a"});
  line("", {"z"});
  EXPECT_THAT(faults(), ElementsAre("1: after: 'x' is neither a job id nor the ref of a line", "2: after: 'y' is neither a job id nor the ref of a line",
                                    "2: after: jobs cannot run after one another in a circle: 'a' after 'b' after 'a'",
                                    "4: after: 'z' is neither a job id nor the ref of a line"));
}

TEST_F(LineFlowTest, KnowsTheRefsOfBadLinesAndSaysNothingOfThoseThatMayBeAnybodys) {
  flow.add_bad(++number, "a");
  line("", {"a", "x"});
  line("a");
  flow.add_bad(++number, "a");
  EXPECT_THAT(faults(), ElementsAre("2: after: 'x' is neither a job id nor the ref of a line", "3: ref: 'a' is that of line 1 already"));
  flow.add_bad(++number, std::nullopt);
  EXPECT_THAT(faults(), ElementsAre("3: ref: 'a' is that of line 1 already"));
}

TEST_F(LineFlowTest, NamesACircleOnceAndNotWhatIsBehindIt) {
  line("behind", {"a"});
  line("a", {"b"});
  line("b", {"c"});
  line("c", {"a"});
  line("self", {"self"});
  EXPECT_THAT(faults(), ElementsAre("2: after: jobs cannot run after one another in a circle: 'a' after 'b' after 'c' after 'a'",
                                    "5: after: jobs cannot run after one another in a circle: 'self' after 'self'"));
}

TEST_F(LineFlowTest, ABoundHoldsWhereLinesRunAfterOneAnotherAndNowhereElse) {
  for (std::size_t i = 0; i < LineFlow::kMost; ++i) line();
  line();
  EXPECT_FALSE(flow.too_many());
  line("a");
  EXPECT_TRUE(flow.too_many());
}

TEST_F(LineFlowTest, TakesAChainOfAHundredThousand) {
  line("0");
  for (int i = 1; i < 100'000; ++i) line(std::to_string(i), {std::to_string(i - 1)});
  EXPECT_THAT(faults(), IsEmpty());
  EXPECT_EQ(flow.waves().size(), 100'000U);
}

}  // namespace
}  // namespace conduitd::ctl
