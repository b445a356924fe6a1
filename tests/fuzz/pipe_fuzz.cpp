// What a host may write on its pipe: frames cut anywhere, and the bodies of every message.
#include <algorithm>

#include "channel/crash.h"
#include "channel/frame.h"
#include "channel/manifest.h"
#include "channel/messages.h"
#include "fuzz.h"

namespace conduitd::fuzz {
namespace {

/// A body that is read is the body that would be written.
template <class Message>
void try_message(std::string_view body) {
  const auto message = channel::decode<Message>(body);
  if (message.has_value()) FUZZ_HOLDS(channel::encode(message.value()) == body);
}

void try_all(std::string_view body) {
  try_message<channel::Start>(body);
  try_message<channel::Cancel>(body);
  try_message<channel::Ready>(body);
  try_message<channel::Metadata>(body);
  try_message<channel::Log>(body);
  try_message<channel::Outcome>(body);
  try_message<channel::Call>(body);
  try_message<channel::Reply>(body);
  try_message<channel::Spawned>(body);
  try_message<channel::Exited>(body);
  (void)channel::decode<channel::Progress>(body);  // a number that is none has many forms
  (void)channel::decode_manifests(body);
}

}  // namespace

void run(std::string_view input) {
  if (input.empty()) return;
  const auto step = static_cast<std::size_t>(static_cast<unsigned char>(input.front())) + 1;
  const auto bytes = input.substr(1);
  channel::FrameReader reader;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.append(bytes.substr(at, step));
    for (;;) {
      const auto frame = reader.next();
      if (!frame.has_value()) {
        FUZZ_HOLDS(!reader.next().has_value());
        at = bytes.size();
        break;
      }
      if (!frame.value()) break;
      FUZZ_HOLDS(frame.value()->body.size() <= channel::kMaxBody);
      FUZZ_HOLDS(channel::is_known(frame.value()->type));
      try_all(frame.value()->body);
    }
  }
  try_all(bytes);
  std::vector<std::string> lines;
  for (std::size_t at = 0; at <= bytes.size();) {
    const auto end = std::min(bytes.find('\n', at), bytes.size());
    lines.emplace_back(bytes.substr(at, end - at));
    at = end + 1;
  }
  (void)channel::read_crash(lines);
}

}  // namespace conduitd::fuzz
