#pragma once
// What a server's "you may not" is about: which command, which user, and what would help. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace conduitd::broker::redis {

/// A sentence that names command and user, if `reply` is an ACL's refusal; nothing for any other error. `doing` is the
/// command that was sent. For a refusal within one of our scripts, which Redis 7.0 tells only the line of, the command
/// is read from that line. An empty `user` is the default one.
[[nodiscard]] std::optional<std::string> denial(std::string_view reply, std::string_view doing, std::string_view user);

}  // namespace conduitd::broker::redis
