#pragma once
// A command's time with the broker: finds it, opens it, runs one coroutine, closes it.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/task_group.h"
#include "broker/open.h"
#include "ctl/program.h"

namespace conduitd::ctl {

class Session;

/// The broker to talk to, and what its config file allows in payloads.
struct Target {
  broker::Options options;
  JsonLimits limits;
};

/// A command that talks to the broker. Its members are its options; it lives until its coroutine has ended.
class BrokerCommand {
 public:
  virtual ~BrokerCommand() = default;
  /// Called before the broker is opened: what is wrong with the options is said without it.
  virtual Result<> prepare(const Target& /*target*/) { return ok(); }
  virtual boost::asio::awaitable<Result<ExitCode>> run(Session& session) = 0;
};

/// Which broker, by --broker, --config, $CONDUIT_CONFIG or config::default_file(), in this order.
[[nodiscard]] Result<Target> find_broker(const Program& program);

/// Everything of a session happens on the thread that calls run(), which returns when the command has ended. A command
/// that hears nothing for its allowance is given up with a message and ExitCode::broker.
class Session {
 public:
  Session(const Program& program, Target target);

  [[nodiscard]] ExitCode run(BrokerCommand& command);

  [[nodiscard]] const Program& program() const { return program_; }
  [[nodiscard]] broker::Broker& broker() { return *connection_.broker; }
  [[nodiscard]] broker::Directory& directory() { return *connection_.directory; }
  [[nodiscard]] broker::Events& events() { return *connection_.events; }
  [[nodiscard]] broker::Schedules& schedules() { return *connection_.schedules; }
  [[nodiscard]] broker::Flows& flows() { return *connection_.flows; }
  [[nodiscard]] JsonLimits limits() const { return target_.limits; }
  [[nodiscard]] Clock& clock() { return clock_; }
  [[nodiscard]] boost::asio::any_io_executor executor() { return context_.get_executor(); }
  /// Gives the command so long from now, beyond what one answer may take. Long commands call it as they get on.
  void allow(Millis duration);

 private:
  boost::asio::awaitable<void> drive(BrokerCommand& command);
  boost::asio::awaitable<Result<ExitCode>> open_and_run(BrokerCommand& command);
  [[noreturn]] void give_up() const;

  const Program& program_;
  Target target_;
  SystemClock clock_;
  boost::asio::io_context context_{1};
  broker::Connection connection_;
  SteadyTime deadline_{};
  ExitCode exit_ = ExitCode::ok;
  bool finished_ = false;
  TaskGroup tasks_;
};

/// What a broker command's subcommand does when it is chosen.
[[nodiscard]] ExitCode run_with_broker(const Program& program, BrokerCommand& command);

}  // namespace conduitd::ctl
