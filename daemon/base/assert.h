#pragma once
// CONDUIT_ASSERT: for bugs of ours, in every build. Never for input, config, a broker's replies or plugins.

namespace conduitd {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;
}

#define CONDUIT_ASSERT(expression) \
  ((expression) ? (void)0 : ::conduitd::assertion_failed(#expression, __FILE__, __LINE__))
