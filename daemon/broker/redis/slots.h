#pragma once
// Where the keys of a cluster are: the slot of a key, and which node serves it. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/broker_url.h"
#include "broker/redis/resp.h"

namespace conduitd::broker::redis {

using Slot = std::uint16_t;
inline constexpr std::size_t kSlots = 16'384;

/// By CRC16 of the key, or of what stands between its first '{' and the next '}' if that is not nothing.
[[nodiscard]] Slot slot_of(std::string_view key);

/// The key by which a command is sent to its node: nothing if any node will do (TIME, INFO, PUBLISH), as also for a script without keys.
[[nodiscard]] std::optional<std::string_view> key_of_command(const std::vector<std::string_view>& words);

/// Which primary serves each slot. What is not known of it is nothing.
class SlotMap {
 public:
  /// From the reply of CLUSTER SLOTS; `asked` is who said so, for a node that does not know its own address.
  /// Errc::unavailable if no slot is served.
  [[nodiscard]] static Result<SlotMap> from(ReplyView reply, const RedisAddress& asked);

  [[nodiscard]] const RedisAddress* node(Slot slot) const;
  /// All that serve some slot, each once, in the order of their slots.
  [[nodiscard]] const std::vector<RedisAddress>& nodes() const { return nodes_; }
  void set(Slot slot, const RedisAddress& node);

 private:
  std::size_t number(const RedisAddress& node);

  std::vector<RedisAddress> nodes_;
  std::vector<std::uint16_t> served_by_ = std::vector<std::uint16_t>(kSlots, 0);  // number in nodes_ from 1, or 0
};

/// What a node says of a key that it does not serve, or not now.
struct Redirection {
  enum class Kind : std::uint8_t {
    moved,  ///< another has the slot now
    ask,    ///< another has this key already: to be asked for it this once, after ASKING
    wait,   ///< the cluster sorts itself: try again in a moment
  };
  Kind kind = Kind::wait;
  Slot slot = 0;
  RedisAddress to;
};
/// Nothing if the error reply is none of these. `asked` as above: an address without a host is that of the one who says so.
[[nodiscard]] std::optional<Redirection> redirection(std::string_view error, const RedisAddress& asked);

}  // namespace conduitd::broker::redis
