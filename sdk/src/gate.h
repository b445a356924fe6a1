#pragma once
// Gate: the bound of the client's queue. Callers wait outside it, so that the queue inside cannot grow without end.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

namespace conduit::detail {

/// Counts jobs between a caller and the broker. Any thread may call anything.
class Gate {
 public:
  explicit Gate(std::size_t capacity) : capacity_(capacity) {}

  /// Waits for room, then takes it. A group goes in whole once there is any room at all, so one larger than the
  /// capacity passes too. False: no room before `until`, or closed.
  [[nodiscard]] bool enter(std::size_t count, std::chrono::steady_clock::time_point until) {
    std::unique_lock lock(mutex_);
    room_.wait_until(lock, until, [this] { return closed_ || inside_ < capacity_; });
    if (closed_ || inside_ >= capacity_) return false;
    inside_ += count;
    return true;
  }
  /// For callers that are suspended until their job is through: they are a bound of their own.
  void enter_always(std::size_t count) {
    const std::lock_guard lock(mutex_);
    inside_ += count;
  }
  void leave(std::size_t count) {
    {
      const std::lock_guard lock(mutex_);
      inside_ -= count;
    }
    room_.notify_all();
  }
  void open() {
    const std::lock_guard lock(mutex_);
    closed_ = false;
  }
  /// Lets nobody in any more and sends those who wait away.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    room_.notify_all();
  }
  [[nodiscard]] bool closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::size_t inside_ = 0;  // under mutex_
  bool closed_ = false;     // under mutex_
};

/// A place inside the gate, given back when this is destroyed.
class Pass {
 public:
  Pass(std::shared_ptr<Gate> gate, std::size_t count) : gate_(std::move(gate)), count_(count) {}
  Pass(Pass&& other) noexcept = default;  // leaves gate_ empty
  Pass& operator=(Pass&&) = delete;
  ~Pass() {
    if (gate_) gate_->leave(count_);
  }

 private:
  std::shared_ptr<Gate> gate_;
  std::size_t count_;
};

}  // namespace conduit::detail
