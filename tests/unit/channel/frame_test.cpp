#include "channel/frame.h"

#include <gtest/gtest.h>

#include <random>

namespace conduitd::channel {
namespace {

std::string frame(FrameType type, std::uint32_t handle, std::string_view body) {
  std::string out;
  append_frame(out, type, handle, body);
  return out;
}

TEST(Frame, LaysOutItsHeaderAsDocumented) {
  EXPECT_EQ(frame(FrameType::log, 0x01020304, "ab"),
            std::string("CQ\x05\x25\x04\x03\x02\x01\x02\x00\x00\x00"
                        "ab",
                        14));
}

TEST(Frame, ComesWholeWhateverPiecesItArrivesIn) {
  const std::string stream =
      frame(FrameType::start, 1, std::string(300, 'x')) + frame(FrameType::end, 2, "");
  for (std::size_t piece = 1; piece < stream.size(); ++piece) {
    FrameReader reader;
    std::vector<std::pair<FrameType, std::size_t>> seen;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.append(std::string_view(stream).substr(at, piece));
      while (true) {
        const auto next = reader.next();
        ASSERT_TRUE(next.has_value());
        if (!next.value()) break;
        seen.emplace_back(next.value()->type, next.value()->body.size());
      }
    }
    ASSERT_EQ(seen.size(), 2u) << "in pieces of " << piece;
    EXPECT_EQ(seen[0], (std::pair{FrameType::start, std::size_t{300}}));
    EXPECT_EQ(seen[1], (std::pair{FrameType::end, std::size_t{0}}));
  }
}

TEST(Frame, WaitsForEveryMissingByte) {
  const std::string whole = frame(FrameType::outcome, 7, "body");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    FrameReader reader;
    reader.append(std::string_view(whole).substr(0, size));
    const auto next = reader.next();
    ASSERT_TRUE(next.has_value());
    EXPECT_FALSE(next.value()) << "after " << size << " bytes";
  }
}

TEST(Frame, RefusesBadMagicVersionTypeAndLength_F46) {
  const std::string good = frame(FrameType::progress, 1, "");
  const std::pair<std::size_t, char> faults[] = {{0, 'X'}, {1, 'X'}, {2, 9}, {3, 0}, {3, 20}, {3, 127}};
  for (const auto& [at, byte] : faults) {
    std::string bad = good;
    bad[at] = byte;
    FrameReader reader;
    reader.append(bad);
    EXPECT_TRUE(reader.next().error().is(Errc::protocol)) << "byte " << at;
    EXPECT_TRUE(reader.next().has_error()) << "a broken peer stays broken";
  }
}

TEST(Frame, RefusesALengthOfFourGigabytesAtOnceAndWithoutTheMemory_F47) {
  std::string bad = frame(FrameType::progress, 1, "");
  bad.replace(8, 4, "\xff\xff\xff\xff");
  FrameReader reader;
  reader.append(bad);
  EXPECT_TRUE(reader.next().error().is(Errc::protocol));
}

TEST(Frame, TakesTheLongestBodyAndNotOneByteMore) {
  FrameReader reader;
  reader.append(frame(FrameType::outcome, 1, std::string(kMaxBody, 'x')));
  EXPECT_EQ(reader.next().value()->body.size(), kMaxBody);
  std::string over = frame(FrameType::outcome, 1, "");
  const std::uint32_t length = kMaxBody + 1;
  for (std::size_t i = 0; i < 4; ++i) over[8 + i] = static_cast<char>(length >> (8 * i));
  reader.append(over);
  EXPECT_TRUE(reader.next().has_error());
}

TEST(Frame, SurvivesRandomBytes_F46) {
  const auto seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes = frame(FrameType::log, 3, "hello");
    for (int change = 0; change < 3; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
    FrameReader reader;
    reader.append(bytes);
    for (int i = 0; i < 3; ++i) {
      const auto next = reader.next();
      if (!next.has_value() || !next.value()) break;
      EXPECT_LE(next.value()->body.size(), bytes.size());
    }
  }
}

}  // namespace
}  // namespace conduitd::channel
