#pragma once
// A broker that does what a test says, linked in the place of the real ones: the client opens it like any other.

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/broker.h"
#include "broker/directory.h"

namespace conduitd::test {

/// What the test and the broker, which lives on the client's thread, know of each other. One for each test.
class FakeBrokerScript {
 public:
  FakeBrokerScript();
  ~FakeBrokerScript();

  /// The next attempts to open fail with this, until told otherwise.
  void refuse_to_open(std::optional<Error> error);
  /// Every enqueue fails with this, until told otherwise.
  void fail_enqueues(std::optional<Error> error);
  /// Enqueues and finds wait in the broker until let_go(), or until they are cancelled.
  void hold();
  void let_go();

  /// A worker has this task.
  void announce(broker::TaskInfo task);

  /// Waits until the broker has been given so many batches; throws when a deadline is over.
  void await_batches(std::size_t count);
  /// Waits until so many waits for a job are under way.
  void await_waits(std::size_t count);

  [[nodiscard]] std::vector<std::vector<job::NewJob>> batches();
  [[nodiscard]] bool closed();

  // The broker's side.
  [[nodiscard]] std::optional<Error> open_error();
  [[nodiscard]] std::optional<Error> take_batch(const std::vector<job::NewJob>& jobs);
  [[nodiscard]] std::vector<broker::TaskInfo> tasks();
  [[nodiscard]] bool held();
  void count_wait(int change);
  void set_closed();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Error> open_error_;
  std::optional<Error> enqueue_error_;
  std::vector<std::vector<job::NewJob>> batches_;
  std::vector<broker::TaskInfo> tasks_;
  std::size_t waits_ = 0;
  bool held_ = false;
  bool closed_ = false;
};

}  // namespace conduitd::test
