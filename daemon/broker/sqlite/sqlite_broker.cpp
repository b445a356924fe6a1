#include "broker/sqlite/sqlite_broker.h"

#include <fmt/format.h>
#include <sys/vfs.h>

#include <algorithm>
#include <set>

#include "base/broker_url.h"
#include "base/task_group.h"
#include "base/text.h"
#include "broker/job_ends.h"
#include "broker/sqlite/admission.h"
#include "broker/sqlite/committer.h"
#include "broker/sqlite/file_watch.h"
#include "broker/sqlite/operations.h"
#include "broker/sqlite/schema.h"
#include "broker/sqlite/wakeups.h"

namespace asio = boost::asio;

namespace conduitd::broker {
namespace {

using sqlite::Committer;
using sqlite::Effects;
using sqlite::Store;
using sqlite::Wakeups;
template <class T>
using Later = asio::awaitable<Result<T>>;

/// Hears of jobs through the wakeups, by their rows.
class WakeupEar final : public Ear {
 public:
  WakeupEar(Wakeups& wakeups, const std::vector<std::string>& ids) : rows_(rows_of(ids)), watch_(wakeups, keys_of(rows_)) {}
  asio::awaitable<Result<>> listen(std::vector<std::string>) override { co_return ok(); }
  std::optional<std::vector<std::string>> take() override {
    std::vector<std::string> out;
    for (const auto key : watch_.take_rung()) out.push_back(rows_.at(key));
    return out;
  }
  asio::awaitable<void> wait(Millis most) override { return watch_.wait(most); }
  void interrupt() override { watch_.wake(); }

 private:
  using Rows = std::map<Wakeups::Key, std::string>;
  static Rows rows_of(const std::vector<std::string>& ids) {
    Rows out;
    for (const auto& id : ids) {
      if (const auto key = sqlite::parse_job_key(id); key.has_value()) out.emplace(key.value().seq, id);
    }
    return out;
  }
  static std::vector<Wakeups::Key> keys_of(const Rows& rows) {
    std::vector<Wakeups::Key> out;
    for (const auto& [key, id] : rows) out.push_back(key);
    return out;
  }

  const Rows rows_;
  Wakeups::Watch watch_;
};

/// Two committers, each with a thread and a connection: one for all that writes, one for looking, so that a long list
/// holds up no lease. In memory there is one for both. Waits are woken by our own commits directly and by those of
/// others through the file watch.
class SqliteBroker final : public Broker, public Directory, public Schedules, public Flows, public Events, public Outlook {
 public:
  static Result<std::unique_ptr<SqliteBroker>> open(asio::any_io_executor executor, Clock& clock, Options options);

  // Broker
  Later<std::vector<Enqueued>> enqueue(std::vector<job::NewJob> jobs) override {
    return write_batch<std::vector<Enqueued>>(std::move(jobs), sqlite::enqueue);
  }
  Later<std::vector<job::Claim>> claim(ClaimRequest request) override;
  void interrupt_claim() override {
    interrupted_ = true;
    wakeups_.ring(Wakeups::kWork);
  }
  Later<std::vector<LeaseState>> extend(std::vector<job::Lease> leases) override {
    return write_batch<std::vector<LeaseState>>(std::move(leases), sqlite::extend);
  }
  Later<std::vector<LeaseState>> report(std::vector<job::Report> reports) override {
    return write_batch<std::vector<LeaseState>>(std::move(reports), sqlite::report);
  }
  Later<std::vector<Settled>> settle(std::vector<job::Settlement> settlements) override {
    return write_batch<std::vector<Settled>>(std::move(settlements), sqlite::settle);
  }
  Later<Promotion> promote_due(std::size_t most) override;
  Later<Reclaimed> reclaim_expired(ReclaimRequest request) override {
    return write<Reclaimed>([request](Store& s) { return sqlite::reclaim_expired(s, request); });
  }
  Later<std::vector<Mended>> reconcile() override {
    constexpr std::size_t kMost = 500;
    return write<std::vector<Mended>>([](Store& s) { return sqlite::reconcile(s, kMost); });
  }
  void on_notice(std::function<void(const Notice&)> handler) override { on_notice_ = std::move(handler); }
  asio::awaitable<void> close() override;

  // Directory
  Later<std::optional<job::JobRecord>> find(std::string id) override {
    return read<std::optional<job::JobRecord>>([id = std::move(id)](Store& s) { return sqlite::find(s, id); });
  }
  Later<JobPage> list(JobFilter filter) override {
    return read<JobPage>([filter = std::move(filter)](Store& s) { return sqlite::list(s, filter); });
  }
  Later<LogPage> logs(std::string id, std::string cursor, std::size_t limit) override {
    return read<LogPage>([id = std::move(id), cursor = std::move(cursor), limit](Store& s) {
      return sqlite::logs(s, id, cursor, limit);
    });
  }
  Later<std::optional<job::JobRecord>> wait(std::string id, Millis wait) override;
  Later<CancelOutcome> cancel(std::string id) override {
    return write<CancelOutcome>([id = std::move(id)](Store& s) { return sqlite::cancel(s, id); });
  }
  Later<void> retry(std::string id) override {
    return write<void>([id = std::move(id)](Store& s) { return sqlite::retry(s, id); });
  }
  Later<void> remove(std::string id) override {
    return write<void>([id = std::move(id)](Store& s) { return sqlite::remove(s, id); });
  }
  Later<std::vector<QueueInfo>> queues() override { return read<std::vector<QueueInfo>>(sqlite::queues); }
  Later<void> set_queue_paused(std::string queue, bool paused) override {
    return write<void>([=](Store& s) { return sqlite::set_paused(s, "queue", queue, paused); });
  }
  Later<void> set_task_paused(std::string task, bool paused) override {
    return write<void>([=](Store& s) { return sqlite::set_paused(s, "task", task, paused); });
  }
  Later<std::uint64_t> purge(std::string queue, std::string task) override;
  Later<std::vector<TaskInfo>> tasks() override { return read<std::vector<TaskInfo>>(sqlite::tasks); }
  Later<std::vector<WorkerInfo>> workers() override { return read<std::vector<WorkerInfo>>(sqlite::workers); }
  Later<void> heartbeat(WorkerInfo worker, std::vector<TaskInfo> tasks, Millis interval) override {
    return write<void>([worker = std::move(worker), tasks = std::move(tasks), interval](Store& s) {
      return sqlite::heartbeat(s, worker, tasks, interval);
    });
  }
  Later<void> farewell(std::string worker) override {
    return write<void>([worker = std::move(worker)](Store& s) { return sqlite::farewell(s, worker); });
  }
  Later<std::optional<Standing>> standing(std::string id, std::vector<job::Limit> limits, std::vector<std::string> workers) override {
    return read<std::optional<Standing>>([id = std::move(id), limits = std::move(limits), workers = std::move(workers)](Store& s) {
      return sqlite::standing(s, id, limits, workers);
    });
  }
  Later<std::vector<bool>> would_give(ClaimRequest request) override {
    return read<std::vector<bool>>([request = std::move(request)](Store& s) { return sqlite::would_give(s, request); });
  }
  // Schedules
  Later<void> define(std::vector<job::Schedule> schedules, Millis interval) override {
    return write<void>([schedules = std::move(schedules), interval](Store& s) { return sqlite::define_schedules(s, schedules, interval); });
  }
  Later<ScheduleList> schedules() override { return read<ScheduleList>(sqlite::schedules); }
  Later<bool> fire(Firing firing) override {
    return write<bool>([firing = std::move(firing)](Store& s) { return sqlite::fire(s, firing); });
  }
  Later<void> set_schedule_paused(std::string name, bool paused) override {
    return write<void>([name = std::move(name), paused](Store& s) { return sqlite::set_schedule_paused(s, name, paused); });
  }
  Later<void> remove_schedule(std::string name) override {
    return write<void>([name = std::move(name)](Store& s) { return sqlite::remove_schedule(s, name); });
  }

  // Flows
  Later<std::vector<Glance>> look(std::vector<std::string> ids, bool with_results) override {
    return read<std::vector<Glance>>([ids = std::move(ids), with_results](Store& s) { return sqlite::look(s, ids, with_results); });
  }
  Later<ChildPage> children(std::string id, std::string cursor, std::size_t limit) override {
    return read<ChildPage>([id = std::move(id), cursor = std::move(cursor), limit](Store& s) { return sqlite::children(s, id, cursor, limit); });
  }
  std::unique_ptr<EndWatch> watch(std::vector<std::string> ids) override {
    return std::make_unique<JobEnds>(*this, clock_, std::make_unique<WakeupEar>(wakeups_, ids), ids);
  }
  // Events
  Later<void> subscribe(std::vector<job::Subscription> subscriptions, Millis interval) override {
    return write<void>([subscriptions = std::move(subscriptions), interval](Store& s) { return sqlite::subscribe(s, subscriptions, interval); });
  }
  Later<void> withdraw(std::vector<std::string> names, Millis grace) override {
    return write<void>([names = std::move(names), grace](Store& s) { return sqlite::withdraw(s, names, grace); });
  }
  Later<std::vector<SubscriptionState>> subscriptions() override { return read<std::vector<SubscriptionState>>(sqlite::subscriptions); }
  Later<void> remove_subscription(std::string name) override {
    return write<void>([name = std::move(name)](Store& s) { return sqlite::remove_subscription(s, name); });
  }
  Later<Triggered> trigger(job::NewEvent event) override {
    return write<Triggered>([event = std::move(event)](Store& s) { return sqlite::trigger(s, event); });
  }

  Later<std::vector<std::string>> warnings() override { return given<std::vector<std::string>>(warnings_); }

 private:
  /// How long a change of another process may stay unseen where the system grants no watch.
  static constexpr Millis kBlindLook{250};

  SqliteBroker(asio::any_io_executor executor, Clock& clock, Options options)
      : clock_(clock), options_(std::move(options)), wakeups_(executor), executor_(executor), tasks_(executor) {}

  template <class T>
  Later<T> write(std::function<Result<T>(Store&)> work) {
    return writer_->run<T>(std::move(work));
  }
  template <class T>
  Later<T> read(std::function<Result<T>(Store&)> work) {
    return (reader_ ? reader_ : writer_)->run<T>(std::move(work));
  }
  template <class T>
  static Later<T> given(Result<T> result) {
    co_return result;
  }
  template <class T, class Item>
  Later<T> write_batch(std::vector<Item> items, Result<T> (*work)(Store&, const std::vector<Item>&)) {
    if (items.size() > kMaxBatch) {
      return given<T>(Error(Errc::invalid_argument,
                            fmt::format("a batch of {}: at most {} are allowed", items.size(), kMaxBatch)));
    }
    return write<T>([items = std::move(items), work](Store& s) { return work(s, items); });
  }

  void start_threads(std::unique_ptr<sqlite::Database> writing, std::unique_ptr<sqlite::Database> reading,
                     const std::string& path);
  void start_watch(const std::string& path);
  asio::awaitable<void> look_blindly();
  void on_effects(Effects&& effects);
  asio::awaitable<void> check_waited();
  [[nodiscard]] Error closed_error() const { return Error(Errc::cancelled, "the broker is closed"); }

  Clock& clock_;
  const Options options_;
  std::unique_ptr<Committer> writer_;
  std::unique_ptr<Committer> reader_;
  std::function<void(const Notice&)> on_notice_;
  std::set<std::string> told_cancels_;  // by others' writes
  std::vector<std::string> warnings_;
  Wakeups wakeups_;
  bool interrupted_ = false;
  bool closed_ = false;
  bool checking_ = false;
  bool check_again_ = false;
  std::optional<sqlite::FileWatch> watch_;
  // Committed effects arrive by the executor, perhaps after this object is gone: they look here first.
  std::shared_ptr<SqliteBroker*> self_ = std::make_shared<SqliteBroker*>(this);
  asio::any_io_executor executor_;
  TaskGroup tasks_;
};

bool is_network_file_system(const std::string& path) {
  constexpr std::array<long, 4> kNetwork{0x6969 /* NFS */, 0x517B /* SMB */, static_cast<long>(0xFF534D42) /* CIFS */,
                                         static_cast<long>(0xFE534D42) /* SMB2 */};
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0) return false;
  return std::find(kNetwork.begin(), kNetwork.end(), static_cast<long>(status.f_type)) != kNetwork.end();
}

Result<std::unique_ptr<SqliteBroker>> SqliteBroker::open(asio::any_io_executor executor, Clock& clock, Options options) {
  CONDUIT_TRY(const auto path, parse_sqlite_url(options.url));
  if (path == kSqliteMemory && !options.may_create) {
    return Error(Errc::invalid_argument, "broker URL 'sqlite::memory:': it is conduitd's own memory, which nobody else can "
                                         "look into: give it a file, sqlite:///absolute/path");
  }
  CONDUIT_TRY(auto writing, sqlite::open_database(path, options, clock));
  std::unique_ptr<SqliteBroker> broker(new SqliteBroker(std::move(executor), clock, std::move(options)));
  std::unique_ptr<sqlite::Database> reading;
  if (path != kSqliteMemory) {
    CONDUIT_TRY(reading, sqlite::Database::open(path, true, broker->options_.command_timeout));
    if (is_network_file_system(path)) {
      broker->warnings_.push_back("the database is on a network file system: its locks cannot be trusted, jobs may be "
                                  "lost or run twice; use a local disk, or Redis");
    }
  } else {
    broker->warnings_.emplace_back("the broker is in memory: all jobs are gone when this process ends");
  }
  broker->start_threads(std::move(writing), std::move(reading), path);
  if (path != kSqliteMemory) broker->start_watch(path);
  return broker;
}

void SqliteBroker::start_threads(std::unique_ptr<sqlite::Database> writing, std::unique_ptr<sqlite::Database> reading,
                                 const std::string& path) {
  Committer::Hooks hooks;
  if (reading) hooks.check = [file = sqlite::FileIdentity(path)] { return file.check(); };
  if (reading) {
    reader_ = std::make_unique<Committer>(executor_, std::make_unique<Store>(std::move(reading), clock_, options_), false,
                                          hooks);
  }
  hooks.on_effects = [self = std::weak_ptr(self_)](Effects&& effects) {
    if (const auto alive = self.lock()) (*alive)->on_effects(std::move(effects));
  };
  writer_ = std::make_unique<Committer>(executor_, std::make_unique<Store>(std::move(writing), clock_, options_), true,
                                        std::move(hooks));
}

void SqliteBroker::start_watch(const std::string& path) {
  auto watch = sqlite::FileWatch::open(path);
  if (!watch.has_value()) {
    warnings_.push_back(fmt::format("{}: writes of other processes are looked for every {} instead",
                                    watch.error().message(), format_duration(kBlindLook)));
    tasks_.spawn("sqlite look", look_blindly());
    return;
  }
  watch_.emplace(std::move(watch).value());
  tasks_.spawn("sqlite watch", watch_->run([this] { writer_->nudge(); }));
}

asio::awaitable<void> SqliteBroker::look_blindly() {
  for (;;) {
    co_await clock_.sleep_for(kBlindLook);
    writer_->nudge();
  }
}

Later<std::vector<job::Claim>> SqliteBroker::claim(ClaimRequest request) {
  interrupted_ = false;
  const auto end = clock_.now() + request.wait;
  const auto circles = std::make_shared<sqlite::Circles>();  // the store's thread may outlast us
  Wakeups::Waiter waiter(wakeups_, Wakeups::kWork);
  for (;;) {
    if (closed_) co_return closed_error();
    std::function<Result<sqlite::Claimed>(Store&)> work = [request, circles](Store& s) { return sqlite::claim(s, request, *circles); };
    auto claimed = co_await writer_->run<sqlite::Claimed>(std::move(work));
    if (!claimed.has_value()) co_return claimed.error();
    auto& [claims, again] = claimed.value();
    const auto left = end - clock_.now();
    if (!claims.empty() || interrupted_ || left <= left.zero()) co_return std::move(claims);
    if (again && *again == Millis{0}) continue;  // it is not through with what there was to look at
    circles->clear();
    std::chrono::nanoseconds most = left;
    if (again) most = std::min<std::chrono::nanoseconds>(most, *again);
    co_await waiter.wait(most);
    if (interrupted_) co_return std::vector<job::Claim>{};
  }
}

Later<Promotion> SqliteBroker::promote_due(std::size_t most) {
  constexpr std::size_t kChunk = 500;
  constexpr int kChunks = 20;
  std::function<Result<Promotion>(Store&)> promote = [most](Store& s) { return sqlite::promote_due(s, most); };
  auto promotion = co_await writer_->run<Promotion>(std::move(promote));
  if (!promotion.has_value()) co_return promotion;
  // Old records go in small steps, so that nobody waits long behind them, and as fast as jobs can end.
  for (int i = 0; i < kChunks; ++i) {
    std::function<Result<std::size_t>(Store&)> remove = [](Store& s) { return sqlite::remove_old_records(s, kChunk); };
    const auto removed = co_await writer_->run<std::size_t>(std::move(remove));
    if (!removed.has_value()) co_return removed.error();
    if (removed.value() < kChunk) break;
  }
  co_return promotion;
}

Later<std::uint64_t> SqliteBroker::purge(std::string queue, std::string task) {
  constexpr std::size_t kChunk = 2'000;
  std::uint64_t total = 0;
  for (;;) {
    std::function<Result<std::uint64_t>(Store&)> work = [queue, task](Store& s) { return sqlite::purge(s, queue, task, kChunk); };
    const auto purged = co_await writer_->run<std::uint64_t>(std::move(work));
    if (!purged.has_value()) co_return purged.error();
    total += purged.value();
    if (purged.value() < kChunk) co_return total;
  }
}

Later<std::optional<job::JobRecord>> SqliteBroker::wait(std::string id, Millis wait) {
  const auto end = clock_.now() + wait;
  const auto key = sqlite::parse_job_key(id);
  if (!key.has_value()) co_return key.error();
  Wakeups::Waiter waiter(wakeups_, key.value().seq);
  for (;;) {
    auto found = co_await find(id);
    if (closed_) co_return closed_error();
    const auto left = end - clock_.now();
    if (!found.has_value() || !found.value() || job::is_final(found.value()->status) || left <= left.zero()) {
      co_return found;
    }
    co_await waiter.wait(left);
  }
}

void SqliteBroker::on_effects(Effects&& effects) {
  if (effects.work_added || effects.others_wrote || effects.pauses_changed) wakeups_.ring(Wakeups::kWork);
  for (const auto seq : effects.ended) wakeups_.ring(seq);
  if (effects.others_wrote && !closed_) {
    check_again_ = true;
    if (!checking_) tasks_.spawn("sqlite waited jobs", check_waited());
  }
  if (!on_notice_) return;
  for (const auto& id : effects.cancels) {
    if (!effects.others_wrote || !told_cancels_.contains(id)) on_notice_({Notice::Kind::cancel, id});
  }
  if (effects.others_wrote) told_cancels_ = std::set<std::string>(effects.cancels.begin(), effects.cancels.end());
  if (effects.pauses_changed) on_notice_({Notice::Kind::changed, {}});
}

/// Others have written: which of the jobs that are waited for have ended?
asio::awaitable<void> SqliteBroker::check_waited() {
  checking_ = true;
  while (std::exchange(check_again_, false)) {
    auto waited = wakeups_.jobs();
    if (waited.empty()) break;
    using Ended = std::vector<std::int64_t>;
    std::function<Result<Ended>(Store&)> work = [waited = std::move(waited)](Store& s) { return sqlite::not_live(s, waited); };
    const auto ended = co_await (reader_ ? reader_ : writer_)->run<Ended>(std::move(work));
    if (!ended.has_value()) {
      wakeups_.ring_all();  // each finds the error for itself
      break;
    }
    for (const auto seq : ended.value()) wakeups_.ring(seq);
  }
  checking_ = false;
}

asio::awaitable<void> SqliteBroker::close() {
  if (std::exchange(closed_, true)) co_return;
  wakeups_.ring_all();
  co_await tasks_.stop();
  if (reader_) co_await reader_->stop();
  co_await writer_->stop();
}

}  // namespace

asio::awaitable<Result<Connection>> open_sqlite(asio::any_io_executor executor, Clock& clock, Options options) {
  auto broker = SqliteBroker::open(std::move(executor), clock, std::move(options));
  if (!broker.has_value()) co_return broker.error();
  Connection connection;
  connection.directory = broker.value().get();
  connection.schedules = broker.value().get();
  connection.flows = broker.value().get();
  connection.outlook = broker.value().get();
  connection.events = broker.value().get();
  connection.broker = std::move(broker).value();
  co_return connection;
}

}  // namespace conduitd::broker
