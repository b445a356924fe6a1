#include "broker/redis/claim_entry.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include "broker/redis/record.h"

namespace conduitd::broker::redis {
namespace {

bool is_ours(ReplyView fields) {
  return fields.size() == 4 && fields[0].text() == "h" && fields[2].text() == "a";
}

}  // namespace

job::Claim to_claim(const std::string& queue, const Claimer::Line& line, EntryId entry, ReplyView fields) {
  job::Claim out;
  const Place place{entry, line.lane, hash_of_task(line.task)};
  auto header = is_ours(fields) ? decode_header(fields[1].text()) : std::nullopt;
  out.invalid = !header || header->garbage;
  if (!header) header.emplace();
  const auto ulid = header->ulid.empty() ? job::to_string(ulid_at(place)) : header->ulid;
  out.counters = header->counters;
  out.counters.attempts += 1;
  out.priority = header->priority.value_or(line.lane == kFrontLane ? 5 : line.lane);
  if (out.invalid) {
    std::string raw;
    for (std::size_t i = 0; i < fields.size(); ++i) raw += (i == 0 ? "" : " ") + std::string(fields[i].text());
    out.args = shown_args(raw, true);
    out.error = fmt::format("the entry {} of task {} is not a job this version can read", to_string(entry), line.task);
  } else {
    out.args = fields[3].text();
  }
  out.retries = header->retries;
  out.timeout = header->timeout;
  out.created_at = header->created_at.value_or(from_unix_ms(static_cast<std::int64_t>(entry.ms)));
  out.parent_id = header->parent_id;
  out.root_id = header->root_id;
  out.traceparent = header->traceparent;
  if (header->follows) out.after = "[]";  // its hash says it
  LeaseHandle handle{line.lane, entry, header->counters.attempts, out.priority, header->ties, line.limited,
                     !out.invalid && fields[1].text().empty()};
  out.lease = {fmt::format(FMT_COMPILE("{}:{}"), queue, ulid), line.task, queue, out.counters.attempts, encode(handle)};
  return out;
}

}  // namespace conduitd::broker::redis
