#pragma once
// Jobs that depend on one another: children and their parents, jobs that run after others, attempts that wait for some.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "job/job.h"

namespace conduitd::broker {

/// How a job stands, for whoever depends on it.
struct Glance {
  std::string id;
  bool exists = false;  ///< false: there is no such job, or its record has expired
  job::JobStatus status = job::JobStatus::queued;
  std::string task;
  std::string parent_id;
  job::OnParentEnd on_parent_end = job::OnParentEnd::leave;
  std::vector<std::string> waits_for;  ///< of a running one: what its attempt waits for; of a scheduled one: what it runs after
  job::Bytes result;                   ///< of a complete one, if it was asked for
  std::optional<job::Failure> failure; ///< the last one, if it was asked for

  [[nodiscard]] bool over() const { return !exists || job::is_final(status); }
};

struct ChildPage {
  std::vector<std::string> ids;  ///< as they were submitted, as far as that is known
  std::string next;              ///< cursor of the next page; empty: this was the last
};

/// Hears of jobs as they end. Made by Flows::watch; may outlive no broker. Thread: the executor's.
class EndWatch {
 public:
  virtual ~EndWatch() = default;
  /// Jobs that have ended or do not exist, each told once, in no order; at least one unless `wait` is over.
  /// One call at a time. Errors as for Broker; it may be called again after one.
  virtual boost::asio::awaitable<Result<std::vector<Glance>>> next(Millis wait) = 0;
  /// next() completes now, the one that waits or, if none does, the one that comes.
  virtual void interrupt() = 0;
};

/// Thread, failure and ownership as for Broker, which the same object implements.
class Flows {
 public:
  virtual ~Flows() = default;

  /// One for each id, in order, at most job::kMostAwaited. Errc::invalid_argument if one is no id.
  virtual boost::asio::awaitable<Result<std::vector<Glance>>> look(std::vector<std::string> ids, bool with_results) = 0;
  /// The jobs that a job's attempts have submitted, at most `limit` (10,000) in a page. Known for Options::result_ttl after
  /// the last of them was submitted, at least.
  virtual boost::asio::awaitable<Result<ChildPage>> children(std::string id, std::string cursor, std::size_t limit) = 0;
  /// Of at most job::kMostAwaited jobs.
  virtual std::unique_ptr<EndWatch> watch(std::vector<std::string> ids) = 0;
};

}  // namespace conduitd::broker
