// A good history passes; falsified in one place, it breaks exactly the rule that forbids that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "check/figures.h"
#include "check/report.h"
#include "story.h"

namespace conduitd::check::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(CheckTest, AGoodHistoryBreaksNoRuleAndExercisesEach) {
  const auto history = good_story().read();
  const auto verdicts = check_all(history, {});
  ASSERT_EQ(verdicts.size(), 15u);
  for (const auto& verdict : verdicts) {
    EXPECT_EQ(verdict.finding(), Verdict::Finding::good) << verdict.rule() << ": " << testing::PrintToString(verdict.offences());
  }
}

TEST(CheckTest, ARuleWithNothingToLookAtIsNotSaidToHold) {
  Story story;
  story.add(1, "submit_ok", "q:job", 0, R"("task":"t.one")");
  story.add(2, "final_state", "q:job", 0, R"("state":"complete","attempts":1)");
  const auto history = story.read();
  const auto verdicts = check_all(history, {});
  EXPECT_EQ(verdicts[0].finding(), Verdict::Finding::good);
  for (std::size_t i = 1; i < verdicts.size(); ++i) {
    EXPECT_EQ(verdicts[i].finding(), Verdict::Finding::not_exercised) << verdicts[i].rule();
  }
  EXPECT_THAT(not_exercised(verdicts, measure(history, verdicts), {"C1", "C4", "C16", "fences"}), ElementsAre("C4", "C16", "fences"));
  EXPECT_THAT(text_report(verdicts, measure(history, verdicts)), HasSubstr("C4  not exercised"));
}

struct Falsified {
  std::string rule;
  std::string how;
  std::function<void(Story&)> falsify;
};
std::ostream& operator<<(std::ostream& out, const Falsified& one) { return out << one.rule << one.how; }

std::vector<Falsified> all_falsified() {
  return {
      {"C1", "RecordDropped", [](Story& s) { s.drop("final_state", "q:plain"); }},
      {"C1", "RecordStillRunning", [](Story& s) { s.alter(s.line("final_state", "q:plain"), "complete", "running"); }},
      {"C1", "CompleteAndItsTaskNeverWas", [](Story& s) { s.drop("task_end", "q:plain"); }},
      {"C2", "SubmissionDropped", [](Story& s) { s.drop("submit_ok", "q:plain"); }},
      {"C3", "EndRepeated", [](Story& s) { s.repeat("finish_ok", "q:plain", 1, 50); }},
      {"C3", "CancelledThoughComplete", [](Story& s) { s.add(1'200, "cancel_ok", "q:plain"); }},
      {"C4", "StaleReleaseAccepted",
       [](Story& s) { s.add(5'960, "release", "q:zombie", 1, R"("worker":"w2","from":5955,"charge":"nothing")"); }},
      {"C4", "BeginRepeated", [](Story& s) { s.repeat("begin", "q:plain", 1, 20); }},
      {"C4", "BeginsReordered",
       [](Story& s) {
         auto& first = s.line("begin", "q:retried", 1);
         auto& second = s.line("begin", "q:retried", 2);
         std::swap(first.attempt, second.attempt);
       }},
      {"C5", "FailureForgotten",
       [](Story& s) { s.alter(s.line("final_state", "q:retried"), R"("failures":1)", R"("failures":0)"); }},
      {"C5", "FailureNobodySaw", [](Story& s) { s.drop("finish_ok", "q:retried", 1); }},
      {"C5", "AttemptNobodySaw",
       [](Story& s) { s.alter(s.line("final_state", "q:retried"), R"("attempts":2)", R"("attempts":3)"); }},
      {"C5", "EndedAttemptKeptAsExpired",
       [](Story& s) {
         s.line("final_state", "q:retried").more += R"(,"history":[{"attempt":1,"outcome":"lease expired"}])";
       }},
      {"C6", "StartRepeated", [](Story& s) { s.repeat("task_start", "q:plain", 1, 20); }},
      {"C7", "RanBeforeItsTime",
       [](Story& s) { s.alter(s.line("submit_ok", "q:later"), "1790000008005", "1790000008105"); }},
      {"C7", "PauseCutShort", [](Story& s) { s.line("task_start", "q:retried", 2).time -= 110; }},
      {"C8", "OneTooManyAtOnce", [](Story& s) { s.alter(s.line("limit"), R"("most":2)", R"("most":1)"); }},
      {"C8", "OneTooHeavy", [](Story& s) { s.line("submit_ok", "q:two").more += R"(,"weight":2)"; }},
      {"C8", "StartedTooSoon",
       [](Story& s) {
         s.line("begin", "q:three").time = 10'890;
         s.line("task_start", "q:three").time = 10'900;
         s.line("task_end", "q:three").time = 10'910;
       }},
      {"C9", "ParentTooEarly", [](Story& s) { s.line("parent_resume", "q:parent").time = 8'340; }},
      {"C10", "AcceptedWhileAnotherLived", [](Story& s) { s.line("submit_ok", "q:second").time = 8'650; }},
      {"C11", "StartedAfterTheCancel",
       [](Story& s) {
         s.add(9'100, "task_start", "q:cancelled", 1, R"("task":"t.one")");
         s.alter(s.line("final_state", "q:cancelled"), R"("attempts":0)", R"("attempts":1)");
       }},
      {"C12", "EndedLate", [](Story& s) { s.alter(s.line("final_state", "q:zombie"), "14:13:26", "14:14:26"); }},
      {"C13", "CountedTwice", [](Story& s) { s.alter(s.line("metrics"), R"("finish_ok":1)", R"("finish_ok":2)"); }},
      {"C13", "RefusalNotCounted", [](Story& s) { s.drop("finish_fenced", "q:zombie"); }},
      {"C14", "DescriptorLeaked", [](Story& s) { s.alter(s.line("sample", ""), R"("fds":20)", R"("fds":19)"); }},
      {"C14", "MemoryGrew", [](Story& s) { s.alter(s.line("sample", ""), R"("rss_kb":1000)", R"("rss_kb":900)"); }},
      {"C15", "SecondJobMadeOfARepeatedSubmit", [](Story& s) { s.line("submit_ok", "q:child").more += R"(,"ref":7)"; }},
  };
}

class FalsifiedTest : public testing::TestWithParam<Falsified> {};

INSTANTIATE_TEST_SUITE_P(Each, FalsifiedTest, testing::ValuesIn(all_falsified()),
                         [](const auto& param) { return param.param.rule + "_" + param.param.how; });

TEST_P(FalsifiedTest, BreaksThatRuleAndNoOther) {
  auto story = good_story();
  GetParam().falsify(story);
  EXPECT_THAT(broken_rules(story), ElementsAre(GetParam().rule));
}

TEST(CheckTest, AStaleEndThatIsAcceptedBreaksTheFenceAndEndsTheJobTwice) {
  auto story = good_story();
  story.line("finish_fenced", "q:zombie").ev = "finish_ok";
  EXPECT_THAT(broken_rules(story), testing::IsSupersetOf({"C3", "C4"}));
}

TEST(CheckTest, AnEndHeardOfTwiceByTheSameAttemptIsOneEnd) {
  auto story = good_story();
  story.repeat("finish_ok", "q:plain", 1, 50);
  story.line("finish_ok", "q:plain").more += R"(,"repeated":true)";
  EXPECT_THAT(broken_rules(story), IsEmpty());
}

TEST(CheckTest, AClaimThatWasOnItsWayForLongerThanARatesWindowIsNotCountedInIt) {
  auto story = good_story();
  story.line("begin", "q:one").more += R"(,"from":8500)";
  EXPECT_THAT(broken_rules(story), IsEmpty());
}

TEST(CheckTest, ThePauseOfARetryThatWasSentAgainCountsFromTheFirstSending) {
  auto story = good_story();
  auto& line = story.line("finish_ok", "q:retried", 1);
  story.alter(line, R"("from":7054)", R"("from":7240,"repeated":true)");
  line.time = 7'245;
  EXPECT_THAT(broken_rules(story), IsEmpty());
}

TEST(CheckTest, AKeyIsFreeWhenItsJobMayHaveEndedThoughItsEndWasSentAgain) {
  auto story = good_story();
  auto& line = story.line("finish_ok", "q:first", 1);
  story.alter(line, R"("from":8704)", R"("from":8850,"repeated":true)");
  line.time = 8'855;
  EXPECT_THAT(broken_rules(story), IsEmpty());
}

TEST(CheckTest, AJobThatAnOperatorRetriedMayEndAgain) {
  auto story = good_story();
  story.add(1'200, "operator_retry", "q:plain");
  story.repeat("finish_ok", "q:plain", 1, 150);
  EXPECT_THAT(broken_rules(story), IsEmpty());
}

TEST(CheckTest, AKillExcusesLinesThatAreMissing) {
  auto story = good_story();
  story.add(7'056, "fault", "", 0, R"("what":"kill","role":"supervisor","target":80,"worker":"w3")");
  story.drop("finish_ok", "q:retried", 1);
  EXPECT_THAT(broken_rules(story), IsEmpty());
}

TEST(CheckTest, AnAttemptThatWasLetGoMayBeginLateInAStoppedHost) {
  auto story = good_story();
  story.line("task_start", "q:zombie", 1).time = 5'400;
  EXPECT_THAT(broken_rules(story), IsEmpty());
}

TEST(CheckTest, AJobWhoseSubmissionWasNotAnsweredMayRun) {
  auto story = good_story();
  story.drop("submit_ok", "q:plain");
  story.add(1'000, "submit_unknown", "", 0, R"("ref":5)");
  story.line("task_start", "q:plain").more += R"(,"ref":5)";
  EXPECT_THAT(broken_rules(story), IsEmpty());
}

TEST(CheckTest, OfJobsSubmittedTogetherOneMayHaveReplacedAnotherThatIsNamedBefore) {
  auto story = good_story();
  story.add(8'900, "submit_ok", "q:replaced", 0, R"("task":"t.one","from":8790,"unique":"k","created":true)");
  story.add(8'900, "cancel_ok", "q:replaced", 0, R"("from":8790)");
  story.add(20'000, "final_state", "q:replaced", 0, R"("state":"cancelled","attempts":0)");
  EXPECT_THAT(broken_rules(story), IsEmpty());
}

TEST(CheckTest, AnOffenceNamesTheJobAndItsLines) {
  auto story = good_story();
  story.add(5'960, "finish_ok", "q:zombie", 1, R"("worker":"w2","from":5955,"state":"retrying","charge":"nothing")");
  const auto history = story.read();
  const auto verdicts = check_all(history, {});
  ASSERT_EQ(verdicts[3].violations(), 1u);
  EXPECT_THAT(verdicts[3].offences().at(0), testing::AllOf(HasSubstr("q:zombie"), HasSubstr("attempt 1"), HasSubstr("story:")));
}

TEST(CheckTest, MeasuresRecoveryOverlapAndRefusals) {
  const auto history = good_story().read();
  const auto figures = measure(history, check_all(history, {}));
  ASSERT_EQ(figures.after_worker.sorted.size(), 1u);
  EXPECT_NEAR(figures.after_worker.quantile(0.99), 1'011, 1);
  EXPECT_NEAR(figures.taken_back.quantile(0.5), 1'000, 1);
  EXPECT_EQ(figures.overlaps, 1u);
  EXPECT_NEAR(figures.overlap_ms, 688, 1);
  EXPECT_EQ(figures.lines[static_cast<std::size_t>(Kind::finish_fenced)], 1u);
  EXPECT_EQ(figures.jobs, 14u);
  EXPECT_EQ(figures.charged.crashes, 2u);
  EXPECT_EQ(figures.charged.failures, 1u);
  EXPECT_EQ(figures.lost + figures.twice + figures.stale, 0u);
}

TEST(CheckTest, TheReportAsJsonSaysWhatTheTextSays) {
  auto story = good_story();
  story.drop("final_state", "q:plain");
  const auto history = story.read();
  const auto verdicts = check_all(history, {});
  const auto json = json_report(verdicts, measure(history, verdicts));
  EXPECT_FALSE(json.bool_or("good", true));
  const auto& first = json.find("rules")->as_array()->at(0);
  EXPECT_EQ(first.string_or("rule", ""), "C1");
  EXPECT_EQ(first.string_or("finding", ""), "violated");
  EXPECT_EQ(json.find("figures")->int_or("lost", 0), 1);
}

}  // namespace
}  // namespace conduitd::check::test
