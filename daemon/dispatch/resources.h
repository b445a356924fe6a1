#pragma once
// What this worker has of each resource and what its attempts hold of it. Nothing is given twice.

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "job/needs.h"

namespace conduitd::dispatch {

/// Pure; not thread-safe. Every take is given back once.
class Resources {
 public:
  using Declared = std::map<std::string, job::Resource>;

  explicit Resources(Declared declared) : declared_(std::move(declared)) {}
  /// After a reload. What is held stays held: if there is less now than is held, nothing is free until enough has come back.
  void declare(Declared declared) { declared_ = std::move(declared); }

  [[nodiscard]] const Declared& declared() const { return declared_; }
  [[nodiscard]] std::uint64_t free(const std::string& name) const;
  /// All that is free, by name.
  [[nodiscard]] job::Needs all_free() const;
  /// Whether this worker could ever give so much; if not, `missing` is what it has too little of.
  [[nodiscard]] bool could_give(const job::Needs& needs, std::string* missing = nullptr) const;
  /// Whether it can be taken now.
  [[nodiscard]] bool has_free(const job::Needs& needs) const;

  /// Takes it, which has_free() must have said is there; returns the devices that are given.
  [[nodiscard]] std::vector<std::string> take(const job::Needs& needs);
  void give_back(const job::Needs& needs, const std::vector<std::string>& devices);

 private:
  [[nodiscard]] std::vector<std::string> free_devices(const job::Resource& resource) const;

  Declared declared_;
  job::Needs held_;
  std::set<std::string> held_devices_;
};

}  // namespace conduitd::dispatch
