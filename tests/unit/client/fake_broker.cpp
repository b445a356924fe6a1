#include "fake_broker.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

#include "broker/open.h"

namespace asio = boost::asio;

namespace conduitd::test {
namespace {

constexpr std::chrono::seconds kDeadline{10};
std::atomic<FakeBrokerScript*> script = nullptr;  // each test program runs one test at a time

Error not_here() { return {Errc::unsupported, "the fake broker has no such thing"}; }

class FakeBroker final : public broker::Broker, public broker::Directory {
 public:
  explicit FakeBroker(asio::any_io_executor executor) : timer_(std::move(executor)) {}

  asio::awaitable<Result<std::vector<broker::Enqueued>>> enqueue(std::vector<job::NewJob> jobs) override {
    const auto error = script.load()->take_batch(jobs);
    co_await wait_while_held();
    if (error) co_return *error;
    std::vector<broker::Enqueued> out;
    for (const auto& job : jobs) out.emplace_back().id = fmt::format("{}:{}", job.queue, ++accepted_);
    co_return out;
  }
  asio::awaitable<Result<std::optional<job::JobRecord>>> find(std::string id) override {
    co_await wait_while_held();
    job::JobRecord record;
    record.id = std::move(id);
    co_return std::optional(std::move(record));
  }
  asio::awaitable<Result<std::optional<job::JobRecord>>> wait(std::string id, Millis wait) override {
    struct Counted {
      Counted() { script.load()->count_wait(1); }
      ~Counted() { script.load()->count_wait(-1); }
      Counted(const Counted&) = delete;
      Counted& operator=(const Counted&) = delete;
    } const counted;
    asio::steady_timer timer(co_await asio::this_coro::executor, wait);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    job::JobRecord record;
    record.id = std::move(id);
    co_return std::optional(std::move(record));
  }
  asio::awaitable<Result<std::optional<broker::Standing>>> standing(std::string, std::vector<job::Limit>, std::vector<std::string>) override { co_return not_here(); }
  asio::awaitable<Result<broker::CancelOutcome>> cancel(std::string) override { co_return not_here(); }
  asio::awaitable<void> close() override {
    script.load()->set_closed();
    co_return;
  }

  // What a client does not use.
  asio::awaitable<Result<std::vector<job::Claim>>> claim(broker::ClaimRequest) override { co_return not_here(); }
  void interrupt_claim() override {}
  asio::awaitable<Result<std::vector<broker::LeaseState>>> extend(std::vector<job::Lease>) override { co_return not_here(); }
  asio::awaitable<Result<std::vector<broker::LeaseState>>> report(std::vector<job::Report>) override { co_return not_here(); }
  asio::awaitable<Result<std::vector<broker::Settled>>> settle(std::vector<job::Settlement>) override { co_return not_here(); }
  asio::awaitable<Result<broker::Promotion>> promote_due(std::size_t) override { co_return not_here(); }
  asio::awaitable<Result<broker::Reclaimed>> reclaim_expired(broker::ReclaimRequest) override { co_return not_here(); }
  asio::awaitable<Result<std::vector<broker::Mended>>> reconcile() override { co_return not_here(); }
  void on_notice(std::function<void(const broker::Notice&)>) override {}
  asio::awaitable<Result<broker::JobPage>> list(broker::JobFilter) override { co_return not_here(); }
  asio::awaitable<Result<broker::LogPage>> logs(std::string, std::string, std::size_t) override { co_return not_here(); }
  asio::awaitable<Result<>> retry(std::string) override { co_return not_here(); }
  asio::awaitable<Result<>> remove(std::string) override { co_return not_here(); }
  asio::awaitable<Result<std::vector<broker::QueueInfo>>> queues() override { co_return not_here(); }
  asio::awaitable<Result<>> set_queue_paused(std::string, bool) override { co_return not_here(); }
  asio::awaitable<Result<>> set_task_paused(std::string, bool) override { co_return not_here(); }
  asio::awaitable<Result<std::uint64_t>> purge(std::string, std::string) override { co_return not_here(); }
  asio::awaitable<Result<std::vector<broker::TaskInfo>>> tasks() override {
    co_return script.load()->tasks();
  }
  asio::awaitable<Result<std::vector<broker::WorkerInfo>>> workers() override { co_return not_here(); }
  asio::awaitable<Result<>> heartbeat(broker::WorkerInfo, std::vector<broker::TaskInfo>, Millis) override {
    co_return not_here();
  }
  asio::awaitable<Result<>> farewell(std::string) override { co_return not_here(); }
  asio::awaitable<Result<std::vector<std::string>>> warnings() override { co_return not_here(); }

 private:
  asio::awaitable<void> wait_while_held() {
    while (script.load()->held()) {
      timer_.expires_after(std::chrono::milliseconds(1));
      boost::system::error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }

  asio::steady_timer timer_;
  std::uint64_t accepted_ = 0;
};

}  // namespace

FakeBrokerScript::FakeBrokerScript() { script = this; }
FakeBrokerScript::~FakeBrokerScript() { script = nullptr; }

void FakeBrokerScript::refuse_to_open(std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  open_error_ = std::move(error);
}
void FakeBrokerScript::fail_enqueues(std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  enqueue_error_ = std::move(error);
}
void FakeBrokerScript::announce(broker::TaskInfo task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
}
std::vector<broker::TaskInfo> FakeBrokerScript::tasks() {
  const std::lock_guard lock(mutex_);
  return tasks_;
}
void FakeBrokerScript::hold() {
  const std::lock_guard lock(mutex_);
  held_ = true;
}
void FakeBrokerScript::let_go() {
  const std::lock_guard lock(mutex_);
  held_ = false;
}
void FakeBrokerScript::await_batches(std::size_t count) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kDeadline, [&] { return batches_.size() >= count; })) {
    throw std::runtime_error(fmt::format("{} of {} batches came", batches_.size(), count));
  }
}
void FakeBrokerScript::await_waits(std::size_t count) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kDeadline, [&] { return waits_ == count; })) {
    throw std::runtime_error(fmt::format("{} waits are under way, not {}", waits_, count));
  }
}
std::vector<std::vector<job::NewJob>> FakeBrokerScript::batches() {
  const std::lock_guard lock(mutex_);
  return batches_;
}
bool FakeBrokerScript::closed() {
  const std::lock_guard lock(mutex_);
  return closed_;
}
std::optional<Error> FakeBrokerScript::open_error() {
  const std::lock_guard lock(mutex_);
  return open_error_;
}
std::optional<Error> FakeBrokerScript::take_batch(const std::vector<job::NewJob>& jobs) {
  const std::lock_guard lock(mutex_);
  batches_.push_back(jobs);
  changed_.notify_all();
  return enqueue_error_;
}
bool FakeBrokerScript::held() {
  const std::lock_guard lock(mutex_);
  return held_;
}
void FakeBrokerScript::count_wait(int change) {
  const std::lock_guard lock(mutex_);
  waits_ += static_cast<std::size_t>(change);
  changed_.notify_all();
}
void FakeBrokerScript::set_closed() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

}  // namespace conduitd::test

// Takes the place of the real one: the archive's is left out when this is there.
boost::asio::awaitable<conduitd::Result<conduitd::broker::Connection>> conduitd::broker::open(
    boost::asio::any_io_executor executor, Clock&, Options) {
  if (const auto error = test::script.load()->open_error()) co_return *error;
  auto broker = std::make_unique<test::FakeBroker>(std::move(executor));
  auto* directory = broker.get();
  co_return Connection{std::move(broker), directory};
}
