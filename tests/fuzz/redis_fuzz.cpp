// What a Redis server may answer, and what may stand in its records: replies cut anywhere, entries, headers, records.
#include "broker/redis/entry.h"
#include "broker/redis/record.h"
#include "broker/redis/resp.h"
#include "fuzz.h"

namespace conduitd::fuzz {
namespace {

namespace redis = broker::redis;

void try_replies(std::string_view bytes, std::size_t step) {
  redis::Reader reader;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    if (!reader.feed(bytes.substr(at, step)).has_value()) return;
    for (;;) {
      const auto reply = reader.next();
      if (!reply.has_value() || !reply.value()) break;
      const auto view = reply.value()->view();
      for (std::size_t i = 0; i <= view.size(); ++i) (void)view[i].text();
      (void)view.at("h").integer();
      if (view.is_error()) FUZZ_HOLDS(!redis::to_error(view.text(), "X", "redis://x").message().empty());
    }
  }
}

void try_records(std::string_view text) {
  if (const auto header = redis::decode_header(text)) {
    const auto again = redis::decode_header(redis::encode(*header));
    FUZZ_HOLDS(again.has_value() && redis::encode(*again) == redis::encode(*header));
  }
  if (const auto record = redis::decode_record(text)) (void)redis::to_job_record({"q", {}}, *record, redis::Reply(nullptr).view());
  if (const auto tail = redis::decode_tail(text, 1)) FUZZ_HOLDS(redis::decode_tail(redis::encode(*tail), 1).has_value());
  if (const auto line = redis::decode_log(text)) FUZZ_HOLDS(redis::decode_log(redis::encode(*line)).has_value());
  if (const auto handle = redis::decode_handle(text)) FUZZ_HOLDS(redis::decode_handle(redis::encode(*handle)).has_value());
  if (const auto member = redis::decode_due(text)) FUZZ_HOLDS(redis::decode_due(redis::encode(*member)).has_value());
}

}  // namespace

void run(std::string_view input) {
  if (input.empty()) return;
  try_replies(input.substr(1), static_cast<std::size_t>(static_cast<unsigned char>(input.front())) + 1);
  try_records(input.substr(1));
}

}  // namespace conduitd::fuzz
