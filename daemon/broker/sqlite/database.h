#pragma once
// One SQLite connection with its prepared statements, and the only place that calls SQLite's C interface for them.
//   CONDUIT_TRY(db.run("UPDATE jobs SET rank = ? WHERE seq = ?", rank, seq));
//   CONDUIT_TRY(db.each("SELECT seq FROM jobs", [&](const Row& row) { found.push_back(row.integer(0)); }));

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"

namespace conduitd::broker::sqlite {

/// The present row of a query; valid inside the callback only.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  [[nodiscard]] bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] double real(int column) const { return sqlite3_column_double(statement_, column); }
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::optional<std::int64_t> maybe_integer(int column) const;
  [[nodiscard]] std::optional<WallTime> maybe_time(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// Thread: one at a time. Failure: every call says what SQLite said, with the file's name, as an Errc of ours.
class Database {
 public:
  /// Opens without touching the file's content. `path` may be ":memory:". Waits `patience` for locks of others.
  static Result<std::unique_ptr<Database>> open(const std::string& path, bool read_only, Millis patience);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs a statement to its end; the number of rows it changed.
  template <class... Arguments>
  Result<int> run(std::string_view sql, const Arguments&... arguments) {
    return each(sql, [](const Row&) {}, arguments...);
  }

  /// Calls `visit` with each row; the number of rows changed. A statement must not be run inside its own rows.
  template <class Visit, class... Arguments>
  Result<int> each(std::string_view sql, const Visit& visit, const Arguments&... arguments) {
    CONDUIT_TRY(sqlite3_stmt * statement, prepared(sql));
    int position = 0;
    (bind(statement, ++position, arguments), ...);
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) visit(Row(statement));
    return finished(statement, code);
  }

  /// Statements separated by semicolons, without arguments.
  Result<> script(const char* sql);

  /// The row number of the last insert.
  [[nodiscard]] std::int64_t last_row() const { return sqlite3_last_insert_rowid(handle_); }
  /// False once SQLite has ended the transaction by itself, as it does when the disk is full.
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
  /// Pages in the write-ahead log after the last commit of this connection.
  [[nodiscard]] int log_pages() const { return log_pages_; }
  /// Moves the log into the database file and starts it anew, holding the write lock, unless others are in the way.
  /// Never a passive checkpoint: SQLite before 3.51.3 can corrupt the file when one meets a writer.
  /// False if they were.
  bool checkpoint(bool truncate);
  /// True after the system failed to put data on the disk: what it holds is no longer known.
  [[nodiscard]] bool sync_failed() const { return sync_failed_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Error error(int code) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  explicit Database(std::string path) : path_(std::move(path)) {}

  Result<sqlite3_stmt*> prepared(std::string_view sql);
  Result<int> finished(sqlite3_stmt* statement, int code);

  // Texts are bound without a copy: each() resets the statement before its arguments go.
  static void bind(sqlite3_stmt* s, int at, std::string_view text) {
    sqlite3_bind_text64(s, at, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  static void bind(sqlite3_stmt* s, int at, const std::string& text) { bind(s, at, std::string_view(text)); }
  static void bind(sqlite3_stmt* s, int at, const char* text) { bind(s, at, std::string_view(text)); }
  static void bind(sqlite3_stmt* s, int at, std::nullptr_t) { sqlite3_bind_null(s, at); }
  static void bind(sqlite3_stmt* s, int at, double value) { sqlite3_bind_double(s, at, value); }
  static void bind(sqlite3_stmt* s, int at, Millis value) { sqlite3_bind_int64(s, at, value.count()); }
  static void bind(sqlite3_stmt* s, int at, WallTime value) { sqlite3_bind_int64(s, at, to_unix_ms(value)); }
  template <class T>
    requires std::is_integral_v<T>
  static void bind(sqlite3_stmt* s, int at, T value) {
    sqlite3_bind_int64(s, at, static_cast<std::int64_t>(value));
  }
  // Not inline: g++ 12 takes an absent value that is inlined for one used uninitialised.
  static void bind(sqlite3_stmt* s, int at, const std::optional<int>& value);
  static void bind(sqlite3_stmt* s, int at, const std::optional<Millis>& value);
  static void bind(sqlite3_stmt* s, int at, const std::optional<WallTime>& value);
  static void bind(sqlite3_stmt* s, int at, const std::optional<std::string_view>& value);

  static int on_busy(void* self, int tries);
  static int on_commit(void* self, sqlite3* handle, const char* name, int pages);

  std::string path_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>, Hash, std::equal_to<>> statements_;
  Millis patience_{0};
  int log_pages_ = 0;
  bool sync_failed_ = false;
};

/// Null for an empty text, which means absent.
[[nodiscard]] inline std::optional<std::string_view> or_null(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

}  // namespace conduitd::broker::sqlite
