// What the README and the pages of the documentation show, at work: their plugins, built as they stand there, in the real conduitd by
// their configuration, and their commands beside it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/json.h"
#include "ctl_program.h"
#include "support/document.h"
#include "support/result_matchers.h"
#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;
using testing::ContainsRegex;
using testing::HasSubstr;
using Records = std::vector<job::JobRecord>;

/// The block of a page, in that language, in which that stands.
std::string block_with(const std::string& page, const std::string& language, const std::string& text) {
  for (auto& block : blocks_of(CONDUIT_SOURCE_DIR "/" + page, "```" + language)) {
    if (block.find(text) != std::string::npos) return std::move(block);
  }
  throw std::runtime_error(page + " has no block of " + language + " with " + text);
}

class PagesTest : public testing::TestWithParam<StoreKind> {
 protected:
  PagesTest() : place(GetParam()) {
    place.top_config = "lease = \"15s\"\ndrain_timeout = \"5s\"\n";
    std::filesystem::create_directory(folder());
  }

  [[nodiscard]] std::string folder() const { return place.dir().file("user"); }
  /// Returns once the worker has announced itself.
  void start() {
    place.start();
    for (int i = 0; i < 2'000; ++i) {
      if (!must(run(place.io, place.broker().directory->workers())).empty()) return;
      run_for(place.io, Millis{10});
    }
    throw std::runtime_error("the worker does not announce itself");
  }
  /// What the commands print.
  std::string run_all(const std::vector<std::string>& blocks) {
    const auto outcome = run_examples(folder(), place.url(), blocks);
    EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
    return outcome.out;
  }
  /// The commands of docs/resources.md, beside a worker.
  std::string run_resources() {
    start();
    return run_all({block_with("docs/resources.md", "sh", "conduitctl worker show")});
  }
  /// The ids of jobs among what was printed that stand alone in their lines.
  static std::vector<std::string> ids_in(const std::string& printed) {
    std::vector<std::string> out;
    std::istringstream lines(printed);
    for (std::string line; std::getline(lines, line);) {
      if (line.find(':') != std::string::npos && line.find(' ') == std::string::npos) out.push_back(line);
    }
    return out;
  }
  /// The jobs of a task once there are so many and they have ended, the last submitted first.
  Records ended_of(const std::string& task, std::size_t count) {
    broker::JobFilter filter;
    filter.task = task;
    filter.limit = 1'000;
    for (int i = 0; i < 2'000; ++i) {
      auto jobs = must(run(place.io, place.broker().directory->list(filter))).jobs;
      if (jobs.size() >= count) {
        for (auto& job : jobs) job = place.ended(job.id);
        return jobs;
      }
      run_for(place.io, Millis{10});
    }
    throw std::runtime_error("there are not so many jobs of " + task);
  }
  void expect_result(const std::string& id, const std::string& result) {
    const auto record = place.ended(id);
    EXPECT_EQ(record.status, JobStatus::complete) << text(record);
    EXPECT_EQ(record.result, result);
  }
  static std::string text(const job::JobRecord& record) { return job::to_json(record).text(true); }

  Workplace place;
};
INSTANTIATE_TEST_SUITE_P(Each, PagesTest, testing::ValuesIn(all_stores()), [](const auto& param) { return param.param.name; });

TEST_P(PagesTest, TheReadmesCommandsRun) {
  place.install_file(CONDUIT_EXAMPLE_PLUGINS "/files.so");
  std::ofstream(folder() + "/jobs.jsonl") << R"({"task": "files.checksum", "args": {"path": ")" << folder() << R"("}, "queue": "media"})" << "\n";
  place.extra_config = "[[queue]]\nname = \"media\"\n";
  start();
  const auto out = run_all({block_with("README.md", "sh", "conduitctl queue pause")});
  EXPECT_THAT(out, HasSubstr("\"algorithm\": \"sha256\""));
  EXPECT_THAT(out, HasSubstr("1 job submitted"));
  EXPECT_THAT(out, HasSubstr("it has ended: complete"));
  EXPECT_THAT(out, HasSubstr("queue media is paused\n"));
}

TEST_P(PagesTest, TheReadmesMailIsSentWithinItsLimitsAndByItsDigest) {
  place.install("page_mail");
  place.install("page_digest");
  place.extra_config = block_with("README.md", "toml", "mail.digest");
  start();
  const auto out = run_all({block_with("README.md", "sh", "mail.digest"), "printf %s \"$digest\" >digest\nconduitctl task list\nconduitctl queue list\n"});
  const auto ids = ids_in(out);
  ASSERT_EQ(ids.size(), 2U) << out;
  expect_result(ids[0], R"("sent to bob@example.org")");
  expect_result(ids[1], R"("sent to operators")");
  std::string digest;
  std::ifstream(folder() + "/digest") >> digest;
  expect_result(digest, R"("2 sent")");
  const auto logs = place.logs(digest);
  ASSERT_EQ(logs.size(), 1U);
  EXPECT_EQ(logs[0].message, R"("2 sent")") << "of the layer";
  EXPECT_THAT(out, HasSubstr(digest + "  mail.digest"));
  EXPECT_THAT(out, ContainsRegex("mail.send +mail +process .* relay 1 +100/m for each /to"));
  EXPECT_THAT(out, ContainsRegex("mail +open .* 20 +5"));
  EXPECT_THAT(out, ContainsRegex("mail.digest +mail.digest +0 7 \\* \\* 1-5 +Europe/Berlin"));

  EXPECT_EQ(place.ended(place.submit("mail.digest", R"({"to": 5})")).status, JobStatus::failed);
  const auto alert = ended_of("mail.send", 5).front();
  EXPECT_EQ(alert.result, R"("sent to operators")");
  EXPECT_THAT(alert.args, HasSubstr("/to"));
}

TEST_P(PagesTest, LimitsAreAnnouncedAndJobsThatTheyHoldBackExplained) {
  place.install("pages");
  place.top_config += block_with("docs/limits.md", "toml", "queue_order");
  place.extra_config = block_with("docs/limits.md", "toml", "media.transcode");
  start();
  auto blocks = blocks_of(CONDUIT_SOURCE_DIR "/docs/limits.md", "```sh");
  ASSERT_EQ(blocks.size(), 3U);
  blocks.insert(blocks.begin(), "conduitctl queue pause media\n");
  blocks.emplace_back("conduitctl queue resume media\nprintf '%s\\n' \"$job\"\n");
  const auto out = run_all(blocks);
  EXPECT_THAT(out, ContainsRegex("  queue media is paused\n +conduitctl queue resume media"));
  EXPECT_THAT(out, HasSubstr("it is number 2 in line"));
  EXPECT_THAT(out, ContainsRegex("paused_queue +images.resize +2"));
  EXPECT_THAT(out, ContainsRegex("images.resize +media .* 4, 100/m for each /tenant"));
  EXPECT_THAT(out, ContainsRegex("media.transcode .* 8, weight 2"));
  EXPECT_THAT(out, ContainsRegex("media +paused .* 20 +5"));
  const auto ids = ids_in(out);
  ASSERT_EQ(ids.size(), 3U) << out;
  expect_result(ids[0], R"("resized for acme")");
  expect_result(ids[1], R"("transcoded long.mkv")");
  expect_result(ids[2], R"("resized for acme")");
  EXPECT_EQ(place.record(ids[0]).priority, 9);
  EXPECT_EQ(place.record(ids[1]).weight, 6U);
}

TEST_P(PagesTest, LimitsInAPluginAreThoseInTheFile) {
  place.install("pages");
  start();
  const auto out = run_all({"conduitctl task list\n"});
  EXPECT_THAT(out, ContainsRegex("images.resize +media .* 4, 100/m for each /tenant"));
  EXPECT_THAT(out, ContainsRegex("media.transcode .* 8, weight 2"));
}

TEST_P(PagesTest, ResourcesAreShown) {
  place.install("needy");
  place.extra_config = block_with("docs/resources.md", "toml", "gpu");
  const auto out = run_resources();
  EXPECT_THAT(out, HasSubstr("gpu 2/2, memory 16GiB/16GiB"));
  EXPECT_THAT(out, ContainsRegex("gpu +2 +2 +0,1"));
  EXPECT_THAT(out, ContainsRegex("model.train +.* 1 +gpu 1, memory 4GiB"));
  for (const auto& job : ended_of("model.train", 1)) EXPECT_EQ(job.status, JobStatus::complete) << text(job);
}

TEST_P(PagesTest, AJobThatNeedsWhatNobodyHasIsExplained) {
  place.install("needy");
  const auto out = run_resources();
  EXPECT_THAT(out, ContainsRegex("model.train +.* 0 +gpu 1, memory 4GiB"));
  EXPECT_THAT(out, HasSubstr("it needs gpu 1, memory 4GiB, and no live worker has gpu\n"));
}

TEST_P(PagesTest, AScheduleOfAPluginIsRunByHand) {
  place.install("pages");
  start();
  const auto out = run_all({block_with("docs/schedules.md", "sh", "cron run")});
  const auto ids = ids_in(out);
  ASSERT_EQ(ids.size(), 1U) << out;
  expect_result(ids[0], R"("swept")");
  EXPECT_THAT(out, HasSubstr("schedule images.sweep is paused\nschedule nightly is added"));
  EXPECT_THAT(out, ContainsRegex("images.sweep +images.sweep +0 3 \\* \\* \\* +Europe/Berlin"));
}

TEST_P(PagesTest, EventsBecomeReceiptsAndReports) {
  place.install("page_shop");
  place.extra_config = block_with("docs/events.md", "toml", "[[subscription]]");
  start();
  for (int i = 0; i < 99; ++i) place.submit("shop.place", R"({"id": 1, "total": 2})");
  EXPECT_EQ(ended_of("shop.place", 99).size(), 99U);
  const auto out = run_all({block_with("docs/events.md", "sh", "event trigger")});
  EXPECT_THAT(out, ContainsRegex("shop.report +order.\\* +shop.report +media +open +100 or 10s, by /customer"));
  const auto ids = ids_in(out);
  ASSERT_EQ(ids.size(), 1U) << out;
  expect_result(ids[0], R"("receipt for order 7")");
  EXPECT_EQ(place.record(ids[0]).queue, "mail");
  // One report, unless it has taken more than the 10 seconds of the page until here.
  std::int64_t orders = 0;
  for (std::size_t count = 1; orders < 100; ++count) {
    orders = 0;
    for (const auto& report : ended_of("shop.report", count)) {
      orders += must(parse_json(report.result)).int_or("orders", 0);
      EXPECT_EQ(report.queue, "media");
    }
  }
  EXPECT_EQ(orders, 100);
  EXPECT_EQ(ended_of("shop.receipt", 100).size(), 100U);
}

TEST_P(PagesTest, FilmsAreMadeOfTheirScenes) {
  place.install("pages");
  place.install("page_film");
  start();
  expect_result(place.submit("film.make", R"({"id": "a", "scenes": [{"film": "a", "number": 1}, {"film": "a", "number": 2}]})"), R"("a-1.mov+a-2.mov")");
  expect_result(place.submit("film.render", R"({"id": "b", "scenes": 2})"), R"("b-1.mov+b-2.mov")");
  const auto announced = ended_of("film.announce", 2);
  EXPECT_EQ(announced[0].result, R"("b is ready")");
  EXPECT_EQ(announced[1].result, R"("a is ready")");
}

TEST_P(PagesTest, ALayerTimesAMailAndAHookPagesSomebody) {
  place.install("page_timed");
  start();
  const auto sent = place.ended(place.submit("mail.send", R"({"to": "ada@example.org"})"));
  EXPECT_EQ(sent.result, R"("sent to ada@example.org")");
  EXPECT_THAT(text(sent), HasSubstr("\"seconds\""));
  const auto failed = place.ended(place.submit("mail.send", R"({"to": "nobody"})"));
  EXPECT_EQ(failed.status, JobStatus::failed);
  const auto out = run_all({"conduitctl job tree " + failed.id + "\n", block_with("docs/operations.md", "sh", "job retry")});
  EXPECT_THAT(out, ContainsRegex("pager.page +queued .* no worker has this task"));
  EXPECT_THAT(out, HasSubstr("0 jobs changed"));
}

}  // namespace
}  // namespace conduitd::test
