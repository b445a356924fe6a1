// Arguments and results as a plugin's author writes them.

#include <conduit/convert.hpp>
#include <conduit/detail/arguments.hpp>

#include "micro.h"

namespace conduitd::micro {
namespace {

struct ThumbnailArgs {
  std::string path;
  std::string out;
  int width = 256;
  int height = 0;
};
BOOST_DESCRIBE_STRUCT(ThumbnailArgs, (), (path, out, width, height))

struct Thumbnail {
  std::string out;
  int width = 0;
  int height = 0;
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(Thumbnail, (), (out, width, height, bytes))

}  // namespace

void add_sdk_parts(Parts& parts) {
  add_calls(parts, "sdk.arguments", [](std::size_t) { return conduit::Json::parse(kArgs).get<ThumbnailArgs>(); });
  add_calls(parts, "sdk.result", [result = Thumbnail{"/srv/thumbs/01.webp", 640, 360, 18'231}](std::size_t) { return conduit::to_json(result).dump(); });
}

}  // namespace conduitd::micro
