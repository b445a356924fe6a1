#include <fmt/format.h>

#include "broker/broker.h"

namespace conduitd::broker {

Error conflict_of(const Enqueued& rejected) {
  return Error(Errc::conflict, fmt::format("job {} holds the unique key: nothing was submitted", rejected.id));
}

}  // namespace conduitd::broker
