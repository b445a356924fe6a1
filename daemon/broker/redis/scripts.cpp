#include "broker/redis/scripts.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "base/failpoint.h"
#include "broker/redis/script_texts.h"

namespace conduitd::broker::redis {
namespace {

constexpr std::size_t kScriptCount = 35;

std::string sha1(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr);
  std::string out;
  for (unsigned i = 0; i < length; ++i) fmt::format_to(std::back_inserter(out), "{:02x}", digest[i]);
  return out;
}

/// The broken build of the checker's tests: whoever settles holds the job. Reclaiming, which waits for an end, stays as it is.
constexpr const char* kUnfenced = R"lua(
local fenced = held_by
local function held_by(stream, entry, owner, deliveries, idle)
  local row = fenced(stream, entry, owner, deliveries, idle)
  if not row and idle == 0 then row = {entry, owner, 0, deliveries} end
  return row
end
)lua";

std::array<ScriptText, kScriptCount> make_texts() {
  namespace t = script_texts;
  const std::array<const char*, kScriptCount> bodies{t::k_claim,   t::k_settle, t::k_finish, t::k_complete, t::k_touch,   t::k_enqueue, t::k_children, t::k_bind, t::k_release, t::k_due,
                                                     t::k_promote, t::k_end,    t::k_requeue, t::k_forget,
                                                     t::k_readopt, t::k_bury,  t::k_lost, t::k_redue, t::k_unlist, t::k_heartbeat, t::k_leave,
                                                     t::k_define,  t::k_fire,  t::k_standing, t::k_subscribe, t::k_trigger, t::k_gather, t::k_collect,
                                                     t::k_turn,    t::k_ledger, t::k_values, t::k_fence, t::k_take, t::k_pick, t::k_weights};
  std::array<ScriptText, kScriptCount> out;
  for (std::size_t i = 0; i < kScriptCount; ++i) {
    // New jobs are refused when memory is full; ending old ones makes room.
    const bool adds_jobs = static_cast<Script>(i) == Script::enqueue || static_cast<Script>(i) == Script::children ||
                           static_cast<Script>(i) == Script::fire || static_cast<Script>(i) == Script::trigger;
    const auto* const fence = failpoint::broken("unfenced") ? kUnfenced : "";
    const auto* const shared = static_cast<Script>(i) == Script::enqueue || static_cast<Script>(i) == Script::end ? t::k_waiting
                               : static_cast<Script>(i) == Script::claim                                          ? t::k_admit
                                                                                                                  : "";
    const auto* const values = static_cast<Script>(i) == Script::claim || static_cast<Script>(i) == Script::fence ? t::k_value : "";
    out[i].text = fmt::format("#!lua{}\n{}{}{}{}{}", adds_jobs ? "" : " flags=allow-oom", t::k_common, fence, values, shared, bodies[i]);
    out[i].digest = sha1(out[i].text);
  }
  return out;
}

const std::array<ScriptText, kScriptCount>& all_texts() {
  static const auto texts = make_texts();
  return texts;
}

}  // namespace

const ScriptText& text_of(Script script) { return all_texts()[static_cast<std::size_t>(script)]; }

const ScriptText* find_script(std::string_view text) {
  for (const auto& script : all_texts()) {
    if (text.find(script.digest) != std::string_view::npos) return &script;
  }
  return nullptr;
}

}  // namespace conduitd::broker::redis
