#include "job/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::job {
namespace {

using testing::StartsWith;

NewJob good() {
  NewJob job;
  job.task = "images.resize";
  job.args = R"({"path":"/tmp/é.png"})";
  return job;
}

TEST(CheckNewJob, TakesAGoodOne) {
  EXPECT_OK(check(good()));
  NewJob full = good();
  full.queue = "media";
  full.args = " [1, 2]\n";
  full.priority = 0;
  full.delay = Millis(0);
  full.expires = Millis(1);
  full.retries = 0;
  full.timeout = Millis(1);
  full.unique = std::string(256, 'u');
  EXPECT_OK(check(full));
}

struct BadJob {
  const char* name;
  void (*spoil)(NewJob&);
  const char* message;
};

void PrintTo(const BadJob& bad, std::ostream* out) { *out << bad.name; }

class CheckBadJob : public testing::TestWithParam<BadJob> {};

TEST_P(CheckBadJob, NamesTheMember) {
  NewJob job = good();
  GetParam().spoil(job);
  const auto checked = check(job);
  ASSERT_FALSE(checked.has_value());
  EXPECT_TRUE(checked.error().is(Errc::invalid_argument));
  EXPECT_THAT(checked.error().message(), StartsWith(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Table, CheckBadJob,
    testing::Values(
        BadJob{"NoTask", [](NewJob& j) { j.task.clear(); }, "'' is not a task name"},
        BadJob{"BadTask", [](NewJob& j) { j.task = "a b"; }, "'a b' is not a task name"},
        BadJob{"BadQueue", [](NewJob& j) { j.queue = "{x}"; }, "'{x}' is not a queue name"},
        BadJob{"PriorityLow", [](NewJob& j) { j.priority = -1; }, "priority -1: 0 to 9"},
        BadJob{"PriorityHigh", [](NewJob& j) { j.priority = 10; }, "priority 10: 0 to 9"},
        BadJob{"RetriesNegative", [](NewJob& j) { j.retries = -1; }, "retries -1: 0 to 1000000"},
        BadJob{"DelayNegative", [](NewJob& j) { j.delay = Millis(-1); }, "delay: "},
        BadJob{"DelayOverflows", [](NewJob& j) { j.delay = Millis::max(); }, "delay: "},
        BadJob{"ExpiresZero", [](NewJob& j) { j.expires = Millis(0); }, "expires: "},
        BadJob{"ExpiresOverflows", [](NewJob& j) { j.expires = Millis::max(); }, "expires: "},
        BadJob{"TimeoutZero", [](NewJob& j) { j.timeout = Millis(0); }, "timeout: "},
        BadJob{"TimeoutOverflows", [](NewJob& j) { j.timeout = Millis::max(); }, "timeout: "},
        BadJob{"UniqueTooLong", [](NewJob& j) { j.unique = std::string(257, 'u'); }, "unique: at most 256"},
        BadJob{"UniqueNotUtf8", [](NewJob& j) { j.unique = "\xff"; }, "unique: at most 256 bytes of UTF-8"},
        BadJob{"ArgsEmpty", [](NewJob& j) { j.args.clear(); }, "args: JSON does not parse at byte 0"},
        BadJob{"ArgsNoJson", [](NewJob& j) { j.args = "{path}"; }, "args: JSON does not parse at byte 1"},
        BadJob{"ArgsScalar", [](NewJob& j) { j.args = "5"; }, "args: a JSON object"},
        BadJob{"ArgsNotUtf8", [](NewJob& j) { j.args = "[\"\xff\"]"; }, "args: JSON is not valid UTF-8"},
        BadJob{"ArgsTooDeep", [](NewJob& j) { j.args = std::string(65, '[') + std::string(65, ']'); },
               "args: JSON is nested too deeply"},
        BadJob{"ArgsTooLarge", [](NewJob& j) { j.args = "[\"" + std::string(1024 * 1024, 'x') + "\"]"; },
               "args: JSON is too large"}),
    [](const auto& bad) { return std::string(bad.param.name); });

JobRecord full_record() {
  JobRecord record;
  record.id = "media:01J8ZQ4YV7D3N0WQ5T2K6R9XBC";
  record.task = "images.resize";
  record.queue = "media";
  record.status = JobStatus::failed;
  record.reason = FailureReason::exhausted;
  record.args = R"({ "b" : 1.0, "a":1e2 })";
  record.priority = 7;
  record.counters = {.attempts = 4, .failures = 2, .crashes = 1, .interruptions = 1};
  record.retries = 2;
  record.timeout = Millis(30'000);
  record.unique = "u";
  record.parent_id = "p";
  record.root_id = "r";
  record.created_at = from_unix_ms(1'769'851'800'007);
  record.due_at = from_unix_ms(1'769'851'801'000);
  record.ended_at = from_unix_ms(1'769'851'802'000);
  record.worker = "w-1";
  record.cancel_requested = true;
  record.progress = Progress{.fraction = 0.5, .message = "half"};
  record.metadata = R"({"k":1})";
  record.checkpoint = "[1]";
  record.failure = Failure{.type = "signal", .message = "SIGSEGV", .detail = R"({"signal":11})"};
  AttemptRecord attempt;
  attempt.attempt = 1;
  attempt.started_at = from_unix_ms(0);
  attempt.duration = Millis(12);
  attempt.worker = "w-1";
  attempt.outcome = "crash";
  attempt.failure = record.failure;
  record.attempts.push_back(attempt);
  return record;
}

TEST(RecordToJson, HoldsEverythingAndKeepsPayloadsAsTheyWere) {
  EXPECT_EQ(to_json(full_record()).text(),
            R"({"id":"media:01J8ZQ4YV7D3N0WQ5T2K6R9XBC","task":"images.resize","queue":"media","status":"failed",)"
            R"("reason":"exhausted","args":{ "b" : 1.0, "a":1e2 },"priority":7,"attempts":4,"failures":2,"crashes":1,)"
            R"("interruptions":1,"retries":2,"timeout_ms":30000,"unique":"u","parent_id":"p","root_id":"r",)"
            R"("created_at":"2026-01-31T09:30:00.007Z","due_at":"2026-01-31T09:30:01.000Z",)"
            R"("ended_at":"2026-01-31T09:30:02.000Z","worker":"w-1","cancel_requested":true,)"
            R"("progress":{"fraction":0.5,"message":"half"},"metadata":{"k":1},"checkpoint":[1],"result":null,)"
            R"("failure":{"type":"signal","message":"SIGSEGV","detail":{"signal":11}},"history":[{"attempt":1,)"
            R"("outcome":"crash","started_at":"1970-01-01T00:00:00.000Z","duration_ms":12,"worker":"w-1",)"
            R"("failure":{"type":"signal","message":"SIGSEGV","detail":{"signal":11}}}]})");
}

TEST(RecordToJson, HasTheSamePlainMembersForANewJob) {
  JobRecord record;
  record.id = "default:x";
  record.task = "t";
  record.queue = "default";
  record.args = "[]";
  EXPECT_EQ(to_json(record).text(),
            R"({"id":"default:x","task":"t","queue":"default","status":"queued","args":[],"priority":5,"attempts":0,)"
            R"("failures":0,"crashes":0,"interruptions":0,"created_at":"1970-01-01T00:00:00.000Z","metadata":{},)"
            R"("checkpoint":null,"result":null,"history":[]})");
}

TEST(AttemptJson, SaysWhichCodeRanAndWhatItUsedWhereThatIsKnown) {
  auto attempt = full_record().attempts[0];
  EXPECT_EQ(to_json(attempt).find("plugin"), nullptr);
  EXPECT_EQ(to_json(attempt).find("cpu_ms"), nullptr);
  attempt.code = {"images", "1.2.0", "0123"};
  attempt.usage = {1'500, 2'048};
  const auto json = to_json(attempt);
  EXPECT_EQ(json.string_or("plugin", ""), "images");
  EXPECT_EQ(json.string_or("plugin_version", ""), "1.2.0");
  EXPECT_EQ(json.string_or("build_id", ""), "0123");
  EXPECT_EQ(json.find("cpu_ms")->as_number(), 1.5);
  EXPECT_EQ(json.int_or("peak_rss_kib", 0), 2'048);
}

TEST(AttemptJson, ReadsBackWhatItWrote) {
  auto attempt = full_record().attempts[0];
  attempt.code = {"images", "1.2.0", "0123"};
  attempt.usage = {1'500, 2'048};
  const auto again = attempt_from_json(test::must(parse_json(to_json(attempt).text())));
  EXPECT_EQ(to_json(again).text(), to_json(attempt).text());
}

TEST(AttemptJson, GarbageBecomesAnEmptyRecordAndNoCrash) {
  for (const char* text : {"null", "5", "[]", "{}", R"({"attempt":"x","started_at":7,"failure":[]})"}) {
    const auto attempt = attempt_from_json(test::must(parse_json(text)));
    EXPECT_EQ(attempt.attempt, 0U);
    EXPECT_EQ(attempt.outcome, "");
  }
}

TEST(CodeWord, ReadsBackWhatItWroteAndTakesVersionsOfAnyForm) {
  const Code code{"images", "1.2/rc 1|x", "0123abcd"};
  EXPECT_EQ(to_word(code), "images/1.2/rc_1_x/0123abcd");
  EXPECT_EQ(code_from_word(to_word(code)), (Code{"images", "1.2/rc_1_x", "0123abcd"}));
  EXPECT_EQ(to_word({}), "");
  EXPECT_EQ(code_from_word(""), Code{});
}

TEST(LogLineJson, NamesTheLevel) {
  LogLine line;
  line.time = from_unix_ms(0);
  line.attempt = 2;
  line.level = LogLevel::warning;
  line.message = "a\nb";
  EXPECT_EQ(to_json(line).text(),
            R"({"time":"1970-01-01T00:00:00.000Z","attempt":2,"level":"warning","message":"a\nb"})");
  line.fields = R"({"k":"v"})";
  EXPECT_EQ(test::must(parse_json(to_json(line).text())).find("fields")->string_or("k", ""), "v");
}

}  // namespace
}  // namespace conduitd::job
