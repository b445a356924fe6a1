#pragma once
// Which entries this worker was handed and has not settled yet. What the server thinks this worker has beyond these was
// read, but its reply was lost.

#include <string>
#include <unordered_set>

#include "broker/redis/entry.h"

namespace conduitd::broker::redis {

class HeldLeases {
 public:
  void add(const std::string& stream, EntryId entry) { held_.insert(key(stream, entry)); }
  void remove(const std::string& stream, EntryId entry) { held_.erase(key(stream, entry)); }
  [[nodiscard]] bool contains(const std::string& stream, EntryId entry) const { return held_.contains(key(stream, entry)); }
  [[nodiscard]] std::size_t size() const { return held_.size(); }

 private:
  static std::string key(const std::string& stream, EntryId entry) { return stream + ' ' + to_string(entry); }
  std::unordered_set<std::string> held_;
};

}  // namespace conduitd::broker::redis
