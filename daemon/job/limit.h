#pragma once
// How many attempts of a task may run at once, and how many may be started in a time. Brokers admit jobs by these when they
// hand them out, so that a job that may not run yet is never taken.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace conduitd::job {

/// A job takes so many units of each limit that counts it: of a concurrency while it runs, of a rate when it starts. One that
/// weighs more than a limit has takes all of it: it runs alone, or uses up one whole period.
inline constexpr std::uint32_t kMostWeight = 1'000'000;

struct Limit {
  enum class Kind : std::uint8_t {
    concurrency,  ///< at most `most` units at once
    rate,         ///< at most `most` units started in `period`
  };
  enum class Scope : std::uint8_t {
    global,  ///< over all workers
    worker,  ///< each worker alone
  };
  Kind kind = Kind::concurrency;
  Scope scope = Scope::global;
  std::uint32_t most = 1;
  Millis period{0};         ///< of a rate
  /// Of a rate: so many may start at once after a pause, on top of what the rate gives. Unset: as many as keep every
  /// window of `period` within `most` (see Pacing).
  std::optional<std::uint32_t> burst;
  /// A JSON pointer (RFC 6901) into the arguments: the limit counts for each value found there alone. Empty: for all alike.
  std::string key;
  bool operator==(const Limit&) const = default;
};
inline constexpr std::array<std::string_view, 2> kScopeNames{"global", "worker"};
[[nodiscard]] std::string_view to_string(Limit::Scope scope);
[[nodiscard]] std::optional<Limit::Scope> parse_scope(std::string_view text);

/// "100/m", "10/s", "5/10s", "1000/day". The error says what is allowed.
struct Rate {
  std::uint32_t most = 1;
  Millis period{0};
};
[[nodiscard]] Result<Rate> parse_rate(std::string_view text);
/// As parse_rate reads it back.
[[nodiscard]] std::string format_rate(const Limit& limit);

/// "tenant" and "/tenant" both mean the member tenant. The error says what is wrong with another.
[[nodiscard]] Result<std::string> parse_limit_key(std::string_view text);

/// Whether these may stand together: a task has one key, by which its jobs wait in turn.
[[nodiscard]] Result<> check(const std::vector<Limit>& limits);
/// The key that some of the limits have; empty if none has.
[[nodiscard]] std::string key_of(const std::vector<Limit>& limits);
/// The name of a rate's account: another rate is another account. `worker` counts if it is each worker's own, `value` if it has a key.
[[nodiscard]] std::string account_name(const Limit& rate, std::string_view worker, std::string_view value);
/// For people: "at most 4 at once for each /tenant", "100/m".
[[nodiscard]] std::string describe(const Limit& limit);

/// The value of the key in a job's arguments: a text as it is, a number or truth value as written in JSON. Jobs in which there
/// is none, or an object, an array or null, share the empty value; so does everything that cannot be read.
[[nodiscard]] std::string key_value(std::string_view args, std::string_view pointer);

/// The members `concurrency` and `rate_limit` of a task's options, each a number or text, an object, or a list of those.
/// The error names the member.
[[nodiscard]] Result<std::vector<Limit>> concurrency_from(const Json& json);
[[nodiscard]] Result<std::vector<Limit>> rates_from(const Json& json);
/// Adds the two members to an object of options; nothing if there are no limits.
void add_to(Json& options, const std::vector<Limit>& limits);

/// The generic cell rate algorithm (ITU-T I.371, annex A), in microseconds: an account holds the theoretical arrival time of
/// its next start. A start is admitted if that is no further ahead of now than `tolerance`, and moves it on by `interval`.
///
/// With a burst b the interval is period / most, and a window of `period` sees at most most + b starts. Without one, the
/// tolerance t is 1 % of the period, at most 20 ms, and the interval (period + t) / most: no window sees more than `most`, and
/// a start that comes late by up to t costs none. Without tolerance each lateness would be lost for good.
///
/// A start of weight w moves the account on by w intervals. It cannot come in parts, so that a window which ends with it may see
/// w - 1 units more.
struct Pacing {
  std::int64_t interval = 0;
  std::int64_t tolerance = 0;
};
[[nodiscard]] Pacing pacing_of(const Limit& rate);

/// What starts weigh, in units of the limit.
struct Load {
  std::uint32_t weight = 1;
  bool after_heavy = false;  ///< the account's last start weighed more than one: it may be further ahead
};
/// The account that repeats another while the last start of that weighed more than one.
[[nodiscard]] std::string heavy_account_name(std::string_view account);
/// What a start weighs for a limit, of a job or task that weighs `weight`.
[[nodiscard]] inline std::uint32_t units_of(const Limit& limit, std::uint32_t weight) { return std::min(weight, limit.most); }

/// How many starts of a weight an account admits at `now`, up to `wanted`, and the account after them. Pure.
struct Admitted {
  std::uint64_t count = 0;
  std::int64_t account = 0;  ///< to be kept; unchanged if count is 0
  std::int64_t next = 0;     ///< when one more is admitted
};
[[nodiscard]] Admitted admit(const Pacing& pacing, std::int64_t account, std::int64_t now, std::uint64_t wanted, Load load = {});

/// How long from `now` until an account admits one more; zero: it does now.
[[nodiscard]] Millis wait_for_rate(const Limit& rate, std::int64_t account, std::int64_t now);

}  // namespace conduitd::job
