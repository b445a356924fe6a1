#pragma once
// The commonest endings, gathered into calls of complete.lua. Pure.

#include <string>
#include <utility>
#include <vector>

#include "broker/redis/settle_call.h"

namespace conduitd::broker::redis {

/// Jobs of one stream that one worker has completed. Its endings stay the caller's, and must outlive it: the server may refuse the whole call.
class CompleteCall {
 public:
  /// True for a first attempt that completed a job of which nothing is kept but its entry.
  [[nodiscard]] static bool is_for(const Ending& ending);

  CompleteCall(const Server& server, const Ending& first);
  [[nodiscard]] bool takes(const Ending& ending) const;
  /// `position` is the ending's place in the batch.
  void add(const Ending& ending, std::size_t position);
  void send(Batch& batch);
  [[nodiscard]] std::vector<std::size_t> positions() const;

 private:
  const Server& server_;
  const Ending& first_;
  std::vector<std::pair<const Ending*, std::size_t>> endings_;
};

}  // namespace conduitd::broker::redis
