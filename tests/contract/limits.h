#pragma once
// Limits as the contract's cases write them.

#include <optional>
#include <string>
#include <string_view>

#include "job/limit.h"

namespace conduitd::test {

inline job::Limit at_once(std::uint32_t most, const std::string& key = "", job::Limit::Scope scope = job::Limit::Scope::global) {
  job::Limit out;
  out.most = most;
  out.key = key;
  out.scope = scope;
  return out;
}

inline job::Limit rate(std::string_view text, const std::string& key = "", std::optional<std::uint32_t> burst = std::nullopt) {
  job::Limit out;
  out.kind = job::Limit::Kind::rate;
  out.most = job::parse_rate(text).value().most;
  out.period = job::parse_rate(text).value().period;
  out.key = key;
  out.burst = burst;
  return out;
}

}  // namespace conduitd::test
