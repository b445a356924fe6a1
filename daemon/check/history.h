#pragma once
// All events of a run, in the order of their times, with the tables that the rules look things up in.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "check/event.h"

namespace conduitd::check {

/// Plain data once it is read; made by Reader (read.h), then only looked at.
class History {
 public:
  History() = default;
  History(History&&) = default;
  History& operator=(History&&) = default;
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  /// The events of each job in order of time; the index is the job's Name.
  [[nodiscard]] std::span<const std::uint32_t> of_job(Name job) const;
  [[nodiscard]] std::size_t jobs() const { return job_begin_.empty() ? 0 : job_begin_.size() - 1; }
  /// The events of one kind in order of time.
  [[nodiscard]] const std::vector<std::uint32_t>& of_kind(Kind kind) const { return by_kind_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const Event& operator[](std::uint32_t index) const { return events_[index]; }
  /// Empty if the line had nothing of it.
  [[nodiscard]] const Detail& detail(const Event& event) const;

  [[nodiscard]] const std::string& job_name(Name job) const { return jobs_.text(job); }
  [[nodiscard]] std::string worker_name(Name worker) const { return worker == kNone ? "?" : workers_.text(worker); }
  [[nodiscard]] std::string task_name(Name task) const { return task == kNone ? "?" : tasks_.text(task); }
  /// "name.jsonl:12": where the line stands.
  [[nodiscard]] std::string place(const Event& event) const;
  /// The last reading of a job's record, if there is one.
  [[nodiscard]] const Event* final_state(Name job) const;
  /// When a job came to its end for good, by the workers' and operators' lines: the final one that was sent last.
  [[nodiscard]] const Event* last_end(Name job) const;
  /// A fault that may have kept lines from being written (a kill, or the broker's end) between two times.
  [[nodiscard]] bool may_lack_lines(double from, double until) const;

 private:
  friend class Reader;
  class Names {
   public:
    Name number(const std::string& text);
    [[nodiscard]] const std::string& text(Name name) const { return *texts_[name]; }
    [[nodiscard]] std::size_t size() const { return texts_.size(); }

   private:
    std::unordered_map<std::string, Name> numbers_;
    std::vector<const std::string*> texts_;  // into numbers_, whose nodes stay where they are
  };

  void index();

  std::vector<Event> events_;
  std::vector<Detail> details_;
  std::vector<std::string> files_;
  Names jobs_;
  Names workers_;
  Names tasks_;
  std::vector<std::uint32_t> by_job_;
  std::vector<std::uint32_t> job_begin_;
  std::array<std::vector<std::uint32_t>, kKindNames.size()> by_kind_;
  std::vector<double> lossy_;  // times of kills, in order
};

/// True for an event that says a job has ended for good.
[[nodiscard]] bool ends_job(const Event& event);

}  // namespace conduitd::check
