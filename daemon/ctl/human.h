#pragma once
// Times, spans and numbers as a person reads them.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace conduitd::ctl {

/// How long something took, to two units: "340ms", "1.2s", "5m 3s", "2h 10m", "3d 4h".
[[nodiscard]] std::string span(Millis duration);
/// How long ago in one unit: "now", "12s", "5m", "2h", "4d"; a time to come is "in 5m".
[[nodiscard]] std::string age(WallTime then, WallTime now);
/// The time and its age: "2026-01-31 09:30:00.123Z  (5m ago)".
[[nodiscard]] std::string moment(WallTime then, WallTime now);
/// 20000 as "20,000".
[[nodiscard]] std::string grouped(std::uint64_t number);
/// "1 job", "20,000 jobs".
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view noun);

}  // namespace conduitd::ctl
