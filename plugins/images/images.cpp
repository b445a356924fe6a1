// The plugin `images`: thumbnails of pictures. It runs in processes: a file that crashes the decoder takes one job with
// it and nothing else.
#include <conduit/plugin.hpp>

#include <algorithm>
#include <filesystem>

#include "picture.h"

namespace images {
namespace {

namespace fs = std::filesystem;

constexpr int kWidest = 20'000;

struct ThumbnailArgs {
  std::string path;
  std::string out;   ///< its ending says the format
  int width = 256;
  int height = 0;    ///< 0: as the width makes it
};
BOOST_DESCRIBE_STRUCT(ThumbnailArgs, (), (path, out, width, height))

struct Thumbnail {
  std::string out;
  int width = 0;
  int height = 0;
  int original_width = 0;
  int original_height = 0;
  std::uint64_t bytes = 0;  ///< of the file written
};
BOOST_DESCRIBE_STRUCT(Thumbnail, (), (out, width, height, original_width, original_height, bytes))

struct Info {
  std::string path;
  int width = 0;
  int height = 0;
  int bands = 0;
  std::string format{};
  std::string loader{};
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(Info, (), (path, width, height, bands, format, loader, bytes))

/// Removes what was not finished.
class Unfinished {
 public:
  explicit Unfinished(fs::path path) : path_(std::move(path)) {}
  ~Unfinished() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::uint64_t size_of(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) throw conduit::Fail(path.string() + ": " + error.message());
  return size;
}

/// A picture that cannot be decoded today cannot be decoded tomorrow.
template <class Open>
Picture open_or_fail(const std::string& path, const Open& open) {
  static_cast<void>(size_of(path));
  try {
    return open();
  } catch (const PictureError& error) {
    throw conduit::Fail(path + ": " + error.what());
  }
}

Thumbnail thumbnail(const ThumbnailArgs& args, conduit::Context& context) {
  if (args.width < 1 || args.width > kWidest) throw conduit::InvalidArguments("width: 1 to 20000 is allowed", "/width");
  if (args.height < 0 || args.height > kWidest) throw conduit::InvalidArguments("height: 0 to 20000 is allowed", "/height");
  const fs::path out = args.out;
  if (out.extension().empty()) throw conduit::InvalidArguments("out: an ending such as .png is needed", "/out");

  const auto original = open_or_fail(args.path, [&] { return Picture::open(args.path); });
  const auto small = open_or_fail(args.path, [&] { return Picture::thumbnail(args.path, args.width, args.height); });
  context.set_progress(0.1, "opened");

  // Beside the place it goes to, and moved there when it is whole: nobody sees half a picture. The name is the same in
  // each attempt, so that one that was killed leaves nothing behind for good.
  std::string job = context.job_id();
  std::replace_if(job.begin(), job.end(), [](char c) { return c == ':' || c == '/'; }, '-');
  const Unfinished unfinished(out.parent_path() / ("." + job + out.extension().string()));
  const auto on_progress = [&](double fraction) {
    context.set_progress(0.1 + 0.9 * fraction, "shrinking");
    return !context.cancelled();
  };
  if (!small.save(unfinished.path(), on_progress)) throw conduit::Cancelled();
  context.throw_if_cancelled();
  fs::rename(unfinished.path(), out);
  context.set_progress(1.0, "written");
  context.set_metadata("out", out.string());
  return {args.out, small.width(), small.height(), original.width(), original.height(), size_of(out)};
}

Info info(const std::string& path) {
  const auto picture = open_or_fail(path, [&] { return Picture::open(path); });
  return {path, picture.width(), picture.height(), picture.bands(), picture.format(), picture.loader(), size_of(path)};
}

}  // namespace
}  // namespace images

CONDUIT_PLUGIN("images", "1.0.0", plugin) {
  using namespace std::chrono_literals;
  plugin.task("images.thumbnail", images::thumbnail).executor(conduit::process).retries(2).timeout(1min);
  plugin.task("images.info", images::info).parameters("path").executor(conduit::process).retries(2).timeout(1min);
  plugin.on_host_start([] { images::start_library("conduit-images"); });
  plugin.on_host_stop([] { images::stop_library(); });
}
