// What can happen to a database file, and what the broker must make of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fmt/format.h>
#include <filesystem>
#include <fstream>
#include <functional>

#include "broker/sqlite/schema.h"
#include "fault/sqlite_fixture.h"
#include "support/small_disk.h"

namespace conduitd::test {
namespace {

namespace fs = std::filesystem;
using broker::Connection;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(SqliteFault, FileAndDirectoryAreTheirOwnersAlone) {
  const TempDir directory;
  const auto file = directory.file("new/deep/conduit.db");
  auto& c = open(file);
  EXPECT_OK(submit(c));
  for (const std::string suffix : {"", "-wal", "-shm"}) {
    struct stat status {};
    ASSERT_EQ(::stat((file + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << suffix;
  }
  struct stat status {};
  ASSERT_EQ(::stat(directory.file("new/deep").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(SqliteFault, WhoMayNotMakeADatabaseLeavesNothingBehind) {
  const TempDir directory;
  auto with = options(directory.file("not/there.db"));
  with.may_create = false;
  for (const bool is_empty_file : {false, true}) {
    if (is_empty_file) {
      with = options(directory.file("empty.db"));
      with.may_create = false;
      std::ofstream(directory.file("empty.db")).close();
    }
    const auto refused = try_open(with);
    EXPECT_ERRC(Errc::unavailable, refused);
    if (refused.has_value()) return;
    EXPECT_THAT(refused.error().message(), HasSubstr("no such database " + with.url.substr(9)));
    EXPECT_THAT(refused.error().message(), HasSubstr("start conduitd, which makes it"));
  }
  EXPECT_FALSE(fs::exists(directory.file("not")));
  EXPECT_EQ(fs::file_size(directory.file("empty.db")), 0U);
  with.url = "sqlite::memory:";
  EXPECT_ERRC(Errc::invalid_argument, try_open(with));
}

TEST_F(SqliteFault, MemoryIsABrokerToo) {
  auto with = options("");
  with.url = "sqlite::memory:";
  connections.push_back(must(try_open(with)));
  auto& c = connections.back();
  EXPECT_OK(submit(c, 3));
  EXPECT_THAT(must(claim(c, 10)), SizeIs(3));
  EXPECT_THAT(must(run(io, c.directory->list({}))).jobs, SizeIs(3));
  EXPECT_THAT(must(run(io, c.directory->warnings())), SizeIs(1)) << "says that nothing outlives the process";
}

TEST_F(SqliteFault, UrlsThatMakeNoSenseAreRefused) {
  for (const char* url : {"sqlite://relative/path", "sqlite:", "sqlite:///", "sqlite:///tmp/", "mysql://x", "", "nonsense"}) {
    auto with = options("");
    with.url = url;
    SCOPED_TRACE(url);
    EXPECT_ERRC(Errc::invalid_argument, try_open(with));
  }
}

TEST_F(SqliteFault, F38_FullDiskRefusesNewJobsAndLosesNone) {
  SmallDisk disk("1m");
  auto& c = open(disk.file("conduit.db"));
  std::size_t accepted = 0;
  auto last = submit(c, 10, 2'000);
  while (last.has_value() && accepted < 10'000) {
    accepted += 10;
    last = submit(c, 10, 2'000);
  }
  ASSERT_FALSE(last.has_value());
  EXPECT_TRUE(last.error().is(Errc::full)) << describe(last);
  EXPECT_TRUE(last.error().is_transient());
  EXPECT_THAT(last.error().message(), HasSubstr("disk is full"));
  EXPECT_GT(accepted, 0U);
  // With room again everything goes on, on the same connection.
  disk.resize("16m");
  EXPECT_OK(submit(c, 10, 2'000));
  EXPECT_THAT(must(claim(c, 1'000)), SizeIs(accepted + 10));
  close_all();
  RawDatabase raw(disk.file("conduit.db"));
  EXPECT_EQ(raw.execute("PRAGMA integrity_check"), "ok");
}

TEST_F(SqliteFault, F39_LockHeldByAnotherIsUnavailableAndPasses) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  auto with = options(file);
  with.command_timeout = Millis{100};
  connections.push_back(must(try_open(with)));
  auto& c = connections.back();
  RawDatabase other(file);
  other.execute("BEGIN IMMEDIATE");
  EXPECT_ERRC(Errc::unavailable, submit(c));
  EXPECT_THAT(must(run(io, c.directory->list({}))).jobs, IsEmpty()) << "looking needs no write lock";
  other.execute("COMMIT");
  EXPECT_OK(submit(c));
}

TEST_F(SqliteFault, F39b_DamagedHeaderIsNamedWithAWayOut) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  EXPECT_OK(submit(open(file), 100));
  close_all();
  {
    std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
    damaged.write(std::string(100, '\xAA').data(), 100);
  }
  expect_refused_to_open(file, Errc::corrupt, ".recover");
}

TEST_F(SqliteFault, F39b_FileThatIsNoDatabaseIsRefused) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  std::ofstream(file) << std::string(5'000, 'x');
  expect_refused_to_open(file, Errc::corrupt, "not a database");
  EXPECT_EQ(fs::file_size(file), 5'000U) << "and left as it was";
}

TEST_F(SqliteFault, F39b_CutFileIsCorruptNotEmpty) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  EXPECT_OK(submit(open(file), 1'000, 100));
  close_all();
  fs::resize_file(file, fs::file_size(file) / 3);
  auto opened = try_open(options(file));
  if (opened.has_value()) {
    connections.push_back(std::move(opened).value());
    EXPECT_ERRC(Errc::corrupt, claim(connections.back(), 1'000));
  } else {
    EXPECT_TRUE(opened.error().is(Errc::corrupt)) << opened.error().message();
  }
}

TEST_F(SqliteFault, F39b_EmptyFileBesideAFullLogIsNotTakenForANewDatabase) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  std::ofstream(file).flush();
  std::ofstream(file + "-wal") << std::string(5'000, 'x');
  expect_refused_to_open(file, Errc::corrupt, "restore a backup");
}

TEST_F(SqliteFault, F39b_FileDeletedWhileOpenIsNoticedAtOnceAndNotMadeAnew) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  auto& c = open(file);
  auto waiting = start(io, c.broker->claim(request(1, kDeadline)));
  run_for(io, Millis{30});
  const auto began = clock.now();
  fs::remove(file);
  EXPECT_ERRC(Errc::corrupt, finish(io, waiting));
  EXPECT_LT(clock.now() - began, Millis{5'000}) << "the waiting claim is told";
  EXPECT_ERRC(Errc::corrupt, submit(c));
  EXPECT_ERRC(Errc::corrupt, run(io, c.directory->list({})));
  EXPECT_FALSE(fs::exists(file)) << "no new, empty database";
}

TEST_F(SqliteFault, F39b_FileReplacedWhileOpenIsNoticed) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  auto& c = open(file);
  EXPECT_OK(submit(c));
  {
    broker::Connection other = must(try_open(options(directory.file("other.db"))));
    run(io, other.broker->close());
  }
  fs::rename(directory.file("other.db"), file);
  const auto refused = submit(c);
  EXPECT_ERRC(Errc::corrupt, refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("replaced"));
}

TEST_F(SqliteFault, F39b_ReadOnlyFileSystemIsRefused) {
  SmallDisk disk("4m");
  const auto file = disk.file("conduit.db");
  open(file);
  close_all();
  disk.make_read_only();
  expect_refused_to_open(file, Errc::refused, "Read-only");
}

TEST_F(SqliteFault, F39b_NewerSchemaIsRefusedAndBothVersionsAreNamed) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  open(file);
  close_all();
  RawDatabase(file).execute("PRAGMA user_version = 99");
  expect_refused_to_open(file, Errc::unsupported, fmt::format("version 99, this program knows version {}", broker::sqlite::kSchemaVersion));
}

TEST_F(SqliteFault, F39b_DatabaseOfAnotherProgramIsLeftAlone) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  RawDatabase(file).execute("CREATE TABLE songs(name TEXT); INSERT INTO songs VALUES('a')");
  expect_refused_to_open(file, Errc::refused, "another program");
  EXPECT_EQ(RawDatabase(file).execute("SELECT count(*) FROM sqlite_schema"), "1");
}

TEST_F(SqliteFault, DatabaseOfAnotherNamespaceIsRefused) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  open(file);
  auto with = options(file);
  with.name_space = "another";
  EXPECT_ERRC(Errc::refused, try_open(with));
}

/// A process of its own that submits jobs for ever and tells of each answer with one byte.
pid_t start_submitter(const std::string& file, int acknowledged) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  boost::asio::io_context io;
  SystemClock clock;
  broker::Options options;
  options.url = "sqlite://" + file;
  auto connection = must(run(io, broker::open(io.get_executor(), clock, options)));
  for (;;) {
    std::vector<job::NewJob> jobs(1, small_job());
    if (!run(io, connection.broker->enqueue(std::move(jobs))).has_value()) ::_exit(1);
    if (::write(acknowledged, "x", 1) != 1) ::_exit(2);
  }
}

TEST_F(SqliteFault, F39c_KilledInMidCommitNothingAcknowledgedIsLost) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  std::size_t acknowledged = 0;
  for (std::size_t round = 1; round <= 5; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = start_submitter(file, pipe[1]);
    ::close(pipe[1]);
    // Killed after a different number of answers each time, while the next commit is under way.
    char byte = 0;
    for (std::size_t i = 0; i < 10 * round && ::read(pipe[0], &byte, 1) == 1; ++i) ++acknowledged;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(pipe[0], &byte, 1) == 1) ++acknowledged;
    ::close(pipe[0]);
  }
  EXPECT_GE(acknowledged, 150U);
  EXPECT_GE(must(claim(open(file), 1'000)).size(), std::min<std::size_t>(acknowledged, 1'000));
  close_all();
  EXPECT_EQ(RawDatabase(file).execute("PRAGMA integrity_check"), "ok");
}

TEST_F(SqliteFault, F13_LeasesOfAnEarlierBootAreOver) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  auto& before = open(file);
  EXPECT_OK(submit(before));
  EXPECT_THAT(must(claim(before, 1)), SizeIs(1));
  close_all();
  RawDatabase(file).execute("UPDATE meta SET value = 'an earlier one' WHERE key = 'boot'");
  auto& after = open(file);
  EXPECT_THAT(must(run(io, after.broker->reclaim_expired({}))).entries, SizeIs(1)) << "without waiting for the lease";
  EXPECT_THAT(must(claim(after, 1)), SizeIs(1));
}

TEST_F(SqliteFault, RunningRowWithoutALeaseOrAWorkerIsMendedAndRunsAgain) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  auto& c = open(file);
  EXPECT_OK(submit(c, 4));
  const auto held = must(claim(c, 3));
  ASSERT_THAT(held, SizeIs(3));
  EXPECT_THAT(must(run(io, c.broker->reconcile())), IsEmpty());
  RawDatabase raw(file);
  raw.execute("UPDATE jobs SET lease = NULL WHERE seq = 1");
  raw.execute("UPDATE jobs SET worker = NULL WHERE seq = 2");
  raw.execute("UPDATE jobs SET status = 2 WHERE seq = 4");
  const auto mended = must(run(io, c.broker->reconcile()));
  ASSERT_THAT(mended, SizeIs(3));
  EXPECT_THAT(must(run(io, c.broker->reconcile())), IsEmpty()) << "each is told once";
  EXPECT_THAT(must(run(io, c.broker->reclaim_expired({}))).entries, SizeIs(3));
  const auto again = must(claim(c, 10));
  ASSERT_THAT(again, SizeIs(3));
  for (const auto& one : again) EXPECT_EQ(one.lease.attempt, 2U);
  EXPECT_EQ(must(run(io, c.broker->extend({held[2].lease}))).at(0), broker::LeaseState::held) << "the sound one is left alone";
  EXPECT_EQ(must(run(io, c.broker->extend({held[0].lease}))).at(0), broker::LeaseState::lost);
}

TEST_F(SqliteFault, WaitingRowWithoutATimeIsDueNow) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  auto& c = open(file);
  auto job = small_job();
  job.delay = Millis{60'000};
  std::vector<job::NewJob> jobs{job};
  EXPECT_OK(run(io, c.broker->enqueue(jobs)));
  RawDatabase(file).execute("UPDATE jobs SET due = NULL");
  EXPECT_THAT(must(run(io, c.broker->reconcile())), SizeIs(1));
  EXPECT_EQ(must(run(io, c.broker->promote_due(10))).promoted, 1U);
  EXPECT_THAT(must(claim(c, 1)), SizeIs(1));
}

TEST_F(SqliteFault, F75_RowsWrittenByHandAreListedWhateverTheyHold) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  auto& c = open(file);
  const auto id = must(submit(c)).at(0).id;
  RawDatabase(file).execute("UPDATE jobs SET status = 99, reason = -4, failure = 'no JSON', priority = 1000000");
  const auto page = must(run(io, c.directory->list({})));
  ASSERT_THAT(page.jobs, SizeIs(1));
  EXPECT_EQ(page.jobs[0].id, id);
  EXPECT_EQ(page.jobs[0].status, job::JobStatus::failed);
  EXPECT_EQ(page.jobs[0].reason, job::FailureReason::invalid);
  EXPECT_EQ(page.jobs[0].failure->message, "no JSON");
  RawDatabase(file).execute("UPDATE jobs SET failure = NULL");
  const auto record = must(run(io, c.directory->find(id)));
  ASSERT_TRUE(record && record->failure);
  EXPECT_EQ(record->failure->type, "invalid_record");
  EXPECT_EQ(record->failure->message, "the job's status in the database is 99, which is none");
  EXPECT_TRUE(record->ended_at.has_value());
}

TEST_F(SqliteFault, LogIsMovedIntoTheFileAsItGrows) {
  const TempDir directory;
  const auto file = directory.file("conduit.db");
  auto& c = open(file);
  for (int i = 0; i < 60; ++i) EXPECT_OK(submit(c, 100, 10'000));
  EXPECT_LT(fs::file_size(file + "-wal"), 40U << 20U) << "60 MB went through it";
  EXPECT_GT(fs::file_size(file), 20U << 20U);
  close_all();
  EXPECT_FALSE(fs::exists(file + "-wal") && fs::file_size(file + "-wal") > 0) << "nothing is left beside the file";
}

}  // namespace
}  // namespace conduitd::test
