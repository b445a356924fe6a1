#pragma once
// submit --jsonl: many jobs from one file, checked first, then sent in batches several of which are under way at once.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ctl/line_reader.h"
#include "ctl/progress_bar.h"
#include "ctl/session.h"
#include "ctl/task_registry.h"

namespace conduitd::ctl {

struct BulkOptions {
  std::string file;              ///< "-" is standard input
  bool skip_bad = false;         ///< submit the good lines of a bad file
  bool allow_unknown = false;
  bool wait = false;
  std::optional<Millis> longest_wait;
};

/// What became of a job, for -o json.
[[nodiscard]] Json to_json(const broker::Enqueued& enqueued);

/// One file's way. Memory is bounded by the batches under way, and with `wait` by the ids.
/// Lives on the session's thread; destroy it only after run() has completed.
class BulkSubmit {
 public:
  BulkSubmit(Session& session, const BulkOptions& options, LineReader lines, TaskRegistry registry);

  boost::asio::awaitable<Result<ExitCode>> run();

 private:
  struct Batch {
    std::vector<job::NewJob> jobs;
    std::size_t bytes = 0;
    std::uint64_t first_line = 0;
    std::uint64_t last_line = 0;
    std::optional<Result<std::vector<broker::Enqueued>>> outcome;
  };
  using Wave = std::vector<Batch>;

  /// Reads everything once and reports each bad line.
  Result<> check();
  boost::asio::awaitable<Result<>> send();
  /// The next job that can be submitted; a bad line on the way is reported. Nothing at the end.
  Result<std::optional<job::NewJob>> next_job();
  Result<Wave> next_wave();
  boost::asio::awaitable<void> deliver(Batch& batch);
  Result<> settle(const Wave& wave);
  void report(std::string_view what);
  void tell_submitted() const;

  boost::asio::awaitable<Result<ExitCode>> wait_for_all();
  boost::asio::awaitable<void> wait_for_some();
  void count_end(const std::string& id, const std::optional<job::JobRecord>& record);
  ExitCode tell_ends() const;

  Session& session_;
  const BulkOptions& options_;
  LineReader lines_;
  TaskRegistry registry_;
  std::uint64_t line_ = 0;
  std::uint64_t bad_ = 0;
  std::uint64_t good_ = 0;
  std::uint64_t created_ = 0;
  std::uint64_t rejected_ = 0;
  std::uint64_t accepted_ = 0;
  SteadyTime started_;

  std::vector<std::string> ids_;       // of all jobs, if they will be waited for
  std::size_t next_id_ = 0;
  std::map<std::string, std::uint64_t> ends_;  // status -> jobs
  std::uint64_t ended_ = 0;
  std::uint64_t complaints_ = 0;
  SteadyTime wait_until_{};
  std::optional<Error> wait_error_;
  ProgressBar bar_;
  TaskGroup tasks_;
};

}  // namespace conduitd::ctl
