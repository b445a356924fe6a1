#include "base/failpoint.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <list>
#include <optional>
#include <string>
#include <thread>

namespace conduitd::failpoint {
namespace {

enum class Action { kill, err, sleep };

struct Point {
  std::string name;
  Action action = Action::err;
  std::string action_text;
  std::chrono::milliseconds pause{1'000};
  unsigned long nth = 0;  // 0: every time
  std::atomic<unsigned long> passed{0};
};

void say(const std::string& line) {
  // Not by the log: it must be out before the kill, and tests wait for it whatever the log's level is.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

[[noreturn]] void refuse(const std::string& why) {
  say(why + '\n');
  ::_exit(2);
}

unsigned long number(std::string_view text, std::string_view setting) {
  unsigned long value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value == 0) {
    refuse(fmt::format("CONDUIT_FAILPOINT: '{}': '{}' is no number", setting, text));
  }
  return value;
}

/// The part of `text` before `mark`, which leaves it; all of it if there is no mark.
std::string_view cut(std::string_view& text, char mark) {
  const auto at = text.find(mark);
  const auto part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return part;
}

void read_point(std::string_view setting, Point& point) {
  auto rest = setting;
  point.name = cut(rest, ':');
  point.action_text = cut(rest, ':');
  if (!rest.empty()) point.nth = number(rest, setting);
  if (std::find(kPoints.begin(), kPoints.end(), point.name) == kPoints.end()) {
    refuse(fmt::format("CONDUIT_FAILPOINT: there is no point '{}'; one of {}", point.name, fmt::join(kPoints, ", ")));
  }
  std::string_view argument = point.action_text;
  const auto action = cut(argument, '=');
  if (action == "kill") {
    point.action = Action::kill;
  } else if (action == "err") {
    point.action = Action::err;
  } else if (action == "sleep") {
    point.action = Action::sleep;
    if (!argument.empty()) point.pause = std::chrono::milliseconds(number(argument, setting));
  } else {
    refuse(fmt::format("CONDUIT_FAILPOINT: '{}': the action is kill, err, sleep or sleep=MS", setting));
  }
}

std::list<Point> read_points() {
  std::list<Point> points;
  const char* set = std::getenv("CONDUIT_FAILPOINT");
  std::string_view rest = set != nullptr ? set : "";
  while (!rest.empty()) read_point(cut(rest, ','), points.emplace_back());
  return points;
}

std::string_view read_lie() {
  const char* set = std::getenv("CONDUIT_BROKEN");
  const std::string_view lie = set != nullptr ? set : "";
  if (!lie.empty() && std::find(kLies.begin(), kLies.end(), lie) == kLies.end()) {
    refuse(fmt::format("CONDUIT_BROKEN: '{}' is not one of {}", lie, fmt::join(kLies, ", ")));
  }
  return lie;
}

}  // namespace

bool fails_at(std::string_view name) {
  static auto points = read_points();
  bool fails = false;
  for (auto& point : points) {
    if (point.name != name) continue;
    const auto times = ++point.passed;
    if (point.nth != 0 && point.nth != times) continue;
    say(fmt::format("failpoint {}: {}\n", point.name, point.action_text));
    if (point.action == Action::kill) ::kill(::getpid(), SIGKILL);
    if (point.action == Action::sleep) std::this_thread::sleep_for(point.pause);  // allow sleep: a stalled process is the point
    if (point.action == Action::err) fails = true;
  }
  return fails;
}

bool broken(std::string_view lie) {
  static const auto told = read_lie();
  return told == lie;
}

}  // namespace conduitd::failpoint
