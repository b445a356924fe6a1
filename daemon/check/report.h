#pragma once
// What conduit-check prints. Pure: findings in, text out.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "check/figures.h"

namespace conduitd::check {

[[nodiscard]] std::string text_report(const std::vector<Verdict>& verdicts, const Figures& figures);
[[nodiscard]] Json json_report(const std::vector<Verdict>& verdicts, const Figures& figures);

/// Required beside rules: that a stale write was tried, and refused.
inline constexpr std::string_view kFences = "fences";

/// Rules of `required` that found nothing to look at.
[[nodiscard]] std::vector<std::string> not_exercised(const std::vector<Verdict>& verdicts, const Figures& figures,
                                                     const std::vector<std::string>& required);
[[nodiscard]] bool any_violated(const std::vector<Verdict>& verdicts);

}  // namespace conduitd::check
