#pragma once
// pause and resume, which queues and tasks have alike.

#include <string>
#include <vector>

#include "ctl/session.h"

namespace conduitd::ctl {

/// Pauses or resumes each of `names`; goes on past one that is not there, stops at a broker that does not answer.
struct Pause : BrokerCommand {
  using Setter = boost::asio::awaitable<Result<>> (broker::Directory::*)(std::string, bool);

  /// `kind`: "queue" or "task", as in what is printed.
  Pause(const char* kind_, Setter set_) : kind(kind_), set(set_) {}
  boost::asio::awaitable<Result<ExitCode>> run(Session& session) override;

  const char* kind;
  Setter set;
  std::vector<std::string> names;
  bool paused = true;
};

}  // namespace conduitd::ctl
