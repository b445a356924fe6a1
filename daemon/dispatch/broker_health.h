#pragma once
// Whether the broker does what it is asked to. Pure.

#include <array>
#include <cstdint>
#include <string>

namespace conduitd::dispatch {

/// What the broker is asked for, each by a loop of its own.
enum class BrokerUse : std::uint8_t { claim, settle, extend, promote, reclaim, announce };

/// The broker is away while any use of it fails: a server that refuses writes may well answer reads, and must not be
/// said to be away and back with every turn of every loop.
class BrokerHealth {
 public:
  /// Takes in one answer: empty, or why there is none. True if the broker is away now and was not, or the other way round.
  bool answered(BrokerUse use, const std::string& fault) {
    const bool was_away = away();
    faults_[static_cast<std::size_t>(use)] = fault;
    return was_away != away();
  }
  [[nodiscard]] bool away() const { return !fault().empty(); }
  /// Why, in the words of the first use that fails; empty if the broker is there.
  [[nodiscard]] const std::string& fault() const {
    for (const auto& fault : faults_) {
      if (!fault.empty()) return fault;
    }
    return faults_.front();
  }

 private:
  std::array<std::string, 6> faults_;
};

}  // namespace conduitd::dispatch
