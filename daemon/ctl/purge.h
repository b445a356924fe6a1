#pragma once
// purge, which queues and tasks have alike.

#include <string>

#include "ctl/session.h"

namespace conduitd::ctl {

/// Cancels the waiting jobs of a queue, of a task, or of a task in a queue; asks first at a terminal.
struct Purge final : BrokerCommand {
  boost::asio::awaitable<Result<ExitCode>> run(Session& session) override;

  std::string queue;
  std::string task;
  bool yes = false;

 private:
  [[nodiscard]] std::string of_what() const;
  [[nodiscard]] bool ask() const;
};

}  // namespace conduitd::ctl
