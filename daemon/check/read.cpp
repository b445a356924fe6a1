#include "check/read.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "base/text.h"
#include "job/status.h"

namespace fs = std::filesystem;

namespace conduitd::check {
namespace {

Error bad(std::string what) { return Error(Errc::invalid_argument, std::move(what)); }

/// What a line of a kind cannot do without.
struct Needs {
  bool job = false;
  bool attempt = false;
};

Needs needs_of(Kind kind) {
  switch (kind) {
    case Kind::begin:
    case Kind::finish_ok:
    case Kind::finish_fenced:
    case Kind::release:
    case Kind::reclaim:
    case Kind::task_start:
    case Kind::task_end: return {true, true};
    case Kind::submit_ok:
    case Kind::parent_resume:
    case Kind::cancel_ok:
    case Kind::operator_retry:
    case Kind::final_state: return {true, false};
    default: return {};
  }
}

Result<double> number(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  if (member == nullptr) return bad(fmt::format("\"{}\" is missing", key));
  const auto value = member->as_number();
  if (!value) return bad(fmt::format("\"{}\" is no number", key));
  return *value;
}

std::optional<double> maybe_number(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr ? std::nullopt : member->as_number();
}

std::optional<std::int64_t> maybe_integer(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  if (member == nullptr || member->as_int() == nullptr) return std::nullopt;
  return *member->as_int();
}

Result<Kind> kind_of(const Json& json) {
  const auto name = json.string_or("ev", "");
  const auto* found = std::find(kKindNames.begin(), kKindNames.end(), name);
  if (found == kKindNames.end()) return bad(fmt::format("\"ev\": there is no event '{}'", escape_control(name)));
  return static_cast<Kind>(found - kKindNames.begin());
}

Result<job::Settlement::Charge> charge_of(const Json& json) {
  constexpr std::array<std::string_view, 4> kCharges{"nothing", "failure", "crash", "interruption"};
  const auto name = json.string_or("charge", "nothing");
  const auto* found = std::find(kCharges.begin(), kCharges.end(), name);
  if (found == kCharges.end()) return bad(fmt::format("\"charge\": there is no charge '{}'", escape_control(name)));
  return static_cast<job::Settlement::Charge>(found - kCharges.begin());
}

Result<> read_final(const Json& json, Detail& detail) {
  const auto count = [&json](std::string_view key) { return static_cast<std::uint32_t>(json.int_or(key, 0)); };
  detail.counters = {count("attempts"), count("failures"), count("crashes"), count("interruptions")};
  if (const auto ended = json.string_or("ended_at", ""); !ended.empty()) {
    CONDUIT_TRY(const auto time, parse_time(ended));
    detail.ended = static_cast<double>(to_unix_ms(time));
  }
  const Json* runs = json.find("history");
  if (runs == nullptr || runs->as_array() == nullptr) return ok();
  for (const auto& run : *runs->as_array()) detail.runs.push_back(job::attempt_from_json(run));
  return ok();
}

void read_numbers(const Json& json, Detail& detail) {
  const Json* values = json.find("values");
  if (values == nullptr || values->as_object() == nullptr) return;
  for (const auto& [key, value] : *values->as_object()) {
    if (const auto* whole = value.as_int()) detail.numbers.emplace_back(key, *whole);
  }
}

/// Only these carry more than every line has.
bool has_detail(Kind kind, const Json& json) {
  switch (kind) {
    case Kind::submit_ok: return json.find("unique") || json.find("not_before") || json.find("retries") || json.find("created") || json.find("weight");
    case Kind::finish_ok: return json.find("after_ms") != nullptr;
    case Kind::task_end:
    case Kind::fault:
    case Kind::sample:
    case Kind::metrics:
    case Kind::limit:
    case Kind::parent_resume:
    case Kind::final_state: return true;
    default: return false;
  }
}

}  // namespace

Result<> Reader::fill_detail(Event& event, const Json& json, Detail& detail) {
  detail.not_before = maybe_number(json, "not_before");
  detail.unique = json.string_or("unique", "");
  detail.created = json.bool_or("created", true);
  detail.retries = maybe_integer(json, "retries");
  detail.weight = std::max<std::int64_t>(json.int_or("weight", 1), 1);
  detail.after_ms = maybe_number(json, "after_ms").value_or(0);
  detail.role = json.string_or("role", "");
  detail.target = json.int_or("target", 0);
  detail.queue = json.string_or("q", "");
  detail.most = maybe_integer(json, "most");
  detail.rate = maybe_integer(json, "rate");
  detail.window = maybe_number(json, "window_ms").value_or(1'000);
  detail.burst = json.int_or("burst", 0);
  const char* word = event.kind == Kind::task_end ? "outcome" : event.kind == Kind::sample ? "phase" : "what";
  detail.word = json.string_or(word, "");
  if (event.kind == Kind::fault && detail.word.empty()) return bad("\"what\" is missing");
  if (event.kind == Kind::task_end && detail.word.empty()) return bad("\"outcome\" is missing");
  if (const Json* children = json.find("children"); children != nullptr && children->as_array() != nullptr) {
    for (const auto& child : *children->as_array()) {
      if (const auto* id = child.as_string()) detail.children.push_back(history_.jobs_.number(*id));
    }
  }
  if (event.kind == Kind::sample || event.kind == Kind::metrics) read_numbers(json, detail);
  if (event.kind == Kind::final_state) return read_final(json, detail);
  return ok();
}

Result<> Reader::fill(Event& event, const Json& json) {
  if (json.as_object() == nullptr) return bad("a line is one JSON object");
  CONDUIT_TRY(event.kind, kind_of(json));
  CONDUIT_TRY(event.wall, number(json, "t"));
  CONDUIT_TRY(event.time, number(json, "m"));
  CONDUIT_TRY(event.charge, charge_of(json));
  event.sent = maybe_number(json, "from").value_or(event.time);
  event.pid = static_cast<std::int32_t>(json.int_or("pid", 0));
  event.ref = json.int_or("ref", -1);
  event.attempt = static_cast<std::uint32_t>(json.int_or("att", 0));
  event.repeated = json.bool_or("repeated", false);
  if (const auto job = json.string_or("job", ""); !job.empty()) event.job = history_.jobs_.number(job);
  if (const auto worker = json.string_or("worker", ""); !worker.empty()) event.worker = history_.workers_.number(worker);
  if (const auto task = json.string_or("task", ""); !task.empty()) event.task = history_.tasks_.number(task);
  if (const auto state = json.string_or("state", ""); !state.empty()) {
    event.state = job::parse_status(state);
    if (!event.state) return bad(fmt::format("\"state\": there is no state '{}'", escape_control(state)));
  }
  const auto needs = needs_of(event.kind);
  if (needs.job && event.job == kNone) return bad("\"job\" is missing");
  if (needs.attempt && event.attempt == 0) return bad("\"att\" is missing or not above 0");
  const bool wants_state = event.kind == Kind::finish_ok || event.kind == Kind::reclaim || event.kind == Kind::final_state;
  if (wants_state && !event.state) return bad("\"state\" is missing");
  if (!has_detail(event.kind, json)) return ok();
  event.detail = static_cast<std::int32_t>(history_.details_.size());
  return fill_detail(event, json, history_.details_.emplace_back());
}

Result<> Reader::add_line(const std::string& text, std::uint32_t file, std::uint32_t line) {
  Event event;
  event.file = file;
  event.line = line;
  auto json = parse_json(text);
  const auto filled = json.has_value() ? fill(event, json.value()) : Result<>(json.error());
  if (!filled.has_value()) return filled.error().within(fmt::format("{}:{}", history_.files_[file], line));
  history_.events_.push_back(event);
  return ok();
}

Result<> Reader::add(std::istream& lines, const std::string& name) {
  const auto file = static_cast<std::uint32_t>(history_.files_.size());
  history_.files_.push_back(name);
  std::string text;
  for (std::uint32_t line = 1; std::getline(lines, text); ++line) {
    if (text.empty()) continue;
    CONDUIT_TRY(add_line(text, file, line));
  }
  return ok();
}

Result<> Reader::add_path(const std::string& path) {
  std::error_code fault;
  if (fs::is_directory(path, fault)) {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(path, fault)) {
      if (entry.path().extension() == ".jsonl") files.push_back(entry.path().string());
    }
    if (files.empty()) return Error(Errc::not_found, fmt::format("{}: there is no *.jsonl in it", path));
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      CONDUIT_TRY(add_path(file));
    }
    return ok();
  }
  std::ifstream lines(path);
  if (!lines) return Error(Errc::not_found, fmt::format("{}: {}", path, std::strerror(errno)));
  return add(lines, path);
}

History Reader::take() {
  history_.index();
  return std::move(history_);
}

}  // namespace conduitd::check
