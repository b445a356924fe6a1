// The life cycle of jobs in an SQLite file in WAL mode with synchronous=FULL: a batch is claimed in one transaction (SELECT, then
// UPDATE by id) and completed in another (DELETE, INSERT of its result).
//
//   --file PATH --jobs N --batch B

#include <sqlite3.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../support/program.h"

namespace {

class Database {
 public:
  explicit Database(const std::string& file) {
    if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) throw std::runtime_error("cannot open " + file);
  }
  ~Database() { sqlite3_close(db_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void script(const char* text) {
    if (sqlite3_exec(db_, text, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  }
  [[noreturn]] void fail() const { throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(db_)); }
  sqlite3* handle() { return db_; }

 private:
  sqlite3* db_ = nullptr;
};

class Statement {
 public:
  Statement(Database& db, const char* text) : db_(db) {
    if (sqlite3_prepare_v3(db.handle(), text, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr) != SQLITE_OK) db.fail();
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int at, std::int64_t value) {
    sqlite3_bind_int64(statement_, at, value);
    return *this;
  }
  Statement& bind(int at, const std::string& value) {
    sqlite3_bind_text(statement_, at, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
    return *this;
  }
  bool step() {
    const int said = sqlite3_step(statement_);
    if (said != SQLITE_ROW && said != SQLITE_DONE) db_.fail();
    return said == SQLITE_ROW;
  }
  void run() {
    step();
    sqlite3_reset(statement_);
  }
  void reset() { sqlite3_reset(statement_); }
  std::int64_t number(int column) { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) {
    return {reinterpret_cast<const char*>(sqlite3_column_text(statement_, column)), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  Database& db_;
  sqlite3_stmt* statement_ = nullptr;
};

void fill(Database& db, std::size_t jobs) {
  Statement insert(db, "INSERT INTO jobs(state, args) VALUES(1, ?)");
  const auto args = bench::payload();
  db.script("BEGIN IMMEDIATE");
  for (std::size_t i = 0; i < jobs; ++i) insert.bind(1, args).run();
  db.script("COMMIT");
}

class Cycle {
 public:
  Cycle(Database& db, std::size_t batch)
      : db_(db),
        batch_(static_cast<std::int64_t>(batch)),
        ready_(db, "SELECT id, args FROM jobs WHERE state = 1 ORDER BY id LIMIT ?"),
        lease_(db, "UPDATE jobs SET state = 2, attempt = attempt + 1, lease = ? WHERE id = ?"),
        remove_(db, "DELETE FROM jobs WHERE id = ?"),
        keep_(db, "INSERT INTO results(id, ended, result) VALUES(?, ?, 'null')") {}

  std::size_t turn() {
    std::vector<std::pair<std::int64_t, std::string>> claimed;
    db_.script("BEGIN IMMEDIATE");
    ready_.bind(1, batch_);
    while (ready_.step()) claimed.emplace_back(ready_.number(0), ready_.text(1));
    ready_.reset();
    for (const auto& [id, args] : claimed) lease_.bind(1, bench::now_ns()).bind(2, id).run();
    db_.script("COMMIT");
    if (claimed.empty()) return 0;
    db_.script("BEGIN IMMEDIATE");
    for (const auto& [id, args] : claimed) {
      remove_.bind(1, id).run();
      keep_.bind(1, id).bind(2, bench::now_ns()).run();
    }
    db_.script("COMMIT");
    return claimed.size();
  }

 private:
  Database& db_;
  std::int64_t batch_;
  Statement ready_, lease_, remove_, keep_;
};

}  // namespace

int main(int count, char** words) {
  return bench::run(count, words, [](const bench::Options& options) {
    Database db(options.text("file"));
    db.script("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
              "CREATE TABLE jobs(id INTEGER PRIMARY KEY, state INTEGER NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, lease INTEGER, args TEXT NOT NULL);"
              "CREATE INDEX ready ON jobs(id) WHERE state = 1;"
              "CREATE TABLE results(id INTEGER PRIMARY KEY, ended INTEGER NOT NULL, result TEXT NOT NULL)");
    fill(db, options.number("jobs", 1));
    Cycle cycle(db, options.number("batch", 64));
    std::size_t done = 0;
    const auto begun = bench::now_ns();
    while (const auto many = cycle.turn()) done += many;
    bench::report(done, bench::seconds_since(begun));
  });
}
