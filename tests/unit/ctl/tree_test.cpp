#include "ctl/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduitd::ctl {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const WallTime kNow = from_unix_ms(1'790'000'000'000);

class TreeTest : public testing::Test {
 protected:
  TreeTest() {
    node("q:1", "report.build", job::JobStatus::running);
    tree[0].record->started_at = kNow - 12s;
  }

  std::size_t node(const std::string& id, const std::string& task, job::JobStatus status, std::size_t parent = SIZE_MAX) {
    TreeNode out;
    out.id = id;
    out.task = task;
    out.status = status;
    out.record.emplace();
    out.record->id = id;
    out.record->status = status;
    out.record->created_at = kNow - 5s;
    if (parent != SIZE_MAX) {
      out.depth = tree[parent].depth + 1;
      tree[parent].children.push_back(tree.size());
    }
    tree.push_back(std::move(out));
    return tree.size() - 1;
  }
  [[nodiscard]] std::vector<std::string> lines(bool all = false, const Terminal& terminal = {}) const {
    std::vector<std::string> out;
    for (const auto& row : rows_of(tree, all)) out.push_back(tree_line(tree, row, terminal, kNow));
    return out;
  }

  Tree tree;
};

TEST_F(TreeTest, DrawsJobsBelowTheirParents) {
  const auto first = node("q:2", "part.make", job::JobStatus::complete, 0);
  tree[first].record->started_at = kNow - 4s;
  tree[first].record->ended_at = kNow - 2s;
  node("q:3", "part.cut", job::JobStatus::queued, first);
  const auto last = node("q:4", "part.join", job::JobStatus::queued, 0);
  node("q:5", "part.cut", job::JobStatus::queued, last);
  EXPECT_THAT(lines(), ElementsAre("q:1  report.build  running for 12s",
                                   "├─ q:2  part.make  complete in 2.0s",
                                   "│  └─ q:3  part.cut  queued for 5.0s",
                                   "└─ q:4  part.join  queued for 5.0s",
                                   "   └─ q:5  part.cut  queued for 5.0s"));
  Terminal plain;
  plain.utf8 = false;
  EXPECT_THAT(lines(false, plain), ElementsAre("q:1  report.build  running for 12s",
                                               "|- q:2  part.make  complete in 2.0s",
                                               "|  `- q:3  part.cut  queued for 5.0s",
                                               "`- q:4  part.join  queued for 5.0s",
                                               "   `- q:5  part.cut  queued for 5.0s"));
}

TEST_F(TreeTest, SaysWhatAJobRunsAfterWaitsForAndWhyItFailed) {
  tree[0].record->waits_for = {"q:2", "q:3", "q:4"};
  const auto failed = node("q:2", "part.make", job::JobStatus::failed, 0);
  tree[failed].record->reason = job::FailureReason::exhausted;
  tree[failed].record->counters.attempts = 3;
  tree[failed].record->failure = job::Failure{"std::runtime_error", "no\x1b such file\nmore", ""};
  const auto held = node("q:3", "part.join", job::JobStatus::scheduled, 0);
  tree[held].record->after = {"q:8", "q:9"};
  tree[held].record->held_by = {"q:9"};
  const auto later = node("q:4", "part.mail", job::JobStatus::scheduled, 0);
  tree[later].record->due_at = kNow + 90s;
  const auto gone = node("q:5", "", job::JobStatus::queued, 0);
  tree[gone].record.reset();
  const auto drawn = lines();
  ASSERT_EQ(drawn.size(), 5U);
  EXPECT_EQ(drawn[0], "q:1  report.build  running for 12s, waits for q:2 and 2 more");
  EXPECT_EQ(drawn[1], "├─ q:2  part.make  failed (exhausted), 3 attempts: std::runtime_error: no\\x1b such file");
  EXPECT_EQ(drawn[2], "├─ q:3  part.join  scheduled, after q:8 and 1 more (1 of 2 has not ended)");
  EXPECT_EQ(drawn[3], "├─ q:4  part.mail  scheduled, due in 1m 30s");
  EXPECT_EQ(drawn[4], "└─ q:5  gone: its record has expired, or it was deleted");
}

TEST_F(TreeTest, CountsLeavesThatAreAlikeAndShowsThoseThatFailed) {
  for (int i = 0; i < 10'000; ++i) {
    node("q:c" + std::to_string(i), "part.make", i == 7'000 ? job::JobStatus::failed : i < 9'000 ? job::JobStatus::complete : job::JobStatus::queued, 0);
  }
  node("q:last", "part.join", job::JobStatus::queued, 0);
  const auto drawn = lines();
  ASSERT_EQ(drawn.size(), 13U);
  EXPECT_THAT(drawn[9], HasSubstr("q:c8 "));
  EXPECT_THAT(drawn[10], HasSubstr("q:c7000  part.make  failed"));
  EXPECT_EQ(drawn[11], "├─ … 9,990 more part.make: 8,990 complete, 1,000 queued");
  EXPECT_EQ(drawn[12], "└─ q:last  part.join  queued for 5.0s");
  EXPECT_EQ(lines(true).size(), 10'002U);
}

TEST_F(TreeTest, DoesNotCountJobsThatHaveChildrenNorAFew) {
  for (int i = 0; i < 20; ++i) node("q:p" + std::to_string(i), "part.make", job::JobStatus::complete, 0);
  for (std::size_t parent = 1; parent <= 20; ++parent) node("q:x", "part.cut", job::JobStatus::complete, parent);
  EXPECT_EQ(lines().size(), 41U);
}

TEST_F(TreeTest, ShowsElevenAlikeAsTheyAre) {
  for (int i = 0; i < 11; ++i) node("q:p", "part.make", job::JobStatus::complete, 0);
  EXPECT_EQ(lines().size(), 12U);
}

TEST_F(TreeTest, SaysWhatWasNotLookedAt) {
  tree[0].unseen = 1'234;
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("report.build"), "└─ … at least 1,234 more, not looked at"));
}

TEST_F(TreeTest, WritesTheDepthOfDeepJobsInsteadOfIndentingThem) {
  std::size_t parent = 0;
  for (int i = 0; i < 1'000; ++i) parent = node("q:d" + std::to_string(i), "part.make", job::JobStatus::queued, parent);
  const auto drawn = lines();
  ASSERT_EQ(drawn.size(), 1'001U);
  EXPECT_EQ(drawn[20], std::string(57, ' ') + "└─ q:d19  part.make  queued for 5.0s");
  EXPECT_EQ(drawn[1'000], std::string(60, ' ') + "(1,000) q:d999  part.make  queued for 5.0s");
}

TEST_F(TreeTest, CutsLinesToTheTerminal) {
  Terminal narrow;
  narrow.width = 20;
  EXPECT_THAT(lines(false, narrow), ElementsAre("q:1  report.build  …"));
}

TEST_F(TreeTest, SaysWhatRunsBeforeAndAfterAndWhatNobodyCanRun) {
  tree[node("q:2", "part.make", job::JobStatus::queued, 0)].tie = Tie::before;
  for (int i = 0; i < 12; ++i) tree[node("q:" + std::to_string(i + 3), "part.join", job::JobStatus::queued, 0)].tie = Tie::after;
  tree.back().orphan = true;
  const auto shown = lines();
  ASSERT_EQ(shown.size(), 13U);
  EXPECT_EQ(shown[1], "├─ after q:2  part.make  queued for 5.0s");
  EXPECT_EQ(shown[2], "├─ then q:3  part.join  queued for 5.0s");
  EXPECT_EQ(shown.back(), "└─ … 2 more part.join: 2 queued");
  EXPECT_EQ(lines(true).back(), "└─ then q:14  part.join  queued for 5.0s, no worker has this task");
}

}  // namespace
}  // namespace conduitd::ctl
