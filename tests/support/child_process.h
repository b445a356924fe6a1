#pragma once
// A program under test: its output is read line by line, and every wait has a deadline.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace conduitd::test {

/// Runs in a process group of its own. Whatever is left of it is killed when this goes.
class ChildProcess {
 public:
  using Deadline = std::chrono::milliseconds;
  static constexpr Deadline kDeadline{20'000};

  /// Throws if the program cannot be started. stdout and stderr come as one stream; stdin is empty.
  explicit ChildProcess(std::vector<std::string> arguments, std::vector<std::string> environment = {});
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Reads on until a line has `text` in it, and returns that line. Lines seen before by a wait are not looked at again.
  /// Throws with everything printed so far if the deadline or the output is over.
  std::string wait_for_line(const std::string& text, Deadline deadline = kDeadline);
  void signal(int number) const;
  /// The exit code, or minus the signal that ended it. Throws when the deadline is over.
  int wait_for_exit(Deadline deadline = kDeadline);
  [[nodiscard]] bool running();
  /// Everything printed so far.
  [[nodiscard]] const std::string& output() const { return output_; }

 private:
  /// Reads what there is, waiting at most until `end`. False at the end of the output.
  bool read_some(std::chrono::steady_clock::time_point end);
  [[noreturn]] void give_up(const std::string& what) const;

  pid_t pid_ = -1;
  UniqueFd out_;
  std::string output_;
  std::size_t seen_ = 0;
  bool exited_ = false;
  int status_ = 0;
};

}  // namespace conduitd::test
