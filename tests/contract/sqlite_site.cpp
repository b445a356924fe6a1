#include <sqlite3.h>

#include "contract/broker_contract.h"
#include "support/temp_dir.h"

namespace conduitd::test {
namespace {

class SqliteSite final : public BrokerSite {
 public:
  [[nodiscard]] std::string url() const override { return "sqlite://" + path_; }

  // The store is a file: with its connections closed there is nothing to stop.
  void restart() override {}

  void plant_garbage(const std::string& queue, const std::string& task) override {
    execute("INSERT OR IGNORE INTO lines(queue, task) VALUES('" + queue + "', '" + task + "')");
    execute("INSERT INTO jobs(stamp, line, status, rank, priority, created, args) "
            "SELECT 1234567, line, 1, 5, 42, 0, '{\"broken' FROM lines WHERE queue = '" + queue + "' AND task = '" + task +
            "'");
  }

 private:
  void execute(const std::string& sql) {
    sqlite3* db = nullptr;
    char* message = nullptr;
    sqlite3_open(path_.c_str(), &db);
    sqlite3_busy_timeout(db, 5'000);
    const int code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message);
    const std::string fault = message == nullptr ? "" : message;
    sqlite3_free(message);
    sqlite3_close(db);
    if (code != SQLITE_OK) throw std::runtime_error("plant garbage: " + fault);
  }

  TempDir directory_;
  std::string path_ = directory_.file("conduit.db");
};

SiteKind sqlite() {
  SiteKind kind;
  kind.name = "Sqlite";
  kind.make = [] { return std::make_unique<SqliteSite>(); };
  return kind;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Sqlite, BrokerContract, ::testing::Values(sqlite()), site_name);

}  // namespace conduitd::test
