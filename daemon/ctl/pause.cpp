#include "ctl/pause.h"

#include <fmt/format.h>

namespace conduitd::ctl {

boost::asio::awaitable<Result<ExitCode>> Pause::run(Session& session) {
  auto exit = ExitCode::ok;
  Json::Array list;
  for (const auto& name : names) {
    const auto done = co_await (session.directory().*set)(name, paused);
    if (!done.has_value()) {
      if (exit_code_of(done.error()) == ExitCode::broker) co_return done.error();
      exit = worse(exit, fail(done.error()));
      continue;
    }
    list.push_back(Json(Json::Object{}).set("name", name).set("paused", paused));
    if (!session.program().json()) fmt::print("{} {} {}\n", kind, name, paused ? "is paused" : "is open");
  }
  if (session.program().json()) {
    session.program().print_json(Json(Json::Object{}).set(fmt::format("{}s", kind), std::move(list)));
  }
  co_return exit;
}

}  // namespace conduitd::ctl
