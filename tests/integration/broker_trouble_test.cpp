// The real conduitd while its Redis restarts, hangs, refuses writes, reads its data, is cut off or forgets: it stays alive,
// says so once, uses next to no CPU, and goes on within two seconds. Names carry the rows of the fault list.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "support/redis_server.h"
#include "support/sentinels.h"
#include "support/small_disk.h"
#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;
using testing::AllOf;
using testing::HasSubstr;

/// What conduitd tells the service manager.
class NotifySocket {
 public:
  NotifySocket() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("bind");
  }
  [[nodiscard]] std::string path() const { return dir_.file("notify.sock"); }
  /// The newest STATUS= so far.
  const std::string& status() {
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (size <= 0) return status_;
      const std::string text(buffer.data(), static_cast<std::size_t>(size));
      if (const auto at = text.find("STATUS="); at != std::string::npos) status_ = text.substr(at, text.find('\n', at) - at);
    }
  }

 private:
  TempDir dir_;
  UniqueFd fd_;
  std::string status_;
};

struct Elsewhere final : Store {
  explicit Elsewhere(std::string at) : url_(std::move(at)) {}
  [[nodiscard]] std::string url() const override { return url_; }
  [[nodiscard]] int late_descriptors() const override { return kRedisLateDescriptors; }
  std::string url_;
};

class BrokerTrouble : public testing::Test {
 protected:
  /// Starts the server and a worker that is ready and has done a job.
  void begin(RedisSetup setup = {}) {
    server.emplace(std::move(setup));
    start_worker();
  }
  void start_worker(std::string url = "", std::vector<std::string> before = {}) {
    if (url.empty()) url = server->url();
    place.emplace(StoreKind{"Redis", [url] { return std::make_unique<Elsewhere>(url); }});
    place->install("misbehave");
    place->top_config = "lease = \"" + lease + "\"\ndrain_timeout = \"5s\"\n";
    std::filesystem::create_directory(place->dir().file("conf.d"));
    std::ofstream(place->dir().file("conf.d/50-broker.toml")) << "[broker]\ncommand_timeout = \"500ms\"\n";
    place->wrapper = std::move(before);
    place->environment = {"NOTIFY_SOCKET=" + notify.path()};
    worker = &place->start();
    EXPECT_EQ(place->ended(place->submit("misbehave.echo")).status, JobStatus::complete);
  }
  [[nodiscard]] double cpu_seconds() const {
    std::ifstream in(fmt::format("/proc/{}/stat", worker->pid()));
    std::string text((std::istreambuf_iterator<char>(in)), {});
    std::istringstream fields(text.substr(text.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  /// It says that the broker is away and why, and is idle meanwhile.
  void expect_away(const std::string& why) {
    EXPECT_THAT(worker->wait_for_line("the broker is away"), HasSubstr(why));
    const auto began = std::chrono::steady_clock::now();
    const auto used = cpu_seconds();
    ::poll(nullptr, 0, 2'000);  // the time over which it is measured
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const auto share = (cpu_seconds() - used) / took.count();
    std::printf("[ CPU while away ] %.1f %%\n", share * 100);
    EXPECT_LT(share, 0.05);
    EXPECT_THAT(notify.status(), HasSubstr("the broker is away"));
    EXPECT_TRUE(worker->running());
  }
  /// The trouble is over now: it says so within two seconds, and jobs run.
  void expect_back(const std::string& job = "") {
    const auto began = std::chrono::steady_clock::now();
    worker->wait_for_line("the broker is back");
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("[ back after      ] %.2f s\n", took.count());
    EXPECT_LE(took.count(), 2.0);
    EXPECT_EQ(place->ended(submit_again()).status, JobStatus::complete);
    if (!job.empty()) {
      EXPECT_EQ(place->ended(job).status, JobStatus::complete);
    }
    EXPECT_EQ(said("the broker is away"), 1U) << worker->output();
    EXPECT_EQ(said("the broker is back"), 1U) << worker->output();
    EXPECT_THAT(notify.status(), testing::Not(HasSubstr("away")));
  }
  /// The test's own connection may have to learn of the trouble first.
  std::string submit_again() {
    constexpr int kMostTries = 20;
    for (int tries = 0;; ++tries) {
      try {
        return place->submit("misbehave.echo");
      } catch (const std::runtime_error&) {
        if (tries == kMostTries) throw;
        run_for(place->io, Millis{50});
      }
    }
  }
  [[nodiscard]] std::size_t said(const std::string& text) const {
    std::size_t count = 0;
    for (auto at = worker->output().find(text); at != std::string::npos; at = worker->output().find(text, at + 1)) ++count;
    return count;
  }
  /// A job that runs for so long; returns when it does.
  std::string running(int ms) {
    auto id = place->submit("misbehave.sleep", fmt::format("{{\"ms\": {}}}", ms));
    place->until(id, [](const auto& record) { return record.status == JobStatus::running; });
    return id;
  }
  static RedisSetup durable() {
    RedisSetup setup;
    setup.append_only = true;
    return setup;
  }
  static RedisSetup with(std::vector<std::string> extra) {
    RedisSetup setup;
    setup.extra = std::move(extra);
    return setup;
  }

  SystemClock clock;
  NotifySocket notify;
  std::string lease = "1s";
  std::optional<RedisServer> server;
  std::optional<Workplace> place;
  ChildProcess* worker = nullptr;
};

TEST_F(BrokerTrouble, F15_F16_KilledServerComesBackAndTheJobUnderWayIsNotRunAgain) {
  begin(durable());
  const auto id = running(500);
  server->kill();
  expect_away("");
  server->start();
  expect_back(id);
  // Its lease of one second ended meanwhile; whoever is first, the worker that has the result or the reclaimer, it is once.
  EXPECT_LE(place->record(id).counters.attempts, 2U);
}

TEST_F(BrokerTrouble, F90_AThousandRetriesThatFellDueMeanwhileAllRunAndTheServerIsNotStormed) {
  constexpr std::size_t kJobs = 1'000;
  lease = "15s";
  server.emplace(durable());
  // The first attempts are the test's own: each fails, and is to run again in three seconds.
  boost::asio::io_context io;
  broker::Options options;
  options.url = server->url();
  options.worker = "player";
  auto player = run(io, broker::open(io.get_executor(), clock, options)).value();
  std::vector<job::NewJob> jobs(kJobs);
  for (auto& job : jobs) job.task = "misbehave.echo";
  const auto enqueued = run(io, player.broker->enqueue(jobs));
  broker::ClaimRequest request;
  request.groups.push_back({kJobs, {{"default", "misbehave.echo"}}});
  const auto claims = run(io, player.broker->claim(request));
  std::vector<job::Settlement> failures;
  for (const auto& claim : claims.value()) {
    auto& failure = failures.emplace_back();
    failure.lease = claim.lease;
    failure.kind = job::Settlement::Kind::retry;
    failure.charge = job::Settlement::Charge::failure;
    failure.retry_after = Millis{3'000};
    failure.failure = job::Failure{"test", "the first attempt fails", {}};
  }
  EXPECT_EQ(failures.size(), kJobs);
  EXPECT_TRUE(run(io, player.broker->settle(std::move(failures))).has_value());
  const auto due = clock.now() + Millis{3'000};
  run(io, player.broker->close());
  start_worker();
  server->kill();
  expect_away("");
  while (clock.now() < due) ::poll(nullptr, 0, 20);  // so that all are due when it is back
  server->start();
  expect_back();
  for (const auto& one : enqueued.value()) {
    const auto record = place->ended(one.id);
    ASSERT_EQ(record.status, JobStatus::complete) << job::to_json(record).text(true);
    ASSERT_EQ(record.counters.attempts, 2U) << job::to_json(record).text(true);
  }
  const auto info = server->command({"INFO", "stats"});
  const auto connects = std::stoul(info.substr(info.find("total_connections_received:") + 27));
  EXPECT_LE(connects, 20U) << "of the worker and of this test, since it came back";
}

TEST_F(BrokerTrouble, F17_ServerWithoutAppendOnlyIsNamedAtStart) {
  begin(with({"--save", "3600", "1"}));
  EXPECT_EQ(said("appendonly is off"), 1U) << worker->output();
  EXPECT_THAT(worker->output(), HasSubstr("every job accepted since its last snapshot is lost. Set 'appendonly yes' in redis.conf."));
}

TEST_F(BrokerTrouble, F17_F34_ServerThatComesBackWithoutItsLastWritesLeavesNothingStuck) {
  begin(with({"--save", "3600", "1"}));
  const auto kept = place->submit("misbehave.sleep", R"({"ms": 1500})");
  server->command({"SAVE"});
  place->until(kept, [](const auto& record) { return record.status == JobStatus::running; });
  const auto lost = place->submit("misbehave.echo");
  server->kill();
  worker->wait_for_line("the broker is away");
  server->start();
  expect_back(kept);
  EXPECT_FALSE(run(place->io, place->broker().directory->find(lost)).value().has_value()) << "as documented";
  EXPECT_TRUE(worker->running());
}

TEST_F(BrokerTrouble, F18_ServerThatHangsIsNoticedByTheDeadline) {
  begin(durable());
  server->signal(SIGSTOP);
  expect_away("");
  server->signal(SIGCONT);
  expect_back();
}

TEST_F(BrokerTrouble, F19_LinkThatSwallowsEverythingIsNoticedByTheDeadline) {
  const auto name = fmt::format("cdt{}", ::getpid() % 100'000);
  const auto shell = [](const std::string& line) { return std::system((line + " >/dev/null 2>&1").c_str()) == 0; };
  const auto third = ::getpid() % 250 + 1;
  struct Clean {
    std::string name;
    ~Clean() {
      const int ignored = std::system(fmt::format("ip link del {0}a 2>/dev/null; ip netns del {0} 2>/dev/null", name).c_str());
      static_cast<void>(ignored);
    }
  };
  const Clean clean{name};
  if (!shell(fmt::format("ip netns add {0} && ip link add {0}a type veth peer name {0}b netns {0} && "
                         "ip addr add 10.213.{1}.1/24 dev {0}a && ip link set {0}a up && "
                         "ip -n {0} addr add 10.213.{1}.2/24 dev {0}b && ip -n {0} link set {0}b up",
                         name, third))) {
    FAIL() << "no network namespace can be made here: that needs root and iproute2";
  }
  auto setup = durable();
  setup.tcp = true;
  setup.extra = {"--bind", "0.0.0.0", "--protected-mode", "no"};
  server.emplace(setup);
  auto url = server->tcp_url();
  url.replace(url.find("127.0.0.1"), 9, fmt::format("10.213.{}.1", third));
  start_worker(url, {"/usr/bin/env", "ip", "netns", "exec", name});
  ASSERT_TRUE(shell(fmt::format("ip link set {}a down", name)));
  expect_away("");
  ASSERT_TRUE(shell(fmt::format("ip link set {0}a up", name)));
  expect_back();
}

TEST_F(BrokerTrouble, F23_AServerThatEvictsIsRefusedUnlessThatIsAllowedAndThenNamed) {
  auto setup = durable();
  setup.extra = {"--maxmemory-policy", "allkeys-lru"};
  server.emplace(std::move(setup));
  Workplace refused(StoreKind{"Redis", [this] { return std::make_unique<Elsewhere>(server->url()); }});
  auto& daemon = refused.launch();
  EXPECT_EQ(daemon.wait_for_exit(), 74);
  EXPECT_THAT(daemon.output(), AllOf(HasSubstr("maxmemory-policy is allkeys-lru"), HasSubstr("allow_eviction = true in [broker]")));
  start_worker(server->url() + "?eviction=allow");
  EXPECT_EQ(said("maxmemory-policy is allkeys-lru"), 1U) << worker->output();
  EXPECT_EQ(said("appendonly is off"), 0U);
}

TEST_F(BrokerTrouble, F24_F25_ServerThatBecomesAReplicaWhileItIsWaitedOn) {
  begin(durable());
  const auto id = running(500);
  server->command({"REPLICAOF", "127.0.0.1", "1"});
  expect_away("replica");
  server->command({"REPLICAOF", "NO", "ONE"});
  expect_back(id);
}

TEST_F(BrokerTrouble, F26_ResultsAreKeptWhileTheServerCannotSaveAndWrittenAfterwards) {
  lease = "15s";  // nobody takes the job away meanwhile
  begin(with({"--save", "3600", "1", "--enable-protected-configs", "yes"}));
  const auto directory = server->command({"CONFIG", "GET", "dir"}).substr(4);
  const auto id = running(600);
  const auto gone = place->dir().file("gone");
  std::filesystem::create_directory(gone);
  server->command({"CONFIG", "SET", "dir", gone});
  std::filesystem::remove(gone);
  EXPECT_THAT(server->try_command({"SAVE"}), HasSubstr("ERR"));
  server->try_command({"BGSAVE"});
  expect_away("MISCONF");
  server->command({"CONFIG", "SET", "dir", directory});
  server->command({"BGSAVE"});
  expect_back(id);
  EXPECT_EQ(place->record(id).counters.attempts, 1U) << "its result was kept, and its lease with it";
}

TEST_F(BrokerTrouble, F27_ServerThatEndsWithItsDiskFullIsWaitedFor) {
  SmallDisk disk("1m");
  auto setup = durable();
  setup.extra = {"--dir", disk.path()};
  begin(setup);
  std::ofstream(disk.file("filler")) << std::string(std::size_t{2} * 1024 * 1024, 'x');
  std::vector<job::NewJob> jobs(1);
  jobs[0].task = "misbehave.echo";
  jobs[0].args = '"' + std::string(20'000, 'x') + '"';
  const auto refused = run(place->io, place->broker().broker->enqueue(std::move(jobs)));
  EXPECT_FALSE(refused.has_value()) << "what cannot be stored is not accepted";
  expect_away("");
  std::filesystem::remove(disk.file("filler"));
  server->kill();
  server->start();
  expect_back();
}

TEST_F(BrokerTrouble, F28_ServerThatReadsItsDataIsWaitedFor) {
  begin(with({"--enable-debug-command", "yes", "--loading-process-events-interval-bytes", "1024"}));
  server->command({"DEBUG", "POPULATE", "700", "filler", "100"});
  server->command({"CONFIG", "SET", "key-load-delay", "4000"});
  std::thread loading([this] { server->try_command({"DEBUG", "RELOAD"}); });
  expect_away("LOADING");
  loading.join();
  expect_back();
}

TEST_F(BrokerTrouble, F29_ServerThatRunsSomebodysEndlessScript) {
  begin(with({"--busy-reply-threshold", "100"}));
  std::thread script([this] { server->try_command({"EVAL", "while true do end", "0"}); });
  expect_away("");
  EXPECT_EQ(server->try_command({"SCRIPT", "KILL"}), "OK");
  script.join();
  expect_back();
}

TEST_F(BrokerTrouble, F30_ResultsAreKeptWhileReplicasAreMissing) {
  lease = "15s";  // nobody takes the job away meanwhile
  begin(durable());
  const auto id = running(600);
  server->command({"CONFIG", "SET", "min-replicas-to-write", "1"});
  expect_away("NOREPLICAS");
  server->command({"CONFIG", "SET", "min-replicas-to-write", "0"});
  expect_back(id);
  EXPECT_EQ(place->record(id).counters.attempts, 1U);
}

TEST_F(BrokerTrouble, F32_RightTakenAwayIsNamedOnceWithCommandAndUser) {
  begin(durable());
  server->command({"ACL", "SETUSER", "conduit", "-xreadgroup"});
  expect_away("user 'conduit' may not run XREADGROUP");
  server->command({"ACL", "SETUSER", "conduit", "+xreadgroup"});
  expect_back();
  EXPECT_THAT(worker->output(), testing::Not(HasSubstr(RedisServer::kPassword))) << "never the password";
}

TEST_F(BrokerTrouble, F24_F34_FailOverIsFollowedAndWhatTheNewPrimaryKnowsEnds) {
  Sentinels group(durable());
  lease = "2s";
  start_worker(group.url());
  std::vector<std::string> accepted;
  for (int i = 0; i < 100; ++i) accepted.push_back(place->submit("misbehave.sleep", R"({"ms": 20})"));
  place->ended(accepted[20]);
  group.primary().kill();
  group.wait_for_promotion();
  const auto promoted = std::chrono::steady_clock::now();
  EXPECT_EQ(place->ended(submit_again()).status, JobStatus::complete);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - promoted;
  std::printf("[ after promotion  ] %.2f s\n", took.count());
  EXPECT_LE(took.count(), 5.0);
  std::size_t unknown = 0;
  for (const auto& id : accepted) {
    const auto found = run(place->io, place->broker().directory->find(id));
    ASSERT_TRUE(found.has_value()) << found.error().message();
    if (!found.value()) {
      ++unknown;
    } else {
      EXPECT_EQ(place->ended(id).status, JobStatus::complete);
    }
  }
  std::printf("[ never replicated ] %zu of %zu\n", unknown, accepted.size());
  worker->wait_for_line("the broker is away");
  worker->wait_for_line("the broker is back");
}

TEST_F(BrokerTrouble, F24_F25_PlannedFailOverLosesNothingAndNoticesFollowToo) {
  Sentinels group(durable());
  lease = "60s";  // renewed every 20 s: much longer than a notice takes, on a busy machine too
  start_worker(group.url());
  const auto before = running(3'000);
  group.fail_over();
  const auto id = submit_again();
  EXPECT_EQ(place->ended(id).status, JobStatus::complete);
  EXPECT_EQ(place->ended(before).status, JobStatus::complete);
  EXPECT_EQ(place->record(before).counters.attempts, 1U);
  const auto endless = running(60'000);
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(run(place->io, place->broker().directory->cancel(endless)).has_value());
  EXPECT_EQ(place->ended(endless).status, JobStatus::cancelled);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  EXPECT_LE(took.count(), 15.0) << "told by a notice, not with the next renewal";
}

TEST_F(BrokerTrouble, F32_SentinelsThatRefuseAreNamedWithoutTheirPassword) {
  Sentinels group;
  auto wrong = group.url();
  wrong.replace(wrong.find(Sentinels::kPassword), 8, "canary00");
  Workplace elsewhere(StoreKind{"Redis", [&] { return std::make_unique<Elsewhere>(wrong); }});
  auto& refused = elsewhere.launch();
  EXPECT_EQ(refused.wait_for_exit(), 74);
  EXPECT_THAT(refused.output(), AllOf(HasSubstr("no sentinel tells where the primary 'mymaster' is"), HasSubstr("password is wrong"),
                                      testing::Not(HasSubstr("canary00"))));
}

TEST(BrokerUrlOfTheCommandLine, ThatMakesNoSenseIsRefusedWithTwoByCheckAndStart) {
  Workplace work(all_stores().front());
  work.write_config();
  for (const char* url : {"mysql://x", "redis://h:99999", "sqlite:////nodir/a.db"}) {
    for (const bool check : {true, false}) {
      std::vector<std::string> command{CONDUITD_BINARY, "--config", work.config_file(), "--broker", url};
      if (check) command.emplace_back("--check");
      ChildProcess daemon(command);
      EXPECT_EQ(daemon.wait_for_exit(), 2) << url;
      EXPECT_THAT(daemon.output(), HasSubstr(fmt::format("conduitd: --broker: broker URL '{}': ", url)));
    }
  }
}

TEST_F(BrokerTrouble, S9_PasswordStandsInNoLogRecordTitleOrError) {
  const std::string secret = RedisServer::kPassword;
  const auto expect_none = [&secret](const std::string& where, const std::string& text) {
    EXPECT_EQ(text.find(secret), std::string::npos) << where << ":\n" << text;
  };
  RedisServer redis(durable());
  Workplace work(StoreKind{"Redis", [&] { return std::make_unique<Elsewhere>(redis.url()); }});
  work.install("misbehave");
  work.extra_config = "[log]\nlevel = \"trace\"\n";
  auto& daemon = work.start();
  std::vector<std::string> ids;
  for (const auto* task : {"misbehave.echo", "misbehave.fail", "misbehave.crash", "misbehave.info"}) ids.push_back(work.submit(task));
  ids.push_back(work.submit("misbehave.print", R"({"lines": 3})"));
  for (const auto& id : ids) expect_none("a record", job::to_json(work.ended(id)).text(true));
  std::size_t processes = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto text = content_of(entry.path() / "stat");
    if (text.rfind(')') == std::string::npos) continue;
    std::istringstream fields(text.substr(text.rfind(')') + 3));
    pid_t parent = 0;
    pid_t group = 0;
    fields >> parent >> group;
    if (group != daemon.pid()) continue;
    ++processes;
    for (const char* file : {"cmdline", "environ"}) expect_none(entry.path() / file, content_of(entry.path() / file));
  }
  EXPECT_GE(processes, 3U) << "supervisor, zygote and hosts";
  ChildProcess check({CONDUITD_BINARY, "--config", work.config_file(), "--check"});
  check.wait_for_exit();
  expect_none("--check", check.output());
  redis.kill();
  daemon.wait_for_line("the broker is away");
  for (const std::vector<std::string>& words : {std::vector<std::string>{"queue", "list"}, {"submit", "misbehave.echo"}}) {
    std::vector<std::string> command{CONDUITCTL_BINARY, "--config", work.config_file()};
    command.insert(command.end(), words.begin(), words.end());
    ChildProcess ctl(command);
    EXPECT_EQ(ctl.wait_for_exit(), 4);
    expect_none("conduitctl", ctl.output());
  }
  expect_none("the log", daemon.output());
}

TEST_F(BrokerTrouble, S9_PasswordFromTheEnvironmentReachesNoPluginAndIsThereForAReload) {
  const std::string secret = RedisServer::kPassword;
  RedisServer redis(durable());
  auto url = redis.url();
  url.replace(url.find(secret), secret.size(), "${env:CONDUIT_TEST_SECRET}");
  Workplace work(StoreKind{"Redis", [&] { return std::make_unique<Elsewhere>(redis.url()); }});
  work.install("misbehave");
  work.write_config();
  auto config = content_of(work.config_file());
  config.replace(config.find(redis.url()), redis.url().size(), url);
  std::ofstream(work.config_file()) << config;
  // On the command line too: what is parsed is taken out of the title.
  ChildProcess daemon({CONDUITD_BINARY, "--config", work.config_file(), "--broker", redis.url()}, {"CONDUIT_TEST_SECRET=" + secret});
  daemon.wait_for_line("ready");
  EXPECT_EQ(work.ended(work.submit("misbehave.echo")).status, JobStatus::complete);
  const auto hosts = hosts_of(daemon.pid(), "conduit-thread");
  ASSERT_FALSE(hosts.empty());
  for (const pid_t process : {daemon.pid(), hosts.front()}) {
    for (const char* file : {"cmdline", "environ"}) {
      const auto text = content_of("/proc/" + std::to_string(process) + "/" + file);
      EXPECT_FALSE(text.empty()) << file;
      EXPECT_EQ(text.find(secret), std::string::npos) << file << " of " << process << ": " << text;
    }
  }
  daemon.signal(SIGHUP);
  daemon.wait_for_line("reloaded");
}

}  // namespace
}  // namespace conduitd::test
