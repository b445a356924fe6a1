// job cancel, retry and delete.

#include <fmt/format.h>

#include <algorithm>

#include "broker/kin.h"
#include "ctl/human.h"
#include "ctl/job_commands.h"
#include "job/id.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

std::string sentence(std::string_view outcome, std::optional<std::size_t> below) {
  std::string text;
  if (outcome == "requested") {
    text = "is running and was asked to stop";
  } else if (outcome == "ended") {
    text = "had ended before: nothing to cancel";
  } else {
    text = fmt::format("is {}", outcome);
  }
  if (!below) return text;
  return text + fmt::format("; below it {}", *below == 0 ? std::string("there was nothing to cancel") : counted(*below, "job") + (*below == 1 ? " was too" : " were too"));
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
    const auto outcome = co_await change(session, id);
    if (!outcome.has_value()) {
      if (exit_code_of(outcome.error()) == ExitCode::broker) co_return outcome.error();
      exit = worse(exit, fail(outcome.error()));
      continue;
    }
    const auto& [what, below] = outcome.value();
    Json item;
    item.set("id", id).set("outcome", what);
    if (below) item.set("below", *below);
    list.push_back(std::move(item));
    if (!program.json()) fmt::print("{} {}\n", id, sentence(what, below));
  }
  if (program.json()) program.print_json(Json(Json::Object{}).set("jobs", std::move(list)));
  co_return exit;
}

/// One of several that share a page.
asio::awaitable<void> JobChange::change_next(Session& session, const broker::JobPage& page, std::size_t& next) {
  while (next < page.jobs.size() && !error_ && changed_ < limit.value_or(UINT64_MAX)) {
    auto id = page.jobs[next++].id;
    session.allow(Millis{0});
    const auto outcome = co_await change(session, std::move(id));
    if (outcome.has_value()) {
      ++changed_;
      outcome_ = outcome.value().outcome;
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

asio::awaitable<Result<JobChange::Changed>> JobCancel::change(Session& session, std::string id) {
  // Thousands of jobs may stand below one, and they are cancelled one by one.
  constexpr Millis kForATree{3'600'000};
  CONDUIT_CO_TRY(const auto outcome, co_await session.directory().cancel(id));
  Changed out;
  out.outcome = outcome == broker::CancelOutcome::cancelled ? "cancelled" : outcome == broker::CancelOutcome::requested ? "requested" : "ended";
  // The worker that runs a job sees to the children that end with it; of one that waits nobody else would.
  if (!tree && outcome != broker::CancelOutcome::cancelled) co_return out;
  session.allow(kForATree);
  CONDUIT_CO_TRY(const auto below, co_await broker::cancel_children(session.directory(), session.flows(), std::move(id), tree));
  session.allow(Millis{0});
  if (tree || below > 0) out.below = below;
  co_return out;
}

asio::awaitable<Result<JobChange::Changed>> JobRetry::change(Session& session, std::string id) {
  CONDUIT_CO_TRY(co_await session.directory().retry(std::move(id)));
  co_return Changed{"queued"};
}

asio::awaitable<Result<JobChange::Changed>> JobDelete::change(Session& session, std::string id) {
  CONDUIT_CO_TRY(co_await session.directory().remove(std::move(id)));
  co_return Changed{"deleted"};
}

}  // namespace conduitd::ctl
