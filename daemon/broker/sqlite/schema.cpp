#include "broker/sqlite/schema.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"
#include "broker/sqlite/schema_upgrade.h"

namespace conduitd::broker::sqlite {
namespace {

constexpr std::int64_t kApplicationId = 0x436E6474;  // "Cndt"

// A (queue, task) pair is a line, known to the jobs by its number. `rank` orders a line: 0 for jobs handed back, then
// 10 - priority. `status` and `reason` are the numbers of job::JobStatus and job::FailureReason. Times are Unix
// milliseconds; `lease` and `beat` are milliseconds of the machine's monotonic clock, which does not survive a boot.
// A job with `uniq` keeps others out while it is live, until `uniq_until`, and if `uniq_starts` is 1 until it is started.
// `value` is what stands in the arguments at the key that the task's limits have, once a claim has looked: `lines.sorted_by`, and
// `served` is the value whose turn was last. `rates` holds accounts as job/limit.h has them, in microseconds since the epoch.
// `collecting` holds what a subscription collects, by the value of its key, until the job of it is made; `collected` the events.
// `lines.failed` counts the failed jobs of a line: whatever makes a job failed, or another thing again, writes its reason, so
// that the hot path, which does not, pays nothing for the trigger.
// `aft` holds the ids that a job runs after, as they were given, `aft_ended` and `bound` are 1 for job::AfterRule::ended and
// job::OnParentEnd::cancel. The jobs that it still waits for stand in `held`, and as long as one does it is scheduled without
// a time. `said.waits` is what attempt `said.waiter` of a job waits for.
// `weight` is a job's own, `units` what its attempt that runs takes of limits: NULL is 1.
// Indexes are partial, so that a job is in one or two of them at a time.
// A change here needs a new kSchemaVersion and a step in schema_upgrade.cpp.
constexpr const char* kSchema = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE lines(line INTEGER PRIMARY KEY, queue TEXT NOT NULL, task TEXT NOT NULL,
  failed INTEGER NOT NULL DEFAULT 0, sorted_by TEXT, served TEXT, UNIQUE(queue, task)) STRICT;
CREATE TABLE jobs(
  seq INTEGER PRIMARY KEY, stamp INTEGER NOT NULL, line INTEGER NOT NULL, status INTEGER NOT NULL,
  rank INTEGER NOT NULL, priority INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0, crashes INTEGER NOT NULL DEFAULT 0,
  interruptions INTEGER NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0, cancel INTEGER NOT NULL DEFAULT 0,
  reason INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL, due INTEGER, expires INTEGER, retries INTEGER,
  timeout INTEGER, deadline INTEGER, lease INTEGER, started INTEGER, duration INTEGER, ended INTEGER, keep INTEGER,
  worker TEXT, code TEXT, cpu INTEGER, rss INTEGER, uniq TEXT, parent TEXT, root TEXT, args TEXT NOT NULL, result TEXT,
  failure TEXT, uniq_until INTEGER, uniq_starts INTEGER NOT NULL DEFAULT 0, idem TEXT, value TEXT, trace TEXT,
  aft TEXT, aft_ended INTEGER NOT NULL DEFAULT 0, bound INTEGER NOT NULL DEFAULT 0, weight INTEGER, units INTEGER) STRICT;
CREATE INDEX waiting ON jobs(line, value, rank) WHERE status = 1;
CREATE INDEX due ON jobs(due) WHERE status IN (0, 3);
CREATE INDEX expiring ON jobs(expires) WHERE expires IS NOT NULL AND attempts = 0 AND status IN (0, 1);
CREATE INDEX running ON jobs(lease) WHERE status = 2;
CREATE INDEX cancelling ON jobs(worker) WHERE cancel = 1 AND status = 2;
CREATE INDEX rare ON jobs(status, line)
  WHERE status = 0 OR status = 3 OR status = 5 OR status = 6 OR status = 7;
CREATE INDEX kept ON jobs(keep) WHERE keep IS NOT NULL;
CREATE INDEX uniq ON jobs(uniq) WHERE uniq IS NOT NULL AND status IN (0, 1, 2, 3);
CREATE UNIQUE INDEX idem ON jobs(idem) WHERE idem IS NOT NULL;
CREATE INDEX failed ON jobs(line, ended) WHERE status = 5;
CREATE INDEX heavy ON jobs(line) WHERE weight > 1 AND status = 1;
CREATE INDEX children ON jobs(parent) WHERE parent IS NOT NULL;
CREATE TABLE held(seq INTEGER NOT NULL, by INTEGER NOT NULL, PRIMARY KEY(seq, by)) STRICT, WITHOUT ROWID;
CREATE INDEX holding ON held(by);
CREATE TABLE said(seq INTEGER PRIMARY KEY, fraction REAL, message TEXT, checkpoint TEXT, waits TEXT, waiter INTEGER) STRICT;
CREATE TABLE metadata(seq INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY(seq, key)) STRICT, WITHOUT ROWID;
CREATE TABLE logs(seq INTEGER NOT NULL, n INTEGER NOT NULL, time INTEGER NOT NULL, attempt INTEGER NOT NULL,
  level INTEGER NOT NULL, message TEXT NOT NULL, fields TEXT, PRIMARY KEY(seq, n)) STRICT, WITHOUT ROWID;
CREATE TABLE history(seq INTEGER NOT NULL, attempt INTEGER NOT NULL, started INTEGER, duration INTEGER,
  worker TEXT, outcome TEXT NOT NULL, failure TEXT, code TEXT, cpu INTEGER, rss INTEGER,
  PRIMARY KEY(seq, attempt)) STRICT, WITHOUT ROWID;
CREATE TABLE paused(kind TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY(kind, name)) STRICT, WITHOUT ROWID;
CREATE TABLE workers(id TEXT PRIMARY KEY, info TEXT NOT NULL, seen INTEGER NOT NULL, beat INTEGER NOT NULL,
  interval INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE tasks(name TEXT PRIMARY KEY, queue TEXT NOT NULL, executor TEXT NOT NULL, plugin TEXT NOT NULL,
  version TEXT NOT NULL, options TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE schedules(name TEXT PRIMARY KEY, definition TEXT NOT NULL, timing TEXT NOT NULL, done_until INTEGER NOT NULL,
  paused INTEGER NOT NULL DEFAULT 0, last_job TEXT NOT NULL DEFAULT '', runs TEXT NOT NULL DEFAULT '[]',
  alive_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE rates(task TEXT NOT NULL, account TEXT NOT NULL, next INTEGER NOT NULL, PRIMARY KEY(task, account)) STRICT, WITHOUT ROWID;
CREATE INDEX rates_over ON rates(next);
CREATE TABLE subscriptions(name TEXT PRIMARY KEY, definition TEXT NOT NULL, alive_until INTEGER NOT NULL,
  keep_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE triggers(key TEXT PRIMARY KEY, answer TEXT NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX triggers_over ON triggers(until);
CREATE TABLE collecting(number INTEGER PRIMARY KEY, subscription TEXT NOT NULL, batch INTEGER NOT NULL, value TEXT NOT NULL,
  definition TEXT NOT NULL, first INTEGER NOT NULL, due INTEGER NOT NULL, count INTEGER NOT NULL, parent TEXT, root TEXT, trace TEXT,
  UNIQUE(subscription, batch, value)) STRICT;
CREATE INDEX collecting_due ON collecting(due);
CREATE TABLE collected(number INTEGER NOT NULL, n INTEGER NOT NULL, time INTEGER NOT NULL, event TEXT NOT NULL,
  PRIMARY KEY(number, n)) STRICT, WITHOUT ROWID;
CREATE TRIGGER failed_count AFTER UPDATE OF reason ON jobs WHEN (OLD.status = 5) <> (NEW.status = 5) BEGIN
  UPDATE lines SET failed = failed + iif(NEW.status = 5, 1, -1) WHERE line = NEW.line; END;
CREATE TRIGGER failed_gone AFTER DELETE ON jobs WHEN OLD.status = 5 BEGIN
  UPDATE lines SET failed = failed - 1 WHERE line = OLD.line; END;
)";

Error system_error(const std::string& what, const std::string& path) {
  const auto reason = std::generic_category().message(errno);
  const bool refused = errno == EACCES || errno == EPERM || errno == EROFS;
  return Error(refused ? Errc::refused : Errc::io, fmt::format("{} {}: {}", what, path, reason));
}

Error no_database(const std::string& path) {
  return Error(Errc::unavailable, fmt::format("no such database {}: correct the path, or start conduitd, which makes it", path));
}

/// SQLite would make the file with the process's umask; queues hold what users put in, so they are their owner's alone.
Result<> make_file(const std::string& path, bool may_create) {
  namespace fs = std::filesystem;
  std::error_code failed;
  if (!may_create) {
    struct stat there {};
    if (::stat(path.c_str(), &there) != 0 && (errno == ENOENT || errno == ENOTDIR)) return no_database(path);
    if (S_ISREG(there.st_mode) && there.st_size == 0 && !fs::exists(path + "-wal", failed)) return no_database(path);
  }
  const fs::path directory = fs::path(path).parent_path();
  if (!fs::exists(directory, failed)) {
    fs::create_directories(directory, failed);
    if (failed) return Error(failed == std::errc::permission_denied ? Errc::refused : Errc::io,
                             fmt::format("make directory {}: {}", directory.string(), failed.message()));
    fs::permissions(directory, fs::perms::owner_all, failed);
  }
  const UniqueFd file(::open(path.c_str(), O_RDWR | (may_create ? O_CREAT : 0) | O_CLOEXEC, 0600));
  if (!file.valid()) return system_error("open database", path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error("look at database", path);
  if (!S_ISREG(status.st_mode)) return Error(Errc::invalid_argument, fmt::format("database {}: not a regular file", path));
  // An empty database beside a log with content is a lost database, not a new one.
  if (status.st_size == 0 && fs::exists(path + "-wal", failed) && fs::file_size(path + "-wal", failed) > 0) {
    return Error(Errc::corrupt, fmt::format("database {}: the file is empty but its log {}-wal is not: the file was cut or "
                                            "replaced; restore a backup, or remove the log to begin anew", path, path));
  }
  return ok();
}

Result<std::int64_t> number(Database& db, std::string_view sql) {
  std::int64_t value = 0;
  CONDUIT_TRY(db.each(sql, [&](const Row& row) { value = row.integer(0); }));
  return value;
}

Result<> create(Database& db, const Options& options) {
  CONDUIT_TRY(const auto tables, number(db, "SELECT count(*) FROM sqlite_schema"));
  if (tables != 0) {
    return Error(Errc::refused, fmt::format("database {}: it belongs to another program; name a file of its own", db.path()));
  }
  if (!options.may_create) return no_database(db.path());
  CONDUIT_TRY(db.script(kSchema));
  CONDUIT_TRY(db.script(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId,
                                    kSchemaVersion).c_str()));
  CONDUIT_TRY(db.run("INSERT INTO meta VALUES('namespace', ?)", options.name_space));
  return ok();
}

Result<> check_namespace(Database& db, const Options& options) {
  std::string name_space;
  CONDUIT_TRY(db.each("SELECT value FROM meta WHERE key = 'namespace'",
                      [&](const Row& row) { name_space = row.text(0); }));
  if (name_space == options.name_space) return ok();
  return Error(Errc::refused, fmt::format("database {}: it belongs to the namespace '{}', not '{}'", db.path(), name_space,
                                          options.name_space));
}

/// The monotonic clock starts anew with the machine: what an earlier boot leased is over.
Result<> end_leases_of_earlier_boots(Database& db) {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  std::string known;
  CONDUIT_TRY(db.each("SELECT value FROM meta WHERE key = 'boot'", [&](const Row& row) { known = row.text(0); }));
  if (known == boot) return ok();
  CONDUIT_TRY(db.run("INSERT OR REPLACE INTO meta VALUES('boot', ?)", boot));
  CONDUIT_TRY(db.run("UPDATE jobs SET lease = 0 WHERE status = 2"));
  CONDUIT_TRY(db.run("DELETE FROM workers"));
  return ok();
}

Result<> prepare(Database& db, const Options& options, const Clock& clock) {
  CONDUIT_TRY(const auto version, number(db, "PRAGMA user_version"));
  CONDUIT_TRY(const auto application, number(db, "PRAGMA application_id"));
  if (application == 0 && version == 0) {
    CONDUIT_TRY(create(db, options));
    return end_leases_of_earlier_boots(db);
  }
  if (application != kApplicationId || version < 1) {
    return Error(Errc::refused,
                 fmt::format("database {}: it belongs to another program; name a file of its own", db.path()));
  }
  if (version > kSchemaVersion) {
    return Error(Errc::unsupported,
                 fmt::format("database {}: its schema has version {}, this program knows version {}: run the newer "
                             "program, or name another file", db.path(), version, kSchemaVersion));
  }
  CONDUIT_TRY(check_namespace(db, options));
  CONDUIT_TRY(end_leases_of_earlier_boots(db));
  if (version == kSchemaVersion) return ok();
  return upgrade(db, static_cast<int>(version), options, clock);
}

}  // namespace

Result<std::unique_ptr<Database>> open_database(const std::string& path, const Options& options, const Clock& clock) {
  if (path != ":memory:") {
    CONDUIT_TRY(make_file(path, options.may_create));
  }
  CONDUIT_TRY(auto db, Database::open(path, false, options.command_timeout));
  std::string mode;
  CONDUIT_TRY(db->each("PRAGMA journal_mode = WAL", [&](const Row& row) { mode = row.text(0); }));
  if (mode != "wal" && mode != "memory") {
    return Error(Errc::unsupported,
                 fmt::format("database {}: its file system cannot hold a write-ahead log (mode '{}')", path, mode));
  }
  CONDUIT_TRY(db->script("BEGIN IMMEDIATE"));
  if (auto prepared = prepare(*db, options, clock); !prepared.has_value()) {
    if (db->in_transaction()) (void)db->script("ROLLBACK");
    return prepared.error();
  }
  CONDUIT_TRY(db->script("COMMIT"));
  return db;
}

FileIdentity::FileIdentity(std::string path) : path_(std::move(path)) {
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
}

Result<> FileIdentity::check() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) return ok();
  return Error(Errc::corrupt,
               fmt::format("database {}: the file was deleted or replaced while in use; nothing more is accepted, so that "
                           "no job goes to a file nobody can find: put the file back or restore a backup, then restart",
                           path_));
}

}  // namespace conduitd::broker::sqlite
