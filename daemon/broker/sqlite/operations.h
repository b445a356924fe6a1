#pragma once
// Every operation of the broker as a function on a Store, run by the committer inside a transaction. What each one does
// is said in broker.h and directory.h; an error undoes the operation.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/events.h"
#include "broker/flows.h"
#include "broker/schedules.h"
#include "broker/sqlite/store.h"

namespace conduitd::broker::sqlite {

// enqueue_claim.cpp
Result<std::vector<Enqueued>> enqueue(Store& store, const std::vector<job::NewJob>& jobs);
struct Claimed {
  std::vector<job::Claim> claims;
  std::optional<Millis> again;  ///< when limits may admit more, if that is a matter of time
};
/// A circle over the values of a line's key that has brought nothing yet.
struct Circle {
  std::string since;     ///< where it began
  bool wrapped = false;  ///< it has passed the last value
};
/// Circles by line. One look may be too little for very many values: the claim that goes on gives back what it was given.
using Circles = std::map<std::int64_t, Circle>;
Result<Claimed> claim(Store& store, const ClaimRequest& request, Circles& circles);
/// The job that holds a unique key (of its queue: "queue:key") now.
struct Holder {
  JobKey key;
  job::JobStatus status = job::JobStatus::queued;
};
Result<std::optional<Holder>> holder_of(Store& store, const std::string& unique, WallTime now);

// report.cpp
Result<std::vector<LeaseState>> extend(Store& store, const std::vector<job::Lease>& leases);
Result<std::vector<LeaseState>> report(Store& store, const std::vector<job::Report>& reports);
/// What earlier attempts left: a JSON object of the metadata, empty if there is none.
Result<std::string> metadata_of(Store& store, std::int64_t seq);
/// Forgets what was said and recorded about a job, but not the job.
Result<> remove_sayings(Store& store, std::int64_t seq);

// settle.cpp
Result<std::vector<Settled>> settle(Store& store, const std::vector<job::Settlement>& settlements);
/// Keeps an ended attempt in the job's history, the last 20 of them. `failure` is JSON or empty.
Result<> remember_attempt(Store& store, std::int64_t seq, const job::AttemptRecord& attempt, const std::string& failure);
inline constexpr const char* kLeaseExpired = "lease expired";  ///< outcome of an attempt its worker did not settle

// upkeep.cpp
Result<Promotion> promote_due(Store& store, std::size_t most);
/// Removes final records whose time is over, and failed ones beyond Options::failed_max; the number of them.
Result<std::size_t> remove_old_records(Store& store, std::size_t most);
Result<Reclaimed> reclaim_expired(Store& store, const ReclaimRequest& request);

// reconcile.cpp
Result<std::vector<Mended>> reconcile(Store& store, std::size_t most);

// listing.cpp: these only read
/// A row number that an earlier page ended with. Errc::invalid_argument for anything else.
Result<std::int64_t> parse_cursor(const std::string& cursor, std::int64_t otherwise);
Result<std::optional<job::JobRecord>> find(Store& store, const std::string& id);
Result<JobPage> list(Store& store, JobFilter filter);
Result<LogPage> logs(Store& store, const std::string& id, const std::string& cursor, std::size_t limit);
Result<std::vector<QueueInfo>> queues(Store& store);
// standing.cpp: the same
Result<std::optional<Standing>> standing(Store& store, const std::string& id, const std::vector<job::Limit>& limits,
                                         const std::vector<std::string>& workers);
/// Those of `jobs` (row numbers) that have ended or are gone.
Result<std::vector<std::int64_t>> not_live(Store& store, const std::vector<std::int64_t>& jobs);

// flows.cpp
/// The rows of those that a job is to run after. Errc::not_found for one that does not exist.
Result<std::vector<std::int64_t>> rows_of(Store& store, const std::vector<std::string>& ids);
/// Lets go, or cancels, what was held by the jobs that have ended in this transaction. An operation that ends jobs is
/// followed by this.
Result<> release_held(Store& store);
/// The same for jobs that nobody told of.
Result<> mend_held(Store& store, std::size_t most, std::vector<Mended>& out);
Result<std::vector<Glance>> look(Store& store, const std::vector<std::string>& ids, bool with_results);
Result<ChildPage> children(Store& store, const std::string& id, const std::string& cursor, std::size_t limit);
/// The ids of jobs that a job is still held by.
Result<std::vector<std::string>> held_by(Store& store, std::int64_t seq);

// operator.cpp
Result<CancelOutcome> cancel(Store& store, const std::string& id);
/// Ends a job that is not running as cancelled.
Result<> cancel_waiting(Store& store, std::int64_t seq);
Result<> retry(Store& store, const std::string& id);
Result<> remove(Store& store, const std::string& id);
Result<> set_paused(Store& store, const std::string& kind, const std::string& name, bool paused);
/// Cancels at most `most` waiting jobs of a queue, of a task, or of both; the number of them.
Result<std::uint64_t> purge(Store& store, const std::string& queue, const std::string& task, std::size_t most);

// schedules.cpp
Result<> define_schedules(Store& store, const std::vector<job::Schedule>& schedules, Millis interval);
Result<ScheduleList> schedules(Store& store);
Result<bool> fire(Store& store, const Firing& firing);
Result<> set_schedule_paused(Store& store, const std::string& name, bool paused);
Result<> remove_schedule(Store& store, const std::string& name);

// events.cpp
Result<> subscribe(Store& store, const std::vector<job::Subscription>& subscriptions, Millis interval);
Result<> withdraw(Store& store, const std::vector<std::string>& names, Millis grace);
Result<std::vector<SubscriptionState>> subscriptions(Store& store);
Result<> remove_subscription(Store& store, const std::string& name);
Result<Triggered> trigger(Store& store, const job::NewEvent& event);
/// Makes the jobs of collected events that are due.
struct Gathered {
  std::size_t jobs = 0;
  std::optional<WallTime> next;  ///< when the next ones are
};
Result<Gathered> gather(Store& store, std::size_t most);

// registry.cpp
Result<> heartbeat(Store& store, const WorkerInfo& worker, const std::vector<TaskInfo>& tasks, Millis interval);
Result<> farewell(Store& store, const std::string& worker);
Result<std::vector<WorkerInfo>> workers(Store& store);
Result<std::vector<TaskInfo>> tasks(Store& store);

}  // namespace conduitd::broker::sqlite
