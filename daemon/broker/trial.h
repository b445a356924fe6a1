#pragma once
// A broker on trial: in builds with failpoints (base/failpoint.h), every worker's broker is seen through this. It is where
// the failpoints between a worker and its broker are, where two of the three lies are told, and where what the broker
// answered is written down for conduit-check: with CONDUIT_HISTORY=DIR in the environment, as DIR/worker-PID.jsonl.
//
// The history is written here and not in dispatch, because here is what the broker said, before anybody acts on it.

#include <memory>
#include <string>

#include "broker/broker.h"

namespace conduitd::broker {

/// `broker` behind its trial, or itself if the environment asks for nothing. `clock` must outlive it.
[[nodiscard]] std::unique_ptr<Broker> put_on_trial(std::unique_ptr<Broker> broker, Clock& clock, std::string worker);

}  // namespace conduitd::broker
