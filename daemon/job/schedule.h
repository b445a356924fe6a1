#pragma once
// A schedule as plain data: what is submitted, and when. Its cron expression is understood by cron.h.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/cron.h"
#include "job/job.h"

namespace conduitd::job {

/// What becomes of times that no worker came to within a minute.
enum class Missed : std::uint8_t {
  skip,    ///< nothing
  latest,  ///< the last of them is made up for, unless one that is in time has come since
  all,     ///< each of them, but no more than the last kMostMissed
};
[[nodiscard]] std::string_view to_string(Missed missed);
[[nodiscard]] std::optional<Missed> parse_missed(std::string_view text);
inline constexpr std::array<std::string_view, 3> kMissedNames{"skip", "latest", "all"};
inline constexpr std::size_t kMostMissed = 100;

/// What becomes of a time at which the job of an earlier one has not ended.
enum class Overlap : std::uint8_t {
  skip,   ///< nothing is submitted
  queue,  ///< it is submitted when that job has ended, one time after the other; no more than the last kMostMissed wait
  allow,  ///< it is submitted: both may run
};
[[nodiscard]] std::string_view to_string(Overlap overlap);
[[nodiscard]] std::optional<Overlap> parse_overlap(std::string_view text);
inline constexpr std::array<std::string_view, 3> kOverlapNames{"skip", "queue", "allow"};

inline constexpr Millis kLongestJitter{24LL * 3'600'000};

struct Schedule {
  std::string name;  ///< of its own in the namespace
  std::string task;
  std::string queue = "default";
  Bytes args = "{}";
  std::string expression;
  std::string timezone;  ///< IANA name; empty: UTC
  Missed missed = Missed::latest;
  Overlap overlap = Overlap::skip;
  Millis jitter{0};  ///< at most kLongestJitter; each time is put off by up to so much, the same in every worker
  bool operator==(const Schedule&) const = default;
};

/// Checks names, arguments, expression and zone. The error names the member.
[[nodiscard]] Result<> check(const Schedule& schedule);

/// As it is kept by brokers, and back. Errc::protocol for what is none.
[[nodiscard]] std::string encode(const Schedule& schedule);
[[nodiscard]] Result<Schedule> schedule_from(std::string_view name, std::string_view text);

/// One time of a schedule and what was made of it.
struct ScheduleRun {
  WallTime time;
  std::string job_id;  ///< empty: none was submitted
  std::string note;    ///< why not, or that it was late
};
[[nodiscard]] std::string encode(const std::vector<ScheduleRun>& runs);
[[nodiscard]] std::vector<ScheduleRun> runs_from(std::string_view text);
inline constexpr std::size_t kRunsKept = 20;

/// The job of the last time that was fired, as far as it concerns later ones.
struct Earlier {
  bool running = false;  ///< it has not ended
  WallTime until;        ///< nor had it at times up to here: those were held back by it, not missed
};

/// What is to be done about a schedule at a moment.
struct Plan {
  struct Time {
    WallTime time;
    bool fire = false;
    std::string note;
  };
  std::vector<Time> times;       ///< oldest first; all up to the last of them are dealt with by this
  std::size_t forgotten = 0;     ///< times before these, of which there are too many
  std::optional<WallTime> next;  ///< when to look again; not set: when the job before has ended
};

/// Decides about every time in (`done_until`, `now`]. Pure.
[[nodiscard]] Plan plan(const Schedule& schedule, const CronSchedule& times, WallTime done_until, WallTime now, const Earlier& earlier = {});

}  // namespace conduitd::job
