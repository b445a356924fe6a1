#include "plugin/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace conduitd::plugin {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

/// A directory with one good plugin of its own.
struct Installed {
  test::TempDir dir;
  std::string path = dir.file("noop.so");

  Installed() {
    fs::copy_file(std::string(CONDUIT_TEST_PLUGINS) + "/noop/noop.so", path);
    ::chmod(path.c_str(), 0644);
  }
  [[nodiscard]] std::string refusal() const {
    const auto image = Image::open(path);
    if (image.has_value()) return "it was accepted";
    EXPECT_TRUE(image.error().is(Errc::refused)) << test::describe(image);
    return image.error().message();
  }
};

TEST(Image, RefusesAFileThatOthersMayWrite_S1) {
  const Installed plugin;
  EXPECT_OK(Image::open(plugin.path));
  for (const mode_t mode : {0664, 0646, 0666, 0777}) {
    ::chmod(plugin.path.c_str(), mode);
    EXPECT_THAT(plugin.refusal(), HasSubstr("chmod go-w")) << std::oct << mode;
  }
  for (const mode_t mode : {0600, 0644, 0755, 0555}) {
    ::chmod(plugin.path.c_str(), mode);
    EXPECT_OK(Image::open(plugin.path));
  }
}

TEST(Image, RefusesADirectoryThatOthersMayWrite_S1) {
  const Installed plugin;
  for (const mode_t mode : {0775, 0757, 01777}) {
    ::chmod(plugin.dir.path().c_str(), mode);
    EXPECT_THAT(plugin.refusal(), HasSubstr("its directory")) << std::oct << mode;
  }
  ::chmod(plugin.dir.path().c_str(), 0755);
  EXPECT_OK(Image::open(plugin.path));
}

struct WayCase {
  mode_t outer;
  mode_t inner;
  bool is_safe;
};

TEST(Image, RefusesAWayThatOthersMayTurn_S1) {
  const Installed plugin;
  const auto outer = plugin.dir.path() / "outer";
  const auto inner = outer / "inner";
  fs::create_directories(inner);
  const std::string path = inner / "noop.so";
  fs::copy_file(plugin.path, path);
  for (const auto& [outer_mode, inner_mode, is_safe] : std::initializer_list<WayCase>{
           {0755, 0755, true},    // as a package installs
           {0700, 0700, true},
           {01777, 0755, true},   // as below /tmp
           {01775, 0755, true},
           {0777, 0755, false},
           {0775, 0755, false},
           {0757, 0700, false},
           {01777, 0775, false},  // sticky above does not excuse the directory itself
           {0755, 01777, false}}) {
    ::chmod(outer.c_str(), outer_mode);
    ::chmod(inner.c_str(), inner_mode);
    const auto image = Image::open(path);
    EXPECT_EQ(image.has_value(), is_safe) << std::oct << outer_mode << ' ' << inner_mode << ' ' << test::describe(image);
    if (!image.has_value()) {
      EXPECT_TRUE(image.error().is(Errc::refused)) << test::describe(image);
      EXPECT_THAT(image.error().message(), HasSubstr("outer"));
    }
  }
}

TEST(Image, RefusesAWayOverALinkThatOthersMayTurn_S1) {
  const Installed plugin;
  const auto open_to_all = plugin.dir.path() / "open";
  fs::create_directory(open_to_all);
  fs::create_directory_symlink(plugin.dir.path(), open_to_all / "link");
  fs::create_directory_symlink("open/link", plugin.dir.path() / "second");
  EXPECT_OK(Image::open(open_to_all / "link/noop.so"));
  EXPECT_OK(Image::open(plugin.dir.file("second/noop.so")));
  EXPECT_OK(Image::open(plugin.dir.file("open/../noop.so")));
  ::chmod(open_to_all.c_str(), 0777);
  EXPECT_ERRC(Errc::refused, Image::open(open_to_all / "link/noop.so"));
  EXPECT_ERRC(Errc::refused, Image::open(plugin.dir.file("second/noop.so")));
  ::chmod(open_to_all.c_str(), 01777);
  EXPECT_OK(Image::open(open_to_all / "link/noop.so"));
  if (::lchown((open_to_all / "link").c_str(), 65534, 65534) != 0) {
    ASSERT_EQ(errno, EPERM);
    return;
  }
  EXPECT_ERRC(Errc::refused, Image::open(open_to_all / "link/noop.so"));
}

TEST(Image, RefusesAWayThroughAnotherUsersDirectory_S1) {
  const Installed plugin;
  const auto inner = plugin.dir.path() / "inner";
  fs::create_directory(inner);
  fs::copy_file(plugin.path, inner / "noop.so");
  EXPECT_OK(Image::open(inner / "noop.so"));
  if (::chown(plugin.dir.path().c_str(), 65534, 65534) != 0) {
    ASSERT_EQ(errno, EPERM);
    return;
  }
  EXPECT_ERRC(Errc::refused, Image::open(inner / "noop.so"));
}

TEST(Image, RefusesAnotherUsersFile_S1) {
  const Installed plugin;
  if (::chown(plugin.path.c_str(), 65534, 65534) != 0) {
    // Only root may give a file away; nobody else can make the case.
    ASSERT_EQ(errno, EPERM);
    return;
  }
  EXPECT_THAT(plugin.refusal(), HasSubstr("belongs to user 65534"));
}

TEST(Image, FollowsALinkOnlyWithinTheDirectory_S1) {
  const Installed plugin;
  const Installed elsewhere;
  fs::create_symlink("noop.so", plugin.dir.file("alias.so"));
  EXPECT_OK(Image::open(plugin.dir.file("alias.so")));
  fs::create_symlink(elsewhere.path, plugin.dir.file("leaves.so"));
  const auto image = Image::open(plugin.dir.file("leaves.so"));
  ASSERT_FALSE(image.has_value());
  EXPECT_THAT(image.error().message(), HasSubstr("leads out of its directory"));
}

TEST(Image, DoesNotWaitForAFifo) {
  const test::TempDir dir;
  ASSERT_EQ(::mkfifo(dir.file("fifo.so").c_str(), 0600), 0);
  EXPECT_ERRC(Errc::invalid_argument, Image::open(dir.file("fifo.so")));
}

TEST(Image, IsACopyThatNobodyCanChange_F60) {
  const Installed plugin;
  ASSERT_OK_AND_ASSIGN(const auto image, Image::open(plugin.path));
  EXPECT_LT(::write(image.memory.get(), "x", 1), 0);
  EXPECT_LT(::ftruncate(image.memory.get(), 0), 0);
  const auto size = fs::file_size(plugin.path);
  fs::resize_file(plugin.path, 0);
  struct stat status {};
  ASSERT_EQ(::fstat(image.memory.get(), &status), 0);
  EXPECT_EQ(static_cast<std::uintmax_t>(status.st_size), size);
}

}  // namespace
}  // namespace conduitd::plugin
