#include "ctl/terminal.h"

#include <fmt/format.h>
#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <array>
#include <cstdlib>

#include "base/text.h"

namespace conduitd::ctl {
namespace {

constexpr std::array<std::string_view, 8> kStyleCodes{"", "1", "2", "31", "32", "33", "34", "36"};

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread of ours
  return value != nullptr ? value : "";
}

/// wcwidth() reads the thread's locale, and the user's may be "C": text from jobs is UTF-8 whatever it is.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) before_ = ::uselocale(locale_);
  }
  ~Utf8Locale() {
    if (locale_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(locale_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t locale_ = nullptr;
  locale_t before_ = nullptr;
};

std::size_t width_of(const Character& character) {
  const int width = ::wcwidth(static_cast<wchar_t>(character.code));
  return width >= 0 ? static_cast<std::size_t>(width) : 1;
}

bool is_plain(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c == 0x7F) return false;
  }
  return true;
}

}  // namespace

Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || bytes > text.size() || !is_utf8(text.substr(0, bytes))) return {0xFFFD, 1, false};
  char32_t code = lead & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  return {code, bytes, true};
}

Terminal Terminal::of(int fd) {
  Terminal terminal;
  terminal.tty = ::isatty(fd) == 1;
  if (!terminal.tty) return terminal;
  terminal.colour = environment("NO_COLOR").empty() && environment("TERM") != "dumb";
  ::setlocale(LC_CTYPE, "");  // NOLINT(concurrency-mt-unsafe)
  terminal.utf8 = std::string_view(::nl_langinfo(CODESET)) == "UTF-8";
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0) terminal.width = size.ws_col;
  return terminal;
}

std::string styled(const Terminal& terminal, Style style, std::string_view text) {
  if (!terminal.colour || style == Style::none || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", kStyleCodes[static_cast<std::size_t>(style)], text);
}

std::size_t display_width(std::string_view text) {
  if (is_plain(text)) return text.size();
  const Utf8Locale locale;
  std::size_t width = 0;
  while (!text.empty()) {
    const auto character = first_character(text);
    width += width_of(character);
    text.remove_prefix(character.bytes);
  }
  return width;
}

std::string clip(std::string_view text, std::size_t width, bool utf8) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  const Utf8Locale locale;
  std::size_t used = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    const auto character = first_character(text.substr(end));
    if (used + width_of(character) > width - 1) break;
    used += width_of(character);
    end += character.bytes;
  }
  return fmt::format("{}{}", text.substr(0, end), utf8 ? "…" : "~");
}

std::string escape_lines(std::string_view text) {
  std::string out;
  while (true) {
    const auto end = text.find('\n');
    out += escape_control(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

}  // namespace conduitd::ctl
