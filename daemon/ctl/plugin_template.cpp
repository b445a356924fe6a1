#include "ctl/plugin_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;

namespace conduitd::ctl {
namespace {

// In file names and texts @name@ stands for the plugin's name.
struct File {
  const char* name;
  const char* text;
};

constexpr std::array<File, 5> kFiles{{
    {"CMakeLists.txt", R"(cmake_minimum_required(VERSION 3.25)
project(@name@ VERSION 1.0.0 LANGUAGES CXX)

find_package(Conduit REQUIRED)

conduit_add_plugin(@name@ SRCS @name@.cpp)
target_compile_options(@name@ PRIVATE -Wall -Wextra)
install(TARGETS @name@ LIBRARY DESTINATION lib/conduit/plugins)

enable_testing()
add_executable(@name@_test @name@_test.cpp @name@.cpp)
target_link_libraries(@name@_test PRIVATE Conduit::sdk)
add_test(NAME @name@ COMMAND @name@_test)
)"},
    {"@name@.cpp", R"(#include <conduit/plugin.hpp>

#include <string>

namespace {

// The arguments: {"text": "ab", "times": 3}. A member with a default value may be left out.
struct Repeat {
  std::string text;
  int times = 2;
};
BOOST_DESCRIBE_STRUCT(Repeat, (), (text, times))

// The result, which becomes {"text": "ababab", "length": 6}.
struct Repeated {
  std::string text;
  int length = 0;
};
BOOST_DESCRIBE_STRUCT(Repeated, (), (text, length))

Repeated repeat(const Repeat& args, conduit::Context& context) {
  if (args.times < 1) throw conduit::Fail("times must be at least 1");  // no retry can mend it
  Repeated result;
  for (int done = 0; done < args.times; ++done) {
    context.throw_if_cancelled();
    result.text += args.text;
    context.set_progress(static_cast<double>(done + 1) / args.times, "repeating");
  }
  result.length = static_cast<int>(result.text.size());
  context.send_log(conduit::LogLevel::info, "repeated", {{"times", args.times}});
  return result;
}

}  // namespace

CONDUIT_PLUGIN("@name@", "1.0.0", plugin) {
  // These are defaults: conduitd's config file may override each under [task."@name@.repeat"].
  plugin.task("@name@.repeat", repeat).retries(3).timeout(std::chrono::seconds(30));
}
)"},
    {"@name@_test.cpp", R"(#include <conduit/testing.hpp>

#include <iostream>

// Runs the task as a job would, with no daemon and no broker.
namespace {

int faults = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "failed: " << what << '\n';
  ++faults;
}

}  // namespace

int main() {
  using conduit::testing::Kind;

  const auto good = conduit::testing::run("@name@.repeat", {{"text", "ab"}, {"times", 3}});
  expect(good.ok(), "it completes");
  expect(good.result == conduit::Json{{"text", "ababab"}, {"length", 6}}, "it repeats the text");
  expect(good.progress.size() == 3, "it reports its progress");

  const auto none = conduit::testing::run("@name@.repeat", {{"text", "ab"}, {"times", 0}});
  expect(none.kind == Kind::fail, "it refuses to repeat nothing");

  const auto wrong = conduit::testing::run("@name@.repeat", {{"times", 3}});
  expect(wrong.kind == Kind::invalid, "it needs a text");

  return faults == 0 ? 0 : 1;
}
)"},
    {"README.md", R"(# @name@

A plugin for conduitd with one task, `@name@.repeat`.

    cmake -B build && cmake --build build
    ctest --test-dir build --output-on-failure
    conduitctl plugin check build/@name@.so

    sudo cmake --install build --prefix /usr      # into /usr/lib/conduit/plugins, where conduitd looks
    sudo systemctl reload conduitd
    conduitctl submit @name@.repeat '{"text": "ab", "times": 3}' --wait

`@name@.cpp` is the plugin; `@name@_test.cpp` runs its task without a daemon.
)"},
    {".gitignore", "build/\n"},
}};

/// Names that CMake keeps for itself.
constexpr std::array<std::string_view, 9> kTaken{"all",  "clean",   "edit_cache", "help",         "install",
                                                 "test", "package", "depend",     "rebuild_cache"};

std::string filled(std::string_view text, const std::string& name) {
  constexpr std::string_view kMark = "@name@";
  std::string out(text);
  for (auto at = out.find(kMark); at != std::string::npos; at = out.find(kMark, at + name.size())) {
    out.replace(at, kMark.size(), name);
  }
  return out;
}

Result<> check_name(const std::string& name) {
  constexpr std::size_t kLongest = 60;
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  const bool good = !name.empty() && name.size() <= kLongest && name[0] >= 'a' && name[0] <= 'z' &&
                    std::all_of(name.begin(), name.end(), allowed);
  if (!good) {
    return Error(Errc::invalid_argument,
                 fmt::format("'{}' cannot name a plugin: use a-z, 0-9 and _, a letter first, at most {}", name, kLongest));
  }
  if (std::find(kTaken.begin(), kTaken.end(), name) != kTaken.end()) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is a name that CMake keeps for itself; choose another", name));
  }
  return ok();
}

Result<> make_directory(const std::string& directory) {
  std::error_code error;
  if (fs::exists(directory, error) && (!fs::is_directory(directory, error) || !fs::is_empty(directory, error))) {
    return Error(Errc::invalid_argument, fmt::format("{} exists and is not an empty directory; name another", directory));
  }
  fs::create_directories(directory, error);
  if (!error) return ok();
  return Error(Errc::invalid_argument, fmt::format("cannot make {}: {}; name another directory", directory, error.message()));
}

}  // namespace

Result<std::vector<std::string>> write_plugin(const std::string& name, const std::string& directory) {
  CONDUIT_TRY(check_name(name));
  CONDUIT_TRY(make_directory(directory));
  std::vector<std::string> written;
  for (const auto& file : kFiles) {
    const auto path = (fs::path(directory) / filled(file.name, name)).string();
    std::ofstream out(path);
    out << filled(file.text, name);
    out.close();
    if (!out) return Error(Errc::invalid_argument, fmt::format("cannot write {}; see the disk's room and the directory's mode", path));
    written.push_back(path);
  }
  return written;
}

}  // namespace conduitd::ctl
