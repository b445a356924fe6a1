#include "plugin/symbols.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace conduitd::plugin {
namespace {

struct Code {
  std::string name;
  std::string_view file;
  std::uintptr_t base = 0;
  std::uintptr_t end = 0;
};

// Never destroyed: a crash may come while the process exits.
std::vector<Code>& loaded() {
  static auto& all = *new std::vector<Code>;
  return all;
}

/// A copy of the `T` at `offset`, or zeros if it lies outside: such an entry names nothing.
template <class T>
T read_at(std::string_view file, std::size_t offset) {
  T out{};
  if (offset <= file.size() && file.size() - offset >= sizeof(T)) std::memcpy(&out, file.data() + offset, sizeof out);
  return out;
}

ElfW(Shdr) section(std::string_view file, const ElfW(Ehdr)& header, std::size_t number) {
  return read_at<ElfW(Shdr)>(file, header.e_shoff + number * header.e_shentsize);
}

std::string_view text_at(std::string_view file, std::size_t offset) {
  if (offset >= file.size()) return {};
  const auto rest = file.substr(offset);
  return rest.substr(0, rest.find('\0'));
}

/// Looks through the symbol tables of one kind for the function at `offset` from the base.
Symbol find_in(const Code& code, std::size_t offset, std::uint32_t kind) {
  const auto header = read_at<ElfW(Ehdr)>(code.file, 0);
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    const auto table = section(code.file, header, i);
    if (table.sh_type != kind || table.sh_entsize < sizeof(ElfW(Sym))) continue;
    const auto names = section(code.file, header, table.sh_link);
    for (std::size_t at = 0; at + table.sh_entsize <= table.sh_size; at += table.sh_entsize) {
      const auto symbol = read_at<ElfW(Sym)>(code.file, table.sh_offset + at);
      const bool function = (symbol.st_info & 0xFU) == STT_FUNC && symbol.st_shndx != SHN_UNDEF;
      if (!function || offset < symbol.st_value || offset - symbol.st_value >= symbol.st_size) continue;
      return {code.name.c_str(), text_at(code.file, names.sh_offset + symbol.st_name), offset - symbol.st_value};
    }
  }
  return {code.name.c_str(), {}, offset};
}

}  // namespace

void remember_code(std::string name, std::string_view file, std::uintptr_t base) {
  Code code{std::move(name), file, base, base};
  const auto header = read_at<ElfW(Ehdr)>(file, 0);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = read_at<ElfW(Phdr)>(file, header.e_phoff + i * header.e_phentsize);
    if (segment.p_type == PT_LOAD) code.end = std::max(code.end, base + segment.p_vaddr + segment.p_memsz);
  }
  loaded().push_back(std::move(code));
}

Symbol find_symbol(std::uintptr_t address) {
  for (const auto& code : loaded()) {
    if (address < code.base || address >= code.end) continue;
    // .symtab also has what is not exported, which is nearly all; where it was stripped, .dynsym must do.
    const auto found = find_in(code, address - code.base, SHT_SYMTAB);
    return found.function.empty() ? find_in(code, address - code.base, SHT_DYNSYM) : found;
  }
  return {};
}

}  // namespace conduitd::plugin
