#pragma once
// The steps of one batch on their way through a cluster: which goes to which node next, and what its answer means. Pure.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/redis/scripts.h"
#include "broker/redis/slots.h"

namespace conduitd::broker::redis {

/// A command as it is sent. One without a slot goes where the step before it goes, or else where the first with a slot goes.
struct RoutedStep {
  std::string_view bytes;  ///< RESP; must outlive the routing
  std::optional<Slot> slot;
  std::optional<Script> script;
};

/// What goes to one node in one write, in the order of the batch.
struct Parcel {
  RedisAddress node;
  Pipeline commands;
  std::vector<std::optional<std::size_t>> answers;  ///< for each command, the step that it is; nothing: it prepares the one after it
};

/// One for each batch. Steps of one slot keep their order, unless that slot moves meanwhile; those of two slots have none.
class Routing {
 public:
  explicit Routing(std::vector<RoutedStep> steps);

  /// The steps that have no answer yet. Those whose slot nobody serves wait; see idle().
  [[nodiscard]] std::vector<Parcel> parcels(const SlotMap& map) const;
  /// The answers to a parcel. What the cluster says of moved slots goes into the map.
  void take(const Parcel& parcel, std::vector<Reply> replies, SlotMap& map);

  [[nodiscard]] bool done() const { return open_ == 0; }
  /// Since the last call: the map was wrong somewhere.
  [[nodiscard]] bool take_moved() { return std::exchange(moved_, false); }
  /// Since the last call: the cluster asked for a moment of patience.
  [[nodiscard]] bool take_wait() { return std::exchange(wait_, false); }
  /// Why the last step that is still open is.
  [[nodiscard]] const std::string& excuse() const { return excuse_; }
  /// When done.
  [[nodiscard]] std::vector<Reply> take_replies();

 private:
  struct State {
    RoutedStep step;
    std::optional<RedisAddress> asked;  ///< for this once
    bool load = false;                  ///< its node has forgotten the script
    std::optional<Reply> reply;
  };
  [[nodiscard]] bool wants_another_try(State& state, ReplyView reply, const RedisAddress& from, SlotMap& map);

  std::vector<State> states_;
  std::size_t open_;
  bool moved_ = false;
  bool wait_ = false;
  std::string excuse_;
};

}  // namespace conduitd::broker::redis
