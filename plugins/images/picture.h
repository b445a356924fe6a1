#pragma once
// Pictures by libvips, which stays inside picture.cpp.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace images {

/// Starts the library: it has threads of its own, so only after the fork. Throws std::runtime_error.
void start_library(const std::string& program);
void stop_library();

/// The library's own words about a picture it cannot read or write.
class PictureError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Called while pixels are computed, with 0 to 1; false stops the work.
using OnProgress = std::function<bool(double fraction)>;

class Picture {
 public:
  /// Reads the header; pixels are read when they are needed. Throws PictureError.
  static Picture open(const std::filesystem::path& path);
  /// The picture at `path`, made to fit into the box without being enlarged, upright by its EXIF data.
  /// A height of 0: as the width makes it. Throws PictureError.
  static Picture thumbnail(const std::filesystem::path& path, int width, int height);

  [[nodiscard]] int width() const;
  [[nodiscard]] int height() const;
  [[nodiscard]] int bands() const;
  [[nodiscard]] std::string format() const;  ///< of a band: "uchar"
  [[nodiscard]] std::string loader() const;  ///< "pngload"

  /// Computes the pixels and writes them, in the format of the ending. False if stopped. Throws PictureError.
  bool save(const std::filesystem::path& path, const OnProgress& on_progress) const;

 private:
  explicit Picture(void* image) : image_(image) {}
  struct Unref {
    void operator()(void* image) const;
  };
  std::unique_ptr<void, Unref> image_;  // VipsImage
};

}  // namespace images
