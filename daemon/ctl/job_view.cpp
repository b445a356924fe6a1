#include "ctl/job_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "ctl/human.h"
#include "ctl/json_text.h"
#include "ctl/progress_bar.h"
#include "ctl/table.h"

namespace conduitd::ctl {
namespace {

constexpr std::size_t kLabelColumn = 12;
constexpr std::size_t kMostLines = 24;  // of a payload on the page; -o json has it all

/// The first lines of a text and how many were left out.
std::string first_lines(std::string text) {
  std::size_t end = 0;
  for (std::size_t line = 0; line < kMostLines; ++line) {
    end = text.find('\n', end);
    if (end == std::string::npos) return text;
    ++end;
  }
  const auto more = std::count(text.begin() + static_cast<std::ptrdiff_t>(end), text.end(), '\n') + 1;
  if (more == 1) return text;
  text.resize(end);
  return text + fmt::format("... {} more lines, see -o json", more);
}

/// Builds the page: "label      value" lines, multi-line values indented below their label.
class Page {
 public:
  explicit Page(const Terminal& terminal) : terminal_(terminal) {}

  void line(std::string_view label, std::string_view text, Style style = Style::none) {
    if (text.empty()) return;
    out_ += styled(terminal_, Style::dim, label);
    out_.append(kLabelColumn > label.size() ? kLabelColumn - label.size() : 1, ' ');
    out_ += styled(terminal_, style, escape_control(text));
    out_ += '\n';
  }

  void json(std::string_view label, const job::Bytes& bytes) {
    if (bytes.empty() || bytes == "{}") return;
    block(label, first_lines(pretty_json(bytes)));
  }

  /// Text that is escaped already; its later lines stand below the first.
  void block(std::string_view label, std::string_view text) {
    std::string indented;
    for (const char c : text) {
      indented += c;
      if (c == '\n') indented.append(kLabelColumn, ' ');
    }
    out_ += styled(terminal_, Style::dim, label);
    out_.append(kLabelColumn > label.size() ? kLabelColumn - label.size() : 1, ' ');
    out_ += indented;
    out_ += '\n';
  }

  void heading(std::string_view text) { out_ += "\n" + styled(terminal_, Style::bold, text) + "\n"; }
  void raw(std::string_view text) { out_ += text; }
  [[nodiscard]] std::string take() { return std::move(out_); }
  [[nodiscard]] const Terminal& terminal() const { return terminal_; }

 private:
  const Terminal& terminal_;
  std::string out_;
};

std::string attempts_text(const job::JobRecord& record) {
  const auto& counters = record.counters;
  auto text = fmt::format("{}", counters.attempts);
  std::string why;
  const auto add = [&](std::uint32_t number, std::string_view one, std::string_view more) {
    if (number > 0) why += fmt::format("{}{} {}", why.empty() ? "" : ", ", number, number == 1 ? one : more);
  };
  add(counters.failures, "failure", "failures");
  add(counters.crashes, "crash", "crashes");
  add(counters.interruptions, "interruption", "interruptions");
  return why.empty() ? text : fmt::format("{}  ({})", text, why);
}

std::string end_text(const job::JobRecord& record, WallTime now) {
  if (!record.ended_at) return {};
  auto text = moment(*record.ended_at, now);
  if (record.started_at && *record.ended_at >= *record.started_at) {
    text += fmt::format("  took {}", span(*record.ended_at - *record.started_at));
  }
  return text;
}

void add_times(Page& page, const job::JobRecord& record, WallTime now) {
  page.line("created", moment(record.created_at, now));
  if (record.due_at && !job::is_final(record.status)) page.line("due", moment(*record.due_at, now));
  if (record.expires_at && !record.started_at) page.line("expires", moment(*record.expires_at, now));
  if (record.deadline_at && !job::is_final(record.status)) page.line("deadline", moment(*record.deadline_at, now));
  if (record.started_at) page.line("started", moment(*record.started_at, now));
  page.line("ended", end_text(record, now));
}

/// The failure with all that is known of it: members of `detail` that are lists (a backtrace) go one a line.
void add_failure(Page& page, const job::Failure& failure) {
  page.heading("failure");
  page.block("what", styled(page.terminal(), Style::red,
                            escape_lines(failure.type.empty() ? failure.message : failure.type + ": " + failure.message)));
  const auto detail = parse_json(failure.detail.empty() ? "{}" : failure.detail);
  const auto* members = detail.has_value() ? detail.value().as_object() : nullptr;
  if (members == nullptr) {
    page.json("detail", failure.detail);
    return;
  }
  for (const auto& [key, value] : *members) {
    std::string text;
    if (const auto* list = value.as_array()) {
      for (const auto& item : *list) {
        const auto* words = item.as_string();
        text += fmt::format("{}{}", text.empty() ? "" : "\n", words != nullptr ? *words : item.text());
      }
    } else {
      const auto* words = value.as_string();
      text = words != nullptr ? *words : value.text(true);
    }
    if (!text.empty()) page.block(escape_control(key), escape_lines(text));
  }
}

std::string code_text(const job::Code& code) {
  constexpr std::size_t kShownDigits = 8;
  return code.plugin.empty() ? "" : fmt::format("{} {} ({})", code.plugin, code.version, code.build_id.substr(0, kShownDigits));
}

std::string cpu_text(const job::Usage& usage) { return usage.cpu_us >= 0 ? span(Millis{usage.cpu_us / 1'000}) : ""; }

std::string memory_text(const job::Usage& usage) {
  return usage.peak_rss_kib >= 0 ? fmt::format("{:.1f} MiB", static_cast<double>(usage.peak_rss_kib) / 1024) : "";
}

void add_history(Page& page, const job::JobRecord& record, WallTime now) {
  if (record.attempts.empty()) return;
  page.heading("attempts");
  // What no attempt has gets no column.
  const auto any = [&record](const auto& has) { return std::any_of(record.attempts.begin(), record.attempts.end(), has); };
  const bool measured = any([](const auto& attempt) { return attempt.usage.known(); });
  const bool ran = any([](const auto& attempt) { return !attempt.code.plugin.empty(); });
  std::vector<Column> columns{{"#", true}, {"OUTCOME"}, {"STARTED", true}, {"TOOK", true}};
  if (measured) columns.insert(columns.end(), {{"CPU", true}, {"MEMORY", true}});
  if (ran) columns.push_back({"CODE", false, true});
  columns.insert(columns.end(), {{"WORKER", false, true}, {"FAILURE", false, true}});
  Table table(std::move(columns));
  for (const auto& attempt : record.attempts) {
    const auto style = attempt.outcome == "complete" ? Style::green : attempt.failure ? Style::red : Style::none;
    std::vector<Cell> cells{{fmt::format("{}", attempt.attempt)}, {attempt.outcome, style}, {age(attempt.started_at, now)},
                                   {span(attempt.duration)}};
    if (measured) {
      cells.push_back({cpu_text(attempt.usage)});
      cells.push_back({memory_text(attempt.usage)});
    }
    if (ran) cells.push_back({code_text(attempt.code)});
    cells.push_back({attempt.worker});
    cells.push_back({attempt.failure ? failure_line(*attempt.failure) : ""});
    table.add(std::move(cells));
  }
  page.raw(table.take(page.terminal()));
}

/// Other jobs that this one has to do with; there may be thousands.
void add_kin(Page& page, const job::JobRecord& record) {
  constexpr std::size_t kNamed = 3;
  const bool bound = record.on_parent_end == job::OnParentEnd::cancel;
  page.line("parent", bound && !record.parent_id.empty() ? record.parent_id + "  (cancelled if that fails or is cancelled)" : record.parent_id);
  if (record.root_id != record.parent_id) page.line("root", record.root_id);
  const auto rule = record.after_rule == job::AfterRule::ended ? "  (however they end)" : "";
  if (!record.after.empty()) page.line("after", ids_text(record.after, kNamed) + rule);
  page.line("held by", ids_text(record.held_by, kNamed));
  page.line("waits for", ids_text(record.waits_for, kNamed));
}

}  // namespace

Style style_of(job::JobStatus status) {
  switch (status) {
    case job::JobStatus::complete: return Style::green;
    case job::JobStatus::failed: return Style::red;
    case job::JobStatus::running: return Style::cyan;
    case job::JobStatus::retrying: return Style::yellow;
    case job::JobStatus::scheduled: return Style::blue;
    case job::JobStatus::cancelled:
    case job::JobStatus::expired: return Style::dim;
    case job::JobStatus::queued: break;
  }
  return Style::none;
}

std::string status_text(const job::JobRecord& record) {
  auto text = std::string(job::to_string(record.status));
  if (record.reason != job::FailureReason::none) text += fmt::format(" ({})", job::to_string(record.reason));
  if (record.cancel_requested && !job::is_final(record.status)) text += ", asked to stop";
  return text;
}

std::string failure_line(const job::Failure& failure) {
  const std::string_view message = failure.message;
  const auto first = message.substr(0, message.find('\n'));
  return failure.type.empty() ? std::string(first) : fmt::format("{}: {}", failure.type, first);
}

std::string ids_text(const std::vector<std::string>& ids, std::size_t most) {
  const auto shown = std::min(most, ids.size());
  auto text = fmt::format("{}", fmt::join(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  return shown == ids.size() ? text : text + fmt::format(" and {} more", grouped(ids.size() - shown));
}

std::string pretty_json(const job::Bytes& json) {
  constexpr JsonLimits kAnySize{.size = SIZE_MAX, .depth = 1'000};
  return validate_json(json, kAnySize).has_value() ? json_lines(json) : escape_lines(json);
}

std::string job_page(const job::JobRecord& record, std::span<const job::LogLine> last_lines, const Terminal& terminal,
                     WallTime now) {
  Page page(terminal);
  page.line("id", record.id, Style::bold);
  page.line("task", record.task);
  page.line("queue", record.queue);
  page.line("status", status_text(record), style_of(record.status));
  if (record.progress) {
    constexpr std::size_t kBar = 24;
    page.line("progress", fmt::format("{} {:.0f}%  {}", bar_text(record.progress->fraction, kBar, terminal.utf8),
                                      record.progress->fraction * 100, record.progress->message));
  }
  page.line("attempts", attempts_text(record));
  if (record.priority != job::NewJob{}.priority) page.line("priority", fmt::format("{}", record.priority));
  if (record.weight) page.line("weight", fmt::format("{}", *record.weight));
  if (record.retries) page.line("retries", fmt::format("{}", *record.retries));
  if (record.timeout) page.line("timeout", format_duration(*record.timeout));
  page.line("unique", record.unique);
  add_kin(page, record);
  page.line("trace", record.traceparent);
  add_times(page, record, now);
  page.line("worker", record.worker);
  page.json("args", record.args);
  page.json("result", record.result);
  page.json("metadata", record.metadata);
  page.json("checkpoint", record.checkpoint);
  if (record.failure && record.status != job::JobStatus::complete) add_failure(page, *record.failure);
  add_history(page, record, now);
  if (!last_lines.empty()) {
    page.heading("last log lines");
    for (const auto& line : last_lines) page.raw(log_text(line, terminal));
  }
  return page.take();
}

std::string log_text(const job::LogLine& line, const Terminal& terminal) {
  constexpr std::array<Style, 4> kStyles{Style::dim, Style::green, Style::yellow, Style::red};
  const auto level = static_cast<std::size_t>(line.level);
  auto text = fmt::format("{} {} {}", styled(terminal, Style::dim, format_time(line.time)),
                          styled(terminal, kStyles[level], fmt::format("{:<7}", job::to_string(line.level))),
                          escape_control(line.message));
  const auto fields = parse_json(line.fields.empty() ? "{}" : line.fields);
  const auto* members = fields.has_value() ? fields.value().as_object() : nullptr;
  if (members == nullptr) return text + "\n";
  for (const auto& [key, value] : *members) {
    const auto* words = value.as_string();
    const auto shown = words != nullptr ? *words : value.text();
    text += styled(terminal, Style::dim, fmt::format(" {}={}", escape_control(key), escape_control(shown)));
  }
  return text + "\n";
}

}  // namespace conduitd::ctl
