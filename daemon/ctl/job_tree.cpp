// job tree: a job and all that it has submitted.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "ctl/follow.h"
#include "ctl/human.h"
#include "ctl/job_commands.h"
#include "ctl/tree.h"
#include "job/id.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

constexpr std::size_t kLanes = 32;   // questions under way at once
constexpr std::size_t kJobsInPage = 1'000;

// Jobs that wait for others are not listed by whom they wait for: so many of those that wait are looked through.
constexpr std::size_t kMostScheduled = 10'000;

/// Reads a tree level by level. Lives on the session's thread; destroy it only after its coroutines have ended.
class TreeReader {
 public:
  /// Nothing deeper than `depth` is looked at, and no more than `most` jobs.
  TreeReader(Session& session, std::size_t depth, std::size_t most) : session_(session), depth_(depth), left_(most - 1), tasks_(session.executor()) {}

  asio::awaitable<Result<>> read(std::string id) {
    seen_.insert(id);
    TreeNode first;
    first.id = std::move(id);
    tree_.push_back(std::move(first));
    CONDUIT_CO_TRY(co_await read_orders());
    CONDUIT_CO_TRY(co_await look(0));
    for (std::size_t begin = 0, end = 1; begin < end; begin = end, end = tree_.size()) {
      found_.assign(end - begin, {});
      first_ = next_ = begin;
      last_ = end;
      CONDUIT_CO_TRY(co_await in_lanes(&TreeReader::read_some_children, end - begin));
      take_found(begin);
      CONDUIT_CO_TRY(co_await look(end));
    }
    co_return ok();
  }

  /// All that is known of these jobs but their payloads.
  asio::awaitable<Result<>> add_details(std::vector<std::size_t> nodes) {
    CONDUIT_CO_TRY(const auto workers, co_await session_.directory().workers());
    for (const auto& worker : workers) live_tasks_.insert(worker.tasks.begin(), worker.tasks.end());
    wanted_ = std::move(nodes);
    next_ = 0;
    CONDUIT_CO_TRY(co_await in_lanes(&TreeReader::find_some, wanted_.size()));
    co_return ok();
  }

  [[nodiscard]] const Tree& tree() const { return tree_; }

 private:
  struct Found {
    std::vector<std::pair<std::string, Tie>> ids;
    std::size_t unseen = 0;
  };

  /// Which of the jobs that wait wait to run after which.
  asio::awaitable<Result<>> read_orders() {
    broker::JobFilter filter;
    filter.status = job::JobStatus::scheduled;
    filter.limit = kJobsInPage;
    std::size_t seen = 0;
    do {
      session_.allow(Millis{0});
      CONDUIT_CO_TRY(auto page, co_await session_.directory().list(filter));
      seen += page.jobs.size();
      for (const auto& one : page.jobs) {
        for (const auto& id : one.after) followers_[id].push_back(one.id);
      }
      filter.cursor = std::move(page.next);
    } while (!filter.cursor.empty() && seen < kMostScheduled);
    for (auto& [id, ids] : followers_) std::sort(ids.begin(), ids.end());
    co_return ok();
  }

  /// One more below a job, unless it is somewhere already or there is no room. False if there is none.
  bool take(const TreeNode& node, std::string id, Tie tie, Found& found) {
    if (seen_.contains(id)) return true;
    if (node.depth >= depth_ || left_ == 0) {
      ++found.unseen;
      return false;
    }
    --left_;
    seen_.insert(id);
    found.ids.emplace_back(std::move(id), tie);
    return true;
  }

  asio::awaitable<Result<>> read_below(const TreeNode& node, Found& found) {
    const bool first = node.depth == 0;
    if (first || node.tie == Tie::before) {
      session_.allow(Millis{0});
      CONDUIT_CO_TRY(const auto record, co_await session_.directory().find(node.id));
      for (const auto& id : record ? record->after : std::vector<std::string>()) take(node, id, Tie::before, found);
    }
    if (first || node.tie == Tie::child) {
      CONDUIT_CO_TRY(co_await read_children(node, found));
    }
    if (!first && node.tie != Tie::after) co_return ok();
    const auto followers = followers_.find(node.id);
    for (const auto& id : followers == followers_.end() ? std::vector<std::string>() : followers->second) take(node, id, Tie::after, found);
    co_return ok();
  }

  asio::awaitable<Result<>> in_lanes(asio::awaitable<void> (TreeReader::*lane)(), std::size_t most) {
    error_.reset();
    for (std::size_t i = 0; i < std::min(kLanes, most); ++i) tasks_.spawn("read a tree", (this->*lane)());
    co_await tasks_.wait_idle();
    if (error_) co_return *error_;
    co_return ok();
  }

  asio::awaitable<void> read_some_children() {
    while (next_ < last_ && !error_) {
      const auto node = next_++;
      const auto done = co_await read_below(tree_[node], found_[node - first_]);
      if (!done.has_value()) error_ = done.error();
    }
  }

  asio::awaitable<Result<>> read_children(const TreeNode& node, Found& found) {
    const bool too_deep = node.depth >= depth_;
    std::string cursor;
    do {
      session_.allow(Millis{0});
      // Where no more are taken it still matters whether there are any.
      const auto ask = too_deep ? kJobsInPage : std::clamp<std::size_t>(left_, 1, kJobsInPage);
      CONDUIT_CO_TRY(auto page, co_await session_.flows().children(node.id, cursor, ask));
      cursor = std::move(page.next);
      for (auto& id : page.ids) take(node, std::move(id), Tie::child, found);
    } while (!cursor.empty() && found.unseen == 0);
    co_return ok();
  }

  /// The next level, in the order of its parents.
  void take_found(std::size_t begin) {
    for (std::size_t i = 0; i < found_.size(); ++i) {
      tree_[begin + i].unseen = found_[i].unseen;
      for (auto& [id, tie] : found_[i].ids) {
        tree_[begin + i].children.push_back(tree_.size());
        TreeNode child;
        child.id = std::move(id);
        child.tie = tie;
        if (tie == Tie::child) child.parent_id = tree_[begin + i].id;
        child.depth = tree_[begin + i].depth + 1;
        tree_.push_back(std::move(child));
      }
    }
  }

  /// How the jobs from this one on stand.
  asio::awaitable<Result<>> look(std::size_t from) {
    while (from < tree_.size()) {
      const auto to = std::min(from + kJobsInPage, tree_.size());
      std::vector<std::string> ids;
      for (auto i = from; i < to; ++i) ids.push_back(tree_[i].id);
      session_.allow(Millis{0});
      CONDUIT_CO_TRY(auto glances, co_await session_.flows().look(std::move(ids), false));
      for (auto i = from; i < to; ++i) {
        auto& glance = glances[i - from];
        if (!glance.exists) continue;
        tree_[i].task = std::move(glance.task);
        tree_[i].status = glance.status;
      }
      from = to;
    }
    co_return ok();
  }

  asio::awaitable<void> find_some() {
    while (next_ < wanted_.size() && !error_) {
      const auto node = wanted_[next_++];
      auto id = tree_[node].id;
      session_.allow(Millis{0});
      auto found = co_await session_.directory().find(std::move(id));
      if (!found.has_value()) {
        error_ = found.error();
      } else if (!found.value()) {
        tree_[node].task.clear();
      } else {
        auto& record = *found.value();
        record.args = record.result = record.metadata = record.checkpoint = {};
        record.attempts = {};
        tree_[node].status = record.status;
        tree_[node].orphan = record.status != job::JobStatus::running && !job::is_final(record.status) &&
                              !live_tasks_.empty() && !live_tasks_.contains(record.task);
        tree_[node].record = std::move(record);
      }
    }
  }

  Session& session_;
  std::size_t depth_;
  std::size_t left_;  // jobs that may still be taken
  Tree tree_;
  std::set<std::string> seen_;
  std::vector<Found> found_;
  std::map<std::string, std::vector<std::string>> followers_;
  std::set<std::string> live_tasks_;
  std::vector<std::size_t> wanted_;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
  std::size_t next_ = 0;
  std::optional<Error> error_;
  TaskGroup tasks_;
};

std::string summary_of(const Tree& tree) {
  std::map<std::string, std::size_t> states;
  for (const auto& node : tree) ++states[node.gone() ? "gone" : std::string(job::to_string(node.status))];
  std::string out;
  for (const auto& [state, number] : states) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", grouped(number), state);
  return fmt::format("{}: {}", counted(tree.size(), "job"), out);
}

std::string_view word_of(Tie tie) { return tie == Tie::before ? "after" : tie == Tie::after ? "then" : "child"; }

Json to_json(const TreeNode& node) {
  Json out;
  out.set("id", node.id).set("relation", word_of(node.tie)).set("parent_id", node.parent_id.empty() ? Json() : Json(node.parent_id)).set("depth", node.depth);
  if (node.unseen > 0) out.set("unseen", node.unseen);
  if (node.orphan) out.set("no_worker", true);
  if (node.gone() || !node.record) return std::move(out.set("status", Json()));
  const auto& job = *node.record;
  out.set("task", job.task).set("queue", job.queue).set("status", job::to_string(job.status));
  if (job.reason != job::FailureReason::none) out.set("reason", job::to_string(job.reason));
  out.set("attempts", job.counters.attempts).set("created_at", format_time(job.created_at));
  const auto set_time = [&](const char* name, const std::optional<WallTime>& time) {
    if (time) out.set(name, format_time(*time));
  };
  set_time("due_at", job.due_at);
  set_time("started_at", job.started_at);
  set_time("ended_at", job.ended_at);
  const auto set_ids = [&](const char* name, const std::vector<std::string>& ids) {
    if (!ids.empty()) out.set(name, Json::Raw{job::ids_to_json(ids)});
  };
  set_ids("after", job.after);
  set_ids("held_by", job.held_by);
  set_ids("waits_for", job.waits_for);
  if (job.failure && job.status != job::JobStatus::complete) out.set("failure", job::to_json(*job.failure));
  return out;
}

void print_json(const Program& program, const Tree& tree, const std::vector<TreeRow>& rows) {
  Json::Array jobs;
  for (const auto& row : rows) {
    if (row.unseen == 0) jobs.push_back(to_json(tree[row.node]));
  }
  const bool complete = std::all_of(tree.begin(), tree.end(), [](const TreeNode& node) { return node.unseen == 0; });
  program.print_json(Json(Json::Object{}).set("jobs", std::move(jobs)).set("complete", complete));
}

}  // namespace

Result<> JobTree::prepare(const Target& /*target*/) {
  CONDUIT_TRY(job::parse_id(id));
  if (limit < 1) return Error(Errc::invalid_argument, fmt::format("--limit: {} is not allowed: 1 or more", limit));
  if (depth < 0) return Error(Errc::invalid_argument, fmt::format("--depth: {} is not allowed: 0 or more", depth));
  return ok();
}

asio::awaitable<Result<ExitCode>> JobTree::run(Session& session) {
  CONDUIT_CO_TRY(const auto record, co_await session.directory().find(id));
  if (!record) co_return no_such_job(id);
  const auto& program = session.program();
  TreeReader reader(session, static_cast<std::size_t>(depth), static_cast<std::size_t>(limit));
  auto first = root && !record->root_id.empty() ? record->root_id : id;
  CONDUIT_CO_TRY(co_await reader.read(std::move(first)));
  const auto rows = rows_of(reader.tree(), all || program.json());
  std::vector<std::size_t> shown;
  for (const auto& row : rows) {
    if (row.folded.empty() && row.unseen == 0) shown.push_back(row.node);
  }
  CONDUIT_CO_TRY(co_await reader.add_details(std::move(shown)));
  if (program.json()) {
    print_json(program, reader.tree(), rows);
    co_return ExitCode::ok;
  }
  const auto now = session.clock().wall_now();
  for (const auto& row : rows) fmt::print("{}\n", tree_line(reader.tree(), row, program.out, now));
  if (reader.tree().size() > 1) fmt::print("{}\n", summary_of(reader.tree()));
  co_return ExitCode::ok;
}

}  // namespace conduitd::ctl
