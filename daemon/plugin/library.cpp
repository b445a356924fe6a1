#include "plugin/library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <boost/dll/shared_library.hpp>
#include <memory>
#include <vector>

namespace conduitd::plugin {
namespace {

/// What dlerror() has to say, with the plugin's own name in the place of the descriptor's. Boost.DLL calls every failure
/// "Bad file descriptor".
std::string linker_message(const std::string& name, const std::string& path) {
  const char* const text = ::dlerror();
  std::string message = text != nullptr ? text : "the dynamic linker gave no reason";
  for (auto at = message.find(name); at != std::string::npos; at = message.find(name, at + path.size())) {
    message.replace(at, name.size(), path);
  }
  return message;
}

/// A name for the descriptor that no library before was loaded by: the linker takes a name that it knows for the library it
/// knows, and the numbers of closed descriptors come again.
std::string new_name(int fd) {
  static std::size_t loads = 0;
  std::string name = "/proc/self/fd/";
  for (std::size_t i = 0; i < loads; ++i) name += "./";
  ++loads;
  return name + std::to_string(fd);
}

}  // namespace

Result<const conduit_plugin*> load_library(Image image) {
  namespace dll = boost::dll;
  const std::string name = new_name(image.memory.get());
  ::dlerror();
  boost::dll::fs::error_code failed;
  auto library = std::make_unique<dll::shared_library>();
  library->load(name, failed, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
  if (failed) {
    return Error(Errc::invalid_argument,
                 fmt::format("cannot be loaded: {}", linker_message(name, image.path)));
  }
  // From here on code of the plugin may be running: it stays for the life of the process, and after static destructors.
  static auto& all = *new std::vector<std::unique_ptr<dll::shared_library>>;
  all.push_back(std::move(library));
  const dll::shared_library& loaded = *all.back();
  if (!loaded.has("conduit_plugin_entry")) {
    return Error(Errc::invalid_argument,
                 "it exports no function conduit_plugin_entry: it is no plugin, or it was linked without "
                 "CONDUIT_PLUGIN(...)");
  }
  const auto entry = &loaded.get<const conduit_plugin*()>("conduit_plugin_entry");
  const conduit_plugin* const description = entry();
  if (description == nullptr) {
    return Error(Errc::invalid_argument, "conduit_plugin_entry returned nothing");
  }
  return description;
}

}  // namespace conduitd::plugin
