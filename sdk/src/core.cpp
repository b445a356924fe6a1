#include "core.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

namespace asio = boost::asio;

namespace conduit::detail {

using conduitd::Error;
using conduitd::Millis;
using conduitd::Result;
using conduitd::broker::CancelOutcome;
using conduitd::broker::Enqueued;
using conduitd::job::JobRecord;
using conduitd::job::NewJob;

namespace {

constexpr auto kNever = asio::steady_timer::time_point::max();

asio::awaitable<void> until_fired(asio::steady_timer& timer) {
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

/// Wakes whoever waits for the timer now or will.
void end(asio::steady_timer& timer) { timer.expires_at(asio::steady_timer::time_point::min()); }

asio::awaitable<void> at_most(asio::awaitable<void> work, Millis limit) {
  using asio::experimental::awaitable_operators::operator||;
  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  auto timeout = until_fired(timer);
  co_await (std::move(work) || std::move(timeout));
}

}  // namespace

Core::Core(conduitd::broker::Options options)
    : options_(std::move(options)),
      keep_running_(loop_.get_executor()),
      opened_(loop_, kNever),
      routes_(clock_),
      stopping_(loop_.get_executor()),
      work_(loop_.get_executor()) {
  // The program's signals are for its own threads: this one inherits a mask that takes none.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { loop_.run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Core::~Core() {
  if (!stop_begun_) stop(Millis{0}, [] {});
  thread_.join();
}

void Core::open(Reply<bool> reply) {
  asio::post(loop_, [this, reply = std::move(reply)]() mutable {
    work_.spawn("open", run_open(std::move(reply)));
  });
}

void Core::submit(std::vector<Submit> parts) {
  asio::post(loop_, [this, parts = std::move(parts)]() mutable {
    if (work_.stopping()) return;
    std::move(parts.begin(), parts.end(), std::back_inserter(submits_));
    if (submitting_) return;
    submitting_ = true;
    work_.spawn("submit", run_submits());
  });
}

void Core::submit_more(std::vector<Submit> parts) { std::move(parts.begin(), parts.end(), std::back_inserter(submits_)); }

void Core::trigger(conduitd::job::NewEvent event, Reply<conduitd::broker::Triggered> reply) {
  asio::post(loop_, [this, event = std::move(event), reply = std::move(reply)]() mutable {
    work_.spawn("trigger", run_trigger(std::move(event), std::move(reply)));
  });
}

void Core::find(std::string id, Reply<std::optional<JobRecord>> reply) {
  asio::post(loop_, [this, id = std::move(id), reply = std::move(reply)]() mutable {
    work_.spawn("find", run_find(std::move(id), std::move(reply)));
  });
}

void Core::wait(std::uint64_t number, std::string id, Millis timeout, Reply<std::optional<JobRecord>> reply) {
  asio::post(loop_, [this, number, id = std::move(id), timeout, reply = std::move(reply)]() mutable {
    // Entered before the coroutine is started, so that a cancel close behind is not missed.
    waits_.emplace(number, std::make_unique<asio::steady_timer>(loop_, kNever));
    work_.spawn("wait", run_wait(number, std::move(id), timeout, std::move(reply)));
  });
}

void Core::cancel_wait(std::uint64_t number) {
  asio::post(loop_, [this, number] {
    if (const auto found = waits_.find(number); found != waits_.end()) end(*found->second);
  });
}

void Core::cancel(std::string id, Reply<CancelOutcome> reply) {
  asio::post(loop_, [this, id = std::move(id), reply = std::move(reply)]() mutable {
    work_.spawn("cancel", run_cancel(std::move(id), std::move(reply)));
  });
}

void Core::stop(Millis grace, std::function<void()> done) {
  stop_begun_ = true;
  asio::post(loop_, [this, grace, done = std::move(done)]() mutable {
    stopping_.spawn("stop", run_stop(grace, std::move(done)));
  });
}

asio::awaitable<Result<>> Core::ensure_open() {
  if (connection_.broker) co_return conduitd::ok();
  if (!opening_) {
    opening_ = true;
    work_.spawn("open broker", open_broker());
  }
  while (opening_) co_await until_fired(opened_);
  if (connection_.broker) co_return conduitd::ok();
  co_return *open_error_;
}

asio::awaitable<void> Core::open_broker() {
  auto options = options_;
  auto opened = co_await conduitd::broker::open(loop_.get_executor(), clock_, std::move(options));
  if (opened.has_value()) {
    connection_ = std::move(opened.value());
  } else {
    open_error_ = opened.error();
  }
  opening_ = false;
  opened_.cancel();
}

asio::awaitable<void> Core::run_open(Reply<bool> reply) {
  const auto opened = co_await ensure_open();
  if (opened.has_value()) {
    reply.give(true);
  } else {
    reply.give(opened.error());
  }
}

std::vector<Submit> Core::take_batch() {
  std::vector<Submit> batch;
  std::size_t jobs = 0;
  while (!submits_.empty() && jobs + submits_.front().jobs.size() <= conduitd::broker::Broker::kMaxBatch) {
    auto before = SubmitStage::waiting;
    submits_.front().stage->compare_exchange_strong(before, SubmitStage::sent);
    if (before != SubmitStage::withdrawn) {  // an earlier part of the same call may have set `sent`
      jobs += submits_.front().jobs.size();
      batch.push_back(std::move(submits_.front()));
    }
    submits_.pop_front();
  }
  return batch;
}

namespace {

std::vector<NewJob> take_jobs(std::vector<Submit>& batch) {
  std::vector<NewJob> jobs;
  for (auto& submit : batch) std::move(submit.jobs.begin(), submit.jobs.end(), std::back_inserter(jobs));
  return jobs;
}

void give_out(std::vector<Submit>& batch, const std::vector<std::size_t>& sizes, Result<std::vector<Enqueued>> answer) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!answer.has_value()) {
      batch[i].reply.give(answer.error());
      continue;
    }
    const auto begin = std::make_move_iterator(answer.value().begin() + static_cast<std::ptrdiff_t>(at));
    batch[i].reply.give(std::vector<Enqueued>(begin, begin + static_cast<std::ptrdiff_t>(sizes[i])));
    at += sizes[i];
  }
}

}  // namespace

asio::awaitable<void> Core::run_submits() {
  while (!submits_.empty()) {
    const auto opened = co_await ensure_open();
    if (!opened.has_value()) {
      for (auto& submit : submits_) submit.reply.give(opened.error());
      submits_.clear();
      break;
    }
    // One turn of the loop, so that the submits handed over together go out together.
    co_await asio::post(loop_, asio::use_awaitable);
    auto batch = take_batch();
    if (batch.empty()) continue;
    std::vector<std::size_t> sizes;
    for (const auto& submit : batch) sizes.push_back(submit.jobs.size());
    auto jobs = take_jobs(batch);
    co_await routes_.name_queues(*connection_.directory, jobs);
    auto answer = co_await connection_.broker->enqueue(std::move(jobs));
    give_out(batch, sizes, std::move(answer));
  }
  submitting_ = false;
}

asio::awaitable<void> Core::run_trigger(conduitd::job::NewEvent event, Reply<conduitd::broker::Triggered> reply) {
  const auto opened = co_await ensure_open();
  if (!opened.has_value()) {
    reply.give(opened.error());
    co_return;
  }
  auto triggered = co_await connection_.events->trigger(std::move(event));
  reply.give(std::move(triggered));
}

asio::awaitable<void> Core::run_find(std::string id, Reply<std::optional<JobRecord>> reply) {
  const auto opened = co_await ensure_open();
  if (!opened.has_value()) {
    reply.give(opened.error());
    co_return;
  }
  auto record = co_await connection_.directory->find(std::move(id));
  reply.give(std::move(record));
}

asio::awaitable<void> Core::run_wait(std::uint64_t number, std::string id, Millis timeout,
                                     Reply<std::optional<JobRecord>> reply) {
  using asio::experimental::awaitable_operators::operator||;
  auto stopped = until_fired(*waits_.at(number));
  auto waited = wait_for_record(std::move(id), timeout);
  auto outcome = co_await (std::move(waited) || std::move(stopped));
  waits_.erase(number);
  if (outcome.index() == 0) reply.give(std::move(std::get<0>(outcome)));
}

asio::awaitable<Result<std::optional<JobRecord>>> Core::wait_for_record(std::string id, Millis timeout) {
  const auto opened = co_await ensure_open();
  if (!opened.has_value()) co_return opened.error();
  co_return co_await connection_.directory->wait(std::move(id), timeout);
}

asio::awaitable<void> Core::run_cancel(std::string id, Reply<CancelOutcome> reply) {
  const auto opened = co_await ensure_open();
  if (!opened.has_value()) {
    reply.give(opened.error());
    co_return;
  }
  auto outcome = co_await connection_.directory->cancel(std::move(id));
  reply.give(std::move(outcome));
}

asio::awaitable<void> Core::run_stop(Millis grace, std::function<void()> done) {
  for (const auto& [number, timer] : waits_) end(*timer);
  auto idle = work_.wait_idle();
  co_await at_most(std::move(idle), grace);
  co_await work_.stop();
  submits_.clear();
  if (connection_.broker) {
    auto close = connection_.broker->close();
    co_await at_most(std::move(close), options_.command_timeout);
  }
  connection_ = {};
  keep_running_.reset();
  done();
}

}  // namespace conduit::detail
