#include "channel/frame.h"

#include <fmt/format.h>

#include <cstring>

#include "base/assert.h"

namespace conduitd::channel {
namespace {

constexpr char kMagic[2] = {'C', 'Q'};
/// An empty buffer larger than this is given back: one large payload must not cost its memory for ever.
constexpr std::size_t kKeep = 256 * 1024;

void put_u32(char* out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<char>(value >> (8 * i));
}

std::uint32_t get_u32(const char* in) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  }
  return value;
}

Result<FrameHeader> parse_header(const char* in) {
  FrameHeader header;
  header.type = static_cast<FrameType>(in[3]);
  header.handle = get_u32(in + 4);
  header.length = get_u32(in + 8);
  if (std::memcmp(in, kMagic, sizeof kMagic) != 0) {
    return Error(Errc::protocol, "the bytes on the pipe are no frames");
  }
  if (static_cast<std::uint8_t>(in[2]) != kProtocolVersion) {
    return Error(Errc::protocol, fmt::format("frame of protocol version {}, this is {}",
                                             static_cast<unsigned char>(in[2]), kProtocolVersion));
  }
  if (!is_known(header.type)) {
    return Error(Errc::protocol, fmt::format("frame of unknown type {}",
                                             static_cast<unsigned char>(in[3])));
  }
  if (header.length > kMaxBody) {
    return Error(Errc::protocol, fmt::format("frame of {} bytes, {} are allowed", header.length,
                                             kMaxBody));
  }
  return header;
}

}  // namespace

bool is_known(FrameType type) {
  return (type >= FrameType::start && type <= FrameType::forget) ||
         (type >= FrameType::ready && type <= FrameType::blocked) ||
         (type >= FrameType::load && type <= FrameType::exited);
}

void append_frame(std::string& out, FrameType type, std::uint32_t handle, std::string_view body) {
  CONDUIT_ASSERT(body.size() <= kMaxBody);
  char header[kHeaderSize] = {kMagic[0], kMagic[1], static_cast<char>(kProtocolVersion),
                              static_cast<char>(type)};
  put_u32(header + 4, handle);
  put_u32(header + 8, static_cast<std::uint32_t>(body.size()));
  out.append(header, sizeof header).append(body);
}

void FrameReader::append(std::string_view bytes) {
  std::memcpy(prepare(bytes.size()), bytes.data(), bytes.size());
  commit(bytes.size());
}

char* FrameReader::prepare(std::size_t size) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (buffer_.size() > kKeep && size <= kKeep) {
      buffer_.resize(kKeep);
      buffer_.shrink_to_fit();
    }
  }
  if (buffer_.size() - end_ < size) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (buffer_.size() < end_ + size) buffer_.resize(end_ + size);
  }
  return buffer_.data() + end_;
}

void FrameReader::commit(std::size_t size) {
  CONDUIT_ASSERT(size <= buffer_.size() - end_);
  end_ += size;
}

Result<std::optional<FrameReader::Frame>> FrameReader::next() {
  if (end_ - begin_ < kHeaderSize) return std::optional<Frame>();
  CONDUIT_TRY(const auto header, parse_header(buffer_.data() + begin_));
  if (end_ - begin_ - kHeaderSize < header.length) return std::optional<Frame>();
  const std::string_view body(buffer_.data() + begin_ + kHeaderSize, header.length);
  begin_ += kHeaderSize + header.length;
  return std::optional<Frame>(Frame{header.type, header.handle, body});
}

}  // namespace conduitd::channel
