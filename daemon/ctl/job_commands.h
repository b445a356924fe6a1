#pragma once
// The commands of `conduitctl job`; job.cpp gives them their options.

#include <string>
#include <vector>

#include "ctl/session.h"
#include "ctl/table.h"

namespace conduitd::ctl {

struct JobList final : BrokerCommand {
  std::string state;
  broker::JobFilter filter;
  bool all = false;

  Result<> prepare(const Target& target) override;
  boost::asio::awaitable<Result<ExitCode>> run(Session& session) override;

 private:
  static void write_json(const broker::JobPage& page, bool first, bool last);
  void write_table(const broker::JobPage& page, const Program& program, WallTime now);
  [[nodiscard]] bool filtered() const { return filter.status || !filter.queue.empty() || !filter.task.empty(); }

  Table table{{{"JOB"}, {"TASK", false, true}, {"STATUS"}, {"TRY", true}, {"AGE", true}, {"NOTE", false, true}}};
  bool found = false;
};

struct JobShow final : BrokerCommand {
  std::string id;
  Result<> prepare(const Target& target) override;
  boost::asio::awaitable<Result<ExitCode>> run(Session& session) override;
};

struct JobLogs final : BrokerCommand {
  std::string id;
  bool follow = false;
  Result<> prepare(const Target& target) override;
  boost::asio::awaitable<Result<ExitCode>> run(Session& session) override;

 private:
  /// Prints what came since `cursor` and moves it on.
  boost::asio::awaitable<Result<>> print_new(Session& session, std::string& cursor);
  std::uint32_t last_attempt_ = 0;
};

struct JobWait final : BrokerCommand {
  std::string id;
  std::string timeout;
  Result<> prepare(const Target& target) override;
  boost::asio::awaitable<Result<ExitCode>> run(Session& session) override;

 private:
  std::optional<Millis> wait_;
};

/// cancel, retry and delete: one verb for each of several jobs.
struct JobChange : BrokerCommand {
  std::vector<std::string> ids;
  Result<> prepare(const Target& target) override;
  boost::asio::awaitable<Result<ExitCode>> run(Session& session) final;

 protected:
  /// Does it; the word for what happened: "cancelled", "requested", "ended", "queued", "deleted".
  virtual boost::asio::awaitable<Result<std::string>> change(broker::Directory& directory, std::string id) = 0;
};

struct JobCancel final : JobChange {
 protected:
  boost::asio::awaitable<Result<std::string>> change(broker::Directory& directory, std::string id) override;
};

struct JobRetry final : JobChange {
 protected:
  boost::asio::awaitable<Result<std::string>> change(broker::Directory& directory, std::string id) override;
};

struct JobDelete final : JobChange {
 protected:
  boost::asio::awaitable<Result<std::string>> change(broker::Directory& directory, std::string id) override;
};

}  // namespace conduitd::ctl
