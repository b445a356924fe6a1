// One job, three executors, two brokers: whoever looks at it with conduitctl sees the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "base/json.h"
#include "ctl_program.h"
#include "support/result_matchers.h"
#include "support/worker.h"

namespace conduitd::test {
namespace {

/// What is another in every run: names of jobs and workers, times, and what was measured.
bool differs_by_nature(std::string_view key) {
  constexpr std::array kKeys{"id", "worker", "time", "duration_ms", "cpu_ms", "peak_rss_kib"};
  return key.ends_with("_at") || std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

Json without_nature(const Json& json) {
  if (const auto* array = json.as_array()) {
    Json::Array kept;
    for (const auto& element : *array) kept.push_back(without_nature(element));
    return kept;
  }
  if (const auto* object = json.as_object()) {
    Json::Object kept;
    for (const auto& [key, value] : *object) {
      if (!differs_by_nature(key)) kept.emplace_back(key, without_nature(value));
    }
    return kept;
  }
  return json;
}

/// What `job show -o json` and `job logs -o json` print, each line as JSON without what differs by nature.
std::string comparable(const std::string& lines) {
  std::string out;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) out += without_nature(must(parse_json(line))).text(true) + "\n";
  return out;
}

struct Seen {
  std::string record;
  std::string logs;
};

/// Runs coroutines.story, a coroutine that any executor can run, and looks at it as an operator does.
Seen story(const StoreKind& store, const std::string& executor) {
  Workplace place(store);
  place.install("coroutines");
  place.extra_config = "[task.\"coroutines.story\"]\nexecutor = \"" + executor + "\"\nretries = 1\n";
  place.start();
  const auto ctl = [&place](std::vector<std::string> words) {
    words.insert(words.end(), {"-o", "json", "--config", place.config_file()});
    const auto outcome = CtlProgram(words, {.folder = place.dir().path().string(), .stdin_text = {}, .environment = {}}).finish();
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.out;
  };
  const auto id = place.submit("coroutines.story", R"({"name": "Ada"})");
  place.ended(id);
  return {comparable(ctl({"job", "show", id})), comparable(ctl({"job", "logs", id}))};
}

TEST(AlikeTest, AJobLooksTheSameInEveryExecutorOnEveryBroker) {
  std::optional<Seen> first;
  for (const auto& store : all_stores()) {
    for (const auto* executor : {"async", "thread", "process"}) {
      SCOPED_TRACE(store.name + " " + executor);
      const auto seen = story(store, executor);
      if (!first) {
        first = seen;
        // Equal and empty would prove nothing.
        EXPECT_THAT(seen.record, testing::HasSubstr(R"("stages": 2)"));
        EXPECT_THAT(seen.record, testing::HasSubstr(R"("message": "stage 2 done")"));
        EXPECT_THAT(seen.record, testing::HasSubstr(R"("checkpoint": {)"));
        EXPECT_THAT(seen.record, testing::HasSubstr(R"("stage1": {)"));
        EXPECT_THAT(seen.record, testing::HasSubstr("once more"));
        EXPECT_EQ(std::count(seen.logs.begin(), seen.logs.end(), '{'), 7) << seen.logs;  // four lines, with three objects in them
      }
      EXPECT_EQ(seen.record, first->record);
      EXPECT_EQ(seen.logs, first->logs);
    }
  }
}

}  // namespace
}  // namespace conduitd::test
