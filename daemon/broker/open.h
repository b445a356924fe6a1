#pragma once
// From a URL to a broker: the only file here that names concrete ones.

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "broker/broker.h"
#include "broker/directory.h"
#include "broker/events.h"
#include "broker/flows.h"
#include "broker/outlook.h"
#include "broker/schedules.h"

namespace conduitd::broker {

/// One connection seen from its sides. The broker owns everything; the others are the same object.
struct Connection {
  std::unique_ptr<Broker> broker;
  Directory* directory = nullptr;
  Schedules* schedules = nullptr;
  Flows* flows = nullptr;
  Outlook* outlook = nullptr;
  Events* events = nullptr;
};

/// Opens what Options::url names: sqlite:///path, sqlite::memory:, redis://, rediss://, redis+unix://,
/// redis-sentinel://host1,host2/name, redis-cluster://host1,host2, rediss-sentinel://, rediss-cluster://.
/// `clock` must outlive the broker. Errc::invalid_argument for a URL that makes no sense; Errc::unavailable if the
/// broker cannot be reached now, Errc::refused for credentials or modes, Errc::corrupt for a damaged file.
boost::asio::awaitable<Result<Connection>> open(boost::asio::any_io_executor executor, Clock& clock, Options options);

}  // namespace conduitd::broker
