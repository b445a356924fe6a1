// An attempt in its host: it begins, says how far it is, and ends.

#include <memory>

#include "host/attempt.h"
#include "micro.h"

namespace conduitd::micro {
namespace {

/// Keeps the frames of a batch, as the queues do.
class Frames final : public channel::CommandSink {
 public:
  void push(std::uint32_t handle, channel::FrameType type, std::string_view body) override { channel::append_frame(frames, type, handle, body); }
  [[nodiscard]] bool congested() const override { return false; }
  std::string frames;
};

class Owner final : public host::AttemptOwner {
 public:
  void ended(host::Attempt&) override {}
  void measure(host::Attempt&, channel::Outcome& outcome) override { outcome.cpu_us = 11'500; }
  void send_now(host::Attempt&, channel::FrameType, std::string_view) override {}
  void held_back() override {}
};

}  // namespace

void add_host_parts(Parts& parts) {
  parts.push_back({"host.attempt", kBatch, [] {
                     struct On {
                       Frames sink;
                       Owner owner;
                       channel::Start start;
                     };
                     const auto on = std::make_shared<On>();
                     on->start.task = kTask;
                     on->start.job_id = job::make_id(kQueue, ulid_of(0));
                     on->start.queue = kQueue;
                     on->start.args = kArgs;
                     on->start.attempt = 1;
                     on->start.max_attempts = 4;
                     return [on] {
                       on->sink.frames.clear();
                       for (std::uint32_t n = 0; n < kBatch; ++n) {
                         host::Attempt attempt(n, on->start, channel::Executor::process, on->sink, on->owner);
                         attempt.begin();
                         attempt.set_progress(0.5, "resized");
                         attempt.complete(kResult);
                         attempt.returned();
                       }
                       benchmark::DoNotOptimize(on->sink.frames.data());
                     };
                   }});
}

}  // namespace conduitd::micro
