#pragma once
// The real conduitctl, run with arguments, its two outputs kept apart.

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace conduitd::test {

struct CtlOutcome {
  int code = -1;  ///< the exit code, or minus the signal that ended it
  std::string out;
  std::string err;
};

/// One run. Outputs go to files, so that it never waits for its reader; killed if it is still there at the end.
class CtlProgram {
 public:
  struct Options {
    std::string folder;                      ///< for the outputs; must outlive this
    std::string stdin_text;
    std::vector<std::string> environment;    ///< "NAME=value", beside PATH
    bool at_terminal = false;                ///< stdout and stderr are one pseudo-terminal of 100 columns
  };

  /// Throws if it cannot be started.
  CtlProgram(const std::vector<std::string>& arguments, Options options);
  ~CtlProgram();
  CtlProgram(const CtlProgram&) = delete;
  CtlProgram& operator=(const CtlProgram&) = delete;

  /// True once it has ended; never waits.
  [[nodiscard]] bool ended();
  /// What it has written to standard output so far; at a terminal to both.
  [[nodiscard]] std::string output();
  /// As Ctrl-C does.
  void interrupt() const;
  /// Waits for the end; throws after 20 seconds.
  CtlOutcome finish();

 private:
  void drain_terminal();

  Options options_;
  std::string stem_;
  UniqueFd terminal_;
  std::string shown_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

/// Runs blocks of shell commands one after the other in `folder`, where `conduitctl` is ours and a config names the broker.
CtlOutcome run_examples(const std::string& folder, const std::string& url, const std::vector<std::string>& blocks);

}  // namespace conduitd::test
