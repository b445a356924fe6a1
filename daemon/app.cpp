#include "app.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>
#include <signal.h>
#include <unistd.h>

#include "app_options.h"
#include "base/broker_url.h"
#include "base/log.h"
#include "base/text.h"
#include "base/words.h"
#include "broker/open.h"
#include "channel/manifest.h"
#include "config/secret_environment.h"
#include "events/announcer.h"
#include "schedule/ticker.h"
#include "service/notify.h"
#include "service/signals.h"
#include "service/watchdog.h"
#include "version.h"

namespace asio = boost::asio;

namespace conduitd {
namespace {

constexpr Millis kFirstPause{200};
constexpr Millis kLongestPause{2'000};
constexpr Millis kStatusInterval{5'000};
// At a reload: how long the new plugins may take to start in their hosts (on_host_start loads models) while the old ones serve.
constexpr Millis kHostPatience{60'000};

/// A failed notification is no reason to stop: say it once, at debug.
void note(const Result<>& notified) {
  if (!notified.has_value()) log::debug(notified.error().message());
}

/// --broker stands for the whole of [broker]: another server's credentials are not sent to it.
void take_broker_url(config::Config& config, const std::string& url) {
  if (url.empty()) return;
  const auto timeout = config.broker.command_timeout;
  config.broker = {};
  config.broker.url = url;
  config.broker.command_timeout = timeout;
}

/// Plugins loaded and tasks worked out, before anything serves.
struct Loaded {
  hosts::HostFleet::GenerationPtr generation;
  dispatch::TaskTable::Built tasks;
  std::size_t plugins = 0;
};

asio::awaitable<Result<Loaded>> load_plugins(hosts::HostFleet& fleet, config::Config config, std::string executable) {
  auto options = fleet_options(config, executable);
  auto generation = co_await fleet.load(std::move(options));
  if (!generation.has_value()) co_return generation.error();
  auto manifests = channel::decode_manifests(hosts::HostFleet::manifest(*generation.value()));
  if (!manifests.has_value()) {
    co_await fleet.discard(generation.value());
    co_return manifests.error();
  }
  Loaded loaded;
  loaded.generation = std::move(generation.value());
  loaded.tasks = dispatch::TaskTable::build(manifests.value(), task_overrides(config),
                                             config.executors.quarantine_after, configured_schedules(config), configured_subscriptions(config));
  for (const auto& plugin : manifests.value()) {
    if (plugin.fault.empty()) ++loaded.plugins;
    for (const auto& warning : plugin.warnings) loaded.tasks.warnings.push_back(warning);
  }
  co_return loaded;
}

std::array<bool, 3> executors_of(const dispatch::TaskTable& tasks) {
  using channel::Executor;
  return {tasks.uses(Executor::async), tasks.uses(Executor::thread), tasks.uses(Executor::process)};
}

/// One run of the daemon. Lives on the core loop; members are in start order, so they are destroyed in stop order.
class App {
 public:
  App(asio::any_io_executor executor, AppOptions options, config::SecretEnvironment& secrets, config::Config config)
      : executor_(executor),
        options_(std::move(options)),
        secrets_(secrets),
        config_(std::move(config)),
        worker_(make_worker_id(config_)),
        wake_(executor, asio::steady_timer::time_point::max()),
        fleet_(executor, clock_),
        tasks_(executor) {}

  asio::awaitable<ExitCode> run() {
    auto signals = service::Signals::open(executor_);
    if (!signals.has_value()) {
      log::error(signals.error().message());
      co_return ExitCode::software;
    }
    tasks_.spawn("listen for signals", listen(signals.value()));
    const auto code = co_await serve();
    co_await tasks_.stop();
    if (ticker_) co_await ticker_->stop();
    if (announcer_) co_await announcer_->stop();
    if (dispatcher_) co_await dispatcher_->stop();
    co_await fleet_.stop();
    if (connection_.broker) co_await connection_.broker->close();
    log::info("stopped");
    co_return code;
  }

 private:
  asio::awaitable<ExitCode> serve() {
    log::info("conduitd starts", {{"version", kVersion}, {"worker", worker_}, {"broker", redact_url(config_.broker.url)}});
    if (::geteuid() == 0) {
      log::warning("runs as root, and so do the plugins: start it as a user of its own (User= in conduitd.service)");
    }
    const auto connected = co_await connect();
    if (connected != ExitCode::ok || drain_asked_) co_return connected;
    if (!co_await load_first()) co_return ExitCode::config;
    co_await warn_of_broker();
    start_dispatcher();
    note(service::notify_ready(status()));
    log::info("ready", {{"tasks", table_->all().size()}, {"plugins", plugins_}});
    tasks_.spawn("tell the service manager", report_status());
    while (!drain_asked_) {
      if (std::exchange(reload_asked_, false)) co_await reload();
      wake_.expires_at(asio::steady_timer::time_point::max());
      boost::system::error_code woken;
      if (!drain_asked_ && !reload_asked_) co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    co_return co_await drain();
  }

  asio::awaitable<void> listen(service::Signals& signals) {
    for (;;) {
      const auto request = co_await signals.next();
      switch (request) {
        case service::Request::drain: drain_asked_ = true; break;
        case service::Request::hurry:
          if (dispatcher_) dispatcher_->hurry();
          break;
        case service::Request::reload: reload_asked_ = true; break;
      }
      wake_.cancel();
    }
  }

  /// Opens the broker, waiting for one that is away.
  asio::awaitable<ExitCode> connect() {
    auto pause = kFirstPause;
    for (bool first = true; !drain_asked_; first = false) {
      auto options = broker_options(config_, worker_);
      auto opened = co_await broker::open(executor_, clock_, std::move(options));
      if (opened.has_value()) {
        connection_ = std::move(opened.value());
        co_return ExitCode::ok;
      }
      const auto& error = opened.error();
      if (!error.is_transient()) {
        log::error(error.message(), {{"broker", redact_url(config_.broker.url)}});
        co_return error.is(Errc::invalid_argument) ? ExitCode::config : ExitCode::broker;
      }
      if (first) log::error("the broker is not there; waiting for it", {{"why", error.message()}});
      note(service::notify_status(fmt::format("waiting for the broker: {}", error.message())));
      note(service::notify_extend(kLongestPause * 5));
      wake_.expires_at(clock_.now() + pause);
      boost::system::error_code woken;
      co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      pause = std::min(pause * 2, kLongestPause);
    }
    co_return ExitCode::ok;
  }

  asio::awaitable<bool> load_first() {
    auto loaded = co_await load_plugins(fleet_, config_, options_.executable);
    if (!loaded.has_value()) {
      log::error("the plugins cannot be loaded", {{"why", loaded.error().message()}});
      co_return false;
    }
    for (const auto& fault : loaded.value().tasks.faults) log::error("left out", {{"why", fault}});
    if (config_.plugins.strict && !loaded.value().tasks.faults.empty()) {
      log::error("plugins.strict is set, so nothing is left out: not starting");
      co_await fleet_.discard(loaded.value().generation);
      co_return false;
    }
    pending_ = std::move(loaded.value());
    co_return true;
  }

  asio::awaitable<void> warn_of_broker() {
    const auto warnings = co_await connection_.directory->warnings();
    if (!warnings.has_value()) co_return;
    for (const auto& warning : warnings.value()) log::warning(warning, {{"broker", redact_url(config_.broker.url)}});
  }

  void start_dispatcher() {
    dispatcher_ = std::make_unique<dispatch::Dispatcher>(executor_, clock_, *connection_.broker, *connection_.directory,
                                                         *connection_.flows, *connection_.events, *connection_.outlook, fleet_,
                                                         dispatcher_options(config_, worker_));
    ticker_ = std::make_unique<schedule::Ticker>(executor_, clock_, *connection_.schedules, *connection_.directory);
    announcer_ = std::make_unique<events::Announcer>(executor_, clock_, *connection_.events);
    dispatcher_->on_progress = [this] { broker_moved(); };
    dispatcher_->on_broker = [this](const std::string& fault) { broker_changed(fault); };
    fleet_.set_events(*dispatcher_);
    fleet_.open(pending_.generation, executors_of(*pending_.tasks.table));
    serve_generation(std::move(pending_));
    dispatcher_->start();
    ticker_->start();
    announcer_->start();
  }

  void serve_generation(Loaded loaded) {
    for (const auto& warning : loaded.tasks.warnings) log::warning(warning);
    if (loaded.tasks.table->all().empty()) {
      log::warning("no tasks: put plugins into the directory and send SIGHUP", {{"directory", config_.plugins.directory}});
    }
    table_ = loaded.tasks.table;
    faults_ = {loaded.tasks.faults.begin(), loaded.tasks.faults.end()};
    plugins_ = loaded.plugins;
    fleet_.serve(std::move(loaded.generation));
    dispatcher_->set_tasks(table_);
    ticker_->set(table_->schedules());
    announcer_->set(table_->subscriptions());
  }

  asio::awaitable<void> reload() {
    note(service::notify_reloading(clock_.now()));
    const bool done = co_await try_reload();
    log::info(done ? "reloaded" : "reload refused: the configuration and plugins from before go on",
              {{"tasks", table_->all().size()}, {"plugins", plugins_}});
    note(service::notify_ready(status()));
  }

  /// Looks up now and then, for a drain must not wait for a plugin that takes its time.
  asio::awaitable<Result<>> rehearse(hosts::HostFleet::GenerationPtr generation) {
    constexpr Millis kLook{100};
    const auto end = clock_.now() + kHostPatience;
    for (;;) {
      auto rehearsed = co_await fleet_.rehearse(generation, kLook);
      if (rehearsed.has_value() || !rehearsed.error().is(Errc::timed_out) || clock_.now() >= end) co_return rehearsed;
      if (drain_asked_) co_return Error(Errc::cancelled, "the worker is being stopped");
    }
  }

  asio::awaitable<bool> try_reload() {
    auto fresh = config::load(options_.config_file, secrets_.sources());
    secrets_.take(fresh.secret_variables);
    for (const auto& fault : fresh.faults) log::error(fault.text());
    for (const auto& warning : fresh.warnings) log::warning(warning.text());
    if (!fresh.ok()) co_return false;
    take_broker_url(fresh.config, options_.broker_url);

    auto loaded = co_await load_plugins(fleet_, fresh.config, options_.executable);
    if (!loaded.has_value()) {
      log::error("the plugins cannot be loaded", {{"why", loaded.error().message()}});
      co_return false;
    }
    bool worse = false;
    for (const auto& fault : loaded.value().tasks.faults) {
      log::error("cannot be used", {{"why", fault}});
      worse = worse || !faults_.contains(fault);  // what was left out before may stay left out
    }
    if (worse) {
      co_await fleet_.discard(loaded.value().generation);
      co_return false;
    }
    fleet_.open(loaded.value().generation, executors_of(*loaded.value().tasks.table));
    if (const auto rehearsed = co_await rehearse(loaded.value().generation); !rehearsed.has_value()) {
      log::error("the new plugins cannot serve", {{"why", rehearsed.error().message()}});
      co_await fleet_.discard(loaded.value().generation);
      co_return false;
    }
    take_config(std::move(fresh.config));
    serve_generation(std::move(loaded.value()));
    co_return true;
  }

  void take_config(config::Config fresh) {
    if (fresh.broker != config_.broker || fresh.name_space != config_.name_space || fresh.lease != config_.lease ||
        fresh.worker != config_.worker || fresh.result_ttl != config_.result_ttl || fresh.failed_ttl != config_.failed_ttl ||
        fresh.failed_max != config_.failed_max) {
      log::warning("a change of broker, namespace, lease, worker, result_ttl, failed_ttl or failed_max takes effect at a restart");
      fresh.broker = config_.broker;
      fresh.name_space = config_.name_space;
      fresh.lease = config_.lease;
      fresh.worker = config_.worker;
      fresh.result_ttl = config_.result_ttl;
      fresh.failed_ttl = config_.failed_ttl;
      fresh.failed_max = config_.failed_max;
    }
    config_ = std::move(fresh);
    log::configure(config_.log.level, config_.log.format);
    dispatcher_->reconfigure(dispatcher_options(config_, worker_));
  }

  asio::awaitable<ExitCode> drain() {
    note(service::notify_stopping("draining"));
    log::info("draining", {{"running", dispatcher_->stats().running}, {"timeout", format_duration(config_.drain_timeout)}});
    const bool settled = co_await dispatcher_->drain(clock_.now() + config_.drain_timeout);
    // Before the farewell, or an announcement that is due now would come after it.
    co_await dispatcher_->stop();
    if (settled) {
      // Nobody need wait for our heartbeat to run out.
      const auto left = co_await connection_.directory->farewell(worker_);
      if (!left.has_value()) log::debug(left.error().message());
    } else {
      log::error("the broker could not be told of everything; those jobs come back when their leases end");
    }
    co_return settled ? ExitCode::ok : ExitCode::unsettled;
  }

  asio::awaitable<void> report_status() {
    const auto interval = service::watchdog_interval();
    if (interval) {
      watchdog_.emplace(*interval);
      broker_mark_ = watchdog_->watch("broker", *interval, clock_.now());
    }
    auto next_status = clock_.now() + kStatusInterval;
    for (;;) {
      const auto pause = watchdog_ ? watchdog_->period() : kStatusInterval;
      co_await clock_.sleep_for(pause);
      if (watchdog_) feed_watchdog();
      if (clock_.now() < next_status) continue;
      next_status = clock_.now() + kStatusInterval;
      note(service::notify_status(status()));
    }
  }

  void feed_watchdog() {
    const auto verdict = watchdog_->check(clock_.now());
    if (verdict.alive) return note(service::notify_alive());
    log::error("the watchdog is not fed", {{"stuck", fmt::format("{}", fmt::join(verdict.stuck, ", "))}});
  }

  void broker_moved() {
    if (watchdog_) watchdog_->progressed(broker_mark_, clock_.now());
  }

  void broker_changed(const std::string& fault) {
    if (watchdog_) watchdog_->set_away(broker_mark_, !fault.empty(), clock_.now());
    note(service::notify_status(status()));
  }

  [[nodiscard]] std::string status() const {
    const auto stats = dispatcher_->stats();
    if (!stats.broker_fault.empty()) return fmt::format("the broker is away: {}", stats.broker_fault);
    return fmt::format("{}, {} running, {} done", counted(table_->all().size(), "task"), stats.running, stats.settled);
  }

  asio::any_io_executor executor_;
  AppOptions options_;
  config::SecretEnvironment& secrets_;
  config::Config config_;
  std::string worker_;
  SystemClock clock_;
  asio::steady_timer wake_;  // cancelled when a request came
  bool drain_asked_ = false;
  bool reload_asked_ = false;
  broker::Connection connection_;
  hosts::HostFleet fleet_;
  Loaded pending_;  // loaded before the dispatcher exists
  std::unique_ptr<dispatch::Dispatcher> dispatcher_;
  std::unique_ptr<schedule::Ticker> ticker_;
  std::unique_ptr<events::Announcer> announcer_;
  std::shared_ptr<const dispatch::TaskTable> table_;
  std::set<std::string> faults_;
  std::size_t plugins_ = 0;
  std::optional<service::Watchdog> watchdog_;
  service::Watchdog::Mark broker_mark_{};
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

/// Loads the configuration; prints every fault. Nothing if it cannot be used.
std::optional<config::Config> load_config(const AppOptions& options, config::SecretEnvironment& secrets) {
  auto loaded = config::load(options.config_file, secrets.sources());
  secrets.take(loaded.secret_variables);
  for (const auto& warning : loaded.warnings) std::fprintf(stderr, "conduitd: warning: %s\n", warning.text().c_str());
  for (const auto& fault : loaded.faults) std::fprintf(stderr, "conduitd: %s\n", fault.text().c_str());
  const auto url = options.broker_url.empty() ? ok() : check_broker_url(options.broker_url);
  if (!url.has_value()) std::fprintf(stderr, "conduitd: --broker: %s\n", url.error().message().c_str());
  if (!loaded.ok() || !url.has_value()) return std::nullopt;
  take_broker_url(loaded.config, options.broker_url);
  return std::move(loaded.config);
}

/// Runs `work` on a loop of its own until it is done.
template <class T>
T run_to_end(asio::io_context& io, asio::awaitable<T> work) {
  std::optional<T> result;
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& thrown, T value) {
    failure = thrown;
    result = std::move(value);
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

asio::awaitable<ExitCode> check_plugins(asio::any_io_executor executor, config::Config config, std::string executable) {
  SystemClock clock;
  hosts::HostFleet fleet(executor, clock);
  auto loaded = co_await load_plugins(fleet, config, std::move(executable));
  if (!loaded.has_value()) {
    std::fprintf(stderr, "conduitd: %s\n", loaded.error().message().c_str());
    co_return ExitCode::config;
  }
  const auto& tasks = loaded.value().tasks;
  for (const auto& fault : tasks.faults) std::fprintf(stderr, "conduitd: %s\n", fault.c_str());
  for (const auto& warning : tasks.warnings) std::fprintf(stderr, "conduitd: warning: %s\n", warning.c_str());
  std::printf("%s, %s\n", counted(loaded.value().plugins, "plugin").c_str(), counted(tasks.table->all().size(), "task").c_str());
  for (const auto& [name, task] : tasks.table->all()) {
    std::printf("  %-30s %-8s queue %s\n", name.c_str(), std::string(channel::to_string(task.executor)).c_str(), task.queue.c_str());
  }
  const bool good = tasks.faults.empty();
  co_await fleet.discard(loaded.value().generation);
  co_await fleet.stop();
  co_return good ? ExitCode::ok : ExitCode::config;
}

}  // namespace

ExitCode run_app(const AppOptions& options) {
  config::SecretEnvironment secrets;
  auto config = load_config(options, secrets);
  if (!config) return ExitCode::config;
  ::signal(SIGPIPE, SIG_IGN);  // a host or a broker that goes away is an error code, not our end
  log::configure(config->log.level, config->log.format);
  asio::io_context io(1);
  App app(io.get_executor(), options, secrets, std::move(*config));
  return run_to_end(io, app.run());
}

ExitCode check_app(const AppOptions& options) {
  config::SecretEnvironment secrets;
  const auto config = load_config(options, secrets);
  if (!config) return ExitCode::config;
  std::printf("%s: the configuration is good\n", options.config_file.c_str());
  asio::io_context io(1);
  return run_to_end(io, check_plugins(io.get_executor(), *config, options.executable));
}

}  // namespace conduitd
