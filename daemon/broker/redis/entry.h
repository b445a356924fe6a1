#pragma once
// What stands in a stream entry, and job ids that lead to one. Pure.
//
// An entry has two fields: h, the header, and a, the arguments as they came. A header is the counters followed by tagged
// values, "2.1.0.1|r3|t1500"; the commonest one, all zero and nothing special, is empty. Values escape '|' and '%'.
// A job that only ever stood where it was put needs nothing else: its id says which entry that is.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "broker/redis/keys.h"
#include "job/id.h"
#include "job/job.h"

namespace conduitd::broker::redis {

/// The id of a stream entry: "1700000000000-7".
struct EntryId {
  std::uint64_t ms = 0;
  std::uint64_t seq = 0;
  auto operator<=>(const EntryId&) const = default;
};
[[nodiscard]] std::string to_string(EntryId id);
[[nodiscard]] std::optional<EntryId> parse_entry_id(std::string_view text);

/// Where a job stands. `task_hash` tells the task among those of its queue.
struct Place {
  EntryId entry;
  Lane lane = 5;
  std::uint64_t task_hash = 0;
};
/// 44 bits.
[[nodiscard]] std::uint64_t hash_of_task(std::string_view task);
/// The id of a job put directly into that place; in the order of entries.
[[nodiscard]] job::Ulid ulid_at(const Place& place);
/// The place an id was made from; nothing for ids of jobs that were put elsewhere first.
[[nodiscard]] std::optional<Place> place_of(const job::Ulid& ulid);
/// An id that leads to no place, in the order of `like`. 44 of the random bits keep two clients' ids apart.
[[nodiscard]] job::Ulid placeless_ulid(EntryId like, std::uint64_t random);

/// Keys that lead to a job beside its id: they end with it.
struct Ties {
  std::string unique;
  std::string submit;  ///< its idempotency key
  bool operator==(const Ties&) const = default;
  [[nodiscard]] bool empty() const { return unique.empty() && submit.empty(); }
};

struct Header {
  job::Counters counters;
  std::string ulid;                    // i: of a job that has been moved
  std::optional<WallTime> created_at;  // c
  std::optional<int> priority;         // q
  std::optional<std::uint32_t> weight;  // m
  std::optional<int> retries;          // r
  std::optional<Millis> timeout;       // t
  std::optional<WallTime> expires_at;  // e
  std::optional<WallTime> deadline_at; // d
  Ties ties;                           // u, k
  std::optional<WallTime> unique_until; // w
  bool unique_waiting = false;         // v
  std::string parent_id;               // p
  std::string root_id;                 // o
  std::string traceparent;             // x
  bool follows = false;                // y: its hash says after which it runs
  bool bound = false;                  // b: it is cancelled when its parent fails or is cancelled
  bool garbage = false;                // g: the entry could not be read
};
[[nodiscard]] Header header_for(const job::NewJob& job);
[[nodiscard]] std::string encode(const Header& header);
[[nodiscard]] std::optional<Header> decode_header(std::string_view text);

/// What job::Lease::entry holds for us.
struct LeaseHandle {
  Lane lane = 5;
  EntryId entry;
  std::uint32_t attempts_before = 0;  ///< counted in the entry's header: the pending list adds its own count
  int priority = 5;
  Ties ties;
  bool limited = false;  ///< its end makes a place that somebody may wait for
  bool plain = false;    ///< the entry's header is empty: nothing is known of the job but its arguments
};
/// "<queue>/<lane>/<entry>": what admit.lua calls a job's place.
[[nodiscard]] std::string place_name(std::string_view queue, Lane lane, EntryId entry);
[[nodiscard]] std::string encode(const LeaseHandle& handle);
[[nodiscard]] std::optional<LeaseHandle> decode_handle(std::string_view text);
/// "<lane>/<entry>": where a job stands, as its hash says it.
[[nodiscard]] std::optional<std::pair<Lane, EntryId>> decode_standing(std::string_view text);

/// "<task>/<lane>" and "<ulid>/<lane>/<task>", as they stand in the registry and among due jobs.
struct LaneName {
  std::string task;
  Lane lane = 5;
  auto operator<=>(const LaneName&) const = default;
};
[[nodiscard]] std::string encode(const LaneName& name);
[[nodiscard]] std::optional<LaneName> decode_lane(std::string_view text);
struct DueMember {
  std::string ulid;
  LaneName lane;
};
[[nodiscard]] std::string encode(const DueMember& member);
[[nodiscard]] std::optional<DueMember> decode_due(std::string_view text);

}  // namespace conduitd::broker::redis
