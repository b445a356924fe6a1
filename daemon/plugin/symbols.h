#pragma once
// The names of the functions of loaded plugins, where a crash handler can read them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace conduitd::plugin {

/// Remembers where a plugin's code lies. `file` is the whole ELF file, mapped, and must stay so for the life of the process
/// and of those forked from it; `base` is where it was loaded. Costs nothing until a name is asked for. One thread only.
void remember_code(std::string name, std::string_view file, std::uintptr_t base);

struct Function {
  std::string_view name = {};  ///< as the linker names it, a part of the file; empty: none is known there
  std::size_t offset = 0;      ///< into it
};
/// The function at `offset` from where a file is loaded, whatever the file holds. Async-signal-safe.
[[nodiscard]] Function find_function(std::string_view file, std::size_t offset);

/// What is known of an address in a plugin's code.
struct Symbol {
  const char* plugin = nullptr;   ///< null: the address lies in no plugin
  std::string_view function = {}; ///< as the linker names it; empty: the file has no symbol there
  std::size_t offset = 0;         ///< into the function, or into the plugin if there is none
};

/// Async-signal-safe.
[[nodiscard]] Symbol find_symbol(std::uintptr_t address);

}  // namespace conduitd::plugin
