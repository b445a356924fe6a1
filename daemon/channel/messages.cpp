#include "channel/messages.h"

#include <array>
#include <bit>
#include <concepts>
#include <type_traits>

namespace conduitd::channel {
namespace {

// Each message lists its members once, in wire order; the Writer and the Reader below both walk that list.
template <class M, class Message>
concept As = std::same_as<std::remove_const_t<M>, Message>;

// clang-format off
void fields(auto& io, As<Start> auto& m) {
  io(m.task, m.job_id, m.parent_id, m.root_id, m.queue, m.args, m.metadata, m.checkpoint,
     m.attempt, m.max_attempts, m.deadline_ms, m.traceparent, m.after, m.devices);
}
void fields(auto& io, As<Cancel> auto& m) { io(m.reason); }
void fields(auto& io, As<Ready> auto& m) { io(m.pid, m.fault); }
void fields(auto& io, As<Progress> auto& m) { io(m.fraction, m.message); }
void fields(auto& io, As<Metadata> auto& m) { io(m.key, m.value); }
void fields(auto& io, As<Log> auto& m) { io(m.level, m.time_ms, m.message, m.fields); }
void fields(auto& io, As<Outcome> auto& m) {
  io(m.kind, m.payload, m.error_type, m.error_message, m.after_ms, m.duration_us, m.cpu_us,
     m.peak_rss_kib, m.worn);
}
void fields(auto& io, As<Call> auto& m) { io(m.id, m.kind, m.payload); }
void fields(auto& io, As<Reply> auto& m) { io(m.id, m.ok, m.payload); }
void fields(auto& io, As<Blocked> auto& m) { io(m.for_ms, m.over); }
void fields(auto& io, As<Verdict> auto& m) {
  io(m.kind, m.retry_after_ms, m.error_type, m.error_message, m.detail);
}
void fields(auto& io, As<LateHooks> auto& m) {
  fields(io, m.start);
  fields(io, m.verdict);
  io(m.duration_us);
}
void fields(auto& io, As<Load> auto& m) { io(m.directory, m.timeout_ms); }
void fields(auto& io, As<Spawn> auto& m) {
  io(m.host, m.executor, m.width, m.memory_bytes, m.open_files, m.cpu_seconds,
     m.recycle_bytes, m.devices);
}
void fields(auto& io, As<Spawned> auto& m) { io(m.host, m.pid); }
void fields(auto& io, As<Exited> auto& m) { io(m.pid, m.wait_status, m.oom, m.cpu_us, m.peak_rss_kib); }

constexpr Executor last(Executor) { return Executor::process; }
constexpr Cancel::Reason last(Cancel::Reason) { return Cancel::Reason::lease_lost; }
constexpr job::LogLevel last(job::LogLevel) { return job::LogLevel::error; }
constexpr Outcome::Kind last(Outcome::Kind) { return Outcome::Kind::snooze; }
constexpr Call::Kind last(Call::Kind) { return Call::Kind::trigger; }
constexpr Verdict::Kind last(Verdict::Kind) { return Verdict::Kind::returned; }
// clang-format on

template <class T>
concept Enum = std::is_enum_v<T>;

class Writer {
 public:
  template <class... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  std::string take() { return std::move(out_); }

 private:
  template <std::integral T>
  void put(T value) {
    const auto bits = static_cast<std::make_unsigned_t<T>>(value);
    for (std::size_t i = 0; i < sizeof bits; ++i) out_ += static_cast<char>(bits >> (8 * i));
  }
  void put(bool value) { out_ += static_cast<char>(value); }
  void put(double value) { put(std::bit_cast<std::uint64_t>(value)); }
  void put(Enum auto value) { out_ += static_cast<char>(value); }
  void put(const std::string& value) {
    put(static_cast<std::uint32_t>(value.size()));
    out_ += value;
  }

  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}

  template <class... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  /// All members were there, and nothing else.
  [[nodiscard]] bool complete() const { return good_ && in_.empty(); }

 private:
  std::string_view bytes(std::size_t size) {
    if (!good_ || in_.size() < size) {
      good_ = false;
      return {};
    }
    const auto out = in_.substr(0, size);
    in_.remove_prefix(size);
    return out;
  }

  template <std::integral T>
  void get(T& value) {
    std::make_unsigned_t<T> bits = 0;
    const auto in = bytes(sizeof bits);
    for (std::size_t i = 0; i < in.size(); ++i) {
      const auto byte = static_cast<std::make_unsigned_t<T>>(static_cast<unsigned char>(in[i]));
      bits = static_cast<std::make_unsigned_t<T>>(bits | byte << (8 * i));
    }
    value = static_cast<T>(bits);
  }
  void get(bool& value) {
    const auto in = bytes(1);
    if (in.empty()) return;
    value = in[0] != 0;
    good_ = static_cast<unsigned char>(in[0]) <= 1;
  }
  void get(double& value) {
    std::uint64_t bits = 0;
    get(bits);
    value = std::bit_cast<double>(bits);
  }
  template <Enum T>
  void get(T& value) {
    const auto in = bytes(1);
    if (in.empty()) return;
    value = static_cast<T>(in[0]);
    good_ = value <= last(value);
  }
  void get(std::string& value) {
    std::uint32_t size = 0;
    get(size);
    value = bytes(size);
  }

  std::string_view in_;
  bool good_ = true;
};

template <class Message>
std::string write(const Message& message) {
  Writer writer;
  fields(writer, message);
  return writer.take();
}

constexpr std::array<std::string_view, 3> kExecutors{"async", "thread", "process"};

}  // namespace

std::string_view to_string(Executor executor) {
  return kExecutors[static_cast<std::size_t>(executor)];
}

std::optional<Executor> parse_executor(std::string_view text) {
  for (std::size_t i = 0; i < kExecutors.size(); ++i) {
    if (kExecutors[i] == text) return static_cast<Executor>(i);
  }
  return std::nullopt;
}

template <class Message>
Result<Message> decode(std::string_view body) {
  Message message;
  Reader reader(body);
  fields(reader, message);
  if (!reader.complete()) return Error(Errc::protocol, "a frame's body does not fit its type");
  return message;
}

// One line for each message: encode() and the instance of decode().
#define CONDUIT_MESSAGE(Type)                                    \
  std::string encode(const Type& message) { return write(message); } \
  template Result<Type> decode<Type>(std::string_view);

CONDUIT_MESSAGE(Start)
CONDUIT_MESSAGE(Cancel)
CONDUIT_MESSAGE(Ready)
CONDUIT_MESSAGE(Progress)
CONDUIT_MESSAGE(Metadata)
CONDUIT_MESSAGE(Log)
CONDUIT_MESSAGE(Outcome)
CONDUIT_MESSAGE(Call)
CONDUIT_MESSAGE(Reply)
CONDUIT_MESSAGE(Blocked)
CONDUIT_MESSAGE(Verdict)
CONDUIT_MESSAGE(LateHooks)
CONDUIT_MESSAGE(Load)
CONDUIT_MESSAGE(Spawn)
CONDUIT_MESSAGE(Spawned)
CONDUIT_MESSAGE(Exited)
#undef CONDUIT_MESSAGE

}  // namespace conduitd::channel
