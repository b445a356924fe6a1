#pragma once
// Jobs that wait for jobs. Inside a task:
//
//   conduit::Json render(const Film& film, conduit::Context& ctx) {
//     std::vector<conduit::Json> scenes;
//     for (int n = 0; n < film.scenes; ++n) scenes.push_back({{"film", film.id}, {"scene", n}});
//     const auto ends = ctx.map("render.scene", scenes);   // submits them all, and waits
//     ...
//
// While an attempt waits it takes no slot of its worker, so a pool full of parents cannot hold up
// their children. In a coroutine the same functions are ctx.async_map() and so on: co_await them.
//
// A parent whose worker dies runs again from its beginning, and its children go on. With
// MapOptions::once it finds those that it had.

#include <conduit/job_record.hpp>
#include <conduit/json.hpp>
#include <conduit/submit_options.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace conduit {

/// One job to submit.
struct Job {
  std::string task;
  Json args = Json::object();
  SubmitOptions options = {};
};

/// Ids of what Context::submit_batch() has submitted.
struct Batch {
  std::vector<std::string> jobs;  ///< in the order they were given
  std::string on_success;         ///< empty: none was wanted
  std::string on_complete;
};

/// How a job ended.
struct JobEnd {
  std::string id;
  /// Nothing: its record is gone, so nobody knows.
  std::optional<JobStatus> status;
  Json result;                        ///< of a complete one
  std::optional<JobFailure> failure;  ///< the last one of any other

  [[nodiscard]] bool complete() const { return status == JobStatus::complete; }
  /// The result; throws ChildFailed if it is not complete.
  [[nodiscard]] const Json& value() const;
};

/// Thrown where a job that was waited for has not completed. For the one who waits it is an error as
/// any other: the task's policy says whether it is retried.
class ChildFailed : public std::runtime_error {
 public:
  explicit ChildFailed(JobEnd end) : std::runtime_error(text_of(end)), end_(std::move(end)) {}
  [[nodiscard]] const JobEnd& end() const noexcept { return end_; }

 private:
  static std::string text_of(const JobEnd& end) {
    std::string out = "job " + end.id + " ended as " +
                      std::string(end.status ? to_string(*end.status) : "unknown");
    if (end.failure) out += ": " + end.failure->message;
    return out;
  }
  JobEnd end_;
};

inline const Json& JobEnd::value() const {
  if (!complete()) throw ChildFailed(*this);
  return result;
}

/// Thrown when WaitOptions::timeout has passed. The jobs go on.
class WaitTimedOut : public std::runtime_error {
 public:
  WaitTimedOut() : std::runtime_error("the jobs have not ended in time") {}
};

/// What becomes of a wait for several jobs when one ends otherwise than complete.
enum class OnChildFailure : std::uint8_t {
  fail_fast,  ///< the others, if they are children of this job, are cancelled, and ChildFailed is thrown
  collect,    ///< it goes on; how each ended is in the result
};

struct WaitOptions {
  OnChildFailure on_failure = OnChildFailure::fail_fast;
  std::optional<std::chrono::milliseconds> timeout = {};  ///< nothing: as long as the attempt may run
};

struct MapOptions {
  /// Of each job. Unless on_parent_end is given they are cancelled when their parent fails or is
  /// cancelled.
  SubmitOptions submit = {};
  OnChildFailure on_failure = OnChildFailure::fail_fast;
  std::optional<std::chrono::milliseconds> timeout = {};
  /// A name for this call, unlike others in the same job: an attempt that runs again finds the jobs
  /// that an earlier one has submitted, as long as their records are kept. Empty: it submits anew.
  std::string once = {};
};

}  // namespace conduit
