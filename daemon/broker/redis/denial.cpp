#include "broker/redis/denial.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cctype>

#include "base/text.h"
#include "broker/redis/scripts.h"
#include "broker/redis_acl.h"

namespace conduitd::broker::redis {
namespace {

constexpr std::string_view kInScript = "ERR The user executing the script can't ";
constexpr std::string_view kCommand = "run";
constexpr std::string_view kLine = "on @user_script:";

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return c == '|' ? ' ' : std::toupper(c); });
  return out;
}

std::string_view line_of(std::string_view text, std::size_t number) {
  for (; number > 1; --number) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

std::string_view quoted(std::string_view& text) {
  const auto begin = text.find('\'');
  if (begin == std::string_view::npos) return {};
  const auto end = text.find('\'', begin + 1);
  if (end == std::string_view::npos) return {};
  const auto out = text.substr(begin + 1, end - begin - 1);
  text.remove_prefix(end + 1);
  return out;
}

/// "... script: DIGEST, on @user_script:17." -> the command that line 17 of that script calls.
std::optional<std::string> command_in_script(std::string_view reply) {
  const auto at = reply.rfind(kLine);
  if (at == std::string_view::npos) return std::nullopt;
  const auto number = reply.substr(at + kLine.size());
  std::size_t line_number = 0;
  std::from_chars(number.data(), number.data() + number.size(), line_number);
  const auto* const script = find_script(reply);
  if (script == nullptr || line_number == 0) return std::nullopt;
  auto line = line_of(script->text, line_number);
  const auto call = line.find("call(");
  if (call == std::string_view::npos) return std::nullopt;
  line.remove_prefix(call);
  std::string name(quoted(line));
  if (name == "XGROUP" || name == "XINFO") name += " " + std::string(quoted(line));
  return name;
}

}  // namespace

std::optional<std::string> denial(std::string_view reply, std::string_view doing, std::string_view user) {
  const bool in_script = reply.starts_with(kInScript);
  if (!in_script && !reply.starts_with("NOPERM")) return std::nullopt;
  std::string command = upper(doing);
  bool whole_command = false;
  if (in_script) {
    whole_command = reply.substr(kInScript.size()).starts_with(kCommand);
    const auto inner = command_in_script(reply);
    command = inner.value_or("a command of " + command);
  } else {
    whole_command = reply.find(" to run ") != std::string_view::npos;
    auto rest = reply;
    if (const auto named = quoted(rest); whole_command && !named.empty()) command = upper(named);
  }
  const auto name = user.empty() ? std::string_view("default") : user;
  auto said = fmt::format("user '{0}' may not {1} {2}: 'conduitctl redis-acl --user {0}' prints the rules of workers and of those who look at jobs",
                          name, whole_command ? "run" : "use these keys or channels with", command);
  if (submitters_may(command)) said += ", with --submit-only of those who only submit";
  return said;
}

}  // namespace conduitd::broker::redis
