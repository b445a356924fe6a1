#include "support/worker.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "config/load.h"
#include "support/redis_server.h"

namespace fs = std::filesystem;

namespace conduitd::test {
namespace {

struct SqliteStore final : Store {
  [[nodiscard]] std::string url() const override { return "sqlite://" + dir.file("conduit.db"); }
  TempDir dir;
};

struct RedisStore final : Store {
  [[nodiscard]] std::string url() const override { return server.url(); }
  [[nodiscard]] int late_descriptors() const override { return kRedisLateDescriptors; }
  RedisServer server;
};

template <class T>
T value_of(Result<T> result) {
  if (!result.has_value()) throw std::runtime_error(result.error().message());
  return std::move(result.value());
}

}  // namespace

std::vector<StoreKind> all_stores() {
  return {{"Sqlite", [] { return std::make_unique<SqliteStore>(); }}, {"Redis", [] { return std::make_unique<RedisStore>(); }}};
}

std::vector<pid_t> hosts_of(pid_t worker, const std::string& name) {
  std::vector<pid_t> found;
  std::ifstream zygotes("/proc/" + std::to_string(worker) + "/task/" + std::to_string(worker) + "/children");
  for (pid_t zygote = 0; zygotes >> zygote;) {
    std::ifstream children("/proc/" + std::to_string(zygote) + "/task/" + std::to_string(zygote) + "/children");
    for (pid_t host = 0; children >> host;) {
      std::string comm;
      std::getline(std::ifstream("/proc/" + std::to_string(host) + "/comm"), comm);
      if (comm == name) found.push_back(host);
    }
  }
  return found;
}

pid_t zygote_of(pid_t worker) {
  pid_t zygote = 0;
  std::ifstream("/proc/" + std::to_string(worker) + "/task/" + std::to_string(worker) + "/children") >> zygote;
  return zygote;
}

Workplace::Workplace(const StoreKind& kind) : store_(kind.make()) {
  fs::create_directory(plugin_directory());
  fs::permissions(plugin_directory(), fs::perms::owner_all);
}

Workplace::~Workplace() {
  end_workers();
  if (connection_) test::run(io, connection_->broker->close());
}

void Workplace::install(const std::string& plugin) {
  install_file(fmt::format("{}/{}/{}.so", CONDUIT_TEST_PLUGINS, plugin, plugin));
}

void Workplace::install_file(const fs::path& source) {
  const auto target = fmt::format("{}/{}", plugin_directory(), source.filename().string());
  fs::copy_file(source, target + ".new", fs::copy_options::overwrite_existing);
  ::chmod((target + ".new").c_str(), 0755);
  fs::rename(target + ".new", target);
}

void Workplace::write_config() {
  std::ofstream(config_file()) << top_config << "[broker]\nurl = \"" << store_->url() << "\"\n[plugins]\ndirectory = \""
                               << plugin_directory() << "\"\n"
                               << executors << extra_config;
}

void Workplace::expect_all_given_back(ChildProcess& worker) {
  const auto before = when_ready_.find(worker.pid());
  // Of a test that has failed, nobody knows what still goes on.
  if (before == when_ready_.end() || testing::Test::HasFailure()) return;
  auto most = allowed;
  most.descriptors += store_->late_descriptors();
  most.descriptors_per_host = 2;  // its pipe of frames, and that of what it prints
  const auto children = static_cast<int>(config::load(config_file()).config.executors.process.children);
  for (const auto& [name, count] : std::map<std::string, int>{
           {"conduit-zygote", 1}, {"conduit-async", 1}, {"conduit-thread", 1}, {"conduit-process", children}}) {
    most.below[name] += count;
  }
  expect_given_back(worker.pid(), before->second, most, fmt::format("worker {}", worker.pid()));
}

void Workplace::end_workers() {
  for (auto& worker : workers_) {
    if (worker.running()) expect_all_given_back(worker);
    if (!worker.running()) continue;
    worker.signal(SIGCONT);
    // The second one hurries it; two of the same kind might arrive as one.
    worker.signal(SIGTERM);
    worker.signal(SIGINT);
    try {
      worker.wait_for_exit();
    } catch (const std::exception& late) {
      ADD_FAILURE() << "worker " << worker.pid() << ", asked to end at the end of the test: " << late.what();
      worker.signal(SIGKILL);
    }
  }
  if (!workers_.empty()) expect_none_left(mark_, "the worker", allowed.patience);
  workers_.clear();
  when_ready_.clear();
}

ChildProcess& Workplace::launch(std::vector<std::string> arguments) {
  write_config();
  auto command = wrapper;
  command.insert(command.end(), {CONDUITD_BINARY, "--config", config_file()});
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto variables = environment;
  variables.push_back(mark_.variable());
  return workers_.emplace_back(command, variables);
}

void Workplace::wait_until_ready(ChildProcess& worker) {
  worker.wait_for_line(" ready");
  when_ready_[worker.pid()] = holdings_of(worker.pid());
}

ChildProcess& Workplace::start() {
  auto& worker = launch();
  wait_until_ready(worker);
  return worker;
}

broker::Connection& Workplace::broker() {
  if (!connection_) {
    broker::Options options;
    options.url = store_->url();
    connection_ = value_of(test::run(io, broker::open(io.get_executor(), clock_, options)));
  }
  return *connection_;
}

std::string Workplace::submit(const std::string& task, const std::string& args) {
  job::NewJob job;
  job.task = task;
  job.args = args;
  return submit(std::move(job));
}

std::string Workplace::submit(job::NewJob job) {
  std::vector<job::NewJob> jobs{std::move(job)};
  return value_of(test::run(io, broker().broker->enqueue(std::move(jobs)))).at(0).id;
}

job::JobRecord Workplace::ended(const std::string& id, Millis deadline) {
  auto waiting = test::start(io, broker().directory->wait(id, deadline));
  test::run_until(io, [&] { return waiting.done(); }, deadline + Millis{5'000});
  const auto record = value_of(waiting.take());
  if (!record) throw std::runtime_error(id + ": no such job");
  if (!job::is_final(record->status)) {
    throw std::runtime_error(fmt::format("{} has not ended:\n{}\nworker:\n{}", id, job::to_json(*record).text(true),
                                         workers_.empty() ? "none" : workers_.back().output()));
  }
  return *record;
}

job::JobRecord Workplace::record(const std::string& id) {
  const auto found = value_of(test::run(io, broker().directory->find(id)));
  if (!found) throw std::runtime_error(id + ": no such job");
  return *found;
}

job::JobRecord Workplace::until(const std::string& id, const std::function<bool(const job::JobRecord&)>& condition) {
  job::JobRecord last;
  const auto end = clock_.now() + kDeadline;
  while (clock_.now() < end) {
    last = record(id);
    if (condition(last)) return last;
    test::run_for(io, Millis{10});
  }
  throw std::runtime_error("the record never became so:\n" + job::to_json(last).text(true) + "\nworker:\n" +
                           (workers_.empty() ? "none" : workers_.back().output()));
}

std::vector<job::LogLine> Workplace::logs(const std::string& id) {
  return value_of(test::run(io, broker().directory->logs(id, "", 1'000))).lines;
}

}  // namespace conduitd::test
