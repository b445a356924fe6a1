#pragma once
// How a database of an earlier version becomes one of this version.

#include "base/clock.h"
#include "broker/broker.h"
#include "broker/sqlite/database.h"

namespace conduitd::broker::sqlite {

/// Inside a transaction: brings the tables from `version`, which is below kSchemaVersion, to it. Errc::unsupported, with
/// both versions, while another worker is alive: it would write into tables that it does not know.
Result<> upgrade(Database& db, int version, const Options& options, const Clock& clock);

/// A worker that missed so many heartbeats is taken for dead.
inline constexpr std::int64_t kMissedBeats = 3;

}  // namespace conduitd::broker::sqlite
