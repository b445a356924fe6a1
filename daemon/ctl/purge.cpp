#include "ctl/purge.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "ctl/human.h"

namespace conduitd::ctl {

boost::asio::awaitable<Result<ExitCode>> Purge::run(Session& session) {
  if (!yes && session.program().err.tty && ::isatty(STDIN_FILENO) == 1) {
    // Nobody is there to be timed out: the answer may take its time.
    const bool agreed = ask();
    session.allow(Millis{0});
    if (!agreed) {
      complain("nothing was cancelled; answer y, or give --yes");
      co_return ExitCode::usage;
    }
  }
  CONDUIT_CO_TRY(const auto cancelled, co_await session.directory().purge(queue, task));
  if (session.program().json()) {
    Json out{Json::Object{}};
    if (!queue.empty()) out.set("queue", queue);
    if (!task.empty()) out.set("task", task);
    session.program().print_json(out.set("cancelled", cancelled));
  } else {
    fmt::print("{} cancelled{}\n", counted(cancelled, "job"), of_what());
  }
  co_return ExitCode::ok;
}

std::string Purge::of_what() const {
  return (task.empty() ? "" : " of task " + task) + (queue.empty() ? "" : " in queue " + queue);
}

bool Purge::ask() const {
  fmt::print(stderr, "Cancel all waiting jobs{}? [y/N] ", of_what());
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace conduitd::ctl
