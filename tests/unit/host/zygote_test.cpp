#include "host/zygote.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "driver.h"
#include "host/exit.h"
#include "support/temp_dir.h"

namespace conduitd {
namespace {

using channel::Executor;
using channel::FrameType;
using testing::HasSubstr;
namespace fs = std::filesystem;

/// A directory with copies of some test plugins.
class Installation {
 public:
  explicit Installation(std::initializer_list<const char*> plugins) {
    for (const char* name : plugins) {
      const std::string file = std::string(name) + ".so";
      fs::copy_file(test::plugin_folder(name) + "/" + file, dir_.file(file));
    }
  }
  [[nodiscard]] std::string path() const { return dir_.path().string(); }
  [[nodiscard]] std::string file(const std::string& name) const { return dir_.file(name); }

 private:
  test::TempDir dir_;
};

TEST(Zygote, LoadsTheGoodPluginsInOrderOfNameAndNamesTheOthers_F58) {
  const Installation plugins{"crashes", "exits", "hangs", "misbehave", "noop", "throws"};
  std::ofstream(plugins.file("text.so")) << "no plugin";
  std::ofstream(plugins.file("readme.txt")) << "no plugin either";
  test::Zygote zygote;
  const auto manifests = zygote.load(plugins.path(), Millis(1'000));
  std::vector<std::string> names;
  for (const auto& manifest : manifests) {
    const bool good = manifest.name == "misbehave" || manifest.name == "noop";
    EXPECT_EQ(manifest.fault.empty(), good) << manifest.path;
    if (!good) {
      EXPECT_THAT(manifest.fault, HasSubstr(manifest.path));
    }
    names.push_back(fs::path(manifest.path).stem());
  }
  EXPECT_THAT(names, testing::ElementsAre("crashes", "exits", "hangs", "misbehave", "noop", "text", "throws"));
  auto host = zygote.spawn_ready(Executor::thread);
  host.start(1, "noop.run");
  EXPECT_EQ(host.channel.outcome(1).kind, channel::Outcome::Kind::complete);
}

TEST(Zygote, LeavesOutThePluginThatTakesAnothersTaskName_F59) {
  const Installation plugins{"misbehave", "other_misbehave"};
  test::Zygote zygote;
  const auto manifests = zygote.load(plugins.path());
  ASSERT_EQ(manifests.size(), 2u);
  EXPECT_EQ(manifests[0].fault, "");
  EXPECT_THAT(manifests[1].fault, HasSubstr("task 'misbehave.noop' is registered by plugin 'misbehave' already"));
}

TEST(Zygote, AnEmptyDirectoryHasNoPlugins) {
  const test::TempDir dir;
  test::Zygote zygote;
  EXPECT_TRUE(zygote.load(dir.path().string()).empty());
}

TEST(Zygote, APluginThatStartsThreadsIsLoadedInEachHost_F58) {
  const Installation plugins{"noop", "starts_thread"};
  test::Zygote zygote;
  const auto manifests = zygote.load(plugins.path());
  ASSERT_EQ(manifests.size(), 2u);
  EXPECT_TRUE(manifests[1].starts_threads);
  const auto threads = std::distance(fs::directory_iterator("/proc/" + std::to_string(zygote.pid()) + "/task"), {});
#if !defined(__SANITIZE_THREAD__)
  EXPECT_EQ(threads, 1) << "the zygote must stay fit to fork";
#endif
  (void)threads;
  for (const auto executor : {Executor::thread, Executor::process}) {
    auto host = zygote.spawn_ready(executor);
    host.start(1, "faulty.run");
    host.start(2, "noop.run");
    EXPECT_EQ(host.channel.outcome(1).kind, channel::Outcome::Kind::complete);
    EXPECT_EQ(host.channel.outcome(2).kind, channel::Outcome::Kind::complete);
  }
}

TEST(Zygote, AFaultInOnHostStartIsToldAndTheHostEndsWithTheCodeThatMeansDoNotRespawn_F55) {
  const Installation plugins{"host_start_fails"};
  test::Zygote zygote;
  EXPECT_EQ(zygote.load(plugins.path()).at(0).fault, "");
  auto host = zygote.spawn({.host = 1, .executor = Executor::process, .devices = {}});
  const auto ready = host.channel.await(FrameType::ready).as<channel::Ready>();
  EXPECT_THAT(ready.fault, HasSubstr("on_host_start of plugin 'faulty' failed: no GPU"));
  EXPECT_EQ(WEXITSTATUS(zygote.exit_status(host.pid)), host::kExitSetup);
}

TEST(Zygote, TellsHowEachHostEnded) {
  const Installation plugins{"noop"};
  test::Zygote zygote;
  zygote.load(plugins.path());
  auto first = zygote.spawn_ready(Executor::thread);
  auto second = zygote.spawn_ready(Executor::process);
  ::kill(static_cast<pid_t>(second.pid), SIGKILL);
  const int killed = zygote.exit_status(second.pid);
  EXPECT_TRUE(WIFSIGNALED(killed) && WTERMSIG(killed) == SIGKILL);
  first.channel.send_body(FrameType::stop, 0, "");
  EXPECT_EQ(zygote.exit_status(first.pid), 0);
}

TEST(Zygote, EndsAtEndOfFileAndLeavesItsHostsAlone) {
  const Installation plugins{"noop"};
  test::Zygote zygote;
  zygote.load(plugins.path());
  auto host = zygote.spawn_ready(Executor::thread);
  EXPECT_EQ(zygote.end(), 0);
  host.start(1, "noop.run");
  EXPECT_EQ(host.channel.outcome(1).kind, channel::Outcome::Kind::complete);
}

TEST(Zygote, DropsASupervisorThatMakesNoSense_S15) {
  test::Zygote zygote;
  zygote.peer().send_bytes("GET / HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(zygote.peer().next());
  EXPECT_EQ(zygote.end(), host::kExitProtocol);
}

TEST(Zygote, ADirectoryThatCannotBeReadIsAFaultAndNotAnEmptyOne) {
  const Installation plugins{"noop"};
  test::Zygote zygote;
  for (const auto* name : {"none", "noop.so"}) {
    const auto manifests = zygote.load(plugins.file(name));
    ASSERT_EQ(manifests.size(), 1U);
    EXPECT_THAT(manifests[0].fault, HasSubstr("plugin directory '" + plugins.file(name) + "' cannot be read: "));
    EXPECT_THAT(manifests[0].fault, HasSubstr("plugins.directory"));
  }
}

TEST(Zygote, HostsHaveNoDescriptorsOfItsOwnOrOfOtherHosts_F53) {
  const Installation plugins{"noop"};
  test::Zygote zygote;
  zygote.load(plugins.path());
  auto first = zygote.spawn_ready(Executor::process);
  auto second = zygote.spawn_ready(Executor::process);
  int sockets = 0;
  std::string files;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(second.pid) + "/fd")) {
    std::error_code ignored;
    const auto target = fs::read_symlink(entry.path(), ignored).string();
    if (target.starts_with("socket:")) ++sockets;
    if (target.starts_with("/memfd:")) files += target;
  }
  EXPECT_EQ(sockets, 1) << "only its channel";
  EXPECT_EQ(files, "") << "nor its plugins' copies";
}

TEST(Zygote, EveryPluginIsItselfThoughNoneKeepsItsDescriptor_F53) {
  const Installation plugins{"misbehave", "noop"};
  test::Zygote zygote;
  for (const auto& plugin : zygote.load(plugins.path())) EXPECT_EQ(plugin.fault, "");
  auto host = zygote.spawn_ready(Executor::process);
  host.start(1, "noop.run");
  EXPECT_EQ(host.channel.outcome(1).kind, channel::Outcome::Kind::complete);
  host.start(2, "misbehave.eat", R"({"mib":1})");
  EXPECT_EQ(host.channel.outcome(2).kind, channel::Outcome::Kind::complete);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Zygote, SetsTheLimitsOfAProcessChild_F42) {
  const Installation plugins{"misbehave"};
  test::Zygote zygote;
  zygote.load(plugins.path());
  auto host = zygote.spawn({.host = 1, .executor = Executor::process, .memory_bytes = 512ULL << 20, .open_files = 64, .devices = {}});
  host.channel.await(FrameType::ready);
  host.start(1, "misbehave.eat", R"({"mib":1024})");
  EXPECT_EQ(host.channel.outcome(1).error_message, "out of memory");
  host.start(2, "misbehave.eat", R"({"mib":16})");
  EXPECT_EQ(host.channel.outcome(2).kind, channel::Outcome::Kind::complete);
}
#endif

}  // namespace
}  // namespace conduitd
