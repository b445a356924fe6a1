#include "ctl/bulk.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <iterator>
#include <set>

#include "base/text.h"
#include "ctl/follow.h"
#include "ctl/human.h"
#include "ctl/job_view.h"
#include "job/request.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

constexpr std::uint64_t kEndsReported = 10;
constexpr std::size_t kWaiters = 64;                   // jobs awaited at once

}  // namespace

Json to_json(const broker::Enqueued& enqueued) {
  Json out{Json::Object{}};
  out.set("id", enqueued.id).set("created", enqueued.created);
  if (enqueued.repeated) out.set("repeated", true);
  if (enqueued.rejected) out.set("rejected", true);
  if (!enqueued.replaced.empty()) out.set("replaced", enqueued.replaced);
  return out;
}

BulkSubmit::BulkSubmit(Session& session, const BulkOptions& options, LineReader lines, TaskRegistry registry)
    : session_(session),
      options_(options),
      lines_(std::move(lines)),
      registry_(std::move(registry)),
      started_(session.clock().now()),
      bar_(session.program().err),
      tasks_(session.executor()) {}

asio::awaitable<Result<ExitCode>> BulkSubmit::run() {
  CONDUIT_CO_TRY(prepare_callbacks());
  if (!options_.skip_bad) {
    CONDUIT_CO_TRY(co_await check());
    session_.allow(Millis{0});
    if (bad_ > 0) {
      complain(fmt::format("{} of {} in {} cannot be submitted, so nothing was; mend them, or give --skip-bad", grouped(bad_),
                           counted(bad_ + good_, "line"), lines_.name()));
      co_return ExitCode::usage;
    }
    CONDUIT_CO_TRY(lines_.rewind());
  }
  Result<> sent = ok();
  if (flow_.any()) {
    sent = co_await send_gathered();
  } else {
    sent = co_await send();
  }
  bar_.clear();
  if (!sent.has_value()) co_return sent.error();
  tell_submitted();
  if (options_.calls_back()) {
    CONDUIT_CO_TRY(co_await send_callbacks());
  }
  const auto so_far = rejected_ > 0 ? ExitCode::usage : ExitCode::ok;
  if (!options_.wait) co_return so_far;
  CONDUIT_CO_TRY(const auto ends, co_await wait_for_all());
  co_return worse(so_far, ends);
}

asio::awaitable<Result<>> BulkSubmit::check() {
  faults_.emplace();
  auto read = read_all();
  auto faults = *std::exchange(faults_, std::nullopt);
  if (read.has_value()) {
    auto more = flow_.faults();
    CONDUIT_CO_TRY(auto unknown, co_await unknown_jobs());
    std::ranges::move(unknown, std::back_inserter(more));
    std::set<std::uint64_t> lines;
    for (auto& fault : more) {
      if (lines.insert(fault.line).second) {
        ++bad_;
        --good_;
      }
      faults.push_back(std::move(fault));
    }
  }
  std::ranges::stable_sort(faults, {}, &LineFault::line);
  for (std::size_t i = 0; i < faults.size() && i < kFaultsReported; ++i) complain(fmt::format("{}:{}: {}", lines_.name(), faults[i].line, faults[i].what));
  if (faults.size() > kFaultsReported) complain("more bad lines are counted, not shown");
  co_return read;
}

/// Ids that lines run after and nobody has. Of more than one call can ask for, the broker says when they are submitted.
asio::awaitable<Result<std::vector<LineFault>>> BulkSubmit::unknown_jobs() {
  std::vector<LineFault> out;
  if (earlier_.empty() || earlier_.size() > job::kMostAwaited) co_return out;
  std::vector<std::string> ids;
  for (const auto& [id, line] : earlier_) ids.push_back(id);
  session_.allow(Millis{0});
  CONDUIT_CO_TRY(const auto glances, co_await session_.flows().look(std::move(ids), false));
  for (const auto& one : glances) {
    if (!one.exists) out.push_back({earlier_.at(one.id), fmt::format("after: there is no job {}", one.id)});
  }
  co_return out;
}

Result<> BulkSubmit::read_all() {
  while (true) {
    CONDUIT_TRY(const auto job, next_job());
    if (!job) break;
    ++good_;
    flow_.add(line_, *job);
    for (const auto& id : job->job.after) {
      if (earlier_.size() <= job::kMostAwaited) earlier_.emplace(id, line_);
    }
    if (flow_.too_many()) return too_many();
  }
  if (options_.calls_back() && good_ > job::kMostAwaited) {
    return Error(Errc::invalid_argument, fmt::format("{} has {}, and a callback runs after at most {}; make more files of it, or leave out --on-success and "
                                                     "--on-complete", lines_.name(), counted(good_, "job"), grouped(job::kMostAwaited)));
  }
  return ok();
}

void BulkSubmit::report(std::uint64_t line, std::string_view what, const std::optional<std::string>& ref) {
  ++bad_;
  if (faults_) {
    flow_.add_bad(line, ref);
    if (faults_->size() <= kFaultsReported) faults_->push_back({line, std::string(what)});
    return;
  }
  if (bad_ <= kFaultsReported) complain(fmt::format("{}:{}: {}", lines_.name(), line, what));
  if (bad_ == kFaultsReported) complain("more bad lines are counted, not shown");
}

Result<std::optional<job::Request>> BulkSubmit::next_job() {
  while (true) {
    if (faults_ && flow_.too_many()) return too_many();
    CONDUIT_TRY(const auto line, lines_.next());
    if (!line) return std::optional<job::Request>();
    line_ = line->number;
    if (line->text.find_first_not_of(" \t\r") == std::string_view::npos && !line->too_long) continue;
    if (line->too_long) {
      report(line_, "the line is too long", std::nullopt);
      continue;
    }
    auto request = job::read_request(line->text, session_.limits());
    if (!request.has_value()) {
      report(line_, request.error().message(), job::ref_of(line->text, session_.limits()));
      continue;
    }
    auto& job = request.value().job;
    auto queue = registry_.queue_of(job.task);
    if (!queue.has_value()) {
      report(line_, queue.error().message(), request.value().ref);
      continue;
    }
    if (options_.skip_bad && (!request.value().ref.empty() || !request.value().after_refs.empty())) {
      report(line_, "lines that run after one another are submitted all or none; leave out --skip-bad", request.value().ref);
      continue;
    }
    if (const auto warning = registry_.take_warning(job.task); !warning.empty()) complain(warning);
    if (!request.value().names_queue) job.queue = std::move(queue.value());
    return std::optional<job::Request>(std::move(request.value()));
  }
}

std::size_t BulkSubmit::size_of(const job::NewJob& job) {
  constexpr std::size_t kId = 64;
  return job.args.size() + job.after.size() * kId;
}

Result<BulkSubmit::Wave> BulkSubmit::next_wave() {
  Wave wave;
  while (wave.size() < kBatchesAtOnce) {
    Batch batch;
    while (batch.jobs.size() < broker::Broker::kMaxBatch && batch.bytes < kBatchBytes) {
      CONDUIT_TRY(auto job, next_job());
      if (!job) break;
      batch.bytes += size_of(job->job);
      batch.lines.push_back(line_);
      batch.jobs.push_back(std::move(job->job));
    }
    if (batch.jobs.empty()) break;
    wave.push_back(std::move(batch));
  }
  return wave;
}

/// While one wave is on its way the next one is read.
asio::awaitable<Result<>> BulkSubmit::send() {
  CONDUIT_CO_TRY(auto wave, next_wave());
  while (!wave.empty()) {
    session_.allow(Millis{0});
    for (auto& batch : wave) tasks_.spawn("batch", deliver(batch));
    co_await asio::post(asio::use_awaitable);  // the batches set out before the reading goes on
    auto following = next_wave();
    co_await tasks_.wait_idle();
    CONDUIT_CO_TRY(settle(wave));
    if (!following.has_value()) co_return following.error();
    wave = std::move(following.value());
  }
  co_return ok();
}

asio::awaitable<void> BulkSubmit::deliver(Batch& batch) {
  auto jobs = std::move(batch.jobs);
  batch.outcome = co_await session_.broker().enqueue(std::move(jobs));
}

Result<> BulkSubmit::settle(const Wave& wave) {
  for (const auto& batch : wave) {
    const auto& outcome = *batch.outcome;
    if (!outcome.has_value()) {
      const auto before = accepted_ == 0 ? std::string("no job is known to be accepted")
                                         : fmt::format("the lines before {} were accepted ({} jobs)", batch.lines.front(),
                                                       grouped(accepted_));
      const auto what = fmt::format("{}, lines {} to {} may have been: see conduitctl job list", before, batch.lines.front(),
                                    wave.back().lines.back());
      auto error = outcome.error();
      error.context = fmt::format("{}; {}", error.context, what);
      return error;
    }
    for (std::size_t i = 0; i < outcome.value().size(); ++i) {
      const auto& enqueued = outcome.value()[i];
      if (session_.program().json()) session_.program().print_json(to_json(enqueued));
      count(enqueued, batch.lines[i]);
    }
  }
  bar_.draw(fmt::format("submitting {}", lines_.name()), good_ == 0 ? -1.0 : static_cast<double>(accepted_) / static_cast<double>(good_),
            counted(accepted_, "job"));
  return ok();
}

void BulkSubmit::count(const broker::Enqueued& enqueued, std::uint64_t line) {
  if (enqueued.rejected) {
    if (++rejected_ <= kFaultsReported) complain(fmt::format("{}:{}: not submitted: job {} holds the unique key", lines_.name(), line, enqueued.id));
    return;
  }
  ++accepted_;
  created_ += enqueued.created ? 1 : 0;
  if (options_.wait || options_.calls_back()) ids_.push_back(enqueued.id);
}

void BulkSubmit::tell_submitted() const {
  if (rejected_ > 0) complain(fmt::format("{} kept out: other jobs hold their unique keys", counted(rejected_, "job")));
  if (bad_ > 0) complain(fmt::format("{} of {} skipped", counted(bad_, "bad line"), lines_.name()));
  if (session_.program().json()) return;
  const auto took = std::chrono::duration_cast<Millis>(session_.clock().now() - started_);
  auto text = fmt::format("{} submitted in {}", counted(accepted_, "job"), span(took));
  if (created_ != accepted_) text += fmt::format("; {} of them had been there already", grouped(accepted_ - created_));
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

asio::awaitable<Result<ExitCode>> BulkSubmit::wait_for_all() {
  wait_until_ = session_.clock().now() + options_.longest_wait.value_or(Millis{0});
  auto what = fmt::format("{} submitted; those that have not ended go on; see conduitctl job list", counted(accepted_, "job"));
  TaskGroup interrupt(session_.executor());
  interrupt.spawn("interrupt", end_when_interrupted(bar_, std::move(what)));
  for (std::size_t i = 0; i < std::min(kWaiters, ids_.size()); ++i) tasks_.spawn("wait", wait_for_some());
  co_await tasks_.wait_idle();
  co_await interrupt.stop();
  bar_.clear();
  if (wait_error_) co_return unfollowed(*wait_error_, counted(accepted_, "job"));
  co_return tell_ends();
}

/// One of several that share the list of ids.
asio::awaitable<void> BulkSubmit::wait_for_some() {
  while (next_id_ < ids_.size() && !wait_error_) {
    const auto& id = ids_[next_id_++];
    while (true) {
      auto slice = kLongestWait;
      if (options_.longest_wait) {
        const auto left = std::chrono::ceil<Millis>(wait_until_ - session_.clock().now());
        slice = std::clamp(left, Millis{0}, kLongestWait);
      }
      session_.allow(slice);
      auto record = co_await session_.directory().wait(id, slice);
      if (!record.has_value()) {
        wait_error_ = record.error();
        co_return;
      }
      const bool over = options_.longest_wait && session_.clock().now() >= wait_until_;
      if (record.value() && !job::is_final(record.value()->status) && !over) continue;
      count_end(id, record.value());
      break;
    }
  }
}

void BulkSubmit::count_end(const std::string& id, const std::optional<job::JobRecord>& record) {
  const auto status = !record ? "gone" : job::is_final(record->status) ? job::to_string(record->status) : "not ended";
  ++ends_[std::string(status)];
  ++ended_;
  bar_.draw("waiting", static_cast<double>(ended_) / static_cast<double>(ids_.size()),
            fmt::format("{} of {}", grouped(ended_), grouped(ids_.size())));
  if (!record || !job::is_final(record->status) || record->status == job::JobStatus::complete) return;
  if (++complaints_ > kEndsReported) return;
  bar_.clear();
  complain(fmt::format("job {} is {}{}", id, status_text(*record),
                       record->failure ? ": " + failure_line(*record->failure) : std::string()));
}

ExitCode BulkSubmit::tell_ends() const {
  const auto complete = ends_.find("complete");
  const bool all_well = complete != ends_.end() ? complete->second == ids_.size() : ids_.empty();
  if (session_.program().json()) {
    Json summary{Json::Object{}};
    summary.set("jobs", ids_.size());
    for (const auto& [status, number] : ends_) summary.set(status == "not ended" ? "not_ended" : status, number);
    session_.program().print_json(Json(Json::Object{}).set("summary", std::move(summary)));
  } else {
    std::string text;
    for (const auto& [status, number] : ends_) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", grouped(number), status);
    const auto took = std::chrono::duration_cast<Millis>(session_.clock().now() - started_);
    fmt::print("{} after {}\n", text, span(took));
  }
  if (ends_.contains("not ended")) {
    complain(fmt::format("{} not ended within {} and go on; see conduitctl job list",
                         counted(ends_.at("not ended"), "job"), format_duration(options_.longest_wait.value_or(Millis{0}))));
  }
  return all_well ? ExitCode::ok : ExitCode::job_failed;
}

}  // namespace conduitd::ctl
