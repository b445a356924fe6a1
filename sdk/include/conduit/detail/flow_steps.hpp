#pragma once
// What Context asks the host for, step by step, so that blocking and awaitable calls go the same way. Include
// <conduit/context.hpp>, not this file.

#include <conduit/abi.h>
#include <conduit/batch_options.hpp>
#include <conduit/flow.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace conduit::detail {

/// One request to the host.
struct Request {
  std::uint32_t kind = CONDUIT_CALL_SUBMIT;
  std::string payload;
  bool patient = false;     ///< it is answered when jobs have ended, whenever that is
  bool may_be_refused = false;
};

inline JobStatus parse_status(std::string_view text, bool& known) {
  constexpr int kLast = static_cast<int>(JobStatus::expired);
  for (int i = 0; i <= kLast; ++i) {
    if (to_string(static_cast<JobStatus>(i)) == text) return static_cast<JobStatus>(i);
  }
  known = false;
  return JobStatus::failed;
}

inline JobEnd read_end(const Json& entry) {
  JobEnd out;
  out.id = entry.value_or("id", "");
  bool known = true;
  const JobStatus status = parse_status(entry.value_or("status", ""), known);
  if (known) out.status = status;
  if (const Json* result = entry.find("result")) out.result = *result;
  if (const Json* failure = entry.find("failure")) {
    JobFailure why;
    why.type = failure->value_or("type", "");
    why.message = failure->value_or("message", "");
    if (const Json* detail = failure->find("detail")) why.detail = *detail;
    out.failure = std::move(why);
  }
  return out;
}

inline Json ids_object(const std::vector<std::string>& ids, std::size_t first, std::size_t count) {
  Json list = Json::array();
  for (std::size_t i = first; i < std::min(first + count, ids.size()); ++i) list.push_back(ids[i]);
  return {{"ids", std::move(list)}};
}

/// Submits jobs, as many at once as the host takes.
class SubmitSteps {
 public:
  explicit SubmitSteps(const std::vector<Job>& jobs) {
    for (const Job& job : jobs) jobs_.push_back(job_object(job.task, job.args, job.options).dump());
  }
  std::optional<Request> next() {
    if (at_ == jobs_.size()) return std::nullopt;
    std::string list;
    while (at_ < jobs_.size() && fits(list)) add(list, jobs_[at_++]);
    return Request{CONDUIT_CALL_SUBMIT, '[' + list + ']'};
  }
  void take(const std::string& answer) {
    const Json ids = Json::parse(answer);
    count_ = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) ids_.push_back(ids.at(i).get<std::string>());
  }
  std::vector<std::string> done() && { return std::move(ids_); }

 protected:
  static constexpr std::size_t kMostBytes = std::size_t{1} << 20U;  // in a request

  SubmitSteps() = default;
  /// Whether the next job goes into the request that has these.
  [[nodiscard]] bool fits(const std::string& list) const {
    constexpr std::size_t kMostJobs = 500;
    return count_ == 0 || (count_ < kMostJobs && list.size() + jobs_[at_].size() <= kMostBytes);
  }
  void add(std::string& list, const std::string& job) {
    if (count_++ > 0) list += ',';
    list += job;
  }

  std::vector<std::string> jobs_;
  std::size_t at_ = 0;
  std::size_t count_ = 0;  // in the request
  std::vector<std::string> ids_;
};

/// Submits jobs, and with the last of them what runs after all.
class BatchSteps : private SubmitSteps {
 public:
  BatchSteps(const std::string& job_id, std::vector<Job> jobs, BatchOptions options)
      : options_(std::move(options)), callbacks_(callbacks_of(options_)) {
    if (const std::string fault = batch_fault(options_, jobs.size()); !fault.empty()) throw std::invalid_argument(fault);
    if (!options_.once.empty()) options_.once = batch_key(job_id, options_.once);
    constexpr std::size_t kLongestKey = 256;
    if (batch_key(options_.once, "on_complete").size() > kLongestKey) throw std::invalid_argument("once: with the job's id and what it names at most 256 bytes");
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      Job& job = jobs[i];
      if (!options_.once.empty() && !job.options.idempotency_key) job.options.idempotency_key = batch_key(options_.once, std::to_string(i));
      Json object = job_object(job.task, job.args, job.options);
      // What runs after it in the same request can only name it so.
      if (!callbacks_.empty()) object["ref"] = std::to_string(i);
      jobs_.push_back(object.dump());
    }
    for (const Callback& callback : callbacks_) static_cast<void>(job_of(callback));  // throws if its arguments cannot be
  }
  std::optional<Request> next() {
    if (at_ == jobs_.size() && called_ == callbacks_.size() && asked_) return std::nullopt;
    asked_ = true;
    const std::size_t first = at_;
    std::string list;
    while (at_ < jobs_.size() && fits(list)) add(list, jobs_[at_++]);
    // What does not fit beside the last jobs comes after them, with their ids.
    for (; at_ == jobs_.size() && called_ < callbacks_.size(); ++called_) {
      const std::string callback = job_after_all(callbacks_[called_], first);
      if (!list.empty() && list.size() + callback.size() > kMostBytes) break;
      add(list, callback);
    }
    return Request{CONDUIT_CALL_SUBMIT, '[' + list + ']'};
  }
  using SubmitSteps::take;
  Batch done() && {
    if (ids_.size() != jobs_.size() + callbacks_.size()) throw std::runtime_error("submit: the answer is not of as many jobs");
    Batch out;
    out.jobs = std::move(ids_);
    const auto callbacks = out.jobs.end() - static_cast<std::ptrdiff_t>(callbacks_.size());
    for (std::size_t i = 0; i < callbacks_.size(); ++i) {
      (callbacks_[i].rule == AfterRule::ended ? out.on_complete : out.on_success) = callbacks[static_cast<std::ptrdiff_t>(i)];
    }
    out.jobs.erase(callbacks, out.jobs.end());
    return out;
  }

 private:
  [[nodiscard]] Json job_of(const Callback& callback) const {
    SubmitOptions options;
    if (!options_.once.empty()) options.idempotency_key = batch_key(options_.once, callback.name);
    if (!jobs_.empty()) options.after_rule = callback.rule;
    return job_object(callback.task, callback_args(options_, jobs_.size()), options);
  }
  /// Those before `first` have ids.
  [[nodiscard]] std::string job_after_all(const Callback& callback, std::size_t first) const {
    Json job = job_of(callback);
    if (jobs_.empty()) return job.dump();
    Json after = Json::array();
    std::set<std::string> once;  // jobs whose unique key another one holds have its id
    for (std::size_t i = 0; i < std::min(first, ids_.size()); ++i) {
      if (once.insert(ids_[i]).second) after.push_back(ids_[i]);
    }
    for (std::size_t i = first; i < jobs_.size(); ++i) after.push_back(std::to_string(i));
    job["after"] = std::move(after);
    return job.dump();
  }

  BatchOptions options_;
  std::vector<Callback> callbacks_;
  std::size_t called_ = 0;  // callbacks that are in a request
  bool asked_ = false;
};

/// How jobs ended, that are known to have.
class ResultSteps {
 public:
  explicit ResultSteps(std::vector<std::string> ids) : ids_(std::move(ids)) {}
  std::optional<Request> next() {
    constexpr std::size_t kAtOnce = 200;
    if (ends_.size() == ids_.size()) return std::nullopt;
    return Request{CONDUIT_CALL_RESULTS, ids_object(ids_, ends_.size(), kAtOnce).dump()};
  }
  void take(const std::string& answer) {
    const Json list = Json::parse(answer, {.depth = 1'000});
    if (list.size() == 0) throw std::runtime_error("the answer tells of no job");
    for (std::size_t i = 0; i < list.size(); ++i) ends_.push_back(read_end(list.at(i)));
  }
  std::vector<JobEnd> done() && { return std::move(ends_); }

 private:
  std::vector<std::string> ids_;  // each once
  std::vector<JobEnd> ends_;
};

/// Waits for all of some jobs.
class AllSteps {
 public:
  AllSteps(std::vector<std::string> ids, const WaitOptions& options)
      : ids_(std::move(ids)), unique_(each_once(ids_)), options_(options), results_(unique_) {
    if (options.timeout) end_ = std::chrono::steady_clock::now() + *options.timeout;
  }
  std::optional<Request> next() {
    if (failed_ && !cancelled_) {
      cancelled_ = true;
      // Only children of this job can be: others are left as they are.
      return Request{CONDUIT_CALL_CANCEL, ids_object(unique_, 0, unique_.size()).dump(), false, true};
    }
    if (failed_) return failed_end_ ? std::nullopt : std::optional(Request{CONDUIT_CALL_RESULTS, ids_object({*failed_}, 0, 1).dump()});
    if (at_ < unique_.size()) return wait_for_some();
    return results_.next();
  }
  void take(const std::string& answer) {
    if (failed_ && !cancelled_taken_) {
      cancelled_taken_ = true;
    } else if (failed_) {
      failed_end_ = read_end(Json::parse(answer, {.depth = 1'000}).at(std::size_t{0}));
    } else if (at_ < unique_.size()) {
      take_some(Json::parse(answer));
    } else {
      results_.take(answer);
    }
  }
  std::vector<JobEnd> done() && {
    if (failed_end_) throw ChildFailed(std::move(*failed_end_));
    std::map<std::string, JobEnd> by_id;
    for (auto& end : std::move(results_).done()) by_id.emplace(end.id, end);
    std::vector<JobEnd> out;
    for (const auto& id : ids_) out.push_back(by_id.at(id));
    return out;
  }

 private:
  static constexpr std::size_t kAtOnce = 10'000;  // job::kMostAwaited of the host

  static std::vector<std::string> each_once(std::vector<std::string> ids) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
  }
  Request wait_for_some() const {
    Json wish = ids_object(unique_, at_, kAtOnce);
    wish["until"] = options_.on_failure == OnChildFailure::fail_fast ? "failure" : "all";
    if (end_) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*end_ - std::chrono::steady_clock::now());
      wish["timeout_ms"] = std::max<std::int64_t>(left.count(), 0);
    }
    return {CONDUIT_CALL_WAIT, wish.dump(), true};
  }
  void take_some(const Json& answer) {
    const Json& ended = answer.at("ended");
    for (std::size_t i = 0; i < ended.size() && options_.on_failure == OnChildFailure::fail_fast; ++i) {
      if (ended.at(i).value_or("status", "") == "complete") continue;
      failed_ = ended.at(i).value_or("id", "");
      return;
    }
    if (answer.value_or("timed_out", false)) throw WaitTimedOut();
    at_ += kAtOnce;
  }

  std::vector<std::string> ids_;
  std::vector<std::string> unique_;
  WaitOptions options_;
  std::optional<std::chrono::steady_clock::time_point> end_;
  std::size_t at_ = 0;
  std::optional<std::string> failed_;
  std::optional<JobEnd> failed_end_;
  bool cancelled_ = false;
  bool cancelled_taken_ = false;
  ResultSteps results_;
};

/// Waits for the first of some jobs.
class AnySteps {
 public:
  AnySteps(const std::vector<std::string>& ids, std::optional<std::chrono::milliseconds> timeout) {
    Json wish = ids_object(ids, 0, ids.size());
    wish["until"] = "any";
    if (timeout) wish["timeout_ms"] = timeout->count();
    wish_ = wish.dump();
  }
  std::optional<Request> next() {
    if (!ended_) return Request{CONDUIT_CALL_WAIT, wish_, true};
    if (!end_) return Request{CONDUIT_CALL_RESULTS, ids_object({*ended_}, 0, 1).dump()};
    return std::nullopt;
  }
  void take(const std::string& answer) {
    const Json json = Json::parse(answer, {.depth = 1'000});
    if (ended_) {
      end_ = read_end(json.at(std::size_t{0}));
      return;
    }
    if (json.at("ended").size() == 0) throw WaitTimedOut();
    ended_ = json.at("ended").at(std::size_t{0}).value_or("id", "");
  }
  JobEnd done() && { return std::move(*end_); }

 private:
  std::string wish_;
  std::optional<std::string> ended_;
  std::optional<JobEnd> end_;
};

/// Cancels children.
class CancelSteps {
 public:
  explicit CancelSteps(const std::vector<std::string>& ids) : request_(Request{CONDUIT_CALL_CANCEL, ids_object(ids, 0, ids.size()).dump()}) {}
  std::optional<Request> next() { return std::exchange(request_, std::nullopt); }
  void take(const std::string&) {}
  bool done() && { return true; }

 private:
  std::optional<Request> request_;
};

/// The jobs of a map().
inline std::vector<Job> jobs_of_map(const std::string& job_id, const std::string& task, std::vector<Json> arguments, const MapOptions& options) {
  std::vector<Job> out;
  out.reserve(arguments.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    Job job{task, std::move(arguments[i]), options.submit};
    if (!job.options.on_parent_end) job.options.on_parent_end = OnParentEnd::cancel;
    if (!options.once.empty()) job.options.idempotency_key = job_id + '/' + options.once + '/' + std::to_string(i);
    out.push_back(std::move(job));
  }
  return out;
}

}  // namespace conduit::detail
