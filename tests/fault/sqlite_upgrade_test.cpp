// Database files of earlier versions.

#include <fmt/format.h>
#include <fstream>

#include "broker/sqlite/schema.h"
#include "fault/sqlite_fixture.h"

namespace conduitd::test {
namespace {

using ::testing::SizeIs;

// Files of version 1, as they were made then: the schema, and jobs in it.
constexpr const char* kSchema1 = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE lines(line INTEGER PRIMARY KEY, queue TEXT NOT NULL, task TEXT NOT NULL, UNIQUE(queue, task)) STRICT;
CREATE TABLE jobs(
  seq INTEGER PRIMARY KEY, stamp INTEGER NOT NULL, line INTEGER NOT NULL, status INTEGER NOT NULL,
  rank INTEGER NOT NULL, priority INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0, crashes INTEGER NOT NULL DEFAULT 0,
  interruptions INTEGER NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0, cancel INTEGER NOT NULL DEFAULT 0,
  reason INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL, due INTEGER, expires INTEGER, retries INTEGER,
  timeout INTEGER, lease INTEGER, started INTEGER, duration INTEGER, ended INTEGER, keep INTEGER,
  worker TEXT, uniq TEXT, parent TEXT, root TEXT, args TEXT NOT NULL, result TEXT, failure TEXT) STRICT;
CREATE INDEX waiting ON jobs(line, rank) WHERE status = 1;
CREATE INDEX due ON jobs(due) WHERE status IN (0, 3);
CREATE INDEX expiring ON jobs(expires) WHERE expires IS NOT NULL AND attempts = 0 AND status IN (0, 1);
CREATE INDEX running ON jobs(lease) WHERE status = 2;
CREATE INDEX cancelling ON jobs(worker) WHERE cancel = 1 AND status = 2;
CREATE INDEX rare ON jobs(status, line)
  WHERE status = 0 OR status = 3 OR status = 5 OR status = 6 OR status = 7;
CREATE INDEX kept ON jobs(keep) WHERE keep IS NOT NULL;
CREATE UNIQUE INDEX uniq ON jobs(uniq) WHERE uniq IS NOT NULL AND status IN (0, 1, 2, 3);
CREATE TABLE said(seq INTEGER PRIMARY KEY, fraction REAL, message TEXT, checkpoint TEXT) STRICT;
CREATE TABLE metadata(seq INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY(seq, key)) STRICT, WITHOUT ROWID;
CREATE TABLE logs(seq INTEGER NOT NULL, n INTEGER NOT NULL, time INTEGER NOT NULL, attempt INTEGER NOT NULL,
  level INTEGER NOT NULL, message TEXT NOT NULL, fields TEXT, PRIMARY KEY(seq, n)) STRICT, WITHOUT ROWID;
CREATE TABLE history(seq INTEGER NOT NULL, attempt INTEGER NOT NULL, started INTEGER, duration INTEGER,
  worker TEXT, outcome TEXT NOT NULL, failure TEXT, PRIMARY KEY(seq, attempt)) STRICT, WITHOUT ROWID;
CREATE TABLE paused(kind TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY(kind, name)) STRICT, WITHOUT ROWID;
CREATE TABLE workers(id TEXT PRIMARY KEY, info TEXT NOT NULL, seen INTEGER NOT NULL, beat INTEGER NOT NULL,
  interval INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE tasks(name TEXT PRIMARY KEY, queue TEXT NOT NULL, executor TEXT NOT NULL, plugin TEXT NOT NULL,
  version TEXT NOT NULL, options TEXT NOT NULL) STRICT, WITHOUT ROWID;
)";
constexpr const char* kContent1 = R"(
INSERT INTO meta VALUES('namespace', 'conduit');
INSERT INTO lines VALUES(1, 'default', 'test.task');
INSERT INTO jobs(seq, stamp, line, status, rank, priority, created, args, uniq)
  VALUES(1, 65536, 1, 1, 5, 5, 1000, '{"waiting":true}', 'default:k');
INSERT INTO jobs(seq, stamp, line, status, rank, priority, attempts, failures, reason, created, ended, keep, worker, args, failure)
  VALUES(2, 65536, 1, 5, 5, 5, 1, 1, 1, 1000, 2000, 99999999999999, 'old', '{}', '{"type":"t","message":"it failed"}');
INSERT INTO history VALUES(2, 1, 1000, 5, 'old', 'failed', '{"type":"t","message":"it failed"}');
PRAGMA application_id = 1131308148;
PRAGMA user_version = 1;
)";

class SqliteUpgrade : public SqliteFault {
 protected:
  SqliteUpgrade() {
    RawDatabase raw(file);
    raw.execute("PRAGMA journal_mode = WAL");
    raw.execute(kSchema1);
    raw.execute(kContent1);
  }
  /// A worker of the old version, as it announced itself just now.
  void announce(const std::string& worker, Millis ago) {
    std::string boot;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
    const auto beat = std::chrono::duration_cast<Millis>(clock.now().time_since_epoch()) - ago;
    RawDatabase(file).execute(fmt::format("INSERT OR REPLACE INTO meta VALUES('boot', '{}'); "
                                          "INSERT OR REPLACE INTO workers VALUES('{}', '{{}}', 0, {}, 5000)",
                                          boot, worker, beat.count()));
  }

  const TempDir directory;
  const std::string file = directory.file("conduit.db");
};

TEST_F(SqliteUpgrade, F91_OlderFileIsUpgradedInPlaceWithAllThatIsInIt) {
  auto& c = open(file);
  EXPECT_EQ(RawDatabase(file).execute("PRAGMA user_version"), std::to_string(broker::sqlite::kSchemaVersion));
  const auto page = must(run(io, c.directory->list({})));
  ASSERT_THAT(page.jobs, SizeIs(2));
  const auto failed = must(run(io, c.directory->find(page.jobs[0].id)));
  ASSERT_TRUE(failed.has_value());
  ASSERT_THAT(failed->attempts, SizeIs(1));
  EXPECT_EQ(failed->attempts[0].outcome, "failed");
  EXPECT_EQ(failed->attempts[0].failure->message, "it failed");
  // Everything new works on it.
  auto job = small_job();
  job.unique = "k";
  std::vector<job::NewJob> jobs{job};
  EXPECT_EQ(must(run(io, c.broker->enqueue(jobs))).at(0).id, page.jobs[1].id) << "the old job holds its key";
  EXPECT_OK(run(io, c.directory->retry(page.jobs[0].id)));
  auto claims = must(claim(c, 10));
  ASSERT_THAT(claims, SizeIs(2));
  job::Settlement settlement;
  settlement.lease = claims[0].lease;
  settlement.kind = job::Settlement::Kind::fail;
  settlement.reason = job::FailureReason::rejected;
  settlement.code = {"plugin", "1.0.0", "abc"};
  settlement.usage = {17, 18};
  EXPECT_EQ(must(run(io, c.broker->settle({settlement}))).at(0), broker::Settled::applied);
  EXPECT_EQ(RawDatabase(file).execute("SELECT failed FROM lines"), "1");
}

TEST_F(SqliteUpgrade, F91_UpgradedFileIsMadeAsANewOne) {
  open(file);
  const auto fresh = directory.file("fresh.db");
  open(fresh);
  const auto columns = "SELECT group_concat(name || ' ' || type, ', ') FROM (SELECT m.name || '.' || c.name AS name, c.type FROM "
                       "sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY 1)";
  EXPECT_EQ(RawDatabase(file).execute(columns), RawDatabase(fresh).execute(columns));
  const auto others = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY name)";
  EXPECT_EQ(RawDatabase(file).execute(others), RawDatabase(fresh).execute(others));
}

TEST_F(SqliteUpgrade, F91_OlderFileWithALiveWorkerIsRefusedAndNamesBothVersionsAndTheWorker) {
  announce("old-worker", Millis{4'000});
  expect_refused_to_open(file, Errc::unsupported,
                         fmt::format("its schema has version 1, this program has version {}, and worker 'old-worker'",
                                     broker::sqlite::kSchemaVersion));
  EXPECT_EQ(RawDatabase(file).execute("PRAGMA user_version"), "1") << "nothing was changed";
  RawDatabase(file).execute("DELETE FROM workers");
  announce("dead-worker", Millis{60'000});
  announce("w1", Millis{0});  // its own earlier self
  open(file);
}

}  // namespace
}  // namespace conduitd::test
