#pragma once
// Whether a plugin and this daemon were made for each other. Pure: looks at the description, runs nothing.

#include <conduit/abi.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace conduitd::plugin {

/// What a plugin with coroutines must share with its host, since both see the same boost::asio::io_context.
struct Build {
  std::string compiler;  ///< "g++ 12.2", "clang 14.0"
  std::string boost;     ///< "1.81.0"
};

/// What this program was built with.
[[nodiscard]] const Build& this_build();

/// Refuses (Errc::unsupported) another ABI, and for a plugin with coroutines another Boost version, another compiler or
/// another major version of it, with a sentence that says what to rebuild against what. Refuses
/// (Errc::invalid_argument) a description that is not filled in.
[[nodiscard]] Result<> check_abi(const conduit_plugin& plugin, const Build& ours = this_build());

/// The rule of names of tasks and plugins: 1 to 100 of A-Z a-z 0-9 _ . -
[[nodiscard]] bool is_valid_name(std::string_view name);

/// A view of text that came over the boundary.
[[nodiscard]] inline std::string_view view(conduit_str text) {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}
/// The other way. `text` must outlive the result.
[[nodiscard]] inline conduit_str to_abi(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace conduitd::plugin
