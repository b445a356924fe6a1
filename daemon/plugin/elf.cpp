#include "plugin/elf.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cstring>
#include <optional>

namespace conduitd::plugin {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);
using Note = ElfW(Nhdr);

#if defined(__x86_64__)
constexpr unsigned kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr unsigned kMachine = EM_RISCV;
#elif defined(__i386__)
constexpr unsigned kMachine = EM_386;
#else
#error "name this machine's ELF number here"
#endif

constexpr unsigned char kClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

Error fault(std::string what) { return {Errc::invalid_argument, std::move(what)}; }

/// A copy of the `T` at `offset`, if it lies within `file`. Files are not aligned for us.
template <class T>
std::optional<T> read_at(std::string_view file, std::size_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return std::nullopt;
  T out;
  std::memcpy(&out, file.data() + offset, sizeof out);
  return out;
}

Result<Header> read_header(std::string_view file) {
  if (file.empty()) return fault("the file is empty: copy or build it again");
  if (!file.starts_with(std::string_view(ELFMAG, SELFMAG))) {
    return fault("it is no ELF file, so no shared object");
  }
  const auto header = read_at<Header>(file, 0);
  if (!header) return fault("the file is cut short: copy or build it again");
  if (header->e_ident[EI_CLASS] != kClass) {
    return fault(fmt::format("it is built for {} bits, this is a {}-bit machine",
                             header->e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32, sizeof(void*) * 8));
  }
  if (header->e_machine != kMachine) {
    return fault(fmt::format("it is built for another kind of machine (ELF number {}, this is {}): "
                             "build it for this one",
                             header->e_machine, kMachine));
  }
  if (header->e_type != ET_DYN) {
    return fault("it is no shared object: link it with -shared");
  }
  return *header;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return out;
}

/// The build id in one segment of notes; empty if it is not there.
std::string build_id_in(std::string_view notes) {
  const auto aligned = [](std::size_t size) { return (size + 3) & ~std::size_t{3}; };
  while (const auto note = read_at<Note>(notes, 0)) {
    const std::size_t name_at = sizeof(Note);
    const std::size_t data_at = name_at + aligned(note->n_namesz);
    if (data_at > notes.size() || note->n_descsz > notes.size() - data_at) return {};
    const auto name = notes.substr(name_at, note->n_namesz);
    if (note->n_type == NT_GNU_BUILD_ID && name == std::string_view("GNU", 4)) {
      return to_hex(notes.substr(data_at, note->n_descsz));
    }
    const std::size_t next = data_at + aligned(note->n_descsz);
    if (next > notes.size()) return {};
    notes.remove_prefix(next);
  }
  return {};
}

std::string hash_of(std::string_view file) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char byte : file) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  return fmt::format("fnv-{:016x}", hash);
}

}  // namespace

Result<ElfSummary> inspect_elf(std::string_view file) {
  CONDUIT_TRY(const auto header, read_header(file));
  ElfSummary summary;
  bool loads = false;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = read_at<Segment>(file, header.e_phoff + i * header.e_phentsize);
    // A segment beyond the end would be a SIGBUS when it is touched.
    if (!segment || segment->p_offset > file.size() ||
        segment->p_filesz > file.size() - segment->p_offset) {
      return fault("the file is cut short: copy or build it again");
    }
    loads = loads || segment->p_type == PT_LOAD;
    if (segment->p_type == PT_NOTE && summary.build_id.empty()) {
      summary.build_id = build_id_in(file.substr(segment->p_offset, segment->p_filesz));
    }
  }
  if (!loads) return fault("the ELF file holds nothing to load: build it again");
  // The section table stands last: where it is missing, the end of the file is.
  if (header.e_shoff != 0 &&
      (header.e_shoff > file.size() ||
       std::size_t{header.e_shnum} * header.e_shentsize > file.size() - header.e_shoff)) {
    return fault("the file is cut short: copy or build it again");
  }
  if (summary.build_id.empty()) summary.build_id = hash_of(file);
  return summary;
}

}  // namespace conduitd::plugin
