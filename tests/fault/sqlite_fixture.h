#pragma once
// A database file of a test's own, the broker on it, and a plain connection beside it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <list>
#include <stdexcept>
#include <string>

#include "base/clock.h"
#include "broker/open.h"
#include "support/loop.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace conduitd::test {

inline job::NewJob small_job() {
  job::NewJob job;
  job.task = "test.task";
  return job;
}

/// A plain connection, for doing to a file what the broker never would.
class RawDatabase {
 public:
  explicit RawDatabase(const std::string& path) { sqlite3_open(path.c_str(), &db_); }
  ~RawDatabase() { sqlite3_close(db_); }
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;

  std::string execute(const std::string& sql) {
    std::string first;
    const auto keep = [](void* out, int, char** values, char**) {
      auto& text = *static_cast<std::string*>(out);
      if (text.empty() && values[0] != nullptr) text = values[0];
      return 0;
    };
    char* message = nullptr;
    if (sqlite3_exec(db_, sql.c_str(), keep, &first, &message) != SQLITE_OK) {
      const std::string fault = message == nullptr ? "?" : message;
      sqlite3_free(message);
      throw std::runtime_error(fault);
    }
    return first;
  }

 private:
  sqlite3* db_ = nullptr;
};

class SqliteFault : public ::testing::Test {
 protected:
  void TearDown() override {
    for (auto& connection : connections) run(io, connection.broker->close());
  }

  broker::Options options(const std::string& file) {
    broker::Options out;
    out.url = "sqlite://" + file;
    out.worker = "w1";
    out.lease = Millis{60'000};
    return out;
  }
  Result<broker::Connection> try_open(broker::Options with) {
    return run(io, broker::open(io.get_executor(), clock, std::move(with)));
  }
  broker::Connection& open(const std::string& file) {
    connections.push_back(must(try_open(options(file))));
    return connections.back();
  }
  void close_all() {
    TearDown();
    connections.clear();
  }
  Result<std::vector<broker::Enqueued>> submit(broker::Connection& c, std::size_t count = 1, std::size_t size = 0) {
    auto job = small_job();
    job.args = "{\"x\":\"" + std::string(size, 'x') + "\"}";
    std::vector<job::NewJob> jobs(count, job);
    return run(io, c.broker->enqueue(std::move(jobs)));
  }
  static broker::ClaimRequest request(std::size_t most, Millis wait = Millis{0}) {
    broker::ClaimRequest out;
    out.groups.push_back({most, {{"default", "test.task"}}});
    out.wait = wait;
    return out;
  }
  Result<std::vector<job::Claim>> claim(broker::Connection& c, std::size_t most) {
    return run(io, c.broker->claim(request(most)));
  }
  void expect_refused_to_open(const std::string& file, Errc errc, const std::string& words) {
    const auto opened = try_open(options(file));
    ASSERT_FALSE(opened.has_value());
    EXPECT_TRUE(opened.error().is(errc)) << opened.error().message();
    EXPECT_THAT(opened.error().message(), ::testing::HasSubstr(words));
    EXPECT_THAT(opened.error().message(), ::testing::HasSubstr(file)) << "the file is named";
  }

  boost::asio::io_context io;
  SystemClock clock;
  std::list<broker::Connection> connections;
};

}  // namespace conduitd::test
