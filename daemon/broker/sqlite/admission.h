#pragma once
// Which jobs the limits of tasks and queues let a worker take now. Asked and told within one claim, inside its transaction.
//
// What runs is counted from the jobs themselves, so nothing has to be given back when a job ends or its worker dies. Rates are
// kept in the table `rates`, one row for each account: a limit, its scope and, if it has a key, one of the key's values.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/sqlite/operations.h"

namespace conduitd::broker::sqlite {

/// Lives as long as one claim. Thread: the store's.
class Admission {
 public:
  /// Takes up to so many jobs of a line, those of one value of its key if one is given; the number taken.
  using Take = std::function<Result<std::size_t>(const std::optional<std::string>& value, std::size_t most)>;

  Admission(Store& store, const ClaimRequest& request, Circles& circles);

  /// Takes what the limits admit of a source, at most `most`.
  Result<> take(const Source& source, std::int64_t line, std::size_t most, const Take& take);
  /// Whether something waits in a line that the limits without a key admit.
  Result<bool> would_give(const Source& source, std::int64_t line);
  /// How long from now until a limit may admit more, if it is a matter of time.
  [[nodiscard]] std::optional<Millis> again() const { return again_; }

 private:
  struct Names {  // whose attempts a limit counts; an empty part means any
    std::string task, value, worker;
    bool by_value = false;
    auto operator<=>(const Names&) const = default;
  };

  Result<> count_running();
  [[nodiscard]] Names names_of(const Source& source, const job::Limit& limit, const std::string& value) const;
  /// How many jobs of a weight the limits with a key (or without) admit, up to `wanted`.
  Result<std::size_t> room(const Source& source, bool keyed, const std::string& value, std::size_t wanted, std::uint32_t weight = 1);
  Result<> took(const Source& source, bool keyed, const std::string& value, std::size_t count, std::uint32_t weight = 1);
  Result<> charge(const Source& source, const job::Limit& rate, const std::string& value, std::size_t count, std::uint32_t weight);
  Result<std::int64_t> account(const std::string& task, const std::string& name);
  Result<job::Admitted> admitted_by(const Source& source, const job::Limit& rate, const std::string& name, std::size_t wanted, std::uint32_t weight);
  /// Whether its jobs are to be looked at one by one, since one may weigh more than one.
  Result<bool> weighs(const Source& source, std::int64_t line);
  /// What the job weighs that is taken next; nothing if none waits.
  Result<std::optional<std::uint32_t>> next_weight(const Source& source, std::int64_t line, const std::optional<std::string>& value);
  Result<> take_weighed(const Source& source, std::int64_t line, std::size_t most, const Take& take);
  Result<> take_by_value(const Source& source, std::int64_t line, std::size_t most, const Take& take);
  /// Writes down the value of waiting jobs that came since the last look. False: there are more of them.
  Result<bool> sort_by_value(const Source& source, std::int64_t line);
  /// Writes down the values of the jobs that a query finds; their number.
  Result<std::size_t> write_values(std::string_view of, const std::string& key, std::int64_t line);
  Result<bool> anything_waits(std::int64_t line);
  Result<std::size_t> places_in_queue(const std::string& queue, std::size_t wanted, std::uint32_t weight = 1);
  /// The next value by which jobs of a line wait.
  Result<std::optional<std::string>> value_after(std::int64_t line, const std::optional<std::string>& value);
  void wait_for(std::int64_t when_us);

  Store& store_;
  const ClaimRequest& request_;
  Circles& circles_;
  const std::int64_t now_us_;
  bool counted_ = false;
  std::map<Names, std::size_t> running_;
  std::map<std::string, std::size_t> running_of_queue_;
  std::optional<Millis> again_;
};

/// See Outlook. In enqueue_claim.cpp.
Result<std::vector<bool>> would_give(Store& store, const ClaimRequest& request);

}  // namespace conduitd::broker::sqlite
