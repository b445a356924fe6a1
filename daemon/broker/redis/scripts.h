#pragma once
// The scripts by name, with the digests Redis knows them by.

#include <string>
#include <string_view>

namespace conduitd::broker::redis {

enum class Script : unsigned char { claim, settle, finish, complete, touch, enqueue, children, bind, release, due, promote, end, requeue, forget, readopt, bury, lost, redue, unlist,
                                   heartbeat, leave, define, fire, standing, subscribe, trigger, gather, collect,
                                   turn, ledger, values, fence, take, pick, weights };

struct ScriptText {
  std::string text;
  std::string digest;  ///< SHA-1 in hexadecimal
};

[[nodiscard]] const ScriptText& text_of(Script script);
/// The script whose digest is somewhere in `text`, or nullptr.
[[nodiscard]] const ScriptText* find_script(std::string_view text);

}  // namespace conduitd::broker::redis
