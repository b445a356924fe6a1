#pragma once
// The EndWatch of every broker: looks at all jobs at first and now and then, and at those it hears of in between.

#include <functional>
#include <memory>
#include <set>

#include "base/clock.h"
#include "broker/flows.h"

namespace conduitd::broker {

/// How a broker tells of jobs that end. Thread: the executor's.
class Ear {
 public:
  virtual ~Ear() = default;
  /// From when this completes until the next look at all, the end of these jobs is heard.
  virtual boost::asio::awaitable<Result<>> listen(std::vector<std::string> ids) = 0;
  /// What was heard since the last call: jobs that may have ended. Nothing: some may have been missed.
  virtual std::optional<std::vector<std::string>> take() = 0;
  /// Completes when there is something to take, or after `most`.
  virtual boost::asio::awaitable<void> wait(Millis most) = 0;
  /// The wait completes now, or the next one at once.
  virtual void interrupt() = 0;
};

class JobEnds final : public EndWatch {
 public:
  JobEnds(Flows& flows, Clock& clock, std::unique_ptr<Ear> ear, const std::vector<std::string>& ids)
      : flows_(flows), clock_(clock), ear_(std::move(ear)), open_(ids.begin(), ids.end()) {}
  boost::asio::awaitable<Result<std::vector<Glance>>> next(Millis wait) override;
  void interrupt() override {
    interrupted_ = true;
    ear_->interrupt();
  }

 private:
  boost::asio::awaitable<Result<std::vector<std::string>>> to_look_at();

  Flows& flows_;
  Clock& clock_;
  std::unique_ptr<Ear> ear_;
  std::set<std::string> open_;  // those whose end was not told yet
  std::optional<SteadyTime> looked_at_all_;
  bool interrupted_ = false;
};

}  // namespace conduitd::broker
