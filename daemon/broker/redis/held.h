#pragma once
// Which entries this worker was handed and has not settled yet. What the server thinks this worker has beyond these was
// read, but its reply was lost.

#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "broker/redis/entry.h"

namespace conduitd::broker::redis {

class HeldLeases {
 public:
  /// Arguments up to this many bytes are worth being kept for the record of the job: the server need not read them again.
  static constexpr std::size_t kKeptArgs = 1024;

  /// Which stream: of what queue, task and lane. A view.
  using Stream = std::tuple<std::string_view, std::string_view, Lane>;
  struct Lease {
    std::string args;     ///< of a job of which nothing else is known, if they are kept
    bool silent = false;  ///< it was kept so, and this worker has written nothing of it since
  };

  /// `args`: those of a job of which nothing else is known, if they are to be kept.
  void add(const Stream& stream, EntryId entry, std::string args = {}) {
    auto its = held_.find(stream);
    if (its == held_.end()) its = held_.emplace(stream, Entries()).first;
    const bool silent = !args.empty();
    its->second.insert_or_assign(entry, Lease{std::move(args), silent});
  }
  void remove(const Stream& stream, EntryId entry) {
    if (const auto its = held_.find(stream); its != held_.end()) its->second.erase(entry);
  }
  /// Something is about to be written of the job.
  void speak(const Stream& stream, EntryId entry) {
    const auto its = held_.find(stream);
    if (its == held_.end()) return;
    if (const auto found = its->second.find(entry); found != its->second.end()) found->second.silent = false;
  }
  /// What is kept of it; nothing: nullptr. Valid until the next change.
  [[nodiscard]] const Lease* find(const Stream& stream, EntryId entry) const {
    const auto its = held_.find(stream);
    if (its == held_.end()) return nullptr;
    const auto found = its->second.find(entry);
    return found != its->second.end() ? &found->second : nullptr;
  }
  [[nodiscard]] bool contains(const Stream& stream, EntryId entry) const { return find(stream, entry) != nullptr; }
  [[nodiscard]] std::size_t size() const {
    std::size_t out = 0;
    for (const auto& [stream, entries] : held_) out += entries.size();
    return out;
  }
  /// How many are held of a stream after one entry and before another, counted up to `most`.
  [[nodiscard]] std::size_t between(const Stream& stream, EntryId after, EntryId before, std::size_t most) const {
    const auto its = held_.find(stream);
    if (its == held_.end()) return 0;
    std::size_t out = 0;
    for (auto at = its->second.upper_bound(after); at != its->second.end() && at->first < before && out < most; ++at) ++out;
    return out;
  }

 private:
  using Entries = std::map<EntryId, Lease>;
  using Name = std::tuple<std::string, std::string, Lane>;
  struct Order {
    using is_transparent = void;
    bool operator()(const Stream& one, const Stream& other) const { return one < other; }
  };
  std::map<Name, Entries, Order> held_;  // of as many streams as this worker reads
};

}  // namespace conduitd::broker::redis
