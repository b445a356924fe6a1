#pragma once
// A command sink that keeps what it is given, and an owner that only counts.

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "channel/command_sink.h"
#include "channel/messages.h"
#include "host/attempt.h"

namespace conduitd::test {

class RecordingSink final : public channel::CommandSink {
 public:
  struct Command {
    channel::FrameType type{};
    std::string body;
  };

  void push(std::uint32_t, channel::FrameType type, std::string_view body) override {
    const std::lock_guard lock(mutex_);
    commands_.push_back({type, std::string(body)});
  }
  [[nodiscard]] bool congested() const override { return full; }

  std::vector<Command> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(commands_, {});
  }

  std::atomic<bool> full{false};

 private:
  std::mutex mutex_;
  std::vector<Command> commands_;
};

struct CountingOwner final : host::AttemptOwner {
  std::atomic<int> endings{0};
  std::atomic<int> holds{0};
  void ended(host::Attempt&) override { ++endings; }
  void measure(host::Attempt&, channel::Outcome& outcome) override { outcome.cpu_us = 42; }
  void held_back() override { ++holds; }
  void send_now(host::Attempt&, channel::FrameType type, std::string_view) override { urgent.push_back(type); }
  [[nodiscard]] bool calls_returned() const override { return !loop; }
  std::vector<channel::FrameType> urgent;
  bool loop = false;  ///< it runs attempts on an event loop
};

}  // namespace conduitd::test
