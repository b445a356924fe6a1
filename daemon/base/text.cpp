#include "base/text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

namespace conduitd {
namespace {

struct Unit {
  std::string_view name;
  double scale;
};

constexpr std::array<Unit, 5> kDurationUnits{
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 8> kSizeUnits{{{"B", 1},
                                          {"KiB", 1024},
                                          {"K", 1024},
                                          {"MiB", 1024.0 * 1024},
                                          {"M", 1024.0 * 1024},
                                          {"GiB", 1024.0 * 1024 * 1024},
                                          {"G", 1024.0 * 1024 * 1024},
                                          {"TiB", 1024.0 * 1024 * 1024 * 1024}}};

/// The number at the front of `text` (no sign, no exponent), leaving the rest in `text`.
std::optional<double> take_number(std::string_view& text) {
  const auto end = std::find_if(text.begin(), text.end(),
                                [](char c) { return (c < '0' || c > '9') && c != '.'; });
  const auto size = static_cast<std::size_t>(end - text.begin());
  double number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + size, number, std::chars_format::fixed);
  if (size == 0 || parsed.ec != std::errc{} || parsed.ptr != text.data() + size) return std::nullopt;
  text.remove_prefix(size);
  return number;
}

/// Length of the well-formed UTF-8 sequence at `text[at]`, or 0. Table 3-7 of the Unicode standard.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xBF; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return byte(1) >= low && byte(1) <= high && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return byte(1) >= low && byte(1) <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool is_bidi_mark(std::string_view sequence) {
  // U+200E, U+200F, U+2028 and U+2029 (which some take for line breaks), U+202A..U+202E, U+2066..U+2069, U+061C
  if (sequence == "\xD8\x9C") return true;
  if (sequence.size() != 3 || sequence[0] != '\xE2') return false;
  const auto second = static_cast<unsigned char>(sequence[1]);
  const auto third = static_cast<unsigned char>(sequence[2]);
  return (second == 0x80 && (third == 0x8E || third == 0x8F || (third >= 0xA8 && third <= 0xAE))) ||
         (second == 0x81 && third >= 0xA6 && third <= 0xA9);
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);  // the row before the last
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

/// What somebody wrote, fit to be shown to them in an error.
std::string quotable(std::string_view text) { return escape_control(truncate(text, 100)); }

/// From where to where the password of a URL stands, or nothing. In doubt it is one: a port is digits.
std::optional<std::pair<std::size_t, std::size_t>> find_password(std::string_view url) {
  const auto last_at = url.rfind('@');
  if (last_at == std::string_view::npos) return std::nullopt;
  const auto scheme = url.find("://");
  const auto start = scheme == std::string_view::npos ? 0 : scheme + 3;
  const auto end = std::min(url.find_first_of("/?#", start), url.size());
  const auto colon = url.find(':', start);
  if (scheme == std::string_view::npos) {
    return colon < last_at ? std::optional(std::pair(colon + 1, last_at)) : std::nullopt;
  }
  if (colon >= end) return std::nullopt;
  if (const auto at = url.substr(0, end).rfind('@'); at != std::string_view::npos && at >= start) {
    return colon < at ? std::optional(std::pair(colon + 1, at)) : std::nullopt;
  }
  // The '@' stands behind a '/': a path, or a password in which '/' was not written as %2F.
  const bool port = url.substr(colon + 1, end - colon - 1).find_first_not_of("0123456789") == std::string_view::npos;
  return port ? std::nullopt : std::optional(std::pair(colon + 1, last_at));
}

}  // namespace

Result<Millis> parse_duration(std::string_view text) {
  const auto fault = [whole = text] {
    return Error(Errc::invalid_argument,
                 fmt::format("'{}' is not a duration: write a number and ms, s, m, h or d, as in \"30s\"", quotable(whole)));
  };
  if (text == "0") return Millis{0};
  const auto number = take_number(text);
  if (!number) return fault();
  for (const auto& unit : kDurationUnits) {
    if (text != unit.name) continue;
    const double ms = *number * unit.scale;
    if (ms > 100.0 * 365 * 86'400'000) return fault();  // a century: beyond it arithmetic on times overflows
    return Millis{std::llround(ms)};
  }
  return fault();
}

std::string format_duration(Millis duration) {
  const auto ms = duration.count();
  if (ms == 0) return "0s";
  for (auto unit = kDurationUnits.rbegin(); unit != kDurationUnits.rend(); ++unit) {
    const auto scale = static_cast<std::int64_t>(unit->scale);
    if (ms % scale == 0) return fmt::format("{}{}", ms / scale, unit->name);
  }
  return fmt::format("{}ms", ms);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto whole = text;
  const auto number = take_number(text);
  for (const auto& unit : kSizeUnits) {
    if (!number || (text != unit.name && !text.empty())) continue;
    const double bytes = *number * (text.empty() ? 1 : unit.scale);
    if (bytes < 9e18) return static_cast<std::uint64_t>(bytes);
  }
  return Error(Errc::invalid_argument,
               fmt::format("'{}' is not a size: write a number and KiB, MiB or GiB, as in \"512MiB\"", quotable(whole)));
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (unit + 1 < kNames.size() && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kNames[unit]);
}

std::string format_time(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto days = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss clock{time - days};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<WallTime> parse_time(std::string_view text) {
  const Error fault(Errc::invalid_argument,
                    fmt::format("'{}' is not a time: write RFC 3339, as in \"2026-01-31T09:30:00Z\"", quotable(text)));
  const auto digits = [&](std::size_t at, std::size_t count) -> int {
    int value = -1;
    if (at + count > text.size() || text[at] == '-') return -1;
    const auto parsed = std::from_chars(text.data() + at, text.data() + at + count, value);
    return parsed.ec == std::errc{} && parsed.ptr == text.data() + at + count ? value : -1;
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') ||
      text[13] != ':' || text[16] != ':') {
    return fault;
  }
  const std::chrono::year_month_day date{std::chrono::year{digits(0, 4)},
                                         std::chrono::month{static_cast<unsigned>(digits(5, 2))},
                                         std::chrono::day{static_cast<unsigned>(digits(8, 2))}};
  const int hour = digits(11, 2);
  const int minute = digits(14, 2);
  const int second = digits(17, 2);
  if (digits(0, 4) < 0 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return fault;
  std::int64_t ms = 0;
  std::size_t at = 19;
  if (text[at] == '.') {
    std::int64_t scale = 100;
    if (digits(at + 1, 1) < 0) return fault;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) ms += scale * (text[at] - '0');
  }
  int offset = 0;
  if (at >= text.size()) return fault;
  if (text[at] == '+' || text[at] == '-') {
    const int hours = digits(at + 1, 2);
    const int minutes = digits(at + 4, 2);
    if (text.size() != at + 6 || text[at + 3] != ':' || hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
      return fault;
    }
    offset = (hours * 60 + minutes) * (text[at] == '-' ? -1 : 1);
  } else if ((text[at] != 'Z' && text[at] != 'z') || text.size() != at + 1) {
    return fault;
  }
  return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute - offset} +
         std::chrono::seconds{second} + Millis{ms};
}

std::string redact_url(std::string_view url) {
  constexpr std::string_view kHidden = "***";
  constexpr std::string_view kParameter = "password=";
  std::string out(url);
  if (const auto password = find_password(url)) {
    out.replace(password->first, password->second - password->first, kHidden);
  }
  for (auto at = out.find(kParameter); at != std::string::npos; at = out.find(kParameter, at)) {
    at += kParameter.size();
    out.replace(at, std::min(out.find('&', at), out.size()) - at, kHidden);
  }
  return out;
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  return best != nullptr ? std::optional<std::string>(*best) : std::nullopt;
}

std::size_t utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto length = sequence_length(text, at);
    if (length == 0) break;
    at += length;
  }
  return at;
}

bool is_utf8(std::string_view text) { return utf8_prefix(text) == text.size(); }

std::string escape_control(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto length = sequence_length(text, at);
    const auto sequence = text.substr(at, std::max<std::size_t>(length, 1));
    const auto first = static_cast<unsigned char>(sequence[0]);
    if (sequence == "\n") {
      out += "\\n";
    } else if (sequence == "\t") {
      out += '\t';
    } else if (length == 0 || first < 0x20 || first == 0x7F) {
      out += fmt::format("\\x{:02x}", first);
    } else if ((first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0) || is_bidi_mark(sequence)) {
      for (const char c : sequence) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += sequence;
    }
    at += sequence.size();
  }
  return out;
}

std::string truncate(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return fmt::format("{}… ({} bytes cut)", text.substr(0, end), text.size() - end);
}

std::string readable(std::string_view text, std::size_t limit) {
  return truncate(is_utf8(text) ? std::string(text) : escape_control(text), limit);
}

}  // namespace conduitd
