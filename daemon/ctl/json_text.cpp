#include "ctl/json_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "ctl/terminal.h"

namespace conduitd::ctl {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

bool is_unsafe(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x061C || code == 0x200E || code == 0x200F ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

class Writer {
 public:
  Writer(std::string_view json, bool indented) : json_(json), indented_(indented) { out_.reserve(json.size()); }

  std::string write() {
    while (at_ < json_.size()) {
      const char c = json_[at_];
      if (in_string_ || kSpace.find(c) == std::string_view::npos) {
        if (in_string_ || c == '"' || static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F) {
          take_character();
        } else {
          take_token(c);
        }
      } else {
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  void take_character() {
    const auto character = first_character(json_.substr(at_));
    if (character.code == U'"' && !escaped_) in_string_ = !in_string_;
    escaped_ = in_string_ && character.code == U'\\' && !escaped_;
    if (!character.valid) {
      out_ += "\xEF\xBF\xBD";
    } else if (is_unsafe(character.code)) {
      out_ += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(character.code));
    } else {
      out_ += json_.substr(at_, character.bytes);
    }
    at_ += character.bytes;
  }

  void take_token(char c) {
    ++at_;
    if (c == '}' || c == ']') {
      depth_ -= std::min<std::size_t>(depth_, 1);
      if (!just_opened_) break_line();
    }
    out_ += c;
    just_opened_ = c == '{' || c == '[';
    if (just_opened_) {
      ++depth_;
      const auto next = json_.find_first_not_of(kSpace, at_);
      const bool empty = next != std::string_view::npos && (json_[next] == '}' || json_[next] == ']');
      if (!empty) {
        just_opened_ = false;
        break_line();
      }
    }
    if (c == ',') break_line();
    if (c == ':' && indented_) out_ += ' ';
  }

  void break_line() {
    if (!indented_) return;
    out_ += '\n';
    out_.append(2 * depth_, ' ');
  }

  std::string_view json_;
  bool indented_;
  std::string out_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool just_opened_ = false;
};

}  // namespace

std::string json_line(std::string_view json) { return Writer(json, false).write(); }
std::string json_lines(std::string_view json) { return Writer(json, true).write(); }

}  // namespace conduitd::ctl
