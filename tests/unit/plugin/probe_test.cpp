#include "plugin/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "plugin/abi_check.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace conduitd::plugin {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr Millis kTimeout{20'000};

std::string built(const std::string& name) {
  return std::string(CONDUIT_TEST_PLUGINS) + "/" + name + "/" + name + ".so";
}

/// The sentence with which a plugin is refused.
std::string refusal(const std::string& path, Millis timeout = kTimeout) {
  const auto manifest = probe(path, timeout);
  if (manifest.has_value()) return "it was accepted";
  EXPECT_THAT(manifest.error().message(), HasSubstr(path)) << "the sentence names the file";
  return manifest.error().message();
}

TEST(Probe, ReportsWhatAGoodPluginRegisters) {
  ASSERT_OK_AND_ASSIGN(const auto manifest, probe(built("misbehave"), kTimeout));
  EXPECT_EQ(manifest.name, "misbehave");
  EXPECT_EQ(manifest.version, "1.0.0");
  EXPECT_FALSE(manifest.build_id.empty());
  EXPECT_FALSE(manifest.starts_threads);
  const auto task = [&manifest](std::string_view name) {
    for (const auto& each : manifest.tasks) {
      if (each.name == name) return each;
    }
    return channel::TaskManifest{};
  };
  EXPECT_EQ(task("misbehave.echo").executor, "process") << "options win";
  EXPECT_EQ(task("misbehave.noop").executor, "thread") << "a blocking task runs on a thread";
  EXPECT_EQ(task("misbehave.async_later").executor, "async") << "a coroutine on an event loop";
  EXPECT_TRUE(task("misbehave.async_later").async);
}

TEST(Probe, WhetherATaskWantsItsContextIsComputedOnceAtRegistration) {
  ASSERT_OK_AND_ASSIGN(const auto manifest, probe(built("misbehave"), kTimeout));
  for (const auto& task : manifest.tasks) EXPECT_EQ(task.wants_context, task.name != "misbehave.echo") << task.name;
}

TEST(Probe, ExceptionInAConstructorIsReportedWithItsText_F58) {
  EXPECT_THAT(refusal(built("throws")), HasSubstr("it threw while loading: std::runtime_error: no licence file"));
}

TEST(Probe, ExitInAConstructorIsNoSuccess_F58) {
  EXPECT_THAT(refusal(built("exits")), AllOf(HasSubstr("exit code 0"), HasSubstr("must not call exit()")));
}

TEST(Probe, CrashesAreNamedBySignal_F58) {
  EXPECT_THAT(refusal(built("crashes")), HasSubstr("SIGSEGV"));
  EXPECT_THAT(refusal(built("aborts")), AllOf(HasSubstr("SIGABRT"), HasSubstr("bad configuration")));
}

TEST(Probe, AHangEndsAtTheTimeoutThoughEveryPipeWasClosed_F58) {
  EXPECT_THAT(refusal(built("hangs"), Millis(300)), HasSubstr("still loading after 300ms"));
}

TEST(Probe, AMissingSymbolIsNamed_F56) {
  EXPECT_THAT(refusal(built("needs_symbol")), HasSubstr("undefined symbol: nobody_has_this_function"));
}

TEST(Probe, AnObjectWithoutTheEntryPointIsNoPlugin_F56) {
  EXPECT_THAT(refusal(built("hides")), HasSubstr("conduit_plugin_entry"));
}

TEST(Probe, AnotherAbiIsRefusedWithBothVersions_F57) {
  EXPECT_THAT(refusal(built("other_abi")), AllOf(HasSubstr(fmt::format("ABI {}.{}", CONDUIT_ABI_MAJOR + 1, CONDUIT_ABI_MINOR)),
                                                 HasSubstr(fmt::format("has {}.{}", CONDUIT_ABI_MAJOR, CONDUIT_ABI_MINOR)), HasSubstr("rebuild")));
  EXPECT_THAT(refusal(built("newer_abi")), AllOf(HasSubstr(fmt::format("ABI {}.{}", CONDUIT_ABI_MAJOR, CONDUIT_ABI_MINOR + 1)), HasSubstr("newer daemon")));
  EXPECT_THAT(refusal(built("short_struct")), HasSubstr("40 bytes"));
}

TEST(Probe, CoroutinesOfAnotherBoostOrCompilerAreRefused_F57) {
  EXPECT_THAT(refusal(built("other_boost")), AllOf(HasSubstr("Boost 1.74.0"), HasSubstr("rebuild it with Boost")));
  EXPECT_THAT(refusal(built("other_compiler")), AllOf(HasSubstr("cfront 3.0"), HasSubstr("rebuild it with")));
}

TEST(Probe, BadRegistrationsAreRefused_F59) {
  EXPECT_THAT(refusal(built("duplicate")), HasSubstr("registers task 'duplicate.run' twice"));
  EXPECT_THAT(refusal(built("bad_name")), AllOf(HasSubstr("bad name\\x1b"), HasSubstr("not allowed")));
  EXPECT_THAT(refusal(built("no_task")), HasSubstr("registers no task"));
  EXPECT_THAT(refusal(built("no_run")), HasSubstr("no run function"));
  EXPECT_THAT(refusal(built("bad_options")), AllOf(HasSubstr("task 'bad_options.run'"), HasSubstr("option 'timeout'")));
  EXPECT_THAT(refusal(built("unasked_async")), HasSubstr("no start function"));
  EXPECT_THAT(refusal(built("faults")), HasSubstr("the model file is missing"));
}

TEST(Probe, AThreadStartedWhileLoadingIsSeen_F58) {
  ASSERT_OK_AND_ASSIGN(const auto manifest, probe(built("starts_thread"), kTimeout));
  EXPECT_TRUE(manifest.starts_threads);
}

TEST(Probe, FilesThatAreNoPluginsAreRefusedBeforeTheLinkerSeesThem_F56) {
  const test::TempDir dir;
  const auto write = [&dir](const std::string& name, const std::string& bytes) {
    std::ofstream(dir.file(name), std::ios::binary) << bytes;
    ::chmod(dir.file(name).c_str(), 0644);
    return dir.file(name);
  };
  std::ifstream good(built("noop"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(good)), {});
  ASSERT_GT(bytes.size(), 4'000u);

  EXPECT_THAT(refusal(write("empty.so", "")), HasSubstr("empty"));
  EXPECT_THAT(refusal(write("text.so", "INPUT(libc.so.6)")), HasSubstr("no ELF file"));
  for (const std::size_t size : {std::size_t{20}, std::size_t{200}, bytes.size() / 2, bytes.size() - 1}) {
    EXPECT_THAT(refusal(write("short.so", bytes.substr(0, size))), HasSubstr("cut short")) << size;
  }
  std::string other = bytes;
  other[18] = 40;  // e_machine: 32-bit ARM
  EXPECT_THAT(refusal(write("arm.so", other)), HasSubstr("another kind of machine"));
  other = bytes;
  other[4] = 1;  // EI_CLASS: 32 bits
  EXPECT_THAT(refusal(write("small.so", other)), HasSubstr("32 bits"));
  EXPECT_THAT(refusal(dir.file("missing.so")), HasSubstr("No such file"));
  EXPECT_THAT(refusal(dir.path().string()), HasSubstr("no regular file"));
}

TEST(Probe, LeavesNeitherChildrenNorDescriptorsBehind) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  (void)probe(built("noop"), kTimeout);
  const auto before = descriptors();
  for (const char* name : {"noop", "crashes", "exits", "needs_symbol"}) (void)probe(built(name), kTimeout);
  (void)probe(built("hangs"), Millis(50));
  EXPECT_EQ(descriptors(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no child is left";
}

}  // namespace
}  // namespace conduitd::plugin
