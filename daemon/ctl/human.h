#pragma once
// Times and spans as a person reads them; numbers are in base/words.h.

#include <string>

#include "base/clock.h"
#include "base/words.h"

namespace conduitd::ctl {

/// How long something took, to two units: "340ms", "1.2s", "5m 3s", "2h 10m", "3d 4h".
[[nodiscard]] std::string span(Millis duration);
/// How long ago in one unit: "now", "12s", "5m", "2h", "4d"; a time to come is "in 5m".
[[nodiscard]] std::string age(WallTime then, WallTime now);
/// The time and its age: "2026-01-31 09:30:00.123Z  (5m ago)".
[[nodiscard]] std::string moment(WallTime then, WallTime now);

}  // namespace conduitd::ctl
