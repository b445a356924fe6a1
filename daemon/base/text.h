#pragma once
// Small text work that several folders share: durations, sizes, times, URLs made safe to print.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace conduitd {

/// "500ms", "1.5s", "10m", "24h", "7d"; a bare "0" is zero. Anything else is Errc::invalid_argument.
[[nodiscard]] Result<Millis> parse_duration(std::string_view text);
/// The shortest exact form that parse_duration reads back: "1500ms", "10m", "24h".
[[nodiscard]] std::string format_duration(Millis duration);

/// "512MiB", "64KiB", "1GiB", "1000000" (bytes); K, M, G alone mean KiB, MiB, GiB.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::string format_size(std::uint64_t bytes);

/// RFC 3339 in UTC with milliseconds: "2026-01-31T09:30:00.000Z".
[[nodiscard]] std::string format_time(WallTime time);
/// RFC 3339 with `Z` or an offset.
[[nodiscard]] Result<WallTime> parse_time(std::string_view text);

/// `url` with its password replaced by "***", for logs and errors.
[[nodiscard]] std::string redact_url(std::string_view url);

/// The candidate nearest to `word` by edit distance, if near enough to be a slip of the fingers.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

/// How many bytes at the front of `text` are well-formed UTF-8.
[[nodiscard]] std::size_t utf8_prefix(std::string_view text);
/// True if `text` is well-formed UTF-8.
[[nodiscard]] bool is_utf8(std::string_view text);
/// `text` safe to print on a terminal or in a log line: the bytes of control
/// characters, line separators and bidi marks as \xNN, a line break as \n.
[[nodiscard]] std::string escape_control(std::string_view text);
/// At most `limit` bytes of `text`, cut between characters and ended with "… (N bytes cut)" if cut.
[[nodiscard]] std::string truncate(std::string_view text, std::size_t limit);
/// `text` as people and brokers can read it: UTF-8 and, but for the note of a cut, at most `limit` bytes.
[[nodiscard]] std::string readable(std::string_view text, std::size_t limit);

}  // namespace conduitd
