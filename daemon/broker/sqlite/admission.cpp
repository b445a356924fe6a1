#include "broker/sqlite/admission.h"

#include <fmt/format.h>

#include <algorithm>

namespace conduitd::broker::sqlite {
namespace {

using Kind = job::Limit::Kind;
using Scope = job::Limit::Scope;

constexpr std::size_t kSortAtOnce = 5'000;
/// Values looked at in one transaction: others want theirs too.
constexpr std::size_t kMostValues = 2'000;

std::int64_t micros(WallTime time) { return to_unix_ms(time) * 1'000; }

}  // namespace

Admission::Admission(Store& store, const ClaimRequest& request, Circles& circles)
    : store_(store), request_(request), circles_(circles), now_us_(micros(store.now())) {}

Result<> Admission::count_running() {
  if (std::exchange(counted_, true)) return ok();
  CONDUIT_TRY(store_.db().each("SELECT l.queue, l.task, coalesce(j.value, ''), coalesce(j.worker, ''), coalesce(j.units, 1) FROM jobs j INDEXED BY running "
                               "JOIN lines l USING(line) WHERE j.status = 2",
                               [&](const Row& row) {
                                 const auto task = row.text(1);
                                 const auto value = row.text(2);
                                 const auto worker = row.text(3);
                                 const auto units = static_cast<std::size_t>(std::max<std::int64_t>(row.integer(4), 1));
                                 running_of_queue_[row.text(0)] += units;
                                 running_[{task, "", "", false}] += units;
                                 running_[{task, value, "", true}] += units;
                                 if (worker != store_.options.worker) return;
                                 running_[{task, "", worker, false}] += units;
                                 running_[{task, value, worker, true}] += units;
                               }));
  return ok();
}

Admission::Names Admission::names_of(const Source& source, const job::Limit& limit, const std::string& value) const {
  const bool keyed = !limit.key.empty();
  return {source.task, keyed ? value : "", limit.scope == Scope::worker ? store_.options.worker : "", keyed};
}

Result<std::int64_t> Admission::account(const std::string& task, const std::string& name) {
  std::int64_t out = 0;
  CONDUIT_TRY(store_.db().each("SELECT next FROM rates WHERE task = ? AND account = ?",
                               [&](const Row& row) { out = row.integer(0); }, task, name));
  return out;
}

void Admission::wait_for(std::int64_t when_us) {
  const Millis left{(when_us - now_us_ + 999) / 1'000};
  if (!again_ || left < *again_) again_ = std::max(left, Millis{0});
}

Result<job::Admitted> Admission::admitted_by(const Source& source, const job::Limit& rate, const std::string& name, std::size_t wanted,
                                             std::uint32_t weight) {
  const auto pacing = job::pacing_of(rate);
  CONDUIT_TRY(const auto before, account(source.task, name));
  job::Load load{.weight = job::units_of(rate, weight)};
  if (before > now_us_ + pacing.tolerance + pacing.interval) {
    CONDUIT_TRY(const auto heavy, account(source.task, job::heavy_account_name(name)));
    load.after_heavy = heavy == before;
  }
  return job::admit(pacing, before, now_us_, wanted, load);
}

Result<std::size_t> Admission::room(const Source& source, bool keyed, const std::string& value, std::size_t wanted, std::uint32_t weight) {
  for (const auto& limit : source.limits) {
    if (limit.key.empty() == keyed || wanted == 0) continue;
    if (limit.kind == Kind::concurrency) {
      CONDUIT_TRY(count_running());
      const auto found = running_.find(names_of(source, limit, value));
      const auto running = found != running_.end() ? found->second : 0;
      wanted = std::min<std::size_t>(wanted, (limit.most - std::min<std::size_t>(limit.most, running)) / job::units_of(limit, weight));
      if (wanted == 0) store_.starved = true;
    } else {
      CONDUIT_TRY(const auto admitted, admitted_by(source, limit, job::account_name(limit, store_.options.worker, value), wanted, weight));
      wanted = static_cast<std::size_t>(admitted.count);
      if (wanted == 0) wait_for(admitted.next);
    }
  }
  return wanted;
}

Result<> Admission::charge(const Source& source, const job::Limit& rate, const std::string& value, std::size_t count, std::uint32_t weight) {
  const auto name = job::account_name(rate, store_.options.worker, value);
  CONDUIT_TRY(const auto admitted, admitted_by(source, rate, name, count, weight));
  CONDUIT_TRY(store_.db().run("INSERT OR REPLACE INTO rates VALUES(?, ?, ?)", source.task, name, admitted.account));
  if (weight == 1) return ok();
  CONDUIT_TRY(store_.db().run("INSERT OR REPLACE INTO rates VALUES(?, ?, ?)", source.task, job::heavy_account_name(name), admitted.account));
  return ok();
}

Result<> Admission::took(const Source& source, bool keyed, const std::string& value, std::size_t count, std::uint32_t weight) {
  if (!keyed) running_of_queue_[source.queue] += count * weight;
  for (const auto& limit : source.limits) {
    if (limit.key.empty() == keyed) continue;
    if (limit.kind == Kind::concurrency) {
      running_[names_of(source, limit, value)] += count * weight;
    } else {
      CONDUIT_TRY(charge(source, limit, value, count, weight));
    }
  }
  return ok();
}

Result<bool> Admission::weighs(const Source& source, std::int64_t line) {
  bool out = source.weight > 1;
  if (out) return out;
  CONDUIT_TRY(store_.db().each("SELECT 1 FROM jobs INDEXED BY heavy WHERE line = ? AND weight > 1 AND status = 1 LIMIT 1",
                               [&](const Row&) { out = true; }, line));
  return out;
}

Result<std::optional<std::uint32_t>> Admission::next_weight(const Source& source, std::int64_t line, const std::optional<std::string>& value) {
  std::optional<std::uint32_t> out;
  CONDUIT_TRY(store_.db().each("SELECT weight FROM jobs INDEXED BY waiting WHERE line = ? AND value IS ? AND status = 1 "
                               "AND (expires IS NULL OR attempts > 0 OR expires > ?) ORDER BY rank, seq LIMIT 1",
                               [&](const Row& row) { out = static_cast<std::uint32_t>(std::clamp<std::int64_t>(row.maybe_integer(0).value_or(source.weight), 1, job::kMostWeight)); },
                               line, value ? std::optional<std::string_view>(*value) : std::nullopt, store_.now()));
  return out;
}

Result<> Admission::take_weighed(const Source& source, std::int64_t line, std::size_t most, const Take& take) {
  for (std::size_t taken = 0; taken < most; ++taken) {
    CONDUIT_TRY(const auto weight, next_weight(source, line, std::nullopt));
    if (!weight) return ok();
    CONDUIT_TRY(const auto places, places_in_queue(source.queue, 1, *weight));
    CONDUIT_TRY(const auto admitted, room(source, false, "", places, *weight));
    if (admitted == 0) return ok();
    CONDUIT_TRY(const auto count, take(std::nullopt, 1));
    if (count == 0) return ok();
    CONDUIT_TRY(took(source, false, "", 1, *weight));
  }
  return ok();
}

Result<bool> Admission::anything_waits(std::int64_t line) {
  bool waits = false;
  CONDUIT_TRY(store_.db().each("SELECT 1 FROM jobs INDEXED BY waiting WHERE line = ? AND status = 1 LIMIT 1",
                               [&](const Row&) { waits = true; }, line));
  return waits;
}

Result<> Admission::take(const Source& source, std::int64_t line, std::size_t most, const Take& take) {
  const auto key = job::key_of(source.limits);
  // Jobs that wait by the values of another key, or of none now, are sorted anew.
  std::string sorted_by;
  CONDUIT_TRY(store_.db().each("SELECT coalesce(sorted_by, '') FROM lines WHERE line = ?", [&](const Row& row) { sorted_by = row.text(0); }, line));
  if (sorted_by != key) {
    CONDUIT_TRY(store_.db().run("UPDATE jobs SET value = NULL WHERE line = ? AND value IS NOT NULL AND status IN (0, 1, 3)", line));
    CONDUIT_TRY(write_values("SELECT seq, args FROM jobs INDEXED BY running WHERE line = ? AND status = 2 LIMIT ?", key, line));
    CONDUIT_TRY(store_.db().run("UPDATE lines SET sorted_by = ?, served = NULL WHERE line = ?", or_null(key), line));
  }
  const auto queue_limit = request_.concurrency.find(source.queue);
  if (source.limits.empty() && queue_limit == request_.concurrency.end()) {
    CONDUIT_TRY(take(std::nullopt, most));
    return ok();
  }
  CONDUIT_TRY(const bool waits, anything_waits(line));
  if (!waits) return ok();
  if (key.empty()) {
    CONDUIT_TRY(const bool weighed, weighs(source, line));
    if (weighed) return take_weighed(source, line, most, take);
  }
  CONDUIT_TRY(const auto places, places_in_queue(source.queue, most));
  CONDUIT_TRY(const auto admitted, room(source, false, "", places));
  if (admitted == 0) return ok();
  if (!key.empty()) {
    CONDUIT_TRY(take_by_value(source, line, admitted, take));
  } else {
    CONDUIT_TRY(const auto count, take(std::nullopt, admitted));
    CONDUIT_TRY(took(source, false, "", count));
    if (count < admitted) return ok();
  }
  // What is left waits for time or for a place: which of them is found out now.
  CONDUIT_TRY(const auto left, places_in_queue(source.queue, 1));
  CONDUIT_TRY(room(source, false, "", left));
  return ok();
}

Result<bool> Admission::would_give(const Source& source, std::int64_t line) {
  CONDUIT_TRY(const bool waits, anything_waits(line));
  if (!waits) return false;
  std::uint32_t weight = 1;
  if (job::key_of(source.limits).empty()) {
    CONDUIT_TRY(const auto next, next_weight(source, line, std::nullopt));
    weight = next.value_or(1);
  }
  CONDUIT_TRY(const auto places, places_in_queue(source.queue, 1, weight));
  CONDUIT_TRY(const auto admitted, room(source, false, "", places, weight));
  return admitted > 0;
}

Result<std::size_t> Admission::places_in_queue(const std::string& queue, std::size_t wanted, std::uint32_t weight) {
  const auto limit = request_.concurrency.find(queue);
  if (limit == request_.concurrency.end()) return wanted;
  CONDUIT_TRY(count_running());
  const std::size_t most = limit->second;
  const auto places = std::min(wanted, (most - std::min(most, running_of_queue_[queue])) / std::min<std::size_t>(most, weight));
  if (places == 0) store_.starved = true;
  return places;
}

Result<bool> Admission::sort_by_value(const Source& source, std::int64_t line) {
  CONDUIT_TRY(const auto count, write_values("SELECT seq, args FROM jobs INDEXED BY waiting WHERE line = ? AND value IS NULL AND status = 1 LIMIT ?",
                                             job::key_of(source.limits), line));
  return count < kSortAtOnce;
}

Result<std::size_t> Admission::write_values(std::string_view of, const std::string& key, std::int64_t line) {
  std::vector<std::pair<std::int64_t, std::string>> found;
  CONDUIT_TRY(store_.db().each(of, [&](const Row& row) { found.emplace_back(row.integer(0), job::key_value(row.text(1), key)); }, line, kSortAtOnce));
  for (const auto& [seq, value] : found) {
    CONDUIT_TRY(store_.db().run("UPDATE jobs SET value = ? WHERE seq = ?", key.empty() ? std::nullopt : std::optional<std::string_view>(value), seq));
  }
  return found.size();
}

Result<> Admission::take_by_value(const Source& source, std::int64_t line, std::size_t most, const Take& take) {
  CONDUIT_TRY(const bool sorted, sort_by_value(source, line));
  if (!sorted) {
    // Who is next in turn is known when all are sorted.
    again_ = Millis{0};
    return ok();
  }
  std::optional<std::string> at;  // the value looked at last, now or in an earlier claim
  CONDUIT_TRY(store_.db().each("SELECT served FROM lines WHERE line = ? AND served IS NOT NULL",
                               [&](const Row& row) { at = row.text(0); }, line));
  // One job of each value in turn, in a circle.
  std::optional<Circle> in_vain;
  if (const auto begun = circles_.find(line); begun != circles_.end()) in_vain = std::exchange(begun->second, {});
  circles_.erase(line);
  CONDUIT_TRY(const bool weighed, weighs(source, line));
  std::size_t taken = 0;
  std::size_t looked = 0;
  while (taken < most && looked < kMostValues) {
    CONDUIT_TRY(auto value, value_after(line, at));
    if (!value && at) {
      // The value it began with may be gone.
      if (in_vain && std::exchange(in_vain->wrapped, true)) break;
      CONDUIT_TRY(value, value_after(line, std::nullopt));
    }
    if (!value || (in_vain && *value == in_vain->since)) break;
    at = value;
    ++looked;
    std::uint32_t weight = 1;
    if (weighed) {
      CONDUIT_TRY(const auto next, next_weight(source, line, value));
      weight = next.value_or(1);
    }
    CONDUIT_TRY(auto admitted, room(source, true, *value, 1, weight));
    if (weight > 1) {
      CONDUIT_TRY(const auto places, places_in_queue(source.queue, admitted, weight));
      CONDUIT_TRY(admitted, room(source, false, "", places, weight));
    }
    std::size_t count = 0;
    if (admitted > 0) {
      CONDUIT_TRY(count, take(value, 1));
    }
    if (count == 0) {
      if (!in_vain) in_vain = Circle{*value, false};
      continue;
    }
    taken += count;
    in_vain.reset();
    CONDUIT_TRY(took(source, true, *value, count, weight));
    CONDUIT_TRY(took(source, false, "", count, weight));
  }
  const bool all_looked_at = looked < kMostValues;
  if (taken == 0 && all_looked_at) return ok();
  if (taken == 0) {
    again_ = Millis{0};
    circles_.emplace(line, *in_vain);
  }
  CONDUIT_TRY(store_.db().run("UPDATE lines SET served = ? WHERE line = ?", at ? std::optional<std::string_view>(*at) : std::nullopt, line));
  return ok();
}

Result<std::optional<std::string>> Admission::value_after(std::int64_t line, const std::optional<std::string>& value) {
  std::optional<std::string> out;
  const auto keep = [&](const Row& row) { out = row.text(0); };
  if (value) {
    CONDUIT_TRY(store_.db().each("SELECT value FROM jobs INDEXED BY waiting WHERE line = ? AND value > ? AND status = 1 ORDER BY value LIMIT 1", keep,
                                 line, *value));
  } else {
    CONDUIT_TRY(store_.db().each("SELECT value FROM jobs INDEXED BY waiting WHERE line = ? AND value >= '' AND status = 1 ORDER BY value LIMIT 1", keep,
                                 line));
  }
  return out;
}

}  // namespace conduitd::broker::sqlite
