#include <gmock/gmock.h>

#include "base/text.h"
#include "ctl_fixture.h"
#include "support/document.h"

namespace conduitd::test {
namespace {

using testing::HasSubstr;

class CtlCron : public CtlTest {
 protected:
  /// As a worker does from its configuration.
  void announce_schedule(const std::string& name, Millis interval = Millis{60'000}) {
    job::Schedule one;
    one.name = name;
    one.task = "a.b";
    one.expression = "@hourly";
    std::vector<job::Schedule> all{one};
    EXPECT_OK(run(io_, worker().schedules->define(std::move(all), interval)));
  }
  Words add(const std::string& name) { return {"cron", "add", name, "--task", "a.b", "--schedule", "0 3 * * *"}; }
};

TEST_F(CtlCron, AddedScheduleIsListedRunAndDeleted) {
  announce({{"a.b", "media"}});
  auto words = add("nightly");
  words.insert(words.end(), {"--timezone", "Europe/Berlin", "--args", R"({"n": 1})", "--missed", "all", "--overlap", "queue", "--jitter", "5s"});
  const auto added = ctl(words);
  EXPECT_EQ(added.code, 0) << added.err;
  EXPECT_THAT(added.out, HasSubstr("schedule nightly is added; next 20"));
  const auto shown = json({"cron", "show", "nightly"});
  EXPECT_EQ(shown.string_or("task", ""), "a.b");
  EXPECT_EQ(shown.string_or("queue", ""), "media") << "the task's own";
  EXPECT_EQ(shown.string_or("schedule", ""), "0 3 * * *");
  EXPECT_EQ(shown.string_or("timezone", ""), "Europe/Berlin");
  EXPECT_EQ(shown.string_or("missed", ""), "all");
  EXPECT_EQ(shown.string_or("overlap", ""), "queue");
  EXPECT_EQ(shown.string_or("jitter", ""), "5s");
  EXPECT_TRUE(shown.bool_or("added", false));
  EXPECT_EQ(shown.find("next")->as_array()->size(), 5U);
  EXPECT_THAT(ctl({"cron", "show", "nightly"}).out, HasSubstr("cron add"));
  EXPECT_THAT(ctl({"cron", "list"}).out, testing::ContainsRegex("nightly +a.b +0 3 \\* \\* \\* +Europe/Berlin +open"));
  EXPECT_EQ(ctl({"cron", "delete", "nightly"}).code, 0);
  EXPECT_EQ(ctl({"cron", "delete", "nightly"}).code, 3);
}

TEST_F(CtlCron, AddRefusesWhatCannotBe) {
  announce({{"a.b", "default"}});
  announce_schedule("taken");
  const auto taken = ctl(add("taken"));
  EXPECT_EQ(taken.code, 2) << taken.out;
  EXPECT_THAT(taken.err, HasSubstr("schedule 'taken' is announced by a live worker, from its configuration or a plugin"));
  for (const auto& [option, value, says] : std::vector<std::array<std::string, 3>>{{"--missed", "never", "skip, latest, all"},
                                                                                   {"--overlap", "x", "skip, queue, allow"},
                                                                                   {"--jitter", "2d", "a day is the most"},
                                                                                   {"--args", "3", "a JSON object"},
                                                                                   {"--timezone", "Mars/Base", "time zone"}}) {
    auto words = add("new");
    words.insert(words.end(), {option, value});
    const auto refused = ctl(words);
    EXPECT_EQ(refused.code, 2) << option;
    EXPECT_THAT(refused.err, HasSubstr(says)) << option;
  }
  EXPECT_EQ(ctl({"cron", "add", "new", "--task", "a.b", "--schedule", "0 0 31 2 *"}).code, 2);
  EXPECT_EQ(ctl({"cron", "add", "new", "--task", "no.such", "--schedule", "@daily"}).code, 3);
  EXPECT_EQ(ctl({"cron", "show", "new"}).code, 3) << "nothing was added";
  EXPECT_EQ(ctl({"cron", "add", "new", "--task", "no.such", "--schedule", "@daily", "--allow-unknown"}).code, 0);
}

TEST_F(CtlCron, RunByHandIsInTheHistoryWithHowItsJobStands) {
  announce_schedule("hourly");
  auto id = ctl({"cron", "run", "hourly"}).out;
  ASSERT_FALSE(id.empty());
  id.pop_back();
  const auto before = json({"cron", "show", "hourly"});
  ASSERT_EQ(before.find("runs")->as_array()->size(), 1U);
  const auto& run = before.find("runs")->as_array()->front();
  EXPECT_EQ(run.string_or("job", ""), id);
  EXPECT_EQ(run.string_or("note", ""), "by hand");
  EXPECT_EQ(run.string_or("status", ""), "queued");
  complete(claim("a.b"), "1");
  EXPECT_THAT(ctl({"cron", "show", "hourly"}).out, testing::ContainsRegex(id + " +complete +by hand"));
  EXPECT_EQ(ctl({"cron", "run", "nobody"}).code, 3);
}

TEST_F(CtlCron, ScheduleThatNobodyFiresHasNoNextTime) {
  announce_schedule("gone", Millis{0});
  run_for(io_, Millis{5});
  EXPECT_TRUE(json({"cron", "show", "gone"}).find("next")->as_array()->empty());
  EXPECT_THAT(ctl({"cron", "list"}).out, testing::ContainsRegex("gone .*no live worker *\n"));
  EXPECT_EQ(ctl({"cron", "add", "added", "--task", "a.b", "--schedule", "@daily"}).code, 0);
  EXPECT_TRUE(json({"cron", "show", "added"}).find("next")->as_array()->empty()) << "there is no worker";
  announce({{"a.b", "default"}});
  EXPECT_EQ(json({"cron", "show", "added"}).find("next")->as_array()->size(), 5U);
  EXPECT_EQ(ctl({"cron", "delete", "gone"}).code, 0);
}

TEST_F(CtlCron, TheExamplesOfTheDocumentationRun) {
  announce({{"a.b", "default"}, {"images.sweep", "default"}});
  announce_schedule("images.sweep");
  const auto blocks = blocks_of(CONDUIT_SOURCE_DIR "/docs/schedules.md", "```sh");
  ASSERT_EQ(blocks.size(), 1U);
  const auto out = run_examples(blocks);
  EXPECT_THAT(out, HasSubstr("schedule images.sweep is paused\nschedule nightly is added; next 20"));
  EXPECT_THAT(out, HasSubstr("schedule nightly is deleted\n"));
}

}  // namespace
}  // namespace conduitd::test
