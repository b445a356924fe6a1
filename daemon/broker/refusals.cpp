#include <fmt/format.h>

#include "broker/broker.h"
#include "broker/directory.h"
#include "broker/schedules.h"

namespace conduitd::broker {

Error conflict_of(const Enqueued& rejected) {
  return Error(Errc::conflict, fmt::format("job {} holds the unique key: nothing was submitted", rejected.id));
}

Error no_such_cursor() {
  return {Errc::invalid_argument, "the cursor is not one of ours: leave it out to begin anew"};
}

Error not_ended(std::string_view id, job::JobStatus status) {
  return {Errc::conflict, fmt::format("job {} is {}: only an ended job can be run again", id, job::to_string(status))};
}

Error announced_schedule(std::string_view name) {
  return {Errc::conflict, fmt::format("schedule '{}' is announced by a live worker, from its configuration or a plugin: give this one "
                                      "another name", name)};
}

job::Failure lease_expired(std::string_view worker) {
  return {"lease expired", fmt::format("worker {} was not heard of for the length of a lease: it died, hung or was cut off", worker), {}};
}

}  // namespace conduitd::broker
