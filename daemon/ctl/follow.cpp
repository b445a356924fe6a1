#include "ctl/follow.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>

#include "base/text.h"
#include "ctl/human.h"
#include "ctl/job_view.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

constexpr Millis kRedraw{200};

std::string bar_note(const job::JobRecord& record, WallTime now) {
  std::string note = record.progress ? record.progress->message : std::string();
  if (record.status != job::JobStatus::running || !record.progress) {
    note = status_text(record) + (note.empty() ? "" : "  " + note);
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now - record.started_at.value_or(record.created_at));
  return note + fmt::format("  {}", seconds.count() < 60 ? fmt::format("{}s", std::max<std::int64_t>(seconds.count(), 0)) : span(seconds));
}

}  // namespace

Follower::Follower(Session& session, std::string id)
    : session_(session), id_(std::move(id)), bar_(session.program().err), tasks_(session.executor()) {}

asio::awaitable<Result<std::optional<job::JobRecord>>> Follower::run(std::optional<Millis> wait) {
  auto what = fmt::format("job {} goes on; see conduitctl job wait {}", id_, id_);
  tasks_.spawn("interrupt", end_when_interrupted(bar_, std::move(what)));
  if (bar_.visible()) tasks_.spawn("progress bar", keep_drawing());
  auto outcome = co_await wait_for_end(wait);
  co_await tasks_.stop();
  bar_.clear();
  co_return outcome;
}

asio::awaitable<Result<std::optional<job::JobRecord>>> Follower::wait_for_end(std::optional<Millis> wait) {
  const auto until = session_.clock().now() + wait.value_or(Millis{0});
  while (true) {
    auto slice = kLongestWait;
    if (wait) slice = std::clamp(std::chrono::ceil<Millis>(until - session_.clock().now()), Millis{0}, kLongestWait);
    session_.allow(slice);
    CONDUIT_CO_TRY(auto record, co_await session_.directory().wait(id_, slice));
    if (!record || job::is_final(record->status)) co_return record;
    if (wait && session_.clock().now() >= until) co_return record;
  }
}

asio::awaitable<void> Follower::keep_drawing() {
  while (true) {
    const auto found = co_await session_.directory().find(id_);
    // A broker that does not answer is the waiting call's to report.
    if (found.has_value() && found.value()) {
      const auto& record = *found.value();
      const double fraction = record.progress ? record.progress->fraction : -1.0;
      bar_.draw(record.task, fraction, bar_note(record, session_.clock().wall_now()));
    }
    co_await session_.clock().sleep_for(kRedraw);
  }
}

ExitCode tell_end(const Program& program, const job::JobRecord& record, std::optional<Millis> waited) {
  if (!job::is_final(record.status)) {
    complain(fmt::format("job {} has not ended within {} ({}) and goes on; see conduitctl job show {}", record.id,
                         format_duration(waited.value_or(Millis{0})), status_text(record), record.id));
    return ExitCode::job_failed;
  }
  if (record.status == job::JobStatus::complete) {
    if (!program.json() && !record.result.empty()) fmt::print("{}\n", pretty_json(record.result));
    return ExitCode::ok;
  }
  auto why = fmt::format("job {} is {}", record.id, status_text(record));
  if (record.failure) why += ": " + failure_line(*record.failure);
  complain(fmt::format("{}; see conduitctl job show {}", why, record.id));
  return ExitCode::job_failed;
}

Result<std::optional<Millis>> parse_wait(std::string_view option, const std::string& text) {
  if (text.empty() || text == "true") return std::optional<Millis>();
  auto parsed = parse_duration(text);
  if (!parsed.has_value()) return parsed.error().within(option);
  return std::optional<Millis>(parsed.value());
}

asio::awaitable<void> end_when_interrupted(ProgressBar& bar, std::string what) {
  asio::signal_set interrupts(co_await asio::this_coro::executor, SIGINT);
  boost::system::error_code failed;
  co_await interrupts.async_wait(asio::redirect_error(asio::use_awaitable, failed));
  if (failed) co_return;
  bar.clear();
  complain(what);
  std::fflush(nullptr);
  ::signal(SIGINT, SIG_DFL);
  ::raise(SIGINT);
}

Error unfollowed(const Error& error, std::string_view what) {
  if (!error.is(Errc::refused)) return error.within(fmt::format("submitted: {}; its end cannot be told", what));
  return error.within(fmt::format("submitted: {}; but this user may not read how jobs end, so leave out --wait", what));
}

Error no_such_job(std::string_view id) {
  return {Errc::not_found, fmt::format("no job {}: it was never submitted here, was deleted, or its record has expired; "
                                       "see conduitctl job list", id)};
}

}  // namespace conduitd::ctl
