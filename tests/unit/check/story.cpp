#include "story.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace conduitd::check::test {
namespace {

constexpr double kWallAtZero = 1'790'000'000'000;

std::string worker(std::string_view name) { return fmt::format(R"("worker":"{}")", name); }

void submit(Story& story, double time, const std::string& job, const std::string& more = "") {
  const auto words = R"("task":"t.one")" + (more.empty() ? "" : "," + more);
  story.add(time, "submit_ok", job, 0, words);
}

void run(Story& story, double from, double until, const std::string& job, std::uint32_t attempt, std::string_view name,
         std::string_view outcome = "complete", int pid = 71) {
  const auto task = fmt::format(R"("task":"t.one","pid":{})", pid);
  story.add(from, "begin", job, attempt, worker(name));
  story.add(from + 1, "task_start", job, attempt, task);
  story.add(until - 1, "task_end", job, attempt, fmt::format(R"({},"outcome":"{}")", task, outcome));
}

void finish(Story& story, double time, const std::string& job, std::uint32_t attempt, std::string_view name,
            std::string_view state = "complete", std::string_view charge = "nothing", const std::string& more = "") {
  story.add(time, "finish_ok", job, attempt,
            fmt::format(R"({},"from":{},"state":"{}","charge":"{}"{})", worker(name), time - 1, state, charge, more));
}

void record(Story& story, const std::string& job, double ended, std::string_view state, int attempts, int failures = 0,
            int crashes = 0) {
  const auto ms = static_cast<int>(ended);
  story.add(20'000, "final_state", job, 0,
            fmt::format(R"("state":"{}","attempts":{},"failures":{},"crashes":{},"interruptions":0,"ended_at":"2026-09-21T14:13:{:02}.{:03}Z")",
                        state, attempts, failures, crashes, 20 + ms / 1'000, ms % 1'000));
}

/// A job that does what most do.
void plain(Story& story, double from, const std::string& job, std::string_view name, const std::string& more = "") {
  submit(story, from, job, more);
  run(story, from + 10, from + 100, job, 1, name);
  finish(story, from + 105, job, 1, name);
  record(story, job, from + 105, "complete", 1);
}

void tell_of_faults(Story& story) {
  submit(story, 2'000, "q:crashed");
  run(story, 2'010, 2'200, "q:crashed", 1, "w1", "complete", 81);
  story.drop("task_end", "q:crashed", 1);
  story.add(2'100, "fault", "", 0, R"("what":"kill","role":"supervisor","target":80,"worker":"w1")");
  story.add(3'100, "reclaim", "q:crashed", 1, R"("worker":"w2","from":3095,"state":"queued","charge":"crash")");
  run(story, 3'110, 3'200, "q:crashed", 2, "w2");
  finish(story, 3'205, "q:crashed", 2, "w2");
  record(story, "q:crashed", 3'205, "complete", 2, 0, 1);

  // It ran on while its supervisor slept, and was not heard when that woke up.
  submit(story, 4'000, "q:zombie");
  run(story, 4'010, 5'900, "q:zombie", 1, "w2", "complete", 82);
  story.add(4'100, "fault", "", 0, R"("what":"stop","role":"supervisor","target":90,"worker":"w2")");
  story.add(5'200, "reclaim", "q:zombie", 1, R"("worker":"w3","from":5195,"state":"queued","charge":"crash")");
  run(story, 5'210, 6'000, "q:zombie", 2, "w3", "complete", 83);
  story.add(5'950, "finish_fenced", "q:zombie", 1, R"("worker":"w2","from":5940,"state":"complete","charge":"nothing")");
  finish(story, 6'005, "q:zombie", 2, "w3");
  record(story, "q:zombie", 6'005, "complete", 2, 0, 1);
}

void tell_of_order(Story& story) {
  submit(story, 7'000, "q:retried", R"("retries":2)");
  run(story, 7'010, 7'050, "q:retried", 1, "w3", "error");
  finish(story, 7'055, "q:retried", 1, "w3", "retrying", "failure", R"(,"after_ms":200)");
  run(story, 7'260, 7'300, "q:retried", 2, "w3");
  finish(story, 7'305, "q:retried", 2, "w3");
  record(story, "q:retried", 7'305, "complete", 2, 1);

  plain(story, 8'000, "q:later", "w3", fmt::format(R"("not_before":{})", kWallAtZero + 8'005));

  submit(story, 8'200, "q:parent");
  story.add(8'210, "begin", "q:parent", 1, worker("w3"));
  story.add(8'211, "task_start", "q:parent", 1, R"("task":"t.one","pid":71)");
  plain(story, 8'300, "q:child", "w3", R"("src":"task")");
  story.add(8'410, "parent_resume", "q:parent", 1, R"("children":["q:child"])");
  story.add(8'420, "task_end", "q:parent", 1, R"("task":"t.one","pid":71,"outcome":"complete")");
  finish(story, 8'425, "q:parent", 1, "w3");
  record(story, "q:parent", 8'425, "complete", 1);

  plain(story, 8'600, "q:first", "w3", R"("unique":"k")");
  plain(story, 8'800, "q:second", "w3", R"("unique":"k")");

  submit(story, 9'000, "q:cancelled");
  story.add(9'010, "cancel_ok", "q:cancelled", 0);
  record(story, "q:cancelled", 9'010, "cancelled", 0);
}

/// Its first answer was lost, so it was submitted again, and the broker knew it.
void tell_of_repetition(Story& story) {
  for (const double time : {9'400.0, 9'420.0}) story.add(time, "submit", "", 0, R"("ref":7)");
  story.add(9'410, "submit_unknown", "", 0, R"("ref":7)");
  plain(story, 9'430, "q:repeated", "w3", R"("ref":7,"created":false)");
  story.line("task_start", "q:repeated").more += R"(,"ref":7)";
}

/// Two at once, where two may run, and a third when their second is over.
void tell_of_limits(Story& story) {
  for (const auto& [job, from] : {std::pair("q:one", 10'000.0), std::pair("q:two", 10'050.0), std::pair("q:three", 11'500.0)}) {
    plain(story, from, job, "w3");
    for (const auto* ev : {"submit_ok", "task_start", "task_end"}) story.alter(story.line(ev, job), "t.one", "t.limited");
  }
}

}  // namespace

std::string Line::text() const {
  auto out = fmt::format(R"({{"t":{},"m":{},"ev":"{}")", kWallAtZero + time, time, ev);
  if (!job.empty()) out += fmt::format(R"(,"job":"{}")", job);
  if (attempt != 0) out += fmt::format(R"(,"att":{})", attempt);
  return out + (more.empty() ? "" : "," + more) + "}";
}

Line& Story::add(double time, std::string ev, std::string job, std::uint32_t attempt, std::string more) {
  return lines_.emplace_back(Line{time, std::move(ev), std::move(job), attempt, std::move(more)});
}

Line& Story::line(std::string_view ev, std::string_view job, std::uint32_t attempt) {
  const auto found = std::ranges::find_if(lines_, [&](const Line& one) {
    return one.ev == ev && one.job == job && (attempt == 0 || one.attempt == attempt);
  });
  if (found == lines_.end()) throw std::logic_error(fmt::format("there is no {} of {} in the story", ev, job));
  return *found;
}

void Story::drop(std::string_view ev, std::string_view job, std::uint32_t attempt) {
  lines_.erase(lines_.begin() + (&line(ev, job, attempt) - lines_.data()));
}

void Story::repeat(std::string_view ev, std::string_view job, std::uint32_t attempt, double later) {
  auto again = line(ev, job, attempt);
  const auto from = fmt::format(R"("from":{})", again.time - 1);
  if (again.more.find(from) != std::string::npos) alter(again, from, fmt::format(R"("from":{})", again.time + later - 1));
  again.time += later;
  lines_.push_back(std::move(again));
}

void Story::alter(Line& line, std::string_view old_words, std::string_view new_words) {
  const auto at = line.more.find(old_words);
  if (at == std::string::npos) throw std::logic_error(fmt::format("'{}' is not in {}", old_words, line.text()));
  line.more.replace(at, old_words.size(), new_words);
}

std::string Story::text() const {
  std::string out;
  for (const auto& one : lines_) out += one.text() + '\n';
  return out;
}

History Story::read() const {
  std::istringstream lines(text());
  Reader reader;
  const auto added = reader.add(lines, "story");
  if (!added.has_value()) throw std::logic_error(added.error().message());
  return reader.take();
}

Story good_story() {
  Story story;
  story.add(0, "limit", "", 0, R"("task":"t.limited","most":2,"rate":2,"window_ms":1000)");
  story.add(0, "sample", "", 0, R"("pid":100,"phase":"start","values":{"fds":20,"rss_kb":1000})");
  plain(story, 1'000, "q:plain", "w1");
  tell_of_faults(story);
  tell_of_order(story);
  tell_of_repetition(story);
  tell_of_limits(story);
  story.add(19'000, "sample", "", 0, R"("pid":100,"phase":"end","values":{"fds":20,"rss_kb":1040})");
  story.add(19'000, "metrics", "", 0, R"("worker":"w2","values":{"finish_ok":1,"finish_fenced":1})");
  return story;
}

std::vector<std::string> broken_rules(const Story& story) {
  std::vector<std::string> broken;
  const auto history = story.read();
  for (const auto& verdict : check_all(history, {})) {
    if (verdict.finding() == Verdict::Finding::violated) broken.push_back(verdict.rule());
  }
  return broken;
}

}  // namespace conduitd::check::test
