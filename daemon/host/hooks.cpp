#include "host/hooks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "host/attempt_context.h"
#include "plugin/abi_check.h"

namespace conduitd::host {
namespace {

using channel::Outcome;
using channel::Verdict;
using plugin::to_abi;

/// The hook for an end, beside on_complete.
std::optional<conduit_hook_event> event_of(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::complete: return CONDUIT_HOOK_SUCCESS;
    case Verdict::Kind::retry: return CONDUIT_HOOK_RETRY;
    case Verdict::Kind::failed: return CONDUIT_HOOK_FAILURE;
    case Verdict::Kind::cancelled:
    case Verdict::Kind::snoozed:
    case Verdict::Kind::returned: return std::nullopt;
  }
  return std::nullopt;
}

void report(conduit_attempt* attempt, const plugin::Hook& hook, const std::array<char, 1024>& error) {
  const auto what = escape_control(truncate(std::string(error.data()), 1'000));
  const auto message = fmt::format("{} of plugin '{}' failed: {}; the job is not affected", plugin::name_of(hook.event), hook.plugin,
                                   what.empty() ? "it said no more" : what);
  const auto fields = Json().set("hook", plugin::name_of(hook.event)).set("plugin", hook.plugin).text();
  context_api().log(attempt, CONDUIT_LOG_WARNING, to_abi(message), to_abi(fields));
}

}  // namespace

bool Hooks::any(conduit_hook_event event) const {
  const auto listens = [event](const plugin::Hook& hook) { return hook.event == event; };
  return std::ranges::any_of(own_, listens) || std::ranges::any_of(workers_, listens);
}

bool Hooks::watch_end(Outcome::Kind kind) const {
  if (any(CONDUIT_HOOK_COMPLETE)) return true;
  if (kind == Outcome::Kind::complete) return any(CONDUIT_HOOK_SUCCESS);
  // What will become of it the supervisor decides: a cancelled attempt may turn out to have timed out.
  return any(CONDUIT_HOOK_RETRY) || any(CONDUIT_HOOK_FAILURE);
}

void Hooks::run(conduit_hook_event event, conduit_attempt* attempt, const conduit_end* end) const {
  for (const auto* hooks : {&own_, &workers_}) {
    for (const auto& hook : *hooks) {
      if (hook.event != event) continue;
      std::array<char, 1024> error{};
      const bool failed = hook.fn(hook.user, attempt, end, error.data(), error.size()) != 0;
      error.back() = '\0';
      if (failed) report(attempt, hook, error);
    }
  }
}

void Hooks::run_start(conduit_attempt* attempt) const { run(CONDUIT_HOOK_START, attempt, nullptr); }

void Hooks::run_end(conduit_attempt* attempt, const Outcome& outcome, const Verdict& verdict) const {
  conduit_end end{};
  end.size = sizeof end;
  end.kind = static_cast<std::uint32_t>(verdict.kind);
  end.retry_after_ms = verdict.retry_after_ms;
  end.duration_us = outcome.duration_us;
  if (verdict.kind == Verdict::Kind::complete) {
    end.result = to_abi(outcome.payload);
  } else {
    end.type = to_abi(verdict.error_type);
    end.message = to_abi(verdict.error_message);
    end.detail = to_abi(verdict.detail);
  }
  if (const auto event = event_of(verdict.kind)) run(*event, attempt, &end);
  run(CONDUIT_HOOK_COMPLETE, attempt, &end);
}

}  // namespace conduitd::host
