#include "broker/redis/record.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace conduitd::broker::redis {
namespace {

constexpr std::string_view kMetadataPrefix = "m:";
constexpr std::string_view kAttemptPrefix = "n:";

/// Reads '|'-separated words, then pieces of a length given before. Goes bad once, stays bad.
class Cutter {
 public:
  explicit Cutter(std::string_view text) : rest_(text) {}

  std::string_view word() {
    const auto end = rest_.find('|');
    if (end == std::string_view::npos) good_ = false;
    const auto out = rest_.substr(0, end);
    rest_ = good_ ? rest_.substr(end + 1) : std::string_view();
    return out;
  }
  std::int64_t number() {
    const auto text = word();
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size()) good_ = false;
    return value;
  }
  std::string piece(std::int64_t size) {
    if (size < 0 || static_cast<std::size_t>(size) > rest_.size()) good_ = false;
    if (!good_) return {};
    std::string out(rest_.substr(0, static_cast<std::size_t>(size)));
    rest_ = rest_.substr(static_cast<std::size_t>(size));
    return out;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool good() const { return good_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

/// A header that cannot be read must not hide the record it stands in.
Header header_or_garbage(const std::string& text) {
  if (auto header = decode_header(text)) return *header;
  Header out = decode_header(text.substr(0, text.find('|'))).value_or(Header{});
  out.garbage = true;
  return out;
}

void add_progress(job::JobRecord& out, std::string_view text) {
  Cutter cutter(text);
  const auto millionths = cutter.number();
  if (cutter.good()) out.progress = job::Progress{static_cast<double>(millionths) / 1e6, std::string(cutter.rest())};
}

void add_started(job::JobRecord& out, std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return;
  const auto stored = fmt::format("{}|{}|", text.substr(0, colon), text.substr(colon + 1));
  Cutter cutter(stored);
  const auto attempt = cutter.number();
  const auto ms = cutter.number();
  if (cutter.good() && attempt == out.counters.attempts) out.started_at = from_unix_ms(ms);
}

/// "<attempt>:<ids as JSON>"
void add_waits(job::JobRecord& out, std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || out.status != job::JobStatus::running) return;
  if (text.substr(0, colon) == std::to_string(out.counters.attempts)) out.waits_for = job::ids_from_json(text.substr(colon + 1));
}

job::Usage usage_from_word(std::string_view word) {
  job::Usage out;
  const auto dot = word.find('.');
  if (dot == std::string_view::npos) return out;
  std::from_chars(word.data(), word.data() + dot, out.cpu_us);
  std::from_chars(word.data() + dot + 1, word.data() + word.size(), out.peak_rss_kib);
  return out;
}

std::optional<FinalRecord> read_head(Cutter& cutter, std::string_view text, std::int64_t& args_size) {
  FinalRecord out;
  out.attempt = static_cast<std::uint32_t>(cutter.number());
  cutter.word();  // who settled it: for the scripts
  const auto status = job::parse_status(cutter.word());
  const auto reason = job::parse_reason(cutter.word());
  out.ended_at = from_unix_ms(cutter.number());
  out.seen = text.substr(0, text.size() - cutter.rest().size());
  out.task = cutter.word();
  const auto lane = decode_lane(fmt::format("x/{}", cutter.word()));
  const auto header_size = cutter.number();
  args_size = cutter.number();
  const auto header = cutter.piece(header_size);
  if (!cutter.good() || !status || !reason || !lane) return std::nullopt;
  out.status = *status;
  out.reason = *reason;
  out.lane = lane->lane;
  out.header = header_or_garbage(header);
  return out;
}

}  // namespace

std::string encode(const Tail& tail) {
  const auto& attempt = tail.attempt;
  const std::string failure = attempt.failure ? job::to_json(*attempt.failure).text() : "";
  const auto& usage = attempt.usage;
  const auto used = usage.known() ? fmt::format("{}.{}", usage.cpu_us, usage.peak_rss_kib) : std::string();
  return fmt::format(FMT_COMPILE("{}|{}|{}|{}|{}|{}|{}|{}|{}{}"), attempt.outcome, to_unix_ms(attempt.started_at), attempt.duration.count(),
                     attempt.worker, job::to_word(attempt.code), used, tail.result.size(), failure.size(), tail.result, failure);
}

std::optional<Tail> decode_tail(std::string_view text, std::uint32_t attempt) {
  Cutter cutter(text);
  Tail out;
  out.attempt.attempt = attempt;
  out.attempt.outcome = cutter.word();
  out.attempt.started_at = from_unix_ms(cutter.number());
  out.attempt.duration = Millis{cutter.number()};
  out.attempt.worker = cutter.word();
  out.attempt.code = job::code_from_word(cutter.word());
  out.attempt.usage = usage_from_word(cutter.word());
  const auto result_size = cutter.number();
  const auto failure_size = cutter.number();
  out.result = cutter.piece(result_size);
  const auto failure = cutter.piece(failure_size);
  if (!cutter.good()) return std::nullopt;
  if (!failure.empty()) {
    const auto json = parse_json(failure);
    if (!json.has_value()) return std::nullopt;
    out.attempt.failure = job::failure_from_json(json.value());
  }
  return out;
}

std::optional<FinalRecord> decode_record_head(std::string_view text) {
  Cutter cutter(text);
  std::int64_t args_size = 0;
  return read_head(cutter, text, args_size);
}

std::optional<FinalRecord> decode_record(std::string_view text) {
  Cutter cutter(text);
  std::int64_t args_size = 0;
  auto out = read_head(cutter, text, args_size);
  if (!out) return out;
  out->args = cutter.piece(args_size);
  out->tail = cutter.rest();
  if (!cutter.good()) return std::nullopt;
  return out;
}

FinalRecord unreadable_record(std::string_view text) {
  FinalRecord out;
  out.seen = text;
  out.status = job::JobStatus::failed;
  out.reason = job::FailureReason::invalid;
  out.header.garbage = true;
  out.args = text;
  Tail why;
  why.attempt.failure = job::Failure{"invalid_record", "the job's record in the broker cannot be read: what stands there is shown as its arguments", {}};
  out.tail = encode(why);
  return out;
}

void describe(job::JobRecord& out, const job::JobId& id, const Header& header, std::optional<Place> standing) {
  out.id = job::make_id(id.queue, id.ulid);
  out.queue = id.queue;
  out.counters = header.counters;
  out.retries = header.retries;
  out.weight = header.weight;
  out.timeout = header.timeout;
  out.expires_at = header.expires_at;
  out.deadline_at = header.deadline_at;
  out.unique = header.ties.unique;
  out.parent_id = header.parent_id;
  out.root_id = header.root_id;
  out.traceparent = header.traceparent;
  out.on_parent_end = header.bound ? job::OnParentEnd::cancel : job::OnParentEnd::leave;
  out.created_at = header.created_at.value_or(from_unix_ms(static_cast<std::int64_t>(id.ulid.ms)));
  if (header.priority) {
    out.priority = *header.priority;
  } else if (standing && standing->lane != kFrontLane) {
    out.priority = standing->lane;
  }
}

job::JobRecord to_job_record(const job::JobId& id, const FinalRecord& final, ReplyView said) {
  job::JobRecord out;
  describe(out, id, final.header, Place{{}, final.lane, 0});
  out.task = final.task;
  out.args = shown_args(final.args, final.header.garbage);
  out.status = final.status;
  out.reason = final.reason;
  // Of an unreadable one nobody knows when.
  out.ended_at = final.header.garbage && final.ended_at == WallTime{} ? out.created_at : final.ended_at;
  add_said(out, said);
  out.cancel_requested = false;
  out.due_at.reset();
  auto tail = decode_tail(final.tail, final.attempt);
  if (tail && final.attempt == 0) {
    // No attempt ended it, but there is something to be said.
    out.failure = std::move(tail->attempt.failure);
  } else if (tail) {
    out.result = std::move(tail->result);
    out.worker = tail->attempt.worker;
    out.started_at = tail->attempt.started_at;
    if (tail->attempt.failure) out.failure = tail->attempt.failure;
    if (final.status == job::JobStatus::complete) out.failure.reset();
    out.attempts.push_back(std::move(tail->attempt));
  }
  return out;
}

void add_said(job::JobRecord& out, ReplyView said) {
  for (std::size_t i = 0; i + 1 < said.size(); i += 2) {
    const auto key = said[i].text();
    const auto value = said[i + 1].text();
    if (key == "pg") {
      add_progress(out, value);
    } else if (key == "ck") {
      out.checkpoint = value;
    } else if (key == "c") {
      out.cancel_requested = true;
    } else if (key == "af") {
      out.after = job::ids_from_json(value);
    } else if (key == "ae") {
      out.after_rule = job::AfterRule::ended;
    } else if (key == "wf") {
      add_waits(out, value);
    } else if (key == "sa") {
      add_started(out, value);
    } else if (key.starts_with(kAttemptPrefix)) {
      std::uint32_t attempt = 0;
      std::from_chars(key.data() + kAttemptPrefix.size(), key.data() + key.size(), attempt);
      if (auto tail = decode_tail(value, attempt)) out.attempts.push_back(std::move(tail->attempt));
    }
  }
  std::sort(out.attempts.begin(), out.attempts.end(), [](const auto& a, const auto& b) { return a.attempt < b.attempt; });
  if (!out.attempts.empty() && out.attempts.back().failure) out.failure = out.attempts.back().failure;
  out.metadata = metadata_of(said);
}

job::Bytes metadata_of(ReplyView said) {
  std::vector<std::pair<std::string_view, std::string_view>> members;
  for (std::size_t i = 0; i + 1 < said.size(); i += 2) {
    const auto key = said[i].text();
    if (key.starts_with(kMetadataPrefix)) members.emplace_back(key.substr(kMetadataPrefix.size()), said[i + 1].text());
  }
  if (members.empty()) return {};
  std::sort(members.begin(), members.end());
  Json json{Json::Object{}};
  for (const auto& [key, value] : members) json.append(std::string(key), Json::Raw{std::string(value)});
  return json.text();
}

std::string encode(const job::LogLine& line) {
  return fmt::format("{}|{}|{}|{}|{}{}", to_unix_ms(line.time), line.attempt, static_cast<int>(line.level),
                     line.message.size(), line.message, line.fields);
}

std::optional<job::LogLine> decode_log(std::string_view text) {
  Cutter cutter(text);
  job::LogLine out;
  out.time = from_unix_ms(cutter.number());
  out.attempt = static_cast<std::uint32_t>(cutter.number());
  const auto level = cutter.number();
  out.message = cutter.piece(cutter.number());
  out.fields = cutter.rest();
  if (!cutter.good() || level < 0 || level > static_cast<int>(job::LogLevel::error)) return std::nullopt;
  out.level = static_cast<job::LogLevel>(level);
  return out;
}

std::string encode(const job::Progress& progress) {
  return fmt::format("{}|{}", static_cast<std::int64_t>(progress.fraction * 1e6 + 0.5), progress.message);
}

job::Bytes shown_args(std::string_view args, bool garbage) {
  return garbage ? Json(escape_control(args)).text() : std::string(args);
}

}  // namespace conduitd::broker::redis
