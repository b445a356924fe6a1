#include "broker/sqlite/schema_upgrade.h"

#include <fmt/format.h>

#include <array>

#include "broker/sqlite/schema.h"

namespace conduitd::broker::sqlite {
namespace {

// Step n leads from version n + 1 to n + 2. What has been released is never changed again.
constexpr std::array<const char*, kSchemaVersion - 1> kSteps{
    R"(
ALTER TABLE jobs ADD COLUMN deadline INTEGER;
ALTER TABLE jobs ADD COLUMN code TEXT;
ALTER TABLE jobs ADD COLUMN cpu INTEGER;
ALTER TABLE jobs ADD COLUMN rss INTEGER;
ALTER TABLE history ADD COLUMN code TEXT;
ALTER TABLE history ADD COLUMN cpu INTEGER;
ALTER TABLE history ADD COLUMN rss INTEGER;
)",
    R"(
ALTER TABLE lines ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN uniq_until INTEGER;
ALTER TABLE jobs ADD COLUMN uniq_starts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN idem TEXT;
DROP INDEX uniq;
CREATE INDEX uniq ON jobs(uniq) WHERE uniq IS NOT NULL AND status IN (0, 1, 2, 3);
CREATE UNIQUE INDEX idem ON jobs(idem) WHERE idem IS NOT NULL;
CREATE INDEX failed ON jobs(line, ended) WHERE status = 5;
UPDATE lines SET failed = (SELECT count(*) FROM jobs j WHERE j.line = lines.line AND j.status = 5);
CREATE TRIGGER failed_count AFTER UPDATE OF reason ON jobs WHEN (OLD.status = 5) <> (NEW.status = 5) BEGIN
  UPDATE lines SET failed = failed + iif(NEW.status = 5, 1, -1) WHERE line = NEW.line; END;
CREATE TRIGGER failed_gone AFTER DELETE ON jobs WHEN OLD.status = 5 BEGIN
  UPDATE lines SET failed = failed - 1 WHERE line = OLD.line; END;
)",
    R"(
CREATE TABLE schedules(name TEXT PRIMARY KEY, definition TEXT NOT NULL, timing TEXT NOT NULL, done_until INTEGER NOT NULL,
  paused INTEGER NOT NULL DEFAULT 0, last_job TEXT NOT NULL DEFAULT '', runs TEXT NOT NULL DEFAULT '[]',
  alive_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
)",
    R"(
ALTER TABLE lines ADD COLUMN sorted_by TEXT;
ALTER TABLE lines ADD COLUMN served TEXT;
ALTER TABLE jobs ADD COLUMN value TEXT;
DROP INDEX waiting;
CREATE INDEX waiting ON jobs(line, value, rank) WHERE status = 1;
CREATE TABLE rates(task TEXT NOT NULL, account TEXT NOT NULL, next INTEGER NOT NULL, PRIMARY KEY(task, account)) STRICT, WITHOUT ROWID;
CREATE INDEX rates_over ON rates(next);
)",
    "ALTER TABLE jobs ADD COLUMN trace TEXT",
    R"(
ALTER TABLE jobs ADD COLUMN aft TEXT;
ALTER TABLE jobs ADD COLUMN aft_ended INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN bound INTEGER NOT NULL DEFAULT 0;
CREATE INDEX children ON jobs(parent) WHERE parent IS NOT NULL;
CREATE TABLE held(seq INTEGER NOT NULL, by INTEGER NOT NULL, PRIMARY KEY(seq, by)) STRICT, WITHOUT ROWID;
CREATE INDEX holding ON held(by);
ALTER TABLE said ADD COLUMN waits TEXT;
ALTER TABLE said ADD COLUMN waiter INTEGER;
)",
    R"(
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
)",
    R"(
ALTER TABLE jobs ADD COLUMN weight INTEGER;
ALTER TABLE jobs ADD COLUMN units INTEGER;
CREATE INDEX heavy ON jobs(line) WHERE weight > 1 AND status = 1;
)",
};

Result<> check_nobody_else(Database& db, int version, const Options& options, const Clock& clock) {
  const auto now = std::chrono::duration_cast<Millis>(clock.now().time_since_epoch()).count();
  std::string alive;
  CONDUIT_TRY(db.each("SELECT id FROM workers WHERE beat + interval * ? >= ? AND id <> ? ORDER BY id LIMIT 1",
                      [&](const Row& row) { alive = row.text(0); }, kMissedBeats, now, options.worker));
  if (alive.empty()) return ok();
  return Error(Errc::unsupported,
               fmt::format("database {}: its schema has version {}, this program has version {}, and worker '{}' of the older "
                           "version is alive: stop it, then start this one, which upgrades the file",
                           db.path(), version, kSchemaVersion, alive));
}

}  // namespace

Result<> upgrade(Database& db, int version, const Options& options, const Clock& clock) {
  CONDUIT_TRY(check_nobody_else(db, version, options, clock));
  for (auto from = static_cast<std::size_t>(version); from < static_cast<std::size_t>(kSchemaVersion); ++from) {
    CONDUIT_TRY(db.script(kSteps.at(from - 1)));
  }
  return db.script(fmt::format("PRAGMA user_version = {}", kSchemaVersion).c_str());
}

}  // namespace conduitd::broker::sqlite
