#include "broker/sqlite/database.h"

#include <fmt/format.h>

#include <algorithm>

namespace conduitd::broker::sqlite {

std::string Row::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (bytes == nullptr) return {};
  return std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::optional<std::int64_t> Row::maybe_integer(int column) const {
  return is_null(column) ? std::nullopt : std::optional(integer(column));
}

std::optional<WallTime> Row::maybe_time(int column) const {
  return is_null(column) ? std::nullopt : std::optional(from_unix_ms(integer(column)));
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, bool read_only, Millis patience) {
  std::unique_ptr<Database> db(new Database(path));
  db->patience_ = patience;
  const int flags = SQLITE_OPEN_NOMUTEX | (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
  const int code = sqlite3_open_v2(path.c_str(), &db->handle_, flags, nullptr);
  if (code != SQLITE_OK) return db->error(code);
  sqlite3_extended_result_codes(db->handle_, 1);
  sqlite3_busy_handler(db->handle_, on_busy, db.get());
  sqlite3_wal_hook(db->handle_, on_commit, db.get());  // takes the place of the automatic, passive checkpoints
  sqlite3_db_config(db->handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db->handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // The pages that a queue works on are few, and the kernel keeps the others. 16 MiB for each connection were no faster, and filled
  // as the file grew, so that a supervisor went on growing for ten minutes.
  CONDUIT_TRY(db->script("PRAGMA temp_store = MEMORY; PRAGMA synchronous = FULL; PRAGMA cache_size = -2048"));
  return db;
}

Database::~Database() {
  statements_.clear();
  sqlite3_close(handle_);
}

Result<> Database::script(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return ok();
}

Result<sqlite3_stmt*> Database::prepared(std::string_view sql) {
  if (const auto known = statements_.find(sql); known != statements_.end()) return known->second.get();
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return error(code);
  statements_.emplace(std::string(sql), statement);
  return statement;
}

Result<int> Database::finished(sqlite3_stmt* statement, int code) {
  if (code == SQLITE_DONE) {
    const int changes = sqlite3_changes(handle_);
    sqlite3_reset(statement);
    return changes;
  }
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) sync_failed_ = true;
  Error failure = error(code);
  sqlite3_reset(statement);
  return failure;
}

bool Database::checkpoint(bool truncate) {
  const auto patience = std::exchange(patience_, Millis{50});
  const int code = sqlite3_wal_checkpoint_v2(handle_, nullptr,
                                             truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART,
                                             nullptr, nullptr);
  patience_ = patience;
  if (code == SQLITE_OK) log_pages_ = 0;
  if (code == SQLITE_IOERR_FSYNC) sync_failed_ = true;
  return code == SQLITE_OK;
}

Error Database::error(int code) const {
  const auto with = [&](Errc errc, std::string_view advice) {
    const std::string reason = handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_);
    return Error(errc, fmt::format("database {}: {}{}", path_, reason, advice));
  };
  switch (code & 0xFF) {
    case SQLITE_FULL: return with(Errc::full, ": the disk is full; make room, nothing accepted before is lost");
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return with(Errc::unavailable, ": another process holds it");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return with(Errc::corrupt, fmt::format(": the file is damaged; restore a backup, or save what can be read with "
                                             "`sqlite3 {} .recover`", path_));
    case SQLITE_READONLY: return with(Errc::refused, ": the file or its directory cannot be written");
    case SQLITE_PERM:
    case SQLITE_AUTH: return with(Errc::refused, "");
    case SQLITE_CANTOPEN: return with(Errc::io, ": look at the modes of the file and its directory");
    case SQLITE_IOERR:
      if (code == SQLITE_IOERR_FSYNC) return with(Errc::io, ": the disk failed to keep what was written");
      return with(Errc::io, "");
    case SQLITE_NOMEM: return with(Errc::full, "");
    default: return with(Errc::internal, "");
  }
}

void Database::bind(sqlite3_stmt* s, int at, const std::optional<int>& value) {
  value ? bind(s, at, *value) : bind(s, at, nullptr);
}
void Database::bind(sqlite3_stmt* s, int at, const std::optional<Millis>& value) {
  value ? bind(s, at, *value) : bind(s, at, nullptr);
}
void Database::bind(sqlite3_stmt* s, int at, const std::optional<WallTime>& value) {
  value ? bind(s, at, *value) : bind(s, at, nullptr);
}
void Database::bind(sqlite3_stmt* s, int at, const std::optional<std::string_view>& value) {
  value ? bind(s, at, *value) : bind(s, at, nullptr);
}

// Short naps: the writer ahead of us is gone within a group commit.
int Database::on_busy(void* self, int tries) {
  const auto& db = *static_cast<Database*>(self);
  constexpr int kEager = 20;
  const Millis waited{tries < kEager ? tries : kEager + (tries - kEager) * 5};
  if (waited >= db.patience_) return 0;
  sqlite3_sleep(tries < kEager ? 1 : 5);
  return 1;
}

int Database::on_commit(void* self, sqlite3* /*handle*/, const char* /*name*/, int pages) {
  static_cast<Database*>(self)->log_pages_ = pages;
  return SQLITE_OK;
}

}  // namespace conduitd::broker::sqlite
