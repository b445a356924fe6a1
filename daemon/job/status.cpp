#include "job/status.h"

namespace conduitd::job {
namespace {

constexpr std::array<std::string_view, 8> kStatusNames{"scheduled", "queued", "running",   "retrying",
                                                       "complete",  "failed", "cancelled", "expired"};
constexpr std::array<std::string_view, 5> kReasonNames{"none", "exhausted", "poison", "invalid", "rejected"};

constexpr std::uint8_t bit(JobStatus status) { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(status)); }

template <class... Statuses>
constexpr std::uint8_t set_of(Statuses... statuses) {
  return static_cast<std::uint8_t>((bit(statuses) | ... | 0U));
}

using enum JobStatus;

// Row: from. The moves out of a final state are the operator's retry.
constexpr std::array<std::uint8_t, 8> kMoves{
    /* scheduled */ set_of(queued, cancelled, expired, failed),
    /* queued    */ set_of(running, cancelled, expired, failed),
    /* running   */ set_of(complete, failed, cancelled, retrying, queued),
    /* retrying  */ set_of(queued, cancelled, expired, failed),
    /* complete  */ set_of(queued),
    /* failed    */ set_of(queued),
    /* cancelled */ set_of(queued),
    /* expired   */ set_of(queued),
};

}  // namespace

std::string_view to_string(JobStatus status) { return kStatusNames[static_cast<std::size_t>(status)]; }

std::optional<JobStatus> parse_status(std::string_view text) {
  for (const JobStatus status : kAllStatuses) {
    if (to_string(status) == text) return status;
  }
  return std::nullopt;
}

std::string_view to_string(FailureReason reason) { return kReasonNames[static_cast<std::size_t>(reason)]; }

std::optional<FailureReason> parse_reason(std::string_view text) {
  for (std::size_t i = 0; i < kReasonNames.size(); ++i) {
    if (kReasonNames[i] == text) return static_cast<FailureReason>(i);
  }
  return std::nullopt;
}

bool is_final(JobStatus status) { return status >= JobStatus::complete; }

bool may_move(JobStatus from, JobStatus to) { return (kMoves[static_cast<std::size_t>(from)] & bit(to)) != 0; }

}  // namespace conduitd::job
