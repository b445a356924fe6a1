#include "picture.h"

#include <vips/vips.h>

namespace images {
namespace {

VipsImage* raw(void* image) { return static_cast<VipsImage*>(image); }

/// Takes what the library has noted: it collects its errors for each process.
std::string take_error() {
  std::string text = vips_error_buffer();
  vips_error_clear();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? "unknown error of libvips" : text;
}

/// Whether it was stopped is remembered here: libvips forgets its own flag when it has acted on it.
struct Watch {
  const OnProgress& on_progress;
  bool stopped = false;
};

void show_progress(VipsImage* image, VipsProgress* progress, Watch* watch) {
  if (watch->on_progress(progress->percent / 100.0)) return;
  watch->stopped = true;
  vips_image_set_kill(image, TRUE);
}

}  // namespace

void start_library(const std::string& program) {
  if (VIPS_INIT(program.c_str()) != 0) throw std::runtime_error("libvips does not start: " + take_error());
  // A process has one job at a time, and there is one for each core: more threads would only get in each other's way.
  vips_concurrency_set(1);
  // No job uses another's picture.
  vips_cache_set_max(0);
}

void stop_library() { vips_shutdown(); }

void Picture::Unref::operator()(void* image) const { g_object_unref(image); }

Picture Picture::open(const std::filesystem::path& path) {
  VipsImage* image = vips_image_new_from_file(path.c_str(), nullptr);
  if (image == nullptr) throw PictureError(take_error());
  return Picture(image);
}

Picture Picture::thumbnail(const std::filesystem::path& path, int width, int height) {
  VipsImage* image = nullptr;
  const int tall = height == 0 ? VIPS_MAX_COORD : height;
  if (vips_thumbnail(path.c_str(), &image, width, "height", tall, "size", VIPS_SIZE_DOWN, nullptr) != 0) {
    throw PictureError(take_error());
  }
  return Picture(image);
}

int Picture::width() const { return vips_image_get_width(raw(image_.get())); }
int Picture::height() const { return vips_image_get_height(raw(image_.get())); }
int Picture::bands() const { return vips_image_get_bands(raw(image_.get())); }

std::string Picture::format() const {
  const auto format = vips_image_get_format(raw(image_.get()));
  return vips_enum_nick(VIPS_TYPE_BAND_FORMAT, format);
}

std::string Picture::loader() const {
  const char* name = nullptr;
  if (vips_image_get_typeof(raw(image_.get()), VIPS_META_LOADER) == 0) return {};
  if (vips_image_get_string(raw(image_.get()), VIPS_META_LOADER, &name) != 0) {
    vips_error_clear();
    return {};
  }
  return name;
}

bool Picture::save(const std::filesystem::path& path, const OnProgress& on_progress) const {
  VipsImage* image = raw(image_.get());
  vips_image_set_progress(image, TRUE);
  Watch watch{on_progress};
  const auto handler = g_signal_connect(image, "eval", G_CALLBACK(show_progress), &watch);
  const int result = vips_image_write_to_file(image, path.c_str(), nullptr);
  g_signal_handler_disconnect(image, handler);
  if (result == 0) return true;
  const std::string error = take_error();
  if (!watch.stopped) throw PictureError(error);
  return false;
}

}  // namespace images
