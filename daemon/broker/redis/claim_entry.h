#pragma once
// From a stream entry to the claim that a worker is given. Pure.

#include <string>

#include "broker/redis/claimer.h"

namespace conduitd::broker::redis {

/// The claim that an entry of `line`, a stream of `queue`, makes. One that cannot be read makes an invalid claim.
[[nodiscard]] job::Claim to_claim(const std::string& queue, const Claimer::Line& line, EntryId entry, ReplyView fields);

}  // namespace conduitd::broker::redis
