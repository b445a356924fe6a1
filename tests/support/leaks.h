#pragma once
// What a program must have given back when its test is over: processes below it, descriptors, memory.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace conduitd::test {

struct Holdings {
  std::map<std::string, int> descriptors;  ///< by kind: "socket", "pipe", or a path
  std::map<std::string, int> below;        ///< processes: its children, and theirs, by name
  std::int64_t rss_kib = 0;
};
[[nodiscard]] Holdings holdings_of(pid_t pid);
/// Whatever can be read of a file in /proc: its process may end meanwhile.
[[nodiscard]] std::string content_of(const std::filesystem::path& path);

/// How much more a process may hold at the end of a test than when it was ready.
struct Allowance {
  int descriptors = 0;
  int descriptors_per_host = 0;      ///< for each "conduit-..." below it now: when it was ready it may not have had them yet
  std::map<std::string, int> below;  ///< by name, at most; what is not named must not be there
  std::int64_t rss_kib = 16 * 1024;
  std::chrono::milliseconds patience{5'000};  ///< what was done last may still be given back for so long
};

/// What is held now and was not then, beyond what is allowed, in words; empty if nothing.
[[nodiscard]] std::string grown(const Holdings& before, const Holdings& now, const Allowance& allowed);

/// A word that no other test has, for the environment of the processes of one test: all that they start inherit it.
class ProcessMark {
 public:
  ProcessMark();
  [[nodiscard]] const std::string& variable() const { return variable_; }
  /// Those that have it and live (a zombie does not), with their command lines.
  [[nodiscard]] std::map<pid_t, std::string> living() const;
  /// Waits until none is left, then kills those that are; which, in words, or empty.
  [[nodiscard]] std::string left_over(std::chrono::milliseconds patience) const;

 private:
  std::string variable_;
};

/// Asks until `grown` says nothing; fails the running test with `who` if it never does.
void expect_given_back(pid_t pid, const Holdings& before, const Allowance& allowed, const std::string& who);
/// Fails the running test if a process with the mark is left.
void expect_none_left(const ProcessMark& mark, const std::string& who, std::chrono::milliseconds patience = Allowance().patience);

}  // namespace conduitd::test
