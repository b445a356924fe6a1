#include "plugin/abi_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/version.hpp>

#include "base/text.h"

namespace conduitd::plugin {
namespace {

Error unsupported(std::string what) { return {Errc::unsupported, std::move(what)}; }

/// "g++ 12.2" -> "g++ 12": the part that must be the same. Minor versions of a compiler share their ABI.
std::string_view family_and_major(std::string_view compiler) {
  return compiler.substr(0, compiler.find('.'));
}

Result<> check_version(const conduit_plugin& plugin) {
  if (plugin.abi_major != CONDUIT_ABI_MAJOR) {
    return unsupported(fmt::format("it was built for plugin ABI {}.{}, this daemon has {}.{}: rebuild it with the SDK of "
                                   "this daemon",
                                   plugin.abi_major, plugin.abi_minor, CONDUIT_ABI_MAJOR, CONDUIT_ABI_MINOR));
  }
  if (plugin.abi_minor > CONDUIT_ABI_MINOR) {
    return unsupported(fmt::format("it was built for plugin ABI {}.{}, newer than this daemon's {}.{}: install a newer "
                                   "daemon, or rebuild it with the SDK of this one",
                                   plugin.abi_major, plugin.abi_minor, CONDUIT_ABI_MAJOR, CONDUIT_ABI_MINOR));
  }
  return ok();
}

Result<> check_asio(const conduit_plugin& plugin, const Build& ours) {
  const auto boost = view(plugin.boost);
  if (boost != ours.boost) {
    return unsupported(fmt::format("it has coroutines and was built with Boost {}, this daemon with {}: rebuild it with "
                                   "Boost {}",
                                   escape_control(boost), ours.boost, ours.boost));
  }
  const auto compiler = view(plugin.compiler);
  if (family_and_major(compiler) != family_and_major(ours.compiler)) {
    return unsupported(fmt::format("it has coroutines and was built with {}, this daemon with {}: rebuild it with {}",
                                   escape_control(compiler), ours.compiler, family_and_major(ours.compiler)));
  }
  return ok();
}

}  // namespace

const Build& this_build() {
  static const Build build{
#if defined(__clang__)
      fmt::format("clang {}.{}", __clang_major__, __clang_minor__),
#else
      fmt::format("g++ {}.{}", __GNUC__, __GNUC_MINOR__),
#endif
      fmt::format("{}.{}.{}", BOOST_VERSION / 100'000, BOOST_VERSION / 100 % 1'000, BOOST_VERSION % 100)};
  return build;
}

bool is_valid_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 && std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

Result<> check_abi(const conduit_plugin& plugin, const Build& ours) {
  // Of a description that another ABI laid out, only the first members can be trusted to be where they are.
  if (plugin.size < offsetof(conduit_plugin, reserved)) {
    return Error(Errc::invalid_argument, "its description is not filled in (size is too small)");
  }
  CONDUIT_TRY(check_version(plugin));
  if (plugin.size < sizeof(conduit_plugin)) {
    return Error(Errc::invalid_argument,
                 fmt::format("its description has {} bytes, ABI {}.{} has {}: rebuild it with the SDK of this daemon",
                             plugin.size, CONDUIT_ABI_MAJOR, CONDUIT_ABI_MINOR, sizeof(conduit_plugin)));
  }
  if (!is_valid_name(view(plugin.name))) {
    return Error(Errc::invalid_argument,
                 fmt::format("its name '{}' is not allowed: 1 to 100 of A-Z a-z 0-9 _ . - are",
                             escape_control(truncate(view(plugin.name), 120))));
  }
  if (plugin.load == nullptr) {
    return Error(Errc::invalid_argument, "its description has no load function");
  }
  if (plugin.uses_asio != 0) return check_asio(plugin, ours);
  return ok();
}

}  // namespace conduitd::plugin
