#pragma once
// What the service manager is told (sd_notify(3)). Without NOTIFY_SOCKET in the environment every call does nothing
// and succeeds, so nobody needs to ask whether there is a service manager.

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace conduitd::service {

/// Start-up is over: units that wait for us may start. Also the end of a reload. `status` is one line for people.
[[nodiscard]] Result<> notify_ready(std::string_view status);
/// A reload begins at `now`; notify_ready() ends it.
[[nodiscard]] Result<> notify_reloading(SteadyTime now);
[[nodiscard]] Result<> notify_stopping(std::string_view status);
/// The line that `systemctl status` shows.
[[nodiscard]] Result<> notify_status(std::string_view status);
/// We are alive. Only on the word of a Watchdog (watchdog.h).
[[nodiscard]] Result<> notify_alive();
/// What is going on (start, reload or stop) needs this much longer from now; to be repeated before it is over.
[[nodiscard]] Result<> notify_extend(Millis more);

/// The WatchdogSec= of the unit: without a notify_alive() for this long we are killed. None: nobody watches us.
[[nodiscard]] std::optional<Millis> watchdog_interval();

}  // namespace conduitd::service
