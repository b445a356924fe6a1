#pragma once
// The real conduitd with a configuration, plugins and a broker of one test's own, and a producer beside it.

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "broker/open.h"
#include "support/child_process.h"
#include "support/leaks.h"
#include "support/loop.h"
#include "support/temp_dir.h"

namespace conduitd::test {

/// Where the jobs are: a database file, or a server that lives as long as this.
struct Store {
  virtual ~Store() = default;
  [[nodiscard]] virtual std::string url() const = 0;
  /// Descriptors that a worker opens towards it only after it was ready.
  [[nodiscard]] virtual int late_descriptors() const { return 0; }
};

/// Of a worker on Redis: the connection on which claims wait, and the one on which notices come.
inline constexpr int kRedisLateDescriptors = 2;

struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<Store>()> make;
};
inline std::ostream& operator<<(std::ostream& out, const StoreKind& kind) { return out << kind.name; }

/// Every broker a worker can have, for INSTANTIATE_TEST_SUITE_P.
[[nodiscard]] std::vector<StoreKind> all_stores();

/// The hosts of one kind ("conduit-async", "conduit-thread", "conduit-process") below a worker: children of its zygote.
[[nodiscard]] std::vector<pid_t> hosts_of(pid_t worker, const std::string& name);
/// 0 if it has none now.
[[nodiscard]] pid_t zygote_of(pid_t worker);

/// At its end it looks whether the workers that still run have given back what they took since they were ready, ends them, and looks
/// whether anything that they started lives on: each fails the test.
class Workplace {
 public:
  explicit Workplace(const StoreKind& kind);
  ~Workplace();
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  /// More lines for the config file; written at the next start or reload. `executors` replaces the [executors] tables.
  std::string extra_config;
  std::string executors =
      "[executors]\ngrace = \"500ms\"\n[executors.thread]\nthreads = 2\n[executors.process]\nchildren = 2\ngrace = \"500ms\"\n";
  /// Of the workers started from now on, beside the test's own: "NAME=value".
  std::vector<std::string> environment;
  /// Put before the command line of the workers started from now on: a program that becomes another one.
  std::vector<std::string> wrapper;
  /// What a worker may hold more at the end of the test than when it was ready.
  Allowance allowed;
  std::string top_config = "lease = \"1s\"\ndrain_timeout = \"5s\"\n";

  /// Puts a test plugin (tests/plugins) into the plugin directory, as an installer does: under its name by rename.
  void install(const std::string& plugin);
  /// The same with any file.
  void install_file(const std::filesystem::path& source);
  void write_config();
  /// Starts a worker; returns when it is ready.
  ChildProcess& start();
  /// Starts one without waiting; what it holds is not watched until it is said to be ready.
  ChildProcess& launch(std::vector<std::string> arguments = {});
  void wait_until_ready(ChildProcess& worker);
  /// In the environment of all that is started here.
  [[nodiscard]] const ProcessMark& mark() const { return mark_; }
  /// Fails the test if the worker holds more than when it was ready. It should be idle, or be so soon.
  void expect_all_given_back(ChildProcess& worker);
  /// What the destructor does to the workers; the test is over for them.
  void end_workers();

  std::string submit(const std::string& task, const std::string& args = "{}");
  std::string submit(job::NewJob job);
  /// The record of a job once it has ended. Throws after `deadline`.
  job::JobRecord ended(const std::string& id, Millis deadline = Millis{20'000});
  /// The record as it is now.
  job::JobRecord record(const std::string& id);
  /// Waits until the job's record is as asked.
  job::JobRecord until(const std::string& id, const std::function<bool(const job::JobRecord&)>& condition);
  std::vector<job::LogLine> logs(const std::string& id);
  broker::Connection& broker();

  [[nodiscard]] const TempDir& dir() const { return dir_; }
  [[nodiscard]] std::string url() const { return store_->url(); }
  [[nodiscard]] std::string config_file() const { return dir_.file("conduit.toml"); }
  [[nodiscard]] std::string plugin_directory() const { return dir_.file("plugins"); }

  boost::asio::io_context io;

 private:
  TempDir dir_;
  std::unique_ptr<Store> store_;
  SystemClock clock_;
  std::optional<broker::Connection> connection_;
  ProcessMark mark_;
  std::list<ChildProcess> workers_;
  std::map<pid_t, Holdings> when_ready_;
};

}  // namespace conduitd::test
