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
