#pragma once
// Which jobs a command is about: the filters that job list, retry and delete share.

#include <string>

#include "broker/directory.h"

namespace CLI {
class App;
}

namespace conduitd::ctl {

/// As written by the user.
struct JobFilterOptions {
  std::string state;
  std::string reason;
  std::string queue;
  std::string task;
  [[nodiscard]] bool given() const { return !state.empty() || !reason.empty() || !queue.empty() || !task.empty(); }
};

/// Gives a command --state, --reason, --queue and --task.
void add_filter(CLI::App& parser, JobFilterOptions& options);
/// The filter, checked. An error names the option.
[[nodiscard]] Result<broker::JobFilter> make_filter(const JobFilterOptions& options);

}  // namespace conduitd::ctl
