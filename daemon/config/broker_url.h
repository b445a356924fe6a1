#pragma once
// One URL from the keys of [broker], as a broker's open() takes it.

#include <string>

#include "config/config.h"

namespace conduitd::config {

/// `broker.url` with the user, password and TLS files of the other keys in it, percent-encoded; those keys win over what
/// the URL itself says. A URL that is not one of Redis, or makes no sense, stays as it is. Holds secrets: never printed.
[[nodiscard]] std::string broker_url(const Broker& broker);

}  // namespace conduitd::config
