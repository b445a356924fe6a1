#pragma once
// A broker in one SQLite file: one machine, nothing to install, several processes on the same file.

#include <boost/asio/any_io_executor.hpp>

#include "broker/open.h"

namespace conduitd::broker {

/// Opens `sqlite:///path` or `sqlite::memory:`; the file and its directory are made if they are not there, for their
/// owner alone. The broker's transactions run on threads of its own. Errors as for broker::open().
boost::asio::awaitable<Result<Connection>> open_sqlite(boost::asio::any_io_executor executor, Clock& clock,
                                                       Options options);

}  // namespace conduitd::broker
