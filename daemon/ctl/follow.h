#pragma once
// Waiting for a job to end, with a bar to look at meanwhile.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "ctl/progress_bar.h"
#include "ctl/session.h"

namespace conduitd::ctl {

/// Of one call to the broker; longer waits are several.
inline constexpr Millis kLongestWait{60'000};

/// Waits for one job. At a terminal a bar shows its progress, looked up a few times a second.
/// Lives on the session's thread; destroy it only after run() has completed.
class Follower {
 public:
  Follower(Session& session, std::string id);

  /// The record when the job has ended, or as it is when `wait` is over (none: waits as long as it takes).
  /// Nothing if there is no such job.
  boost::asio::awaitable<Result<std::optional<job::JobRecord>>> run(std::optional<Millis> wait);

 private:
  boost::asio::awaitable<Result<std::optional<job::JobRecord>>> wait_for_end(std::optional<Millis> wait);
  boost::asio::awaitable<void> keep_drawing();

  Session& session_;
  std::string id_;
  ProgressBar bar_;
  TaskGroup tasks_;
};

/// Says how an awaited job ended: the result on standard output, or why it failed on standard error.
/// A job that has not ended is an ExitCode::job_failed too, with a word on how to go on.
[[nodiscard]] ExitCode tell_end(const Program& program, const job::JobRecord& record, std::optional<Millis> waited);

/// --wait and --timeout: absent, "true" (a bare flag) or a duration.
[[nodiscard]] Result<std::optional<Millis>> parse_wait(std::string_view option, const std::string& text);

/// Ends the program when Ctrl-C comes, as that does anyhow, and says before what becomes of the jobs and how to go on.
boost::asio::awaitable<void> end_when_interrupted(ProgressBar& bar, std::string what);

/// Why the end of jobs that were submitted cannot be told; `what` names them: "job default:01J..." or "the jobs".
[[nodiscard]] Error unfollowed(const Error& error, std::string_view what);

/// The error for a job that is not there.
[[nodiscard]] Error no_such_job(std::string_view id);

}  // namespace conduitd::ctl
