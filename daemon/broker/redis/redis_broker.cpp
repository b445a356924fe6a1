#include "broker/redis/redis_broker.h"

#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "broker/redis/changer.h"
#include "broker/redis/claimer.h"
#include "broker/job_ends.h"
#include "broker/redis/channel_ear.h"
#include "broker/redis/enqueuer.h"
#include "broker/redis/event_store.h"
#include "broker/redis/finder.h"
#include "broker/redis/lister.h"
#include "broker/redis/notices.h"
#include "broker/redis/reconciler.h"
#include "broker/redis/scheduler.h"
#include "broker/redis/settler.h"
#include "broker/redis/standing.h"
#include "broker/redis/upkeep.h"
#include "broker/redis/workers.h"

namespace asio = boost::asio;

namespace conduitd::broker {
namespace redis {
namespace {

// How long the first claim waits for notices, which may be refused.
constexpr Millis kFirstNotice{500};

template <class T>
using Awaitable = asio::awaitable<Result<T>>;

/// All interfaces over the parts that do the work. Each call is counted, so that close() can see the last one out.
class RedisBroker final : public Broker, public Directory, public Schedules, public Flows, public Events, public Outlook {
 public:
  RedisBroker(asio::any_io_executor executor, Clock& clock, RedisEndpoint endpoint, Options options)
      : clock_(clock),
        server_(std::move(executor), clock, std::move(endpoint), std::move(options)),
        lanes_(server_),
        finder_(server_, lanes_),
        glancer_(server_, finder_),
        followers_(server_, glancer_, finder_),
        enqueuer_(server_, lanes_, finder_, followers_, glancer_),
        settler_(server_, held_),
        claimer_(server_, lanes_, settler_, held_, clock),
        upkeep_(server_, lanes_, settler_, followers_),
        reconciler_(server_, lanes_),
        lister_(server_, lanes_),
        changer_(server_, lanes_, finder_, lister_),
        workers_(server_, lanes_),
        scheduler_(server_, lanes_),
        event_store_(server_, enqueuer_, clock),
        notices_(server_) {}

  Awaitable<void> greet() {
    CONDUIT_CO_TRY(co_await workers_.check_version());
    CONDUIT_CO_TRY(co_await workers_.check_eviction());
    co_return co_await workers_.check_store();
  }

  Awaitable<std::vector<Enqueued>> enqueue(std::vector<job::NewJob> jobs) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("enqueue", jobs.size()));
    co_return co_await enqueuer_.enqueue(std::move(jobs));
  }

  Awaitable<std::vector<job::Claim>> claim(ClaimRequest request) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("claim", 0));
    for (auto& group : request.groups) group.most = std::min(group.most, kMaxBatch);
    if (!server_.options.worker.empty()) follow_notices();
    // In a cluster what this claim leads to is told by another node than the one that we are still dialling.
    if (server_.is_cluster() && !server_.options.worker.empty()) {
      interrupted_ = false;
      co_await notices_.heard(kFirstNotice);
      if (std::exchange(interrupted_, false)) co_return std::vector<job::Claim>();
    }
    co_return co_await claimer_.claim(std::move(request));
  }

  Awaitable<std::vector<bool>> would_give(ClaimRequest request) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("would_give", 0));
    co_return co_await claimer_.would_give(std::move(request));
  }

  void interrupt_claim() override {
    interrupted_ = true;
    claimer_.interrupt();
  }

  Awaitable<std::vector<LeaseState>> extend(std::vector<job::Lease> leases) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("extend", leases.size()));
    co_return co_await settler_.extend(std::move(leases));
  }

  Awaitable<std::vector<LeaseState>> report(std::vector<job::Report> reports) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("report", reports.size()));
    co_return co_await settler_.report(std::move(reports));
  }

  Awaitable<std::vector<Settled>> settle(std::vector<job::Settlement> settlements) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("settle", settlements.size()));
    co_return co_await settler_.settle(std::move(settlements));
  }

  Awaitable<Promotion> promote_due(std::size_t most) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("promote_due", 0));
    CONDUIT_CO_TRY(auto out, co_await upkeep_.promote_due(most));
    out.expired += claimer_.take_expired();
    CONDUIT_CO_TRY(const auto gathered, co_await event_store_.gather());
    out.promoted += gathered.jobs;
    if (gathered.next && (!out.next_due || *gathered.next < *out.next_due)) out.next_due = gathered.next;
    co_return out;
  }

  Awaitable<Reclaimed> reclaim_expired(ReclaimRequest request) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("reclaim_expired", 0));
    co_return co_await upkeep_.reclaim_expired(request);
  }

  Awaitable<std::vector<Mended>> reconcile() override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("reconcile", 0));
    co_return co_await reconciler_.run();
  }

  void on_notice(std::function<void(const Notice&)> handler) override { handler_ = std::move(handler); }

  asio::awaitable<void> close() override {
    closed_ = true;
    co_await claimer_.close();
    co_await notices_.close();
    co_await followers_.close();
    co_await server_.close();
    asio::steady_timer pause(server_.executor);
    while (calls_ > 0) {
      pause.expires_after(Millis{1});
      co_await pause.async_wait(asio::use_awaitable);
    }
  }

  Awaitable<std::optional<Standing>> standing(std::string id, std::vector<job::Limit> limits, std::vector<std::string> workers) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("standing", 0));
    co_return co_await standing_of(server_, lanes_, finder_, std::move(id), std::move(limits), std::move(workers));
  }

  Awaitable<void> define(std::vector<job::Schedule> schedules, Millis interval) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("define", schedules.size()));
    co_return co_await scheduler_.define(std::move(schedules), interval);
  }

  Awaitable<ScheduleList> schedules() override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("schedules", 0));
    co_return co_await scheduler_.list();
  }

  Awaitable<bool> fire(Firing firing) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("fire", firing.fired.size()));
    co_return co_await scheduler_.fire(std::move(firing));
  }

  Awaitable<void> set_schedule_paused(std::string name, bool paused) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("set_schedule_paused", 0));
    co_return co_await scheduler_.set_paused(std::move(name), paused);
  }

  Awaitable<void> remove_schedule(std::string name) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("remove_schedule", 0));
    co_return co_await scheduler_.remove(std::move(name));
  }

  Awaitable<void> subscribe(std::vector<job::Subscription> subscriptions, Millis interval) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("subscribe", subscriptions.size()));
    co_return co_await event_store_.subscribe(std::move(subscriptions), interval);
  }

  Awaitable<void> withdraw(std::vector<std::string> names, Millis grace) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("withdraw", names.size()));
    co_return co_await event_store_.withdraw(std::move(names), grace);
  }

  Awaitable<std::vector<SubscriptionState>> subscriptions() override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("subscriptions", 0));
    co_return co_await event_store_.list();
  }

  Awaitable<void> remove_subscription(std::string name) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("remove_subscription", 0));
    co_return co_await event_store_.remove(std::move(name));
  }

  Awaitable<Triggered> trigger(job::NewEvent event) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("trigger", 0));
    co_return co_await event_store_.trigger(std::move(event));
  }

  Awaitable<std::optional<job::JobRecord>> find(std::string id) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("find", 0));
    CONDUIT_CO_TRY(auto found, co_await finder_.find(std::move(id)));
    if (!found) co_return std::optional<job::JobRecord>();
    co_return std::move(found->record);
  }

  Awaitable<JobPage> list(JobFilter filter) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("list", 0));
    co_return co_await lister_.list(std::move(filter));
  }

  Awaitable<LogPage> logs(std::string id, std::string cursor, std::size_t limit) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("logs", 0));
    co_return co_await finder_.logs(std::move(id), std::move(cursor), limit);
  }

  Awaitable<std::optional<job::JobRecord>> wait(std::string id, Millis wait) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("wait", 0));
    co_return co_await wait_until_ended(std::move(id), wait);
  }

  Awaitable<CancelOutcome> cancel(std::string id) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("cancel", 0));
    co_return co_await changer_.cancel(std::move(id));
  }

  Awaitable<void> retry(std::string id) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("retry", 0));
    co_return co_await changer_.retry(std::move(id));
  }

  Awaitable<void> remove(std::string id) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("remove", 0));
    co_return co_await changer_.remove(std::move(id));
  }

  Awaitable<std::vector<QueueInfo>> queues() override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("queues", 0));
    co_return co_await changer_.queues();
  }

  Awaitable<void> set_queue_paused(std::string queue, bool paused) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("pause", 0));
    co_return co_await changer_.set_queue_paused(std::move(queue), paused);
  }

  Awaitable<void> set_task_paused(std::string task, bool paused) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("pause", 0));
    co_return co_await changer_.set_task_paused(std::move(task), paused);
  }

  Awaitable<std::uint64_t> purge(std::string queue, std::string task) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("purge", 0));
    co_return co_await changer_.purge(std::move(queue), std::move(task));
  }

  Awaitable<std::vector<TaskInfo>> tasks() override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("tasks", 0));
    co_return co_await workers_.tasks();
  }

  Awaitable<std::vector<WorkerInfo>> workers() override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("workers", 0));
    co_return co_await workers_.workers();
  }

  Awaitable<void> heartbeat(WorkerInfo worker, std::vector<TaskInfo> tasks, Millis interval) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("heartbeat", 0));
    co_return co_await workers_.heartbeat(std::move(worker), std::move(tasks), interval);
  }

  Awaitable<void> farewell(std::string worker) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("farewell", 0));
    co_return co_await workers_.farewell(std::move(worker));
  }

  Awaitable<std::vector<Glance>> look(std::vector<std::string> ids, bool with_results) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("look", 0));
    co_return co_await glancer_.look(std::move(ids), with_results);
  }

  Awaitable<ChildPage> children(std::string id, std::string cursor, std::size_t limit) override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("children", 0));
    CONDUIT_CO_TRY(auto queues, co_await lanes_.all_queues());
    co_return co_await glancer_.children(std::move(queues), std::move(id), std::move(cursor), limit);
  }

  std::unique_ptr<EndWatch> watch(std::vector<std::string> ids) override {
    return std::make_unique<JobEnds>(*this, clock_, std::make_unique<ChannelEar>(server_, notices_, ids), ids);
  }

  Awaitable<std::vector<std::string>> warnings() override {
    const Call call(*this);
    CONDUIT_CO_TRY(check("warnings", 0));
    co_return co_await workers_.warnings();
  }

 private:
  struct Call {
    explicit Call(RedisBroker& broker) : calls(broker.calls_) { ++calls; }
    ~Call() { --calls; }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    std::size_t& calls;
  };

  Result<> check(std::string_view doing, std::size_t size) const {
    if (closed_) return Error(Errc::cancelled, fmt::format("{}: {}: closed", server_.name(), doing));
    if (size <= kMaxBatch) return ok();
    return Error(Errc::invalid_argument, fmt::format("{}: {} items: at most {} are allowed", doing, size, kMaxBatch));
  }

  void follow_notices() {
    if (following_) return;
    following_ = true;
    notices_.follow([this](const Notice& notice) {
      if (notice.kind == Notice::Kind::changed) claimer_.look_again(notice.subject);
      if (handler_) handler_(notice);
    }, [this](std::string_view ids) { followers_.freed(ids); });
  }

  Awaitable<std::optional<job::JobRecord>> wait_until_ended(std::string id, Millis wait) {
    CONDUIT_CO_TRY(const auto parsed, job::parse_id(id));
    const auto end = clock_.now() + wait;
    const auto keys = server_.keys.queue(parsed.queue);
    const auto ulid = job::to_string(parsed.ulid);
    std::vector<std::string> channels{keys.ended_channel() + ulid};
    Notices::Subscription subscription(notices_, std::move(channels));
    for (;;) {
      const auto left = std::max(std::chrono::ceil<Millis>(end - clock_.now()), Millis{0});
      co_await subscription.next(std::min(left, server_.options.command_timeout));
      // First say that we wait, then look: what ends in between is told.
      Batch say;
      say.command({"HSET", keys.waiters(), ulid, "1"});
      CONDUIT_CO_TRY(co_await server_.exec(std::move(say)));
      CONDUIT_CO_TRY(auto found, co_await finder_.find(id));
      if (found && !found->final && clock_.now() < end) continue;
      if (!found || found->final) {
        Batch done;
        done.command({"HDEL", keys.waiters(), ulid});
        CONDUIT_CO_TRY(co_await server_.exec(std::move(done)));
      }
      if (!found) co_return std::optional<job::JobRecord>();
      co_return std::move(found->record);
    }
  }

  Clock& clock_;
  std::size_t calls_ = 0;
  bool closed_ = false;
  bool following_ = false;
  bool interrupted_ = false;  // while the first claim waits for notices
  std::function<void(const Notice&)> handler_;
  Server server_;
  Lanes lanes_;
  HeldLeases held_;
  Finder finder_;
  Glancer glancer_;
  Followers followers_;
  Enqueuer enqueuer_;
  Settler settler_;
  Claimer claimer_;
  Upkeep upkeep_;
  Reconciler reconciler_;
  Lister lister_;
  Changer changer_;
  Workers workers_;
  Scheduler scheduler_;
  EventStore event_store_;
  Notices notices_;
};

}  // namespace
}  // namespace redis

asio::awaitable<Result<Connection>> open_redis(asio::any_io_executor executor, Clock& clock, Options options) {
  CONDUIT_CO_TRY(auto endpoint, parse_redis_url(options.url));
  auto broker = std::make_unique<redis::RedisBroker>(executor, clock, std::move(endpoint), std::move(options));
  const auto greeted = co_await broker->greet();
  if (!greeted.has_value()) {
    co_await broker->close();
    co_return greeted.error();
  }
  Connection out;
  out.directory = broker.get();
  out.schedules = broker.get();
  out.flows = broker.get();
  out.outlook = broker.get();
  out.events = broker.get();
  out.broker = std::move(broker);
  co_return out;
}

}  // namespace conduitd::broker
