#include "ctl/session.h"

#include <fmt/format.h>

#include <boost/asio/executor_work_guard.hpp>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "config/broker_url.h"
#include "config/default_file.h"
#include "config/load.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

/// The longest a command waits for one answer: longer than the broker's own deadline of a round trip, so that
/// usually the broker says what is wrong.
constexpr Millis kAnswer{20'000};

Result<std::string> config_file(const Program& program) {
  if (!program.config.empty()) return program.config;
  const char* from_environment = std::getenv("CONDUIT_CONFIG");  // NOLINT(concurrency-mt-unsafe)
  if (from_environment != nullptr && *from_environment != '\0') return std::string(from_environment);
  auto found = config::default_file();
  if (found.has_value() || !found.error().is(Errc::not_found)) return found;
  return Error(Errc::invalid_argument,
               fmt::format("no broker is named and {}; give --broker URL, --config FILE or CONDUIT_CONFIG in the environment",
                           found.error().message()));
}

Result<Target> target_from(const std::string& path) {
  const auto loaded = config::load(path);
  if (!loaded.ok()) {
    return Error(Errc::invalid_argument, fmt::format("{}; see conduitctl config check {}, or give --broker URL",
                                                     loaded.faults.front().text(), path));
  }
  const auto& config = loaded.config;
  Target target;
  target.limits = {static_cast<std::size_t>(config.limits.payload), config.limits.json_depth};
  auto& options = target.options;
  options.url = config::broker_url(config.broker);
  options.name_space = config.name_space;
  options.lease = config.lease;
  options.result_ttl = config.result_ttl;
  options.failed_ttl = config.failed_ttl;
  options.failed_max = config.failed_max;
  options.command_timeout = config.broker.command_timeout;
  options.log_lines = config.limits.log_lines;
  return target;
}

}  // namespace

Result<Target> find_broker(const Program& program) {
  Target target;
  if (program.broker.empty() || !program.config.empty()) {
    CONDUIT_TRY(const auto path, config_file(program));
    CONDUIT_TRY(target, target_from(path));
  }
  if (!program.broker.empty()) target.options.url = program.broker;
  if (!program.name_space.empty()) target.options.name_space = program.name_space;
  return target;
}

Session::Session(const Program& program, Target target)
    : program_(program), target_(std::move(target)), tasks_(context_.get_executor()) {}

void Session::allow(Millis duration) { deadline_ = clock_.now() + duration + kAnswer; }

ExitCode Session::run(BrokerCommand& command) {
  allow(Millis{0});
  const auto work = asio::make_work_guard(context_);
  tasks_.spawn("command", drive(command));
  while (!finished_ || tasks_.size() != 0) {
    if (context_.run_one_until(deadline_) == 0 && clock_.now() >= deadline_) give_up();
  }
  return exit_;
}

asio::awaitable<void> Session::drive(BrokerCommand& command) {
  const auto outcome = co_await open_and_run(command);
  exit_ = outcome.has_value() ? outcome.value() : fail(outcome.error());
  if (connection_.broker) co_await connection_.broker->close();
  finished_ = true;
}

asio::awaitable<Result<ExitCode>> Session::open_and_run(BrokerCommand& command) {
  auto options = target_.options;
  options.may_create = false;
  auto opened = co_await broker::open(context_.get_executor(), clock_, std::move(options));
  if (!opened.has_value()) co_return opened.error();
  connection_ = std::move(opened.value());
  co_return co_await command.run(*this);
}

/// An operation that does not answer cannot be trusted to be cancelled either, so the process ends without unwinding:
/// for the broker that is a producer that died, which it copes with.
void Session::give_up() const {
  complain(fmt::format("{} did not answer in time; see whether the broker is well, and try again",
                       redact_url(target_.options.url)));
  std::fflush(nullptr);
  std::_Exit(static_cast<int>(ExitCode::broker));
}

ExitCode run_with_broker(const Program& program, BrokerCommand& command) {
  auto target = find_broker(program);
  // A wrong command is said to be wrong even where no broker could be found.
  const auto prepared = command.prepare(target.has_value() ? target.value() : Target());
  if (!prepared.has_value()) return fail(prepared.error());
  if (!target.has_value()) return fail(target.error());
  Session session(program, std::move(target.value()));
  return session.run(command);
}

}  // namespace conduitd::ctl
