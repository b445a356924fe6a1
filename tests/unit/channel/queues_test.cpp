// The three command queues: three command queues, drained per job, flushed and ended by a sentinel before the result is
// recorded. (tests/unit/host shows the same through whole hosts.)

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <thread>

#include "base/unique_fd.h"
#include "channel/loop_queue.h"
#include "channel/messages.h"
#include "channel/pipe_queue.h"
#include "channel/thread_queue.h"

namespace conduitd::channel {
namespace {

/// A pipe with its reading end taken apart into frames.
struct Pipe {
  UniqueFd write;
  UniqueFd read;
  FrameReader reader;

  Pipe() {
    int pair[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    write.reset(pair[0]);
    read.reset(pair[1]);
  }

  /// What has arrived, as (handle, type); bodies go to `bodies`.
  std::vector<std::pair<std::uint32_t, FrameType>> arrived() {
    std::vector<std::pair<std::uint32_t, FrameType>> out;
    while (true) {
      const ssize_t got = ::recv(read.get(), reader.prepare(65'536), 65'536, MSG_DONTWAIT);
      reader.commit(got > 0 ? static_cast<std::size_t>(got) : 0);
      while (true) {
        const auto frame = reader.next();
        EXPECT_TRUE(frame.has_value());
        if (!frame.has_value() || !frame.value()) break;
        out.emplace_back(frame.value()->handle, frame.value()->type);
        bodies.emplace_back(frame.value()->body);
      }
      if (got <= 0) return out;
    }
  }
  std::vector<std::string> bodies;
};

constexpr int kCommands = 200;

/// One attempt's life as any executor sends it.
void run_attempt(CommandSink& sink, std::uint32_t handle) {
  for (int i = 0; i < kCommands; ++i) sink.push(handle, FrameType::log, std::to_string(i));
  sink.push(handle, FrameType::end, {});
  sink.push(handle, FrameType::outcome, "done");
}

/// What must hold of every attempt in every form of the queue.
void expect_in_order(const std::vector<std::pair<std::uint32_t, FrameType>>& frames, const std::vector<std::string>& bodies,
                     std::uint32_t handle) {
  int next = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].first != handle) continue;
    if (next < kCommands) {
      ASSERT_EQ(bodies[i], std::to_string(next)) << "commands in order";
    } else {
      ASSERT_EQ(frames[i].second, next == kCommands ? FrameType::end : FrameType::outcome) << "sentinel, then outcome";
    }
    ++next;
  }
  EXPECT_EQ(next, kCommands + 2);
}

TEST(CommandQueues, TheLoopQueueIsDrainedPerJobAndEndsWithTheSentinel) {
  Pipe pipe;
  PipeQueue out(pipe.write.get());
  boost::asio::io_context loop(1);
  LoopQueue queue(loop, out);
  boost::asio::post(loop, [&] { run_attempt(queue, 1); });
  boost::asio::post(loop, [&] { run_attempt(queue, 2); });
  loop.run();
  const auto frames = pipe.arrived();
  expect_in_order(frames, pipe.bodies, 1);
  expect_in_order(frames, pipe.bodies, 2);
  EXPECT_TRUE(queue.empty());
}

TEST(CommandQueues, TheLoopQueueTakesCommandsFromOtherThreadsAndLetsNoneOvertake) {
  Pipe pipe;
  PipeQueue out(pipe.write.get());
  boost::asio::io_context loop(1);
  LoopQueue queue(loop, out);
  // The first half comes from another thread, before the loop turns; the second from the loop, right behind it.
  std::thread([&] {
    for (int i = 0; i < kCommands / 2; ++i) queue.push(1, FrameType::log, std::to_string(i));
  }).join();
  EXPECT_FALSE(queue.empty());
  boost::asio::dispatch(loop, [&] {
    for (int i = kCommands / 2; i < kCommands; ++i) queue.push(1, FrameType::log, std::to_string(i));
    queue.push(1, FrameType::end, {});
    queue.push(1, FrameType::outcome, "done");
  });
  loop.run();
  const auto frames = pipe.arrived();
  expect_in_order(frames, pipe.bodies, 1);
}

TEST(CommandQueues, TheThreadQueueIsDrainedPerJobAndEndsWithTheSentinel) {
  std::atomic<int> wakes{0};
  ThreadQueue queue([&] { ++wakes; });
  std::vector<std::thread> threads;
  for (std::uint32_t handle = 1; handle <= 4; ++handle) threads.emplace_back([&queue, handle] { run_attempt(queue, handle); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wakes, 1) << "once per burst";
  std::string frames;
  queue.drain(frames);
  Pipe pipe;
  PipeQueue out(pipe.write.get());
  out.push_frames(frames);
  const auto arrived = pipe.arrived();
  for (std::uint32_t handle = 1; handle <= 4; ++handle) expect_in_order(arrived, pipe.bodies, handle);
  queue.drain(frames);
  EXPECT_TRUE(frames.empty());
  queue.push(9, FrameType::log, "x");
  EXPECT_EQ(wakes, 2) << "and again for the next";
}

TEST(CommandQueues, ThePipeQueueIsFlushedWithTheSentinelBeforeTheOutcome) {
  Pipe pipe;
  PipeQueue queue(pipe.write.get());
  run_attempt(queue, 1);
  EXPECT_EQ(pipe.arrived().size(), static_cast<std::size_t>(kCommands)) << "sentinel and outcome wait for company";
  queue.push(2, FrameType::began, {});
  EXPECT_EQ(pipe.arrived(), (std::vector<std::pair<std::uint32_t, FrameType>>{
                                {1, FrameType::end}, {1, FrameType::outcome}, {2, FrameType::began}}));
  queue.push(2, FrameType::end, {});
  queue.push(2, FrameType::outcome, "done");
  queue.flush();
  EXPECT_EQ(pipe.arrived().size(), 2u);
}

TEST(CommandQueues, AreCongestedWhileTooMuchWaits) {
  ThreadQueue threads([] {});
  threads.push(1, FrameType::checkpoint, std::string(kCongested, 'x'));
  EXPECT_TRUE(threads.congested());
  std::string frames;
  threads.drain(frames);
  EXPECT_FALSE(threads.congested());

  Pipe pipe;
  PipeQueue out(pipe.write.get(), Millis(1));
  boost::asio::io_context loop(1);
  LoopQueue queue(loop, out);
  queue.push(1, FrameType::checkpoint, std::string(kCongested, 'x'));
  EXPECT_TRUE(queue.congested());
}

TEST(PipeQueue, WaitsForRoomAndLosesNothing) {
  Pipe pipe;
  PipeQueue queue(pipe.write.get(), Millis(20'000));
  const std::string body(1'000'000, 'x');
  std::thread writer([&] {
    for (int i = 0; i < 8; ++i) queue.push(1, FrameType::checkpoint, body);
  });
  std::size_t frames = 0;
  while (frames < 8) frames += pipe.arrived().size();
  writer.join();
  EXPECT_FALSE(queue.broken());
}

TEST(PipeQueue, GivesUpOnAPeerThatReadsNothingWithinItsPatience_F51) {
  Pipe pipe;
  PipeQueue queue(pipe.write.get(), Millis(20));
  queue.push(1, FrameType::checkpoint, std::string(4'000'000, 'x'));
  EXPECT_TRUE(queue.broken());
  char byte = 0;
  EXPECT_EQ(::recv(pipe.write.get(), &byte, 1, 0), 0) << "the host's reader sees the end";
  queue.push(1, FrameType::log, "dropped");
}

TEST(PipeQueue, SurvivesAPeerThatIsGone_F51) {
  Pipe pipe;
  PipeQueue queue(pipe.write.get());
  pipe.read.reset();
  queue.push(1, FrameType::log, "nobody hears");
  EXPECT_TRUE(queue.broken());
}

}  // namespace
}  // namespace conduitd::channel
