#include "ctl/job_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/text.h"
#include "ctl/human.h"
#include "ctl/job_view.h"
#include "ctl/json_text.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

constexpr std::size_t kLargestPage = 1'000;

/// "running 42%": the state and, while it is worth a look, how far the job has come.
std::string state_text(const job::JobRecord& record) {
  auto text = std::string(job::to_string(record.status));
  if (!record.progress || job::is_final(record.status)) return text;
  return text + fmt::format(" {:.0f}%", std::floor(std::clamp(record.progress->fraction, 0.0, 1.0) * 100));
}

std::string note_text(const job::JobRecord& record) {
  if (record.cancel_requested && !job::is_final(record.status)) return "asked to stop";
  if (record.failure && record.status != job::JobStatus::complete) {
    const auto reason = record.reason == job::FailureReason::none ? "" : fmt::format("{}: ", job::to_string(record.reason));
    return reason + failure_line(*record.failure);
  }
  return record.progress && !job::is_final(record.status) ? record.progress->message : std::string();
}

void add_row(Table& table, const job::JobRecord& record, WallTime now) {
  table.add({{record.id},
             {record.task},
             {state_text(record), style_of(record.status)},
             {record.counters.attempts == 0 ? "" : fmt::format("{}", record.counters.attempts)},
             {age(record.created_at, now)},
             {note_text(record)}});
}

}  // namespace

Result<> JobList::prepare(const Target& /*target*/) {
  const auto limit = filter.limit;
  auto cursor = std::move(filter.cursor);
  CONDUIT_TRY(filter, make_filter(only));
  filter.limit = limit;
  filter.cursor = std::move(cursor);
  if (filter.limit < 1 || filter.limit > kLargestPage) {
    return Error(Errc::invalid_argument,
                 fmt::format("--limit: {} is not allowed: 1 to {} are; --all lists everything", filter.limit, kLargestPage));
  }
  if (all) filter.limit = kLargestPage;
  return ok();
}

asio::awaitable<Result<ExitCode>> JobList::run(Session& session) {
  const auto& program = session.program();
  bool first = true;
  while (true) {
    auto asked = filter;
    CONDUIT_CO_TRY(const auto page, co_await session.directory().list(std::move(asked)));
    session.allow(Millis{0});
    filter.cursor = all ? page.next : std::string();
    if (program.json()) {
      write_json(page, first, filter.cursor.empty());
    } else {
      write_table(page, program, session.clock().wall_now());
    }
    first = false;
    if (filter.cursor.empty()) co_return ExitCode::ok;
  }
}

/// A page of {"jobs":[...],"next":...}: with --all the document is written as the pages come.
void JobList::write_json(const broker::JobPage& page, bool first, bool last) {
  if (first) fmt::print("{{\"jobs\":[");
  for (const auto& record : page.jobs) {
    fmt::print("{}{}", first ? "" : ",", json_line(job::to_json(record).text()));
    first = false;
  }
  if (last) fmt::print("],\"next\":{}}}\n", page.next.empty() ? "null" : json_line(Json(page.next).text()));
}

void JobList::write_table(const broker::JobPage& page, const Program& program, WallTime now) {
  for (const auto& record : page.jobs) add_row(table, record, now);
  if (!table.empty()) {
    found = true;
    fmt::print("{}", table.take(program.out));
  }
  if (!found && page.next.empty()) fmt::print("No jobs{}.\n", only.given() ? " match" : " yet");
  // For people only: a list in a pipe stays a list.
  if (!all && !page.next.empty()) {
    std::fflush(stdout);
    fmt::print(stderr, "There are more: add --cursor {} for the next page, or --all.\n", escape_control(page.next));
  }
}

}  // namespace conduitd::ctl
