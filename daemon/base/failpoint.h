#pragma once
// Places where a test build can be made to die, to fail or to stall, and the three lies it can be told to tell. A build
// without the CMake option CONDUIT_FAILPOINTS has none of it: fails_at() and broken() are then constants, and cost nothing.
//
//   CONDUIT_FAILPOINT=finish.before_send:kill       the process kills itself (SIGKILL) when it comes to that point
//   CONDUIT_FAILPOINT=finish.after_send:err:2       the step fails, at the second passing only (without a number: at each)
//   CONDUIT_FAILPOINT=run.mid:sleep=300,claim.after_begin:kill:5    several; it sleeps 300 ms (1 s without a number)
//   CONDUIT_BROKEN=unfenced | early-ack | no-reclaim    a daemon that breaks its promise, for the checker to convict
//
// What is done is written to standard error first ("failpoint run.mid: kill"), so that a test can wait for it. A setting
// with a fault ends the process with code 2. All points are in the supervisor. A sleep holds up the thread that comes
// by: the core loop, or SQLite's own thread for the two points of the broker.
//
//   point                 passed                                                  err means
//   claim.after_deliver   the broker has handed jobs out, nobody knows of them    the answer is lost
//   claim.after_begin     before an attempt is sent to its host                   the attempt is handed back
//   run.mid               user code has begun                                     (nothing)
//   finish.before_send    before settlements go to the broker                     the call fails and did nothing
//   finish.after_send     the broker has them, its answer is not read             the call fails and was done
//   schedule.mid          due jobs are found or moved, not yet committed          the call fails and did nothing
//   reclaim.after_scan    ended leases are found, nothing is taken back           the call fails and did nothing
//   event.accepted        Redis has an event, its jobs are not made yet           they are left to a worker
//
// A new point: its name into kPoints, a row here, fails_at("name") at its place.

#include <array>
#include <string_view>

namespace conduitd::failpoint {

inline constexpr std::array<std::string_view, 8> kPoints{
    "claim.after_deliver", "claim.after_begin", "run.mid",           "finish.before_send",
    "finish.after_send",   "schedule.mid",      "reclaim.after_scan", "event.accepted"};
inline constexpr std::array<std::string_view, 3> kLies{"unfenced", "early-ack", "no-reclaim"};

#ifdef CONDUIT_FAILPOINTS
/// Does what CONDUIT_FAILPOINT says of this point. True: go on as if the step had failed. Any thread.
bool fails_at(std::string_view point);
/// True if CONDUIT_BROKEN names this lie.
bool broken(std::string_view lie);
#else
constexpr bool fails_at(std::string_view) { return false; }
constexpr bool broken(std::string_view) { return false; }
#endif

}  // namespace conduitd::failpoint
