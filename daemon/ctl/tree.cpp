#include "ctl/tree.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "ctl/human.h"
#include "ctl/job_view.h"

namespace conduitd::ctl {
namespace {

using job::JobStatus;

/// Deeper ones are not indented further: their depth is written instead.
constexpr std::size_t kDeepestIndent = 20;

std::string state_of(const TreeNode& node) { return node.gone() ? "gone" : std::string(job::to_string(node.status)); }

/// How much somebody wants to see it among others of its kind: less is more.
int interest(const TreeNode& node) {
  if (node.gone()) return 5;
  switch (node.status) {
    case JobStatus::failed: return 0;
    case JobStatus::running: return 1;
    case JobStatus::retrying: return 2;
    case JobStatus::cancelled:
    case JobStatus::expired: return 3;
    case JobStatus::scheduled:
    case JobStatus::queued:
    case JobStatus::complete: break;
  }
  return 4;
}

/// A parent's children as they are shown: one of them, or a group that is counted.
struct Shown {
  std::size_t node = 0;
  std::string folded_task;
  std::map<std::string, std::size_t> folded;
  std::size_t unseen = 0;
};

/// Leaves of one task that are too many.
struct Alike {
  std::vector<std::size_t> all;
  std::vector<std::size_t> shown;  // sorted
  std::map<std::string, std::size_t> folded;
};

using Groups = std::map<std::pair<Tie, std::string>, Alike>;  // by task

Groups alike_below(const Tree& tree, const TreeNode& parent) {
  Groups out;
  for (const auto child : parent.children) {
    const auto& one = tree[child];
    if (one.children.empty() && one.unseen == 0) out[{one.tie, one.task}].all.push_back(child);
  }
  // One more than the most costs as many lines as it does folded.
  std::erase_if(out, [](const auto& group) { return group.second.all.size() <= kMostAlike + 1; });
  for (auto& [task, group] : out) {
    group.shown = group.all;
    std::stable_sort(group.shown.begin(), group.shown.end(), [&](std::size_t a, std::size_t b) { return interest(tree[a]) < interest(tree[b]); });
    group.shown.resize(kMostAlike);
    std::sort(group.shown.begin(), group.shown.end());
    for (const auto one : group.all) {
      if (!std::binary_search(group.shown.begin(), group.shown.end(), one)) ++group.folded[state_of(tree[one])];
    }
  }
  return out;
}

std::vector<Shown> shown_below(const Tree& tree, std::size_t parent, bool all) {
  std::vector<Shown> out;
  const auto groups = all ? Groups() : alike_below(tree, tree[parent]);
  for (const auto child : tree[parent].children) {
    const auto group = groups.find({tree[child].tie, tree[child].task});
    const bool leaf = tree[child].children.empty() && tree[child].unseen == 0;
    if (!leaf || group == groups.end()) {
      out.push_back({child, {}, {}, 0});
      continue;
    }
    const auto& alike = group->second;
    if (std::binary_search(alike.shown.begin(), alike.shown.end(), child)) out.push_back({child, {}, {}, 0});
    if (child == alike.all.back()) out.push_back({parent, group->first.second, alike.folded, 0});
  }
  if (tree[parent].unseen > 0) out.push_back({parent, {}, {}, tree[parent].unseen});
  return out;
}

std::string time_text(const job::JobRecord& job, WallTime now) {
  switch (job.status) {
    case JobStatus::complete:
    case JobStatus::failed:
    case JobStatus::cancelled:
    case JobStatus::expired:
      return job.started_at && job.ended_at && *job.ended_at >= *job.started_at ? fmt::format(" in {}", span(*job.ended_at - *job.started_at)) : std::string();
    case JobStatus::running: return job.started_at ? fmt::format(" for {}", span(std::max(now - *job.started_at, Millis{0}))) : std::string();
    case JobStatus::queued: return fmt::format(" for {}", span(std::max(now - job.created_at, Millis{0})));
    case JobStatus::scheduled:
    case JobStatus::retrying: break;
  }
  if (!job.due_at) return {};
  return *job.due_at <= now ? ", due now" : fmt::format(", due in {}", span(*job.due_at - now));
}

std::string held_text(const job::JobRecord& job) {
  if (job.after.empty()) return {};
  auto text = ", after " + ids_text(job.after, 1);
  if (job::is_final(job.status) || job.held_by.empty()) return text;
  const auto left = job.held_by.size();
  return job.after.size() == 1 ? text : text + fmt::format(" ({} of {} {} not ended)", grouped(left), grouped(job.after.size()), left == 1 ? "has" : "have");
}

std::string indent(const TreeRow& row, bool utf8) {
  std::string out;
  const auto levels = std::min(row.more.size(), kDeepestIndent);
  for (std::size_t i = 0; i < levels; ++i) {
    const bool own = i + 1 == row.more.size();
    const bool more = row.more[i];
    if (utf8) {
      out += own ? (more ? "├─ " : "└─ ") : (more ? "│  " : "   ");
    } else {
      out += own ? (more ? "|- " : "`- ") : (more ? "|  " : "   ");
    }
  }
  if (row.depth > kDeepestIndent) out += fmt::format("({}) ", grouped(row.depth));
  return out;
}

std::string folded_text(const TreeRow& row, bool utf8) {
  std::size_t number = 0;
  std::string states;
  for (const auto& [state, count] : row.folded) {
    number += count;
    states += fmt::format("{}{} {}", states.empty() ? "" : ", ", grouped(count), state);
  }
  return fmt::format("{} {} more{}{}: {}", utf8 ? "…" : "...", grouped(number), row.folded_task.empty() ? "" : " ", row.folded_task, states);
}

}  // namespace

std::vector<TreeRow> rows_of(const Tree& tree, bool all) {
  std::vector<TreeRow> out;
  if (tree.empty()) return out;
  struct Level {
    std::vector<Shown> shown;
    std::size_t next = 0;
  };
  // A stack of its own: a tree may be deeper than the program's.
  std::vector<Level> levels;
  std::vector<bool> more;
  TreeRow first;
  out.push_back(first);
  levels.push_back({shown_below(tree, 0, all), 0});
  while (!levels.empty()) {
    auto& level = levels.back();
    if (level.next == level.shown.size()) {
      levels.pop_back();
      if (!more.empty()) more.pop_back();
      continue;
    }
    auto& shown = level.shown[level.next++];
    more.push_back(level.next < level.shown.size());
    const bool one = shown.folded.empty() && shown.unseen == 0;
    TreeRow row;
    row.node = shown.node;
    row.depth = more.size();
    row.more = more;
    row.folded_task = std::move(shown.folded_task);
    row.folded = std::move(shown.folded);
    row.unseen = shown.unseen;
    out.push_back(std::move(row));
    if (one) {
      levels.push_back({shown_below(tree, out.back().node, all), 0});
    } else {
      more.pop_back();
    }
  }
  return out;
}

std::string standing_text(const TreeNode& node, WallTime now) {
  if (node.gone()) return "gone: its record has expired, or it was deleted";
  if (!node.record) return state_of(node);
  const auto& job = *node.record;
  auto text = status_text(job) + time_text(job, now);
  if (job.counters.attempts > 1) text += fmt::format(", {} attempts", job.counters.attempts);
  text += held_text(job);
  if (job.status == JobStatus::running && !job.waits_for.empty()) text += ", waits for " + ids_text(job.waits_for, 1);
  if (node.orphan) text += ", no worker has this task";
  if (job.failure && job.status != JobStatus::complete) text += ": " + failure_line(*job.failure);
  return text;
}

std::string tree_line(const Tree& tree, const TreeRow& row, const Terminal& terminal, WallTime now) {
  auto out = indent(row, terminal.utf8);
  const auto room = [&] { return terminal.width == 0 ? SIZE_MAX : terminal.width - std::min(terminal.width, display_width(out)); };
  if (!row.folded.empty()) return out + styled(terminal, Style::dim, clip(escape_control(folded_text(row, terminal.utf8)), room(), terminal.utf8));
  if (row.unseen > 0) {
    const auto text = fmt::format("{} at least {} more, not looked at", terminal.utf8 ? "…" : "...", grouped(row.unseen));
    return out + styled(terminal, Style::dim, clip(text, room(), terminal.utf8));
  }
  const auto& node = tree[row.node];
  const auto tie = node.tie == Tie::before ? "after " : node.tie == Tie::after ? "then " : "";
  const auto id = clip(tie + escape_control(node.id), room(), terminal.utf8);
  const auto task = node.gone() ? std::string() : "  " + escape_control(node.task);
  const auto status = node.record ? node.record->status : node.status;
  // Measured before the colours are in it.
  auto left = room();
  const auto take = [&](const std::string& text) {
    auto cut = clip(text, left, terminal.utf8);
    if (left != SIZE_MAX) left -= std::min(left, display_width(cut));
    return cut;
  };
  out += styled(terminal, Style::dim, take(id));
  out += take(task);
  return out + styled(terminal, node.gone() ? Style::dim : style_of(status), take("  " + escape_control(standing_text(node, now))));
}

}  // namespace conduitd::ctl
