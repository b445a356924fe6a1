#include "job/status.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace conduitd::job {
namespace {

using enum JobStatus;

TEST(JobStatusTest, JobStatusIsOneEnumFromBrokerToCli) {
  // Brokers store these words, conduitctl prints and takes them: every status has one word, and it reads back.
  std::set<std::string_view> words;
  for (const JobStatus status : kAllStatuses) {
    EXPECT_EQ(parse_status(to_string(status)), status);
    words.insert(to_string(status));
  }
  EXPECT_EQ(words, (std::set<std::string_view>{"scheduled", "queued", "running", "retrying", "complete", "failed",
                                               "cancelled", "expired"}));
  for (const char* word : {"", "Queued", "queued ", "done", "canceled"}) EXPECT_EQ(parse_status(word), std::nullopt);
}

TEST(JobStatusTest, TheTableOfMovesIsTheDiagramOfTheDesign) {
  const std::set<std::pair<JobStatus, JobStatus>> legal{
      {scheduled, queued},  {scheduled, cancelled}, {scheduled, expired}, {scheduled, failed},
      {queued, running},    {queued, cancelled},    {queued, expired},    {queued, failed},
      {running, complete},  {running, failed},      {running, cancelled}, {running, retrying}, {running, queued},
      {retrying, queued},   {retrying, cancelled},  {retrying, expired},  {retrying, failed},
      // An operator's retry.
      {complete, queued},   {failed, queued},       {cancelled, queued},  {expired, queued}};
  for (const JobStatus from : kAllStatuses) {
    for (const JobStatus to : kAllStatuses) {
      EXPECT_EQ(may_move(from, to), legal.contains({from, to})) << to_string(from) << " -> " << to_string(to);
    }
  }
}

TEST(JobStatusTest, NothingLeavesAFinalStateButByAnOperatorsRetry) {
  for (const JobStatus from : kAllStatuses) {
    if (!is_final(from)) continue;
    for (const JobStatus to : kAllStatuses) EXPECT_EQ(may_move(from, to), to == queued);
  }
}

TEST(JobStatusTest, FourStatesAreFinal) {
  for (const JobStatus status : kAllStatuses) {
    EXPECT_EQ(is_final(status),
              status == complete || status == failed || status == cancelled || status == expired);
  }
}

TEST(FailureReasonTest, EveryReasonReadsBack) {
  for (const FailureReason reason : {FailureReason::none, FailureReason::exhausted, FailureReason::poison,
                                     FailureReason::invalid, FailureReason::rejected}) {
    EXPECT_EQ(parse_reason(to_string(reason)), reason);
  }
  EXPECT_EQ(parse_reason("bored"), std::nullopt);
}

}  // namespace
}  // namespace conduitd::job
