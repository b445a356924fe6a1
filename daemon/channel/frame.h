#pragma once
// The framing of every pipe between the supervisor, the zygote and the hosts.
//
// A frame is a 12-byte header, then the body; integers are little-endian:
//   u16 magic 'C','Q'   u8 version   u8 type   u32 handle   u32 body length
// `handle` names an attempt within one pipe; the supervisor gave it out and looks it up in that pipe's own table, so a
// frame can never speak for another host's attempt. A bad magic, version, type or length is a broken peer: drop the pipe.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace conduitd::channel {

inline constexpr std::uint8_t kProtocolVersion = 5;
/// How much whoever reads frames asks for at once.
inline constexpr std::size_t kReadSize = std::size_t{64} * 1024;
inline constexpr std::size_t kHeaderSize = 12;
/// The longest body accepted: a payload of 1 MiB, a checkpoint and metadata of the same size, and room for names.
inline constexpr std::size_t kMaxBody = 4 * 1024 * 1024;

enum class FrameType : std::uint8_t {
  // supervisor -> host
  start = 1,   ///< begin (or stage) an attempt: Start
  cancel,      ///< ask an attempt to stop: Cancel
  reply,       ///< answer to a call: Reply
  stop,        ///< finish what was given, then end; empty body
  probe,       ///< does the event loop that has (or had) this attempt still turn? Empty body; the answer is `turning`
  hooks,       ///< run the hooks of the end of an attempt whose own host is gone, as if they were one: LateHooks
  forget,      ///< an attempt was given up: no hooks of its end are to be run here; empty body
  // host -> supervisor
  ready = 32,  ///< the host is up and on_host_start has run: Ready
  began,       ///< user code starts now; empty body
  progress,    ///< Progress
  metadata,    ///< Metadata
  checkpoint,  ///< body: the JSON itself
  log,         ///< Log
  end,         ///< the sentinel: no more commands of this attempt will come; empty body
  outcome,     ///< how it ended, always after `end`: Outcome
  call,        ///< a request of the task to the broker: Call
  turning,     ///< the answer to `probe`, from the loop itself; empty body
  blocked,     ///< an event loop does not turn, or turns again; the handle is that of the attempt to blame, or 0: Blocked
  // supervisor -> zygote
  load = 64,   ///< look at every plugin of a directory and load the good ones: Load; the first frame, and sent once
  spawn,       ///< fork a host: Spawn; the answer is `spawned`
  // zygote -> supervisor
  manifest,    ///< the answer to `load`: body is JSON {"plugins": [...]} (channel/manifest.h)
  spawned,     ///< Spawned; two descriptors come with it: the channel, and the pipe that takes its stdout and stderr
  exited,      ///< a host ended: Exited
};

struct FrameHeader {
  FrameType type{};
  std::uint32_t handle = 0;
  std::uint32_t length = 0;
};

/// True if `type` is one of the above.
[[nodiscard]] bool is_known(FrameType type);

/// Appends a whole frame to `out`. The body is at most kMaxBody long.
void append_frame(std::string& out, FrameType type, std::uint32_t handle, std::string_view body);

/// Takes frames out of a byte stream. Not thread-safe.
class FrameReader {
 public:
  struct Frame {
    FrameType type{};
    std::uint32_t handle = 0;
    std::string_view body;  ///< valid until the next call of append() or next()
  };

  /// Adds bytes as they arrived.
  void append(std::string_view bytes);
  /// Room to read into directly, at least `size` bytes; follow with commit() of what was read, or nothing.
  [[nodiscard]] char* prepare(std::size_t size);
  void commit(std::size_t size);
  /// The next whole frame, nothing if more bytes are needed, or Errc::protocol if the peer is broken: then for ever.
  /// Between calls at most one frame that is not whole is kept, so memory is bounded by kMaxBody and one read.
  [[nodiscard]] Result<std::optional<Frame>> next();

 private:
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace conduitd::channel
