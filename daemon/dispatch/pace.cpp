#include "dispatch/pace.h"

#include <algorithm>

namespace conduitd::dispatch {
namespace {

constexpr double kCoveredUs = 20'000;  // a claim and a settle take far less, also on a slow disk
constexpr double kFloorUs = 5;
constexpr std::size_t kMost = 512;
constexpr double kRise = 0.5;
constexpr double kFall = 0.05;

}  // namespace

void Pace::observe(std::chrono::microseconds duration) {
  const auto us = static_cast<double>(duration.count());
  if (mean_us_ < 0) {
    mean_us_ = us;
  } else {
    mean_us_ += (us > mean_us_ ? kRise : kFall) * (us - mean_us_);
  }
}

std::size_t Pace::ahead(std::size_t slots) const {
  if (mean_us_ < 0 || slots == 0) return 0;
  const double needed = static_cast<double>(slots) * kCoveredUs / std::max(mean_us_, kFloorUs);
  if (needed <= static_cast<double>(slots)) return 0;
  return std::min(static_cast<std::size_t>(needed) - slots, kMost);
}

}  // namespace conduitd::dispatch
