#pragma once
// submit --jsonl: many jobs from one file, checked first, then sent in batches several of which are under way at once.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ctl/line_flow.h"
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
  std::string on_success;        ///< task of a job that runs when all are complete; empty: none
  std::string on_complete;       ///< the same, when all have ended
  std::optional<job::Bytes> callback_args;

  [[nodiscard]] bool calls_back() const { return !on_success.empty() || !on_complete.empty(); }
};

/// What became of a job, for -o json.
[[nodiscard]] Json to_json(const broker::Enqueued& enqueued);

/// One file's way. Memory is bounded by the batches under way, and with `wait` by the ids. Where lines run after one another the
/// whole file is gathered, and is bounded itself.
/// Lives on the session's thread; destroy it only after run() has completed.
class BulkSubmit {
 public:
  BulkSubmit(Session& session, const BulkOptions& options, LineReader lines, TaskRegistry registry);

  boost::asio::awaitable<Result<ExitCode>> run();

 private:
  static constexpr std::size_t kBatchesAtOnce = 4;
  static constexpr std::size_t kBatchBytes = 4 * 1024 * 1024;  // so that large jobs do not fill the memory
  static constexpr std::size_t kMostGatheredBytes = 256 * 1024 * 1024;
  static constexpr std::uint64_t kFaultsReported = 100;

  struct Batch {
    std::vector<job::NewJob> jobs;
    std::vector<std::uint64_t> lines;  ///< of the jobs, where the file is not gathered
    LineFlow::Jobs gathered;           ///< which jobs of the file they are, where it is gathered
    std::size_t bytes = 0;
    std::optional<Result<std::vector<broker::Enqueued>>> outcome;
  };
  using Wave = std::vector<Batch>;

  /// Reads everything once and reports each bad line, in the order of the lines.
  boost::asio::awaitable<Result<>> check();
  boost::asio::awaitable<Result<std::vector<LineFault>>> unknown_jobs();
  Result<> read_all();
  [[nodiscard]] Error too_many() const;
  boost::asio::awaitable<Result<>> send();
  /// The next job that can be submitted; a bad line on the way is reported. Nothing at the end.
  Result<std::optional<job::Request>> next_job();
  Result<Wave> next_wave();
  /// Of what may be large in it.
  static std::size_t size_of(const job::NewJob& job);
  boost::asio::awaitable<void> deliver(Batch& batch);
  Result<> settle(const Wave& wave);
  void count(const broker::Enqueued& enqueued, std::uint64_t line);
  /// A bad line, which may have a ref; nothing if that cannot be told.
  void report(std::uint64_t line, std::string_view what, const std::optional<std::string>& ref);

  // Where lines run after one another (bulk_flow.cpp).
  boost::asio::awaitable<Result<>> send_gathered();
  Result<> gather();
  boost::asio::awaitable<Result<>> send_wave(const LineFlow::Jobs& jobs);
  Batch next_batch(const LineFlow::Jobs& jobs, std::size_t& next);
  bool resolve(std::size_t job);
  Result<> settle_gathered(const Wave& wave);
  void print_gathered() const;

  // What runs when all has ended (bulk_flow.cpp).
  Result<> prepare_callbacks();
  boost::asio::awaitable<Result<>> send_callbacks();

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

  std::optional<std::vector<LineFault>> faults_;           // the first ones, while they are not said at once
  LineFlow flow_;
  std::map<std::string, std::uint64_t> earlier_;           // jobs that are there already, by id, and the first line that runs after each
  std::vector<job::Request> requests_;                     // of the whole file, where it is gathered
  std::vector<std::uint64_t> numbers_;                     // of their lines
  std::vector<std::optional<broker::Enqueued>> outcomes_;  // and what became of them
  std::vector<job::NewJob> callbacks_;

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
