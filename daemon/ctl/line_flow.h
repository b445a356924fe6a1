#pragma once
// Lines of one file that run after one another, named by their refs. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "job/request.h"

namespace conduitd::ctl {

/// What is wrong with a line, for a message that begins with its number.
struct LineFault {
  std::uint64_t line = 0;
  std::string what;
};

/// Keeps what lines say of one another, and nothing of those that say nothing: most files cost it no memory.
class LineFlow {
 public:
  /// More jobs are not submitted together.
  static constexpr std::size_t kMost = 100'000;
  /// Indices of jobs, in the order they were added.
  using Jobs = std::vector<std::size_t>;

  /// The next job of the file, which stands in this line.
  void add(std::uint64_t line, const job::Request& request);
  /// A line that is no job: others may have meant it by `ref`, or, if that cannot be told, by any name.
  void add_bad(std::uint64_t line, const std::optional<std::string>& ref);
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Whether a job has a ref or runs after one.
  [[nodiscard]] bool any() const { return ties_.size() > bad_; }
  /// Also of bad lines that others might mean.
  [[nodiscard]] bool too_many() const { return (any() && size_ > kMost) || bad_ > kMost; }

  /// Refs that two jobs have or nobody, and jobs that run after themselves through others; in the order of the lines. A line may
  /// have several; none are of bad lines.
  [[nodiscard]] std::vector<LineFault> faults() const;
  /// The jobs in waves, as job::waves_of has them: one is submitted when the ids of all before it are known. There are no faults.
  [[nodiscard]] std::vector<Jobs> waves() const;
  /// The jobs of the file that one of it runs after. There are no faults.
  [[nodiscard]] Jobs before(std::size_t job) const;

 private:
  struct Tie {
    std::uint64_t line = 0;
    std::string ref;
    std::vector<std::string> after;
    bool bad = false;
  };
  void tie(std::size_t job, Tie tie);

  /// For each tied job the wave it belongs to; those that are in a circle or behind one are missing.
  [[nodiscard]] std::map<std::size_t, std::size_t> levels() const;
  [[nodiscard]] std::vector<LineFault> circles() const;

  std::size_t size_ = 0;
  std::size_t bad_ = 0;  // of the ties
  bool may_be_anybodys_ = false;  // refs that no line is known to have
  std::map<std::size_t, Tie> ties_;           // by job
  std::map<std::string, std::size_t> by_ref_;  // the first job that has it
};

}  // namespace conduitd::ctl
