#pragma once
// From rows to records.

#include <string>

#include "broker/sqlite/store.h"

namespace conduitd::broker::sqlite {

/// What read_record wants of a row: "SELECT <kRecordColumns> FROM jobs j <kRecordJoins> WHERE ...".
extern const std::string kRecordColumns;
extern const std::string kRecordJoins;

/// The record without metadata and history. A stored status that makes no sense reads as failed (invalid).
[[nodiscard]] job::JobRecord read_record(const Row& row);

/// The ended attempts of `record`, oldest first.
Result<std::vector<job::AttemptRecord>> history_of(Store& store, std::int64_t seq, const job::JobRecord& record);

/// Nothing for an empty text; unreadable text is kept as the message.
[[nodiscard]] std::optional<job::Failure> read_failure(const std::string& text);

}  // namespace conduitd::broker::sqlite
