#include "broker/redis/entry.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <charconv>

namespace conduitd::broker::redis {
namespace {

constexpr std::uint64_t kHashMask = (std::uint64_t{1} << 44U) - 1;
constexpr std::uint64_t kNoLane = 15;

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Cuts the text before `mark` off `rest`.
std::string_view cut(std::string_view& rest, char mark) {
  const auto end = rest.find(mark);
  const auto part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return part;
}

void append_escaped(std::string& out, char tag, std::string_view value) {
  if (value.empty()) return;
  out += '|';
  out += tag;
  for (const char c : value) {
    if (c == '|') {
      out += "%B";
    } else if (c == '%') {
      out += "%P";
    } else {
      out += c;
    }
  }
}

std::string unescaped(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%' || i + 1 == value.size()) {
      out += value[i];
    } else {
      out += value[++i] == 'B' ? '|' : '%';
    }
  }
  return out;
}

template <class T>
void append_number(std::string& out, char tag, const std::optional<T>& value) {
  if (value) fmt::format_to(std::back_inserter(out), "|{}{}", tag, *value);
}

std::optional<std::int64_t> ms_of(const std::optional<WallTime>& time) {
  return time ? std::optional<std::int64_t>(to_unix_ms(*time)) : std::nullopt;
}

std::optional<Lane> lane_of(std::string_view letter) {
  if (letter == "f") return kFrontLane;
  if (letter.size() == 1 && letter[0] >= '0' && letter[0] <= '9') return letter[0] - '0';
  return std::nullopt;
}

bool set_tagged(Header& out, char tag, std::string_view value) {
  const auto time = [&](std::optional<WallTime>& into) {
    const auto ms = number<std::int64_t>(value);
    if (ms) into = from_unix_ms(*ms);
    return ms.has_value();
  };
  switch (tag) {
    case 'i': out.ulid = unescaped(value); return true;
    case 'c': return time(out.created_at);
    case 'e': return time(out.expires_at);
    case 'd': return time(out.deadline_at);
    case 'q': out.priority = number<int>(value); return out.priority.has_value();
    case 'm': out.weight = number<std::uint32_t>(value); return out.weight.has_value();
    case 'r': out.retries = number<int>(value); return out.retries.has_value();
    case 't': {
      const auto ms = number<std::int64_t>(value);
      if (ms) out.timeout = Millis{*ms};
      return ms.has_value();
    }
    case 'u': out.ties.unique = unescaped(value); return true;
    case 'k': out.ties.submit = unescaped(value); return true;
    case 'w': return time(out.unique_until);
    case 'v': out.unique_waiting = true; return true;
    case 'p': out.parent_id = unescaped(value); return true;
    case 'o': out.root_id = unescaped(value); return true;
    case 'x': out.traceparent = unescaped(value); return true;
    case 'y': out.follows = true; return true;
    case 'b': out.bound = true; return true;
    case 'g': out.garbage = true; return true;
    default: return true;  // of a later version: kept by the scripts, of no meaning here
  }
}

bool set_counters(job::Counters& out, std::string_view text) {
  const auto attempts = number<std::uint32_t>(cut(text, '.'));
  const auto failures = number<std::uint32_t>(cut(text, '.'));
  const auto crashes = number<std::uint32_t>(cut(text, '.'));
  const auto interruptions = number<std::uint32_t>(text);
  if (!attempts || !failures || !crashes || !interruptions) return false;
  out = {*attempts, *failures, *crashes, *interruptions};
  return true;
}

}  // namespace

std::string to_string(EntryId id) { return fmt::format(FMT_COMPILE("{}-{}"), id.ms, id.seq); }

std::optional<EntryId> parse_entry_id(std::string_view text) {
  const auto ms = number<std::uint64_t>(cut(text, '-'));
  const auto seq = number<std::uint64_t>(text);
  if (!ms || !seq) return std::nullopt;
  return EntryId{*ms, *seq};
}

std::uint64_t hash_of_task(std::string_view task) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;  // FNV-1a
  for (const char c : task) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1'099'511'628'211U;
  }
  return (hash ^ (hash >> 44U)) & kHashMask;
}

// 80 bits after the time: 32 of the sequence number, 4 of the lane, 44 of the task.
job::Ulid ulid_at(const Place& place) {
  return {place.entry.ms, static_cast<std::uint16_t>(place.entry.seq >> 16U),
          (place.entry.seq & 0xFFFFU) << 48U | static_cast<std::uint64_t>(place.lane) << 44U | place.task_hash};
}

std::optional<Place> place_of(const job::Ulid& ulid) {
  const auto lane = (ulid.low >> 44U) & 15U;
  if (lane > kFrontLane) return std::nullopt;
  return Place{{ulid.ms, static_cast<std::uint64_t>(ulid.high) << 16U | ulid.low >> 48U},
               static_cast<Lane>(lane),
               ulid.low & kHashMask};
}

job::Ulid placeless_ulid(EntryId like, std::uint64_t random) {
  return ulid_at({like, static_cast<Lane>(kNoLane), random & kHashMask});
}

Header header_for(const job::NewJob& job) {
  Header out;
  out.weight = job.weight;
  out.retries = job.retries;
  out.timeout = job.timeout;
  out.ties = {job.unique, job.idempotency_key};
  out.unique_waiting = job.unique_states == job::UniqueStates::waiting;
  out.parent_id = job.parent_id;
  out.root_id = job.root_id;
  out.traceparent = job.traceparent;
  out.follows = !job.after.empty();
  out.bound = job.on_parent_end == job::OnParentEnd::cancel;
  return out;
}

std::string encode(const Header& header) {
  std::string tags;
  append_escaped(tags, 'i', header.ulid);
  append_number(tags, 'c', ms_of(header.created_at));
  append_number(tags, 'q', header.priority);
  append_number(tags, 'm', header.weight);
  append_number(tags, 'r', header.retries);
  if (header.timeout) append_number(tags, 't', std::optional(header.timeout->count()));
  append_number(tags, 'e', ms_of(header.expires_at));
  append_number(tags, 'd', ms_of(header.deadline_at));
  append_escaped(tags, 'u', header.ties.unique);
  append_escaped(tags, 'k', header.ties.submit);
  append_number(tags, 'w', ms_of(header.unique_until));
  if (header.unique_waiting) tags += "|v";
  append_escaped(tags, 'p', header.parent_id);
  append_escaped(tags, 'o', header.root_id);
  append_escaped(tags, 'x', header.traceparent);
  if (header.follows) tags += "|y";
  if (header.bound) tags += "|b";
  if (header.garbage) tags += "|g";
  const auto& n = header.counters;
  const bool fresh = n.attempts + n.failures + n.crashes + n.interruptions == 0;
  if (fresh && tags.empty()) return tags;
  return fmt::format("{}.{}.{}.{}{}", n.attempts, n.failures, n.crashes, n.interruptions, tags);
}

std::optional<Header> decode_header(std::string_view text) {
  Header out;
  if (text.empty()) return out;
  if (!set_counters(out.counters, cut(text, '|'))) return std::nullopt;
  while (!text.empty()) {
    const auto tagged = cut(text, '|');
    if (tagged.empty() || !set_tagged(out, tagged[0], tagged.substr(1))) return std::nullopt;
  }
  return out;
}

std::string encode(const LeaseHandle& h) {
  return fmt::format(FMT_COMPILE("{}/{}-{}/{}/{}/{}/{}/{}{}"), lane_letter(h.lane), h.entry.ms, h.entry.seq, h.attempts_before, h.priority,
                     (h.limited ? 1 : 0) + (h.plain ? 2 : 0), h.ties.unique.size(), h.ties.unique, h.ties.submit);
}

std::string place_name(std::string_view queue, Lane lane, EntryId entry) {
  return fmt::format("{}/{}/{}", queue, lane_letter(lane), to_string(entry));
}

std::optional<LeaseHandle> decode_handle(std::string_view text) {
  const auto lane = lane_of(cut(text, '/'));
  const auto entry = parse_entry_id(cut(text, '/'));
  const auto before = number<std::uint32_t>(cut(text, '/'));
  const auto priority = number<int>(cut(text, '/'));
  const auto marks = number<unsigned>(cut(text, '/'));
  const auto unique_size = number<std::size_t>(cut(text, '/'));
  if (!lane || !entry || !before || !priority || !marks || *priority < 0 || *priority > 9) return std::nullopt;
  if (!unique_size || *unique_size > text.size()) return std::nullopt;
  return LeaseHandle{*lane, *entry, *before, *priority,
                     {std::string(text.substr(0, *unique_size)), std::string(text.substr(*unique_size))}, (*marks & 1U) != 0, (*marks & 2U) != 0};
}

std::optional<std::pair<Lane, EntryId>> decode_standing(std::string_view text) {
  const auto lane = lane_of(cut(text, '/'));
  const auto entry = parse_entry_id(text);
  if (!lane || !entry) return std::nullopt;
  return std::pair(*lane, *entry);
}

std::string encode(const LaneName& name) { return fmt::format("{}/{}", name.task, lane_letter(name.lane)); }

std::optional<LaneName> decode_lane(std::string_view text) {
  const auto task = cut(text, '/');
  const auto lane = lane_of(text);
  if (task.empty() || !lane) return std::nullopt;
  return LaneName{std::string(task), *lane};
}

std::string encode(const DueMember& member) {
  return fmt::format("{}/{}/{}", member.ulid, lane_letter(member.lane.lane), member.lane.task);
}

std::optional<DueMember> decode_due(std::string_view text) {
  const auto ulid = cut(text, '/');
  const auto lane = lane_of(cut(text, '/'));
  if (!lane || !job::parse_ulid(ulid) || text.empty()) return std::nullopt;
  return DueMember{std::string(ulid), {std::string(text), *lane}};
}

}  // namespace conduitd::broker::redis
