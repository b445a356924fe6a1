#include "broker/redis/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace conduitd::broker::redis {
namespace {

bool counts(const job::Limit& limit, bool keyed) { return limit.key.empty() != keyed; }
bool is_rate(const job::Limit& limit) { return limit.kind == job::Limit::Kind::rate; }

std::uint64_t number_of(const std::map<std::string, std::uint64_t>& counted, const std::string& value) {
  const auto found = counted.find(value);
  return found == counted.end() ? 0 : found->second;
}

std::int64_t account_in(const LimitedTask& task, const std::string& name) {
  const auto found = task.accounts.find(name);
  return found == task.accounts.end() ? 0 : found->second;
}

}  // namespace

void Admission::wait_until(std::int64_t when) {
  const std::chrono::microseconds left(std::max<std::int64_t>(when - now_, 0));
  if (!again || left < *again) again = left;
}

std::size_t Admission::room(const LimitedTask& task, bool keyed, const std::string& value, std::size_t wanted, std::uint32_t weight) {
  for (const auto& limit : task.limits) {
    if (wanted == 0 || !counts(limit, keyed)) continue;
    const auto units = job::units_of(limit, weight);
    if (is_rate(limit)) {
      const auto name = job::account_name(limit, worker_, value);
      const auto account = account_in(task, name);
      const job::Load load{units, account_in(task, job::heavy_account_name(name)) == account};
      const auto admitted = job::admit(job::pacing_of(limit), account, now_, wanted, load);
      wanted = admitted.count;
      if (wanted == 0) wait_until(admitted.next);
      continue;
    }
    const bool own = limit.scope == job::Limit::Scope::worker;
    const auto running = keyed ? number_of(own ? task.own_of_value : task.of_value, value) : own ? task.own : task.running;
    wanted = places(running, limit.most, wanted, weight);
  }
  return wanted;
}

std::size_t Admission::places(std::uint64_t running, std::uint32_t most, std::size_t wanted, std::uint32_t weight) {
  const auto free = most - std::min<std::uint64_t>(most, running);
  wanted = std::min<std::size_t>(wanted, free / std::max(1U, std::min(weight, most)));
  starving = starving || wanted == 0;
  return wanted;
}

std::vector<std::string> Admission::accounts_of(const LimitedTask& task, bool keyed, const std::string& value) const {
  std::vector<std::string> out;
  for (const auto& limit : task.limits) {
    if (!is_rate(limit) || !counts(limit, keyed)) continue;
    out.push_back(job::account_name(limit, worker_, value));
    out.push_back(job::heavy_account_name(out.back()));
  }
  return out;
}

std::map<std::string, std::int64_t> Admission::charge(LimitedTask& task, bool keyed, const std::string& value, std::size_t count,
                                                      std::uint32_t weight) {
  std::map<std::string, std::int64_t> out;
  for (const auto& limit : task.limits) {
    if (!is_rate(limit) || !counts(limit, keyed)) continue;
    const auto name = job::account_name(limit, worker_, value);
    const auto heavy = job::heavy_account_name(name);
    auto& account = task.accounts[name];
    const job::Load load{job::units_of(limit, weight), account_in(task, heavy) == account};
    account = job::admit(job::pacing_of(limit), account, now_, count, load).account;
    out[name] = account;
    if (weight > 1) out[heavy] = task.accounts[heavy] = account;
  }
  return out;
}

void Admission::took(LimitedTask& task, const std::optional<std::string>& value, std::uint64_t units) {
  task.running += units;
  task.own += units;
  if (!value) return;
  task.of_value[*value] += units;
  task.own_of_value[*value] += units;
}

std::optional<PlaceOfJob> read_place(std::string_view place) {
  const auto last = place.rfind('/');
  if (last == std::string_view::npos || last < 2 || place[last - 2] != '/') return std::nullopt;
  return PlaceOfJob{std::string(place.substr(0, last - 2)), place[last - 1], std::string(place.substr(last + 1))};
}

std::string parked_as(const std::string& value, const std::string& place) {
  const auto at = read_place(place).value_or(PlaceOfJob{});
  const auto dash = at.entry.find('-');
  const auto number = [](std::string_view digits) {
    std::uint64_t out = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return out;
  };
  const auto ms = number(std::string_view(at.entry).substr(0, dash));
  const auto seq = dash == std::string::npos ? 0 : number(std::string_view(at.entry).substr(dash + 1));
  const char rank = at.lane == 'f' ? '0' : static_cast<char>(':' - (at.lane - '0'));
  return fmt::format("{}{}{}{:015d}-{:010d}/{}", value, '\0', rank, ms, seq, place);
}

std::optional<std::pair<std::string, std::string>> read_parked(std::string_view member) {
  const auto end = member.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const auto slash = member.find('/', end);
  if (slash == std::string_view::npos) return std::nullopt;
  return std::pair(std::string(member.substr(0, end)), std::string(member.substr(slash + 1)));
}

}  // namespace conduitd::broker::redis
