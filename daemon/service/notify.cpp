#include "service/notify.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <system_error>

#include "base/text.h"

namespace conduitd::service {
namespace {

Result<> send(const std::string& state) {
  // Keep the variable: later calls need it.
  const int sent = sd_notify(/*unset_environment=*/0, state.c_str());
  if (sent >= 0) return ok();
  return Error(Errc::io, fmt::format("tell the service manager: {}", std::generic_category().message(-sent)));
}

/// One STATUS= line; a line break inside would begin another message.
std::string status_line(std::string_view status) {
  constexpr std::size_t kLongest = 400;
  return fmt::format("STATUS={}", escape_control(truncate(status, kLongest)));
}

std::int64_t micros(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

Result<> notify_ready(std::string_view status) { return send("READY=1\n" + status_line(status)); }

Result<> notify_reloading(SteadyTime now) {
  // The manager compares this with CLOCK_MONOTONIC, which is what the steady clock reads on Linux.
  return send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading", micros(now.time_since_epoch())));
}

Result<> notify_stopping(std::string_view status) { return send("STOPPING=1\n" + status_line(status)); }

Result<> notify_status(std::string_view status) { return send(status_line(status)); }

Result<> notify_alive() { return send("WATCHDOG=1"); }

Result<> notify_extend(Millis more) { return send(fmt::format("EXTEND_TIMEOUT_USEC={}", micros(more))); }

std::optional<Millis> watchdog_interval() {
  std::uint64_t usec = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/0, &usec) <= 0) return std::nullopt;
  return std::chrono::duration_cast<Millis>(std::chrono::microseconds(usec));
}

}  // namespace conduitd::service
