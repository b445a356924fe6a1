// What supervisor and hosts say to each other, and the three queues in which a host gathers it.

#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <memory>

#include "base/unique_fd.h"
#include "channel/loop_queue.h"
#include "channel/messages.h"
#include "channel/pipe_queue.h"
#include "channel/task_options.h"
#include "channel/thread_queue.h"
#include "micro.h"

namespace asio = boost::asio;

namespace conduitd::micro {
namespace {

using namespace channel;

Start start_of(std::size_t n) {
  Start out;
  out.task = kTask;
  out.job_id = job::make_id(kQueue, ulid_of(n));
  out.queue = kQueue;
  out.args = kArgs;
  out.attempt = 1;
  out.max_attempts = 4;
  out.traceparent = kTraceparent;
  return out;
}

Outcome outcome() {
  Outcome out;
  out.payload = kResult;
  out.duration_us = 12'345;
  out.cpu_us = 11'500;
  out.peak_rss_kib = 18'432;
  return out;
}

/// Encodes messages of one kind into frames, as one write has them.
template <class Make>
std::string frames_of(FrameType type, const Make& make) {
  std::string out;
  for (std::size_t n = 0; n < kBatch; ++n) append_frame(out, type, static_cast<std::uint32_t>(n), encode(make(n)));
  return out;
}

template <class Make>
void add_message(Parts& parts, const std::string& name, FrameType type, Make make) {
  using Message = decltype(make(std::size_t{}));
  parts.push_back({"channel.encode_" + name, kBatch, [type, make] {
                     return [type, message = make(0)] {
                       benchmark::DoNotOptimize(frames_of(type, [&message](std::size_t) -> const Message& { return message; }));
                     };
                   }});
  parts.push_back({"channel.decode_" + name, kBatch, [type, make] {
                     return [reader = std::make_shared<FrameReader>(), bytes = frames_of(type, make)] {
                       reader->append(bytes);
                       while (const auto frame = reader->next().value()) benchmark::DoNotOptimize(decode<Message>(frame->body).value());
                     };
                   }});
}

/// What one attempt says.
void push_attempt(CommandSink& sink, std::uint32_t handle, std::string_view progress, std::string_view outcome) {
  sink.push(handle, FrameType::began, {});
  sink.push(handle, FrameType::progress, progress);
  sink.push(handle, FrameType::end, {});
  sink.push(handle, FrameType::outcome, outcome);
}

/// A pipe's two ends, of which somebody reads the other.
struct Pipe {
  UniqueFd host;
  UniqueFd supervisor;
  std::array<char, kReadSize> buffer{};

  Pipe() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) != 0) std::abort();
    host = UniqueFd(ends[0]);
    supervisor = UniqueFd(ends[1]);
  }
  void read_all() {
    while (::recv(supervisor.get(), buffer.data(), buffer.size(), 0) > 0) {
    }
  }
};

void add_queues(Parts& parts) {
  const auto progress = encode(Progress{0.5, "resized"});
  const auto ended = encode(outcome());
  parts.push_back({"channel.thread_queue", kBatch, [progress, ended] {
                     return [progress, ended, queue = std::make_shared<ThreadQueue>([] {}), frames = std::make_shared<std::string>()] {
                       for (std::uint32_t n = 0; n < kBatch; ++n) push_attempt(*queue, n, progress, ended);
                       queue->drain(*frames);
                     };
                   }});
  // With what the process executor gathers: one write for each command but the last two.
  parts.push_back({"channel.pipe_queue", kBatch, [progress, ended] {
                     const auto pipe = std::make_shared<Pipe>();
                     return [progress, ended, pipe, queue = std::make_shared<PipeQueue>(pipe->host.get())] {
                       for (std::uint32_t n = 0; n < kBatch; ++n) push_attempt(*queue, n, progress, ended);
                       queue->flush();
                       pipe->read_all();
                     };
                   }});
  parts.push_back({"channel.loop_queue", kBatch, [progress, ended] {
                     struct Loop {
                       Pipe pipe;
                       PipeQueue out{pipe.host.get()};
                       asio::io_context loop{1};
                       LoopQueue queue{loop, out};
                     };
                     return [progress, ended, on = std::make_shared<Loop>()] {
                       asio::post(on->loop, [&] {
                         for (std::uint32_t n = 0; n < kBatch; ++n) push_attempt(on->queue, n, progress, ended);
                       });
                       on->loop.restart();
                       on->loop.run();
                       on->pipe.read_all();
                     };
                   }});
}

}  // namespace

void add_channel_parts(Parts& parts) {
  add_message(parts, "start", FrameType::start, start_of);
  add_message(parts, "outcome", FrameType::outcome, [](std::size_t) { return outcome(); });
  add_queues(parts);
  const std::string options = R"({"executor":"process","queue":"media","retries":5,"timeout":"30s","concurrency":4,"rate_limit":"100/m",)"
                              R"("backoff":{"kind":"exponential","base":"500ms","max":"1m"},"errors":[{"type":"images::Corrupt","action":"fail"}]})";
  add_calls(parts, "channel.task_options", [options](std::size_t) { return parse_options(options).value(); });
}

}  // namespace conduitd::micro
