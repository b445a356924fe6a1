// What attempts say of themselves, read while they run, afterwards, and by the next attempt.

#include "base/json.h"
#include "contract/broker_contract.h"

namespace conduitd::test {

using broker::LeaseState;
using job::LogLevel;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace {

job::Report everything(const job::Claim& claim, WallTime now) {
  job::Report report;
  report.lease = claim.lease;
  report.progress = job::Progress{0.5, "decoded"};
  report.metadata = {{"source", R"("a.jpg")"}, {"size", R"({ "w":1,  "h":2 })"}};
  report.checkpoint = R"({ "stage" : 1 })";
  report.logs.push_back({now, claim.lease.attempt, LogLevel::warning, "line one", R"({"n":1})"});
  report.logs.push_back({now, claim.lease.attempt, LogLevel::info, "line two", {}});
  return report;
}

/// The object's members by name, whatever their order and the spaces between them.
std::string member(const std::string& object, const std::string& key) {
  const auto parsed = parse_json(object);
  const Json* found = parsed.has_value() ? parsed.value().find(key) : nullptr;
  return found == nullptr ? "(none)" : found->text();
}

}  // namespace

TEST_P(BrokerContract, ReportIsReadableWhileTheJobRunsAndAfterwards) {
  auto& worker = connect("w1");
  auto& viewer = connect("");
  const auto id = submit(worker);
  const auto claimed = claim_one(worker);
  EXPECT_THAT(must(run(worker.broker->report({everything(claimed, clock.wall_now())}))), ElementsAre(LeaseState::held));
  for (const bool ended : {false, true}) {
    const auto seen = record(viewer, id);
    ASSERT_TRUE(seen.progress.has_value()) << ended;
    EXPECT_DOUBLE_EQ(seen.progress->fraction, 0.5);
    EXPECT_EQ(seen.progress->message, "decoded");
    EXPECT_EQ(seen.checkpoint, R"({ "stage" : 1 })");
    EXPECT_EQ(member(seen.metadata, "source"), R"("a.jpg")");
    EXPECT_EQ(member(seen.metadata, "size"), R"({"w":1,"h":2})");
    const auto logs = must(run(viewer.directory->logs(id, "", 100)));
    ASSERT_THAT(logs.lines, SizeIs(2));
    EXPECT_EQ(logs.lines[0].message, "line one");
    EXPECT_EQ(logs.lines[0].level, LogLevel::warning);
    EXPECT_EQ(logs.lines[0].fields, R"({"n":1})");
    EXPECT_EQ(logs.lines[0].attempt, 1U);
    EXPECT_EQ(logs.lines[1].message, "line two");
    EXPECT_EQ(logs.lines[1].fields, "");
    if (!ended) settle(worker, complete(claimed));
  }
}

TEST_P(BrokerContract, MetadataMergesByKeyAndNullRemoves) {
  auto& c = connect("w1");
  const auto id = submit(c);
  const auto claimed = claim_one(c);
  job::Report report;
  report.lease = claimed.lease;
  report.metadata = {{"a", "1"}, {"b", "2"}};
  must(run(c.broker->report({report})));
  report.metadata = {{"b", "3"}, {"c", "4"}, {"a", "null"}};
  must(run(c.broker->report({report})));
  const auto metadata = record(c, id).metadata;
  EXPECT_EQ(member(metadata, "a"), "(none)");
  EXPECT_EQ(member(metadata, "b"), "3");
  EXPECT_EQ(member(metadata, "c"), "4");
}

TEST_P(BrokerContract, ReportsOfOneBatchApplyInTheirOrder) {
  auto& c = connect("w1");
  const auto id = submit(c);
  const auto claimed = claim_one(c);
  std::vector<job::Report> reports(3);
  for (int i = 0; i < 3; ++i) {
    auto& report = reports[static_cast<std::size_t>(i)];
    report.lease = claimed.lease;
    report.progress = job::Progress{0.1 * i, std::to_string(i)};
    report.logs.push_back({clock.wall_now(), 1, LogLevel::info, std::to_string(i), {}});
  }
  must(run(c.broker->report(reports)));
  EXPECT_EQ(record(c, id).progress->message, "2");
  const auto lines = must(run(c.directory->logs(id, "", 10))).lines;
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[0].message + lines[1].message + lines[2].message, "012");
}

TEST_P(BrokerContract, NextAttemptGetsCheckpointAndMetadata) {
  auto& c = connect("w1");
  submit(c);
  const auto first = claim_one(c);
  must(run(c.broker->report({everything(first, clock.wall_now())})));
  settle(c, retry(first, Millis{0}));
  const auto second = claim_one(c);
  EXPECT_EQ(second.checkpoint, R"({ "stage" : 1 })");
  EXPECT_EQ(member(second.metadata, "source"), R"("a.jpg")");
  // A crash loses nothing of it either.
  reclaim(c);
  const auto third = claim_one(c);
  EXPECT_EQ(third.lease.attempt, 3U);
  EXPECT_EQ(third.checkpoint, R"({ "stage" : 1 })");
  EXPECT_EQ(member(third.metadata, "size"), R"({"w":1,"h":2})");
}

TEST_P(BrokerContract, LogsComeInPages) {
  auto& c = connect("w1");
  const auto id = submit(c);
  const auto claimed = claim_one(c);
  job::Report report;
  report.lease = claimed.lease;
  for (int i = 0; i < 25; ++i) {
    report.logs.push_back({clock.wall_now(), 1, LogLevel::info, "line " + std::to_string(i), {}});
  }
  must(run(c.broker->report({report})));
  std::vector<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 4; ++page) {
    const auto logs = must(run(c.directory->logs(id, cursor, 10)));
    for (const auto& line : logs.lines) seen.push_back(line.message);
    EXPECT_NE(logs.next, "") << "there is always a place to go on from";
    cursor = logs.next;
  }
  ASSERT_THAT(seen, SizeIs(25));
  EXPECT_EQ(seen.front(), "line 0");
  EXPECT_EQ(seen.back(), "line 24");
  // Lines written later are found from the last cursor.
  report.logs = {{clock.wall_now(), 1, LogLevel::info, "later", {}}};
  must(run(c.broker->report({report})));
  const auto later = must(run(c.directory->logs(id, cursor, 10))).lines;
  ASSERT_THAT(later, SizeIs(1));
  EXPECT_EQ(later[0].message, "later");
}

TEST_P(BrokerContract, OldLogLinesGoFirst) {
  auto with = options("w1");
  with.log_lines = 10;
  auto& c = connect(with);
  const auto id = submit(c);
  const auto claimed = claim_one(c);
  job::Report report;
  report.lease = claimed.lease;
  for (int i = 0; i < 25; ++i) {
    report.logs.push_back({clock.wall_now(), 1, LogLevel::info, std::to_string(i), {}});
  }
  must(run(c.broker->report({report})));
  const auto lines = must(run(c.directory->logs(id, "", 100))).lines;
  ASSERT_THAT(lines, SizeIs(10));
  EXPECT_EQ(lines.front().message, "15");
  EXPECT_EQ(lines.back().message, "24");
}

TEST_P(BrokerContract, LogsOfAJobThatIsNotThereAreNotFound) {
  auto& c = connect("w1");
  EXPECT_ERRC(Errc::not_found, run(c.directory->logs("default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC", "", 10)));
  const auto id = submit(c);
  EXPECT_THAT(must(run(c.directory->logs(id, "", 10))).lines, IsEmpty());
}

TEST_P(BrokerContract, ReportTellsOfACancelRequest) {
  auto& worker = connect("w1");
  auto& viewer = connect("");
  const auto id = submit(worker);
  const auto claimed = claim_one(worker);
  must(run(viewer.directory->cancel(id)));
  job::Report report;
  report.lease = claimed.lease;
  report.progress = job::Progress{0.25, ""};
  EXPECT_THAT(must(run(worker.broker->report({report}))), ElementsAre(LeaseState::cancel_requested));
  EXPECT_TRUE(record(viewer, id).progress.has_value()) << "what it says still counts";
}

}  // namespace conduitd::test
