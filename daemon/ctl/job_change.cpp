// job cancel, retry and delete.

#include <fmt/format.h>

#include <algorithm>

#include "ctl/human.h"
#include "ctl/job_commands.h"
#include "job/id.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

std::string sentence(std::string_view outcome) {
  if (outcome == "requested") return "is running and was asked to stop";
  if (outcome == "ended") return "had ended before: nothing to cancel";
  return std::string("is ") + std::string(outcome);
}

}  // namespace

Result<> JobChange::prepare(const Target& /*target*/) {
  const auto usage = [](const char* what) { return Error(Errc::invalid_argument, what); };
  if (!ids.empty() && (only.given() || limit || yes)) return usage("jobs are named by their ids or by a filter; leave out one of them");
  if (ids.empty() && !only.given() && !yes) {
    return usage("which jobs? Name their ids, give --state, --reason, --queue or --task, or --yes for every failed job");
  }
  if (limit && *limit == 0) return usage("--limit: 0 is not allowed: 1 or more");
  if (ids.empty()) {
    CONDUIT_TRY(filter_, make_filter(only));
    if (!filter_.status) filter_.status = job::JobStatus::failed;
  }
  for (const auto& id : ids) {
    CONDUIT_TRY(job::parse_id(id));
  }
  return ok();
}

asio::awaitable<Result<ExitCode>> JobChange::run(Session& session) { return ids.empty() ? run_filter(session) : run_ids(session); }

asio::awaitable<Result<ExitCode>> JobChange::run_ids(Session& session) {
  const auto& program = session.program();
  auto exit = ExitCode::ok;
  Json::Array list;
  for (const auto& id : ids) {
    session.allow(Millis{0});
    const auto outcome = co_await change(session.directory(), id);
    if (!outcome.has_value()) {
      if (exit_code_of(outcome.error()) == ExitCode::broker) co_return outcome.error();
      exit = worse(exit, fail(outcome.error()));
      continue;
    }
    list.push_back(Json(Json::Object{}).set("id", id).set("outcome", outcome.value()));
    if (!program.json()) fmt::print("{} {}\n", id, sentence(outcome.value()));
  }
  if (program.json()) program.print_json(Json(Json::Object{}).set("jobs", std::move(list)));
  co_return exit;
}

/// One of several that share a page.
asio::awaitable<void> JobChange::change_next(Session& session, const broker::JobPage& page, std::size_t& next) {
  while (next < page.jobs.size() && !error_ && changed_ < limit.value_or(UINT64_MAX)) {
    auto id = page.jobs[next++].id;
    session.allow(Millis{0});
    const auto outcome = co_await change(session.directory(), std::move(id));
    if (outcome.has_value()) {
      ++changed_;
      outcome_ = outcome.value();
    } else if (exit_code_of(outcome.error()) == ExitCode::broker) {
      error_ = outcome.error();
    } else {
      ++passed_over_;
    }
  }
}

/// Page after page, from the newest back: what was changed is not met again.
asio::awaitable<Result<ExitCode>> JobChange::run_filter(Session& session) {
  constexpr std::size_t kPage = 500;
  constexpr std::size_t kAtOnce = 32;
  TaskGroup tasks(session.executor());
  do {
    auto asked = filter_;
    const auto left = limit.value_or(UINT64_MAX) - changed_;
    asked.limit = std::min<std::size_t>(kPage, left);
    CONDUIT_CO_TRY(const auto page, co_await session.directory().list(std::move(asked)));
    filter_.cursor = page.next;
    std::size_t next = 0;
    // More at once than the limit allows would be more than were asked for.
    const auto lanes = std::min<std::size_t>({kAtOnce, page.jobs.size(), left});
    for (std::size_t i = 0; i < lanes; ++i) tasks.spawn("change a job", change_next(session, page, next));
    co_await tasks.wait_idle();
  } while (!error_ && !filter_.cursor.empty() && changed_ < limit.value_or(UINT64_MAX));
  if (error_) {
    if (changed_ > 0) error_->context = fmt::format("{}; {} were changed before", error_->context, counted(changed_, "job"));
    co_return *error_;
  }
  if (session.program().json()) {
    Json answer;
    answer.set("outcome", outcome_.empty() ? Json() : Json(outcome_)).set("changed", changed_).set("passed_over", passed_over_);
    session.program().print_json(answer);
    co_return ExitCode::ok;
  }
  fmt::print("{} {}\n", counted(changed_, "job"), changed_ == 0 ? "changed" : outcome_);
  if (passed_over_ > 0) complain(fmt::format("{} passed over: somebody else changed them first", counted(passed_over_, "job")));
  co_return ExitCode::ok;
}

asio::awaitable<Result<std::string>> JobCancel::change(broker::Directory& directory, std::string id) {
  CONDUIT_CO_TRY(const auto outcome, co_await directory.cancel(std::move(id)));
  switch (outcome) {
    case broker::CancelOutcome::cancelled: co_return "cancelled";
    case broker::CancelOutcome::requested: co_return "requested";
    case broker::CancelOutcome::ended: break;
  }
  co_return "ended";
}

asio::awaitable<Result<std::string>> JobRetry::change(broker::Directory& directory, std::string id) {
  CONDUIT_CO_TRY(co_await directory.retry(std::move(id)));
  co_return "queued";
}

asio::awaitable<Result<std::string>> JobDelete::change(broker::Directory& directory, std::string id) {
  CONDUIT_CO_TRY(co_await directory.remove(std::move(id)));
  co_return "deleted";
}

}  // namespace conduitd::ctl
