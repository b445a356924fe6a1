#pragma once
// Between the daemon's values and the SDK's, so that no daemon header is needed by those who use the client.

#include <conduit/client.hpp>

#include "base/result.h"
#include "broker/broker.h"
#include "broker/directory.h"
#include "broker/events.h"
#include "broker/schedules.h"

namespace conduit::detail {

[[nodiscard]] ClientError to_client_error(const conduitd::Error& error);
/// Checked with job::check; the error names the member. The queue is empty if the request names none.
[[nodiscard]] conduitd::Result<conduitd::job::NewJob> to_new_job(const JobRequest& request);

/// The same with job::check of an event.
[[nodiscard]] conduitd::Result<conduitd::job::NewEvent> to_new_event(const std::string& name, const Json& payload, const TriggerOptions& options);

/// The same with job::check of a schedule. The queue is empty if it names none.
[[nodiscard]] conduitd::Result<conduitd::job::Schedule> to_schedule(const Schedule& schedule);

[[nodiscard]] Triggered to_sdk(const conduitd::broker::Triggered& triggered);
[[nodiscard]] Submitted to_sdk(conduitd::broker::Enqueued enqueued);
[[nodiscard]] CancelOutcome to_sdk(conduitd::broker::CancelOutcome outcome);
/// `now` is the broker's. Throws JsonError if the arguments are not JSON.
[[nodiscard]] ScheduleRecord to_sdk(const conduitd::broker::ScheduleState& state, conduitd::WallTime now);
/// Throws JsonError if a payload in the record is not JSON.
[[nodiscard]] JobRecord to_sdk(const conduitd::job::JobRecord& record);

}  // namespace conduit::detail
