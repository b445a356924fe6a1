#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <deque>

#include "ctl/follow.h"
#include "ctl/job_commands.h"
#include "ctl/job_view.h"
#include "job/id.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

constexpr std::size_t kLinesInPage = 1'000;
constexpr std::size_t kLinesShown = 10;  // by job show
constexpr Millis kLook{200};             // between looks at a job whose log is followed

/// The last few lines of a job's log.
asio::awaitable<Result<std::vector<job::LogLine>>> last_lines(Session& session, std::string id) {
  std::deque<job::LogLine> kept;
  std::string cursor;
  while (true) {
    CONDUIT_CO_TRY(auto page, co_await session.directory().logs(id, cursor, kLinesInPage));
    session.allow(Millis{0});
    for (auto& line : page.lines) kept.push_back(std::move(line));
    while (kept.size() > kLinesShown) kept.pop_front();
    if (page.lines.size() < kLinesInPage) break;
    cursor = std::move(page.next);
  }
  co_return std::vector<job::LogLine>(kept.begin(), kept.end());
}

}  // namespace

Result<> JobShow::prepare(const Target& /*target*/) {
  CONDUIT_TRY(job::parse_id(id));
  return ok();
}

asio::awaitable<Result<ExitCode>> JobShow::run(Session& session) {
  CONDUIT_CO_TRY(const auto record, co_await session.directory().find(id));
  if (!record) co_return no_such_job(id);
  if (session.program().json()) {
    session.program().print_json(job::to_json(*record));
    co_return ExitCode::ok;
  }
  CONDUIT_CO_TRY(const auto lines, co_await last_lines(session, id));
  fmt::print("{}", job_page(*record, lines, session.program().out, session.clock().wall_now()));
  co_return ExitCode::ok;
}

Result<> JobLogs::prepare(const Target& /*target*/) {
  CONDUIT_TRY(job::parse_id(id));
  return ok();
}

asio::awaitable<Result<ExitCode>> JobLogs::run(Session& session) {
  std::string cursor;
  auto wait = Millis{0};
  while (true) {
    // The state first, then the lines: what a job wrote before it ended is not missed.
    session.allow(wait);
    CONDUIT_CO_TRY(const auto record, co_await session.directory().wait(id, wait));
    if (!record) co_return no_such_job(id);
    CONDUIT_CO_TRY(co_await print_new(session, cursor));
    if (!follow || job::is_final(record->status)) co_return ExitCode::ok;
    wait = kLook;
  }
}

asio::awaitable<Result<>> JobLogs::print_new(Session& session, std::string& cursor) {
  const auto& program = session.program();
  while (true) {
    CONDUIT_CO_TRY(auto page, co_await session.directory().logs(id, cursor, kLinesInPage));
    session.allow(Millis{0});
    for (const auto& line : page.lines) {
      if (program.json()) {
        program.print_json(job::to_json(line));
        continue;
      }
      if (last_attempt_ != 0 && line.attempt != last_attempt_) {
        fmt::print("{}\n", styled(program.out, Style::dim, fmt::format("-- attempt {}", line.attempt)));
      }
      last_attempt_ = line.attempt;
      fmt::print("{}", log_text(line, program.out));
    }
    std::fflush(stdout);
    cursor = std::move(page.next);
    if (page.lines.size() < kLinesInPage) co_return ok();
  }
}

}  // namespace conduitd::ctl
