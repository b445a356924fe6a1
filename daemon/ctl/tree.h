#pragma once
// A job and all that it has submitted, as lines below one another. Pure.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ctl/terminal.h"
#include "job/job.h"

namespace conduitd::ctl {

/// What a job is to the one above it.
enum class Tie : std::uint8_t {
  child,
  before,  ///< that one runs after it
  after,   ///< it waits to run after that one
};

struct TreeNode {
  std::string id;
  Tie tie = Tie::child;
  std::string parent_id;
  std::string task;                          ///< empty: its record has expired, or it was deleted
  job::JobStatus status = job::JobStatus::queued;
  std::size_t depth = 0;                     ///< below the first one
  std::vector<std::size_t> children;         ///< as they were submitted
  std::size_t unseen = 0;                    ///< children that were not looked at; at least so many
  bool orphan = false;                       ///< it waits, and no live worker has its task
  std::optional<job::JobRecord> record;      ///< without its payloads; filled in for those that are shown

  [[nodiscard]] bool gone() const { return task.empty(); }
};

/// The first one is that which was asked for; children come after their parents.
using Tree = std::vector<TreeNode>;

/// One line: a job, or several leaves of one task that are counted instead of shown.
struct TreeRow {
  std::size_t node = 0;                        ///< of several: the parent
  std::size_t depth = 0;
  std::vector<bool> more;                      ///< for each level above: whether a sibling comes below
  std::string folded_task;
  std::map<std::string, std::size_t> folded;   ///< of several: how many in which state; empty: this is one job
  std::size_t unseen = 0;                      ///< children of `node` that were not looked at
};

/// Of leaves of one task below one parent no more are shown than these, those that failed or run before the others.
inline constexpr std::size_t kMostAlike = 10;

/// What is shown, from the top; with `all` nothing is folded.
[[nodiscard]] std::vector<TreeRow> rows_of(const Tree& tree, bool all);
/// One row as a line without its end, cut to the terminal's width.
[[nodiscard]] std::string tree_line(const Tree& tree, const TreeRow& row, const Terminal& terminal, WallTime now);
/// "complete in 1.2s, 3 attempts", "scheduled, after default:01J... and 2 more (1 of 3 has not ended)".
[[nodiscard]] std::string standing_text(const TreeNode& node, WallTime now);

}  // namespace conduitd::ctl
