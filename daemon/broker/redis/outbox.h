#pragma once
// What an event, or what was collected of several, is to become: the text of it in the outbox, and the jobs it stands for. Pure.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "job/event.h"

namespace conduitd::broker::redis {

/// Jobs, each with the ulid it gets wherever it is made, so that it is made once.
struct Deliveries {
  std::vector<job::NewJob> jobs;
  std::vector<std::string> ulids;
};

/// Of one event to some subscriptions, each with its job's ulid. `given` says what else its jobs have.
[[nodiscard]] std::string encode_outbox(const job::Event& event, const job::NewEvent& given,
                                        const std::vector<std::pair<job::Subscription, std::string>>& to);
/// Of a batch.
[[nodiscard]] std::string encode_outbox(const job::NewJob& job, const std::string& ulid);
/// Errc::protocol for what is none.
[[nodiscard]] Result<Deliveries> deliveries_in(std::string_view text);

}  // namespace conduitd::broker::redis
