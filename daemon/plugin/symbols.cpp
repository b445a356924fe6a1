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
T entry_at(std::string_view file, std::size_t offset) {
  T out{};
  if (offset <= file.size() && file.size() - offset >= sizeof(T)) std::memcpy(&out, file.data() + offset, sizeof out);
  return out;
}

ElfW(Shdr) section(std::string_view file, const ElfW(Ehdr)& header, std::size_t number) {
  return entry_at<ElfW(Shdr)>(file, header.e_shoff + number * header.e_shentsize);
}

std::string_view text_at(std::string_view file, std::size_t offset) {
  if (offset >= file.size()) return {};
  const auto rest = file.substr(offset);
  return rest.substr(0, rest.find('\0'));
}

/// Looks through the first symbol table of one kind. A table that claims to go on beyond the file ends with it.
Function find_in(std::string_view file, std::size_t offset, std::uint32_t kind) {
  const auto header = entry_at<ElfW(Ehdr)>(file, 0);
  ElfW(Shdr) table{};
  for (std::size_t i = 0; i < header.e_shnum && table.sh_type != kind; ++i) table = section(file, header, i);
  if (table.sh_type != kind || table.sh_entsize < sizeof(ElfW(Sym)) || table.sh_offset > file.size()) return {};
  const auto names = section(file, header, table.sh_link);
  const auto size = std::min<std::size_t>(table.sh_size, file.size() - table.sh_offset);
  for (std::size_t at = 0; at + sizeof(ElfW(Sym)) <= size; at += table.sh_entsize) {
    const auto symbol = entry_at<ElfW(Sym)>(file, table.sh_offset + at);
    const bool function = (symbol.st_info & 0xFU) == STT_FUNC && symbol.st_shndx != SHN_UNDEF;
    if (!function || offset < symbol.st_value || offset - symbol.st_value >= symbol.st_size) continue;
    return {text_at(file, names.sh_offset + symbol.st_name), offset - symbol.st_value};
  }
  return {};
}

}  // namespace

Function find_function(std::string_view file, std::size_t offset) {
  // .symtab also has what is not exported, which is nearly all; where it was stripped, .dynsym must do.
  const auto found = find_in(file, offset, SHT_SYMTAB);
  return found.name.empty() ? find_in(file, offset, SHT_DYNSYM) : found;
}

void remember_code(std::string name, std::string_view file, std::uintptr_t base) {
  Code code{std::move(name), file, base, base};
  const auto header = entry_at<ElfW(Ehdr)>(file, 0);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = entry_at<ElfW(Phdr)>(file, header.e_phoff + i * header.e_phentsize);
    if (segment.p_type == PT_LOAD) code.end = std::max(code.end, base + segment.p_vaddr + segment.p_memsz);
  }
  loaded().push_back(std::move(code));
}

Symbol find_symbol(std::uintptr_t address) {
  for (const auto& code : loaded()) {
    if (address < code.base || address >= code.end) continue;
    const auto found = find_function(code.file, address - code.base);
    return {code.name.c_str(), found.name, found.name.empty() ? address - code.base : found.offset};
  }
  return {};
}

}  // namespace conduitd::plugin
