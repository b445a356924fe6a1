#pragma once
// The scripts by name, with the digests Redis knows them by.

#include <string>

namespace conduitd::broker::redis {

enum class Script : unsigned char { claim, settle, finish, touch, enqueue, due, promote, end, requeue, heartbeat, leave };

struct ScriptText {
  std::string text;
  std::string digest;  ///< SHA-1 in hexadecimal
};

[[nodiscard]] const ScriptText& text_of(Script script);

}  // namespace conduitd::broker::redis
