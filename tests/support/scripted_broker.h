#pragma once
// A broker in memory that does what a test tells it: hands out what is put in, keeps what is settled, fails on command.

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "broker/directory.h"

namespace conduitd::test {

class ScriptedBroker final : public broker::Broker, public broker::Directory {
 public:
  explicit ScriptedBroker(boost::asio::any_io_executor executor)
      : wake_(executor, boost::asio::steady_timer::time_point::max()) {}

  // --- What a test sets and reads -------------------------------------------------------------------------------
  std::deque<job::Claim> waiting;
  std::vector<job::Settlement> settled;
  std::vector<job::Report> reports;
  std::vector<job::NewJob> enqueued;
  std::vector<std::vector<job::Lease>> extended;
  std::vector<std::string> calls;       ///< "report", "settle", in order
  std::optional<Error> fault;           ///< every call fails with it
  int failing_settles = 0;              ///< the next so many settles are applied and then reported as failed
  broker::LeaseState lease_answer = broker::LeaseState::held;
  std::size_t largest_claim = 0;
  std::size_t reconciled = 0;           ///< how often it was asked to
  std::vector<broker::Mended> mended;   ///< what the next reconcile says
  std::function<void(const broker::Notice&)> notice;

  void put(job::Claim claim) {
    waiting.push_back(std::move(claim));
    wake_.cancel();
  }

  // --- Broker ---------------------------------------------------------------------------------------------------
  boost::asio::awaitable<Result<std::vector<broker::Enqueued>>> enqueue(std::vector<job::NewJob> jobs) override {
    if (fault) co_return *fault;
    std::vector<broker::Enqueued> ids;
    for (auto& job : jobs) {
      ids.emplace_back().id = "default:" + std::to_string(enqueued.size());
      enqueued.push_back(std::move(job));
    }
    co_return ids;
  }

  boost::asio::awaitable<Result<std::vector<job::Claim>>> claim(broker::ClaimRequest request) override {
    if (fault) co_return *fault;
    auto claims = take(request);
    if (claims.empty() && request.wait > Millis{0}) {
      boost::system::error_code woken;
      co_await wake_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
      claims = take(request);
    }
    co_return claims;
  }
  std::vector<job::Claim> take(broker::ClaimRequest& request) {
    std::vector<job::Claim> claims;
    std::size_t wanted = 0;
    for (auto& group : request.groups) {
      wanted += group.most;
      for (std::size_t taken = 0; taken < group.most;) {
        const auto found = std::find_if(waiting.begin(), waiting.end(), [&group](const auto& claim) {
          return source_of(group, claim) != nullptr;
        });
        if (found == waiting.end()) break;
        --source_of(group, *found)->most;
        claims.push_back(std::move(*found));
        waiting.erase(found);
        ++taken;
      }
    }
    largest_claim = std::max(largest_claim, wanted);
    return claims;
  }
  /// Where a claim may still be taken from.
  static broker::Source* source_of(broker::ClaimGroup& group, const job::Claim& claim) {
    const auto found = std::find_if(group.sources.begin(), group.sources.end(), [&claim](const auto& source) {
      return source.task == claim.lease.task && source.queue == claim.lease.queue && source.most > 0;
    });
    return found != group.sources.end() ? &*found : nullptr;
  }
  void interrupt_claim() override { wake_.cancel(); }

  boost::asio::awaitable<Result<std::vector<broker::LeaseState>>> extend(std::vector<job::Lease> leases) override {
    if (fault) co_return *fault;
    std::vector<broker::LeaseState> states(leases.size(), lease_answer);
    extended.push_back(std::move(leases));
    co_return states;
  }

  boost::asio::awaitable<Result<std::vector<broker::LeaseState>>> report(std::vector<job::Report> batch) override {
    if (fault) co_return *fault;
    calls.emplace_back("report");
    std::vector<broker::LeaseState> states(batch.size(), lease_answer);
    std::move(batch.begin(), batch.end(), std::back_inserter(reports));
    co_return states;
  }

  boost::asio::awaitable<Result<std::vector<broker::Settled>>> settle(std::vector<job::Settlement> batch) override {
    if (fault) co_return *fault;
    calls.emplace_back("settle");
    std::vector<broker::Settled> states;
    for (auto& one : batch) {
      const bool repeated = std::any_of(settled.begin(), settled.end(), [&one](const auto& old) {
        return old.lease.job_id == one.lease.job_id && old.lease.attempt == one.lease.attempt;
      });
      states.push_back(repeated ? broker::Settled::repeated : broker::Settled::applied);
      if (!repeated) settled.push_back(std::move(one));
    }
    if (failing_settles > 0) {
      --failing_settles;
      co_return Error(Errc::timed_out, "settle: no answer");
    }
    co_return states;
  }

  boost::asio::awaitable<Result<broker::Promotion>> promote_due(std::size_t) override {
    if (fault) co_return *fault;
    co_return broker::Promotion{};
  }
  boost::asio::awaitable<Result<broker::Reclaimed>> reclaim_expired(broker::ReclaimRequest) override {
    if (fault) co_return *fault;
    co_return broker::Reclaimed{};
  }
  boost::asio::awaitable<Result<std::vector<broker::Mended>>> reconcile() override {
    if (fault) co_return *fault;
    ++reconciled;
    co_return std::exchange(mended, {});
  }
  void on_notice(std::function<void(const broker::Notice&)> handler) override { notice = std::move(handler); }
  boost::asio::awaitable<void> close() override { co_return; }

  // --- Directory: only what a worker calls ----------------------------------------------------------------------
  std::vector<broker::WorkerInfo> announced;

  boost::asio::awaitable<Result<>> heartbeat(broker::WorkerInfo worker, std::vector<broker::TaskInfo>, Millis) override {
    announced.push_back(std::move(worker));
    co_return ok();
  }
  boost::asio::awaitable<Result<>> farewell(std::string) override { co_return ok(); }
  boost::asio::awaitable<Result<std::vector<std::string>>> warnings() override { co_return std::vector<std::string>{}; }
  boost::asio::awaitable<Result<std::optional<job::JobRecord>>> find(std::string) override { co_return nothing(); }
  boost::asio::awaitable<Result<broker::JobPage>> list(broker::JobFilter) override { co_return nothing(); }
  boost::asio::awaitable<Result<broker::LogPage>> logs(std::string, std::string, std::size_t) override { co_return nothing(); }
  boost::asio::awaitable<Result<std::optional<job::JobRecord>>> wait(std::string, Millis) override { co_return nothing(); }
  boost::asio::awaitable<Result<std::optional<broker::Standing>>> standing(std::string, std::vector<job::Limit>) override { co_return nothing(); }
  boost::asio::awaitable<Result<broker::CancelOutcome>> cancel(std::string) override { co_return nothing(); }
  boost::asio::awaitable<Result<>> retry(std::string) override { co_return nothing(); }
  boost::asio::awaitable<Result<>> remove(std::string) override { co_return nothing(); }
  boost::asio::awaitable<Result<std::vector<broker::QueueInfo>>> queues() override { co_return nothing(); }
  boost::asio::awaitable<Result<>> set_queue_paused(std::string, bool) override { co_return nothing(); }
  boost::asio::awaitable<Result<>> set_task_paused(std::string, bool) override { co_return nothing(); }
  boost::asio::awaitable<Result<std::uint64_t>> purge(std::string) override { co_return nothing(); }
  boost::asio::awaitable<Result<std::vector<broker::TaskInfo>>> tasks() override { co_return nothing(); }
  boost::asio::awaitable<Result<std::vector<broker::WorkerInfo>>> workers() override { co_return nothing(); }

 private:
  static Error nothing() { return Error(Errc::unsupported, "the scripted broker does not keep records"); }
  boost::asio::steady_timer wake_;
};

}  // namespace conduitd::test
