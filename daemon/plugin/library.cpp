#include "plugin/library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <boost/dll/shared_library.hpp>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "plugin/symbols.h"

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

/// The whole file, for as long as the process lives; empty if it cannot be mapped.
std::string_view mapped(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || status.st_size == 0) return {};
  const auto size = static_cast<std::size_t>(status.st_size);
  const void* const begin = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  return begin == MAP_FAILED ? std::string_view() : std::string_view(static_cast<const char*>(begin), size);
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
  if (const auto file = mapped(image.memory.get()); !file.empty()) {
    link_map* place = nullptr;
    if (::dlinfo(library->native(), RTLD_DI_LINKMAP, &place) == 0) {
      remember_code(std::filesystem::path(image.path).stem().string(), file, place->l_addr);
    }
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
