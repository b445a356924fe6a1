#pragma once
// Batches: jobs that are submitted together, and what runs when all of them are done; the same for
// context.submit_batch() and for producers:
//
//   client.submit_batch(std::move(jobs), {.on_success = "report.mail", .on_complete = "report.clean"});
//
// The callbacks are submitted last. Who dies before leaves jobs and no callback: give the batch a
// name (`once`), and submit it again.

#include <conduit/json.hpp>
#include <conduit/submit_options.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conduit {

/// So many jobs at most are in a batch with callbacks.
inline constexpr std::size_t kMostInBatch = 10'000;

struct BatchOptions {
  std::string on_success = {};   ///< the task of one job more, which runs if all jobs complete; empty: none
  std::string on_complete = {};  ///< the same, when all have ended, in whatever way
  /// Of both, an object or an array. Nothing: {"batch": number of jobs}; of a producer's batch, of those
  /// that were accepted, each once.
  std::optional<Json> callback_args = {};
  /// A name for this batch, unlike others in the same job, or of all producers: submitted again under
  /// it, with the same jobs in the same order, it finds those that are there and submits what is
  /// missing, as long as the records are kept. A job's own idempotency key goes first. Empty: none.
  std::string once = {};
};

namespace detail {

/// A job that runs after a batch, as yet without saying which jobs these are.
struct Callback {
  std::string task;
  AfterRule rule;
  const char* name;  ///< "on_success" or "on_complete"
};

inline std::vector<Callback> callbacks_of(const BatchOptions& options) {
  std::vector<Callback> out;
  if (!options.on_success.empty()) out.push_back({options.on_success, AfterRule::complete, "on_success"});
  if (!options.on_complete.empty()) out.push_back({options.on_complete, AfterRule::ended, "on_complete"});
  return out;
}

/// Why a batch cannot be; empty: it can.
inline std::string batch_fault(const BatchOptions& options, std::size_t jobs) {
  if (callbacks_of(options).empty()) {
    return options.callback_args ? "callback_args: whose? Give on_success or on_complete" : std::string();
  }
  if (jobs <= kMostInBatch) return {};
  return std::to_string(jobs) + " jobs, and a callback runs after at most 10,000; make more batches of it, or leave out on_success "
                                "and on_complete";
}

/// The idempotency key of one of a batch's jobs, `which` being its index or the name of a callback.
inline std::string batch_key(const std::string& once, const std::string& which) { return once + '/' + which; }

inline Json callback_args(const BatchOptions& options, std::size_t jobs) {
  return options.callback_args ? *options.callback_args : Json{{"batch", jobs}};
}

}  // namespace detail

}  // namespace conduit
