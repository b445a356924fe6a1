#include "broker/redis/slots.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace conduitd::broker::redis {
namespace {

constexpr std::array<std::uint16_t, 256> kCrcTable = [] {
  std::array<std::uint16_t, 256> out{};
  for (unsigned byte = 0; byte < out.size(); ++byte) {
    unsigned crc = byte << 8U;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) != 0 ? (crc << 1U) ^ 0x1021U : crc << 1U;
    out[byte] = static_cast<std::uint16_t>(crc);
  }
  return out;
}();

/// CRC16-CCITT as XMODEM has it: polynomial 0x1021, from 0.
std::uint16_t crc16(std::string_view text) {
  unsigned crc = 0;
  for (const char c : text) crc = (crc << 8U ^ kCrcTable[(crc >> 8U ^ static_cast<unsigned char>(c)) & 0xFFU]) & 0xFFFFU;
  return static_cast<std::uint16_t>(crc);
}

bool same(std::string_view a, std::string_view upper) {
  return std::equal(a.begin(), a.end(), upper.begin(), upper.end(), [](char x, char y) { return (x & ~0x20) == y; });
}

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t out = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace

Slot slot_of(std::string_view key) {
  const auto open = key.find('{');
  if (open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close != open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return static_cast<Slot>(crc16(key) % kSlots);
}

std::optional<std::string_view> key_of_command(const std::vector<std::string_view>& words) {
  if (words.size() < 2) return std::nullopt;
  const auto name = words[0];
  for (const std::string_view keyless : {"TIME", "INFO", "PUBLISH", "SCRIPT", "CLUSTER"}) {
    if (same(name, keyless)) return std::nullopt;
  }
  std::size_t at = 1;
  if (same(name, "XGROUP") || same(name, "XINFO")) at = 2;
  if (same(name, "EVALSHA")) {
    if (words.size() < 3 || words[2] == "0") return std::nullopt;
    at = 3;
  }
  if (words.size() <= at) return std::nullopt;
  return words[at];
}

std::size_t SlotMap::number(const RedisAddress& node) {
  const auto found = std::find(nodes_.begin(), nodes_.end(), node);
  if (found != nodes_.end()) return static_cast<std::size_t>(found - nodes_.begin()) + 1;
  nodes_.push_back(node);
  return nodes_.size();
}

Result<SlotMap> SlotMap::from(ReplyView reply, const RedisAddress& asked) {
  SlotMap out;
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const auto range = reply[i];
    const auto first = range[0].integer_or(-1);
    const auto last = range[1].integer_or(-1);
    const auto port = range[2][1].integer_or(0);
    if (first < 0 || last < first || last >= static_cast<std::int64_t>(kSlots) || port <= 0) continue;
    const auto host = range[2][0].text();
    // Nothing: as the one who was asked. "?": it is to be known by a name that was not given to it.
    RedisAddress node{host.empty() || host == "?" ? asked.host : std::string(host), std::to_string(port)};
    const auto number = static_cast<std::uint16_t>(out.number(node));
    std::fill(out.served_by_.begin() + first, out.served_by_.begin() + last + 1, number);
  }
  if (out.nodes_.empty()) return Error(Errc::unavailable, "no node of the cluster serves any slot");
  return out;
}

const RedisAddress* SlotMap::node(Slot slot) const {
  const auto number = served_by_[slot];
  return number == 0 ? nullptr : &nodes_[number - 1U];
}

void SlotMap::set(Slot slot, const RedisAddress& node) { served_by_[slot] = static_cast<std::uint16_t>(number(node)); }

std::optional<Redirection> redirection(std::string_view error, const RedisAddress& asked) {
  if (error.starts_with("TRYAGAIN") || error.starts_with("CLUSTERDOWN")) return Redirection{};
  const bool moved = error.starts_with("MOVED ");
  if (!moved && !error.starts_with("ASK ")) return std::nullopt;
  Redirection out;
  out.kind = moved ? Redirection::Kind::moved : Redirection::Kind::ask;
  auto rest = error.substr(error.find(' ') + 1);
  const auto space = rest.find(' ');
  const auto slot = number_in(rest.substr(0, space));
  rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  const auto colon = rest.rfind(':');
  if (!slot || *slot < 0 || *slot >= static_cast<std::int64_t>(kSlots) || colon == std::string_view::npos) return Redirection{};
  out.slot = static_cast<Slot>(*slot);
  const auto host = rest.substr(0, colon);
  out.to = {host.empty() || host == "?" ? asked.host : std::string(host), std::string(rest.substr(colon + 1))};
  return out;
}

}  // namespace conduitd::broker::redis
