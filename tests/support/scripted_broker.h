#pragma once
// A broker in memory that does what a test tells it: hands out what is put in, keeps what is settled, fails on command.

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "broker/directory.h"
#include "broker/events.h"
#include "broker/flows.h"
#include "broker/outlook.h"

namespace conduitd::test {

class ScriptedBroker final : public broker::Broker, public broker::Directory, public broker::Flows, public broker::Events, public broker::Outlook {
 public:
  explicit ScriptedBroker(boost::asio::any_io_executor executor)
      : wake_(executor, boost::asio::steady_timer::time_point::max()) {}

  // --- What a test sets and reads -------------------------------------------------------------------------------
  std::deque<job::Claim> waiting;
  std::vector<job::Settlement> settled;
  std::vector<job::NewEvent> events;
  std::vector<job::Report> reports;
  std::vector<job::NewJob> enqueued;
  std::vector<std::vector<job::Lease>> extended;
  std::vector<std::string> calls;       ///< "report", "settle", in order
  std::optional<Error> fault;           ///< every call fails with it
  int failing_settles = 0;              ///< the next so many settles are applied and then reported as failed
  broker::LeaseState lease_answer = broker::LeaseState::held;
  std::size_t largest_claim = 0;
  std::map<std::string, std::size_t> asked_about;  ///< how often would_give() was asked about a task
  std::size_t reconciled = 0;           ///< how often it was asked to
  std::vector<broker::Mended> mended;   ///< what the next reconcile says
  std::function<void(const broker::Notice&)> notice;
  std::function<void()> on_report;      ///< called once, within the next report()

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
    const auto available = [&request](const broker::Source* source) { return source != nullptr && job::times_in(request.free, source->needs) > 0; };
    for (auto& group : request.groups) {
      wanted += group.most;
      for (std::size_t taken = 0; taken < group.most;) {
        const auto found = std::find_if(waiting.begin(), waiting.end(), [&](const auto& claim) { return available(source_of(group, claim)); });
        if (found == waiting.end()) break;
        auto* source = source_of(group, *found);
        --source->most;
        for (const auto& [name, units] : source->needs) request.free[name] -= units;
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

  boost::asio::awaitable<Result<std::vector<bool>>> would_give(broker::ClaimRequest request) override {
    if (fault) co_return *fault;
    std::vector<bool> out;
    for (const auto& group : request.groups) {
      for (const auto& source : group.sources) {
        ++asked_about[source.task];
        out.push_back(std::any_of(waiting.begin(), waiting.end(), [&source](const auto& claim) {
          return source.task == claim.lease.task && source.queue == claim.lease.queue;
        }));
      }
    }
    co_return out;
  }

  boost::asio::awaitable<Result<std::vector<broker::LeaseState>>> extend(std::vector<job::Lease> leases) override {
    if (fault) co_return *fault;
    std::vector<broker::LeaseState> states(leases.size(), lease_answer);
    extended.push_back(std::move(leases));
    co_return states;
  }

  boost::asio::awaitable<Result<std::vector<broker::LeaseState>>> report(std::vector<job::Report> batch) override {
    if (fault) co_return *fault;
    if (const auto meanwhile = std::exchange(on_report, nullptr)) meanwhile();
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
  boost::asio::awaitable<Result<std::optional<broker::Standing>>> standing(std::string, std::vector<job::Limit>, std::vector<std::string>) override { co_return nothing(); }
  boost::asio::awaitable<Result<broker::CancelOutcome>> cancel(std::string id) override {
    cancelled.push_back(std::move(id));
    co_return broker::CancelOutcome::requested;
  }
  boost::asio::awaitable<Result<>> retry(std::string) override { co_return nothing(); }
  boost::asio::awaitable<Result<>> remove(std::string) override { co_return nothing(); }
  boost::asio::awaitable<Result<std::vector<broker::QueueInfo>>> queues() override { co_return nothing(); }
  boost::asio::awaitable<Result<>> set_queue_paused(std::string, bool) override { co_return nothing(); }
  boost::asio::awaitable<Result<>> set_task_paused(std::string, bool) override { co_return nothing(); }
  boost::asio::awaitable<Result<std::uint64_t>> purge(std::string, std::string) override { co_return nothing(); }
  boost::asio::awaitable<Result<std::vector<broker::TaskInfo>>> tasks() override {
    if (!known_tasks) co_return nothing();
    co_return *known_tasks;
  }
  boost::asio::awaitable<Result<std::vector<broker::WorkerInfo>>> workers() override { co_return nothing(); }
  boost::asio::awaitable<Result<>> subscribe(std::vector<job::Subscription>, Millis) override { co_return nothing(); }
  boost::asio::awaitable<Result<>> withdraw(std::vector<std::string>, Millis) override { co_return nothing(); }
  boost::asio::awaitable<Result<std::vector<broker::SubscriptionState>>> subscriptions() override { co_return nothing(); }
  boost::asio::awaitable<Result<>> remove_subscription(std::string) override { co_return nothing(); }
  boost::asio::awaitable<Result<broker::Triggered>> trigger(job::NewEvent event) override {
    broker::Triggered out;
    out.id = "event";
    out.deliveries = {{"at once", "default:made-of-" + event.name}, {"later", ""}};
    events.push_back(std::move(event));
    co_return out;
  }

  // --- Flows ----------------------------------------------------------------------------------------------------
  std::optional<std::vector<broker::TaskInfo>> known_tasks; ///< nothing: it cannot say
  std::map<std::string, broker::Glance> glances;          ///< how jobs stand; others do not exist
  std::map<std::string, std::vector<std::string>> kids;
  std::vector<std::string> cancelled;

  /// How a job stands from now on.
  void stand(const std::string& id, job::JobStatus status, const std::string& parent = "", std::vector<std::string> waits_for = {}) {
    auto& one = glances[id];
    one.id = id;
    one.exists = true;
    one.status = status;
    one.parent_id = parent;
    one.waits_for = std::move(waits_for);
  }
  boost::asio::awaitable<Result<std::vector<broker::Glance>>> look(std::vector<std::string> ids, bool) override {
    std::vector<broker::Glance> out;
    for (const auto& id : ids) {
      const auto found = glances.find(id);
      out.push_back(found != glances.end() ? found->second : broker::Glance{});
      out.back().id = id;
    }
    co_return out;
  }
  boost::asio::awaitable<Result<broker::ChildPage>> children(std::string id, std::string, std::size_t) override {
    broker::ChildPage page;
    page.ids = kids[id];
    co_return page;
  }
  /// Looks every 100 ms.
  class Watch final : public broker::EndWatch {
   public:
    Watch(ScriptedBroker& broker, Clock& clock, std::vector<std::string> ids) : broker_(broker), clock_(clock), ids_(std::move(ids)) {}
    boost::asio::awaitable<Result<std::vector<broker::Glance>>> next(Millis wait) override {
      constexpr Millis kStep{100};
      std::vector<broker::Glance> out;
      const auto end = clock_.now() + wait;
      while (!take(out) && !std::exchange(interrupted_, false) && clock_.now() < end) co_await clock_.sleep_for(kStep);
      co_return out;
    }
    void interrupt() override { interrupted_ = true; }

   private:
    bool take(std::vector<broker::Glance>& out) {
      std::erase_if(ids_, [&](const std::string& id) {
        const auto found = broker_.glances.find(id);
        if (found == broker_.glances.end() || !found->second.over()) return false;
        out.push_back(found->second);
        return true;
      });
      return !out.empty();
    }
    ScriptedBroker& broker_;
    Clock& clock_;
    std::vector<std::string> ids_;
    bool interrupted_ = false;
  };
  Clock* watch_clock = nullptr;  ///< needed by watch()
  std::unique_ptr<broker::EndWatch> watch(std::vector<std::string> ids) override {
    return std::make_unique<Watch>(*this, *watch_clock, std::move(ids));
  }

 private:
  static Error nothing() { return Error(Errc::unsupported, "the scripted broker does not keep records"); }
  boost::asio::steady_timer wake_;
};

}  // namespace conduitd::test
