#pragma once
// Which entries this worker was handed and has not settled yet. What the server thinks this worker has beyond these was
// read, but its reply was lost.

#include <string>
#include <unordered_map>

#include "broker/redis/entry.h"

namespace conduitd::broker::redis {

class HeldLeases {
 public:
  /// Arguments up to this many bytes are worth being kept for the record of the job: the server need not read them again.
  static constexpr std::size_t kKeptArgs = 1024;

  /// `args`: those of a job of which nothing else is known, if they are to be kept.
  void add(const std::string& stream, EntryId entry, std::string args = {}) { held_.insert_or_assign(key(stream, entry), std::move(args)); }
  void remove(const std::string& stream, EntryId entry) { held_.erase(key(stream, entry)); }
  /// The arguments that were kept; empty: none.
  [[nodiscard]] std::string args(const std::string& stream, EntryId entry) const {
    const auto found = held_.find(key(stream, entry));
    return found != held_.end() ? found->second : std::string();
  }
  [[nodiscard]] bool contains(const std::string& stream, EntryId entry) const { return held_.contains(key(stream, entry)); }
  [[nodiscard]] std::size_t size() const { return held_.size(); }

 private:
  static std::string key(const std::string& stream, EntryId entry) { return stream + ' ' + to_string(entry); }
  std::unordered_map<std::string, std::string> held_;
};

}  // namespace conduitd::broker::redis
