#pragma once
// The queue of one event loop: commands are gathered where the coroutines run, and written once per turn of the loop.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <string>

#include "channel/command_sink.h"

namespace conduitd::channel {

class PipeQueue;

/// Called on the loop's own thread, as coroutines do, it takes no lock; called from another thread it posts to the loop.
/// A command that follows one still on its way is posted too, so that it cannot overtake it.
///
/// The loop is run by one thread. The queue must outlive the loop's last handler.
class LoopQueue final : public CommandSink {
 public:
  LoopQueue(boost::asio::io_context& loop, PipeQueue& pipe);

  void push(std::uint32_t handle, FrameType type, std::string_view body) override;
  [[nodiscard]] bool congested() const override { return waiting_.load(std::memory_order_relaxed) > kCongested; }
  /// Everything that was pushed has been written.
  [[nodiscard]] bool empty() const { return waiting_.load() == 0; }

 private:
  void gather();
  void write();

  boost::asio::io_context& loop_;
  PipeQueue& pipe_;
  std::string frames_;              // the loop's thread only
  bool write_scheduled_ = false;    // the loop's thread only
  std::atomic<int> on_their_way_{0};
  std::atomic<std::size_t> waiting_{0};
};

}  // namespace conduitd::channel
