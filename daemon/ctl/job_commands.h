#pragma once
// The commands of `conduitctl job`; job.cpp gives them their options.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ctl/job_filter.h"
#include "ctl/session.h"
#include "ctl/table.h"

namespace conduitd::ctl {

struct JobList final : BrokerCommand {
  JobFilterOptions only;
  broker::JobFilter filter;
  bool all = false;

  Result<> prepare(const Target& target) override;
  boost::asio::awaitable<Result<ExitCode>> run(Session& session) override;

 private:
  static void write_json(const broker::JobPage& page, bool first, bool last);
  void write_table(const broker::JobPage& page, const Program& program, WallTime now);

  Table table{{{"JOB"}, {"TASK", false, true}, {"STATUS"}, {"TRY", true}, {"AGE", true}, {"NOTE", false, true}}};
  bool found = false;
};

struct JobShow final : BrokerCommand {
  std::string id;
  Result<> prepare(const Target& target) override;
  boost::asio::awaitable<Result<ExitCode>> run(Session& session) override;
};

struct JobTree final : BrokerCommand {
  std::string id;
  bool root = false;
  bool all = false;
  std::int64_t depth = INT64_MAX;
  std::int64_t limit = 20'000;
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

/// cancel, retry and delete: one verb for each of several jobs, named by their ids or, where `only` has options, by a filter.
struct JobChange : BrokerCommand {
  std::vector<std::string> ids;
  JobFilterOptions only;
  std::optional<std::uint64_t> limit;  ///< of the filter
  bool yes = false;                    ///< every failed job is meant
  Result<> prepare(const Target& target) override;
  boost::asio::awaitable<Result<ExitCode>> run(Session& session) final;

 protected:
  struct Changed {
    std::string outcome;                       ///< "cancelled", "requested", "ended", "queued", "deleted"
    std::optional<std::size_t> below = {};     ///< jobs below it that were cancelled or asked to stop; nothing: none were looked for
  };
  /// Does it, and says what happened.
  virtual boost::asio::awaitable<Result<Changed>> change(Session& session, std::string id) = 0;

 private:
  boost::asio::awaitable<Result<ExitCode>> run_ids(Session& session);
  boost::asio::awaitable<Result<ExitCode>> run_filter(Session& session);
  boost::asio::awaitable<void> change_next(Session& session, const broker::JobPage& page, std::size_t& next);

  broker::JobFilter filter_;
  std::uint64_t changed_ = 0;
  std::uint64_t passed_over_ = 0;  ///< somebody else changed them first
  std::string outcome_;
  std::optional<Error> error_;
};

struct JobCancel final : JobChange {
  bool tree = false;

 protected:
  boost::asio::awaitable<Result<Changed>> change(Session& session, std::string id) override;
};

struct JobRetry final : JobChange {
 protected:
  boost::asio::awaitable<Result<Changed>> change(Session& session, std::string id) override;
};

struct JobDelete final : JobChange {
 protected:
  boost::asio::awaitable<Result<Changed>> change(Session& session, std::string id) override;
};

}  // namespace conduitd::ctl
