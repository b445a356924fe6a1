#include <fmt/format.h>

#include "broker/broker.h"
#include "broker/directory.h"

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

}  // namespace conduitd::broker
