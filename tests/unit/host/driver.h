#pragma once
// The supervisor's part, played by a test: a zygote and its hosts at the other ends of raw sockets. Every wait has a deadline.

#include <conduit/abi.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "channel/frame.h"
#include "channel/messages.h"
#include "channel/manifest.h"

namespace conduitd::test {

/// Longer than anything that works takes, on a machine that is busy with much else.
inline constexpr Millis kPatience{20'000};

/// A frame that was received.
struct Seen {
  channel::FrameType type{};
  std::uint32_t handle = 0;
  std::string body;

  template <class Message>
  [[nodiscard]] Message as() const {
    auto message = channel::decode<Message>(body);
    if (!message.has_value()) throw std::runtime_error("a frame of another type");
    return std::move(message.value());
  }
};

/// One end of a channel.
class Peer {
 public:
  explicit Peer(UniqueFd fd) : fd_(std::move(fd)) {}

  template <class Message>
  void send(channel::FrameType type, std::uint32_t handle, const Message& message) {
    send_body(type, handle, channel::encode(message));
  }
  void send_body(channel::FrameType type, std::uint32_t handle, std::string_view body);
  void send_bytes(std::string_view bytes);

  /// The next frame; nothing at the end of the stream. Throws when the deadline is over.
  std::optional<Seen> next(Millis deadline = kPatience);
  /// The next frame of `type` for `handle`; those before it are kept in `skipped`.
  Seen await(channel::FrameType type, std::uint32_t handle = 0, Millis deadline = kPatience);
  /// All frames of an attempt, up to and with its outcome; those of others are kept for them.
  std::vector<Seen> attempt(std::uint32_t handle);
  /// Only its outcome.
  channel::Outcome outcome(std::uint32_t handle);

  /// Descriptors that came with what was read so far.
  std::vector<UniqueFd> take_descriptors() { return std::exchange(descriptors_, {}); }
  void close() { fd_.reset(); }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  bool read(SteadyTime deadline);

  UniqueFd fd_;
  channel::FrameReader reader_;
  std::vector<Seen> kept_;
  std::vector<UniqueFd> descriptors_;
};

struct Host {
  std::int64_t pid = 0;
  Peer channel;
  UniqueFd output;

  /// Everything the host printed until it ended.
  std::string read_output();
  /// Starts `task` as attempt `handle`.
  void start(std::uint32_t handle, std::string task, std::string args = "{}");
  void start(std::uint32_t handle, channel::Start start) { channel.send(channel::FrameType::start, handle, start); }
  /// Waits for the end of the host's life; false if it still lives at the deadline.
  bool await_end(Millis deadline = kPatience) const;
};

/// A zygote with the plugins of one directory.
class Zygote {
 public:
  /// Forks it: the test must be single-threaded.
  Zygote();
  ~Zygote();

  std::vector<channel::PluginManifest> load(const std::string& directory, Millis timeout = kPatience);
  /// Loads one test plugin, which must be good.
  void load_plugin(const std::string& name);
  Host spawn(const channel::Spawn& spawn);
  /// Spawns, and waits until the host is ready.
  Host spawn_ready(channel::Executor executor, std::uint32_t width = 1);
  /// The wait status of a host that ended.
  int exit_status(std::int64_t pid);
  /// Closes the zygote's socket and returns its exit code.
  int end();

  Peer& peer() { return peer_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  Peer peer_{UniqueFd()};
  pid_t pid_ = -1;
  std::uint32_t last_host_ = 0;
};

/// The folder of a test plugin.
std::string plugin_folder(const std::string& name);
/// A running time that a condition is given, checked every few milliseconds by waiting on nothing.
bool eventually(const std::function<bool()>& condition, Millis deadline = kPatience);

}  // namespace conduitd::test
