// The example plugins at work in the real conduitd.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "slow_server.h"
#include "support/result_matchers.h"
#include "support/worker.h"

namespace conduitd::test {
namespace {

namespace fs = std::filesystem;
using job::JobStatus;
using testing::HasSubstr;

class ExamplesTest : public testing::TestWithParam<StoreKind> {
 protected:
  ExamplesTest() : place(GetParam()) {
    // Thousands of jobs on a busy machine: that a lease is kept in time is not what is tested here.
    place.top_config = "lease = \"15s\"\ndrain_timeout = \"5s\"\n";
    for (const auto* plugin : {"hello", "words", "files", "images", "web"}) {
      place.install_file(fmt::format("{}/{}.so", CONDUIT_EXAMPLE_PLUGINS, plugin));
    }
  }
  std::string write(const std::string& name, const std::string& bytes) {
    const auto path = place.dir().file(name);
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  /// Runs a job, which must complete, and returns its result.
  Json result_of(const std::string& task, const std::string& args) {
    const auto record = place.ended(place.submit(task, args));
    EXPECT_EQ(record.status, JobStatus::complete) << text(record);
    return must(parse_json(record.result));
  }
  static std::string text(const job::JobRecord& record) { return job::to_json(record).text(true); }

  Workplace place;
};
INSTANTIATE_TEST_SUITE_P(Each, ExamplesTest, testing::ValuesIn(all_stores()), [](const auto& param) { return param.param.name; });

TEST_P(ExamplesTest, HelloGreets) {
  place.start();
  const auto greeting = result_of("hello.greet", R"({"name": "Ada"})");
  ASSERT_NE(greeting.as_string(), nullptr);
  EXPECT_EQ(*greeting.as_string(), "Hello, Ada!");
}

TEST_P(ExamplesTest, WordsInPureCAreCounted) {
  const auto path = write("words.txt", "one two two\nthree three three\n");
  place.start();
  const auto counted = result_of("words.count", R"({"path": ")" + path + R"("})");
  EXPECT_EQ(counted.int_or("words", 0), 6);
  EXPECT_EQ(counted.int_or("distinct", 0), 3);
}

TEST_P(ExamplesTest, AThumbnailIsMadeInAProcess) {
  std::string picture = "P6\n300 200\n255\n";
  for (int i = 0; i < 300 * 200; ++i) picture += {static_cast<char>(i % 251), static_cast<char>(i % 241), static_cast<char>(i % 239)};
  const auto path = write("picture.ppm", picture);
  const auto out = place.dir().file("small.png");
  place.start();
  const auto record = place.ended(place.submit("images.thumbnail", fmt::format(R"({{"path": "{}", "out": "{}", "width": 96}})", path, out)));
  ASSERT_EQ(record.status, JobStatus::complete) << text(record);
  const auto made = must(parse_json(record.result));
  EXPECT_EQ(made.int_or("width", 0), 96);
  EXPECT_EQ(made.int_or("height", 0), 64);
  EXPECT_EQ(static_cast<std::int64_t>(fs::file_size(out)), made.int_or("bytes", 0));
  ASSERT_EQ(record.attempts.size(), 1u);
  EXPECT_GT(record.attempts[0].usage.peak_rss_kib, 0) << "only a process of its own is measured";
}

TEST_P(ExamplesTest, ChecksumsGoOnFromTheirCheckpointAfterTheirHostWasKilled) {
  // Sparse, so that they cost time to hash and no room: longer than the second between two checkpoints.
  constexpr int kFiles = 96;
  const fs::path tree = place.dir().file("tree");
  fs::create_directory(tree);
  for (int i = 0; i < kFiles; ++i) {
    std::ofstream{tree / fmt::format("file{:03}", i)};
    fs::resize_file(tree / fmt::format("file{:03}", i), 32 << 20);
  }
  auto& worker = place.start();
  const auto id = place.submit("files.checksum", fmt::format(R"({{"path": "{}", "limit": 100}})", tree.string()));
  const auto begun = place.until(id, [](const auto& record) { return !record.checkpoint.empty(); });
  ASSERT_EQ(begun.status, JobStatus::running) << text(begun);
  for (const pid_t host : hosts_of(worker.pid(), "conduit-thread")) ::kill(host, SIGKILL);
  const auto record = place.ended(id, Millis{100'000});
  ASSERT_EQ(record.status, JobStatus::complete) << text(record);
  EXPECT_EQ(record.counters.attempts, 2u) << text(record);
  EXPECT_EQ(record.counters.crashes, 1u);
  const auto sums = must(parse_json(record.result));
  EXPECT_EQ(sums.int_or("files", 0), kFiles);
  EXPECT_EQ(sums.int_or("bytes", 0), std::int64_t{kFiles} * (32 << 20));
  ASSERT_NE(sums.find("digests"), nullptr);
  EXPECT_EQ(sums.find("digests")->as_array()->size(), static_cast<std::size_t>(kFiles)) << "each file once";
  const auto logs = place.logs(id);
  ASSERT_FALSE(logs.empty());
  EXPECT_THAT(logs[0].message, HasSubstr("going on after"));
  EXPECT_EQ(logs[0].attempt, 2u);
}

// CONDUIT_FETCHES=5000 in the environment makes more of them: the figures in plugins/web/README.md.
TEST_P(ExamplesTest, ThousandsOfFetchesWaitAtOnceInOneLoop) {
  constexpr std::chrono::milliseconds kDelay{200};
  const char* wanted = std::getenv("CONDUIT_FETCHES");
  const std::size_t count = wanted != nullptr ? std::stoul(wanted) : 3'000;
  SlowServer server(kDelay);
  place.executors = "[executors.async]\nthreads = 1\nin_flight = 2000\n";
  place.start();
  std::vector<job::NewJob> jobs(count);
  for (auto& job : jobs) {
    job.task = "web.fetch";
    job.args = R"({"url": ")" + server.url() + R"("})";
  }
  SystemClock clock;
  const auto began = clock.now();
  std::vector<std::string> ids;
  constexpr std::size_t kBatch = broker::Broker::kMaxBatch;
  for (std::size_t from = 0; from < count; from += kBatch) {
    const auto first = jobs.begin() + static_cast<std::ptrdiff_t>(from);
    const auto last = jobs.begin() + static_cast<std::ptrdiff_t>(std::min(from + kBatch, count));
    for (const auto& one : must(run(place.io, place.broker().broker->enqueue({first, last})))) ids.push_back(one.id);
  }
  // In order of submission, so the wait for the later ones mostly finds them ended.
  for (const auto& id : ids) {
    const auto record = place.ended(id, Millis{60'000});
    ASSERT_EQ(record.status, JobStatus::complete) << text(record);
    // One that was staged for long on a busy machine is handed back, which costs nothing; the server knows if it ran twice.
    EXPECT_EQ(record.counters.failures + record.counters.crashes, 0u) << text(record);
  }
  const auto took = std::chrono::duration<double>(clock.now() - began).count();
  const auto served = server.count();
  std::printf("%zu fetches of %lld ms in %.2f s: %.0f/s, at most %zu at once\n", count, static_cast<long long>(kDelay.count()), took,
              static_cast<double>(count) / took, served.most_at_once);
  EXPECT_EQ(served.answered, count);
  EXPECT_GE(served.most_at_once, 500u);
}

}  // namespace
}  // namespace conduitd::test
