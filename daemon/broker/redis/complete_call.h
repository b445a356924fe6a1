#pragma once
// The commonest endings, gathered into calls of complete.lua. Pure.

#include <string>
#include <vector>

#include "broker/redis/settle_call.h"

namespace conduitd::broker::redis {

/// Jobs of one stream that one worker has completed, in the order of their entries. Its endings stay the caller's, and must outlive it: the server may refuse the whole call.
class CompleteCall {
 public:
  /// True for a first attempt that completed a job of which nothing is kept but its entry.
  [[nodiscard]] static bool is_for(const Ending& ending);

  CompleteCall(const Server& server, const Ending& first);
  /// Whether the next ending, in the order of entries, belongs into this call. `between`: how many entries the worker holds
  /// between the last one and this.
  [[nodiscard]] bool takes(const Ending& next, std::size_t between) const;
  /// `position` is the ending's place in the batch.
  void add(const Ending& next, std::size_t position, std::size_t between);
  void send(Batch& batch) const;
  [[nodiscard]] const std::vector<std::size_t>& positions() const { return positions_; }
  [[nodiscard]] const Ending& last() const { return *endings_.back(); }

 private:
  const Server& server_;
  const Ending& first_;
  std::vector<const Ending*> endings_;
  std::vector<std::size_t> positions_;
  std::size_t others_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace conduitd::broker::redis
