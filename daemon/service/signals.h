#pragma once
// SIGTERM, SIGINT and SIGHUP as a stream of three requests.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>

#include "base/result.h"

namespace conduitd::service {

enum class Request : std::uint8_t {
  drain,   ///< the first SIGTERM or SIGINT: finish what runs, within drain_timeout
  hurry,   ///< the second: hand back what runs, now
  reload,  ///< SIGHUP: read the configuration and the plugins again
};

/// Takes the three signals for the whole process, from open() until its end.
///
/// Thread: everything on the executor given, which must be single-threaded or a strand.
/// Stop: cancel the coroutine that waits in next(), as a TaskGroup does; then destroy this.
class Signals {
 public:
  [[nodiscard]] static Result<Signals> open(boost::asio::any_io_executor executor);
  Signals(Signals&&) noexcept;
  Signals& operator=(Signals&&) noexcept;
  ~Signals();

  /// The next request; one caller at a time. Signals that come while nobody waits are kept but not counted: two
  /// SIGHUP are one reload. drain always comes before hurry, each comes once, and a drain ends all reloading.
  boost::asio::awaitable<Request> next();

 private:
  struct State;
  explicit Signals(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace conduitd::service
