// Layers of the worker and no task: "outside" and "within" go around every task of every plugin, in both forms, "half" as a function
// alone. Each says in the job's log when it is entered and left. The argument {"layer"} asks "outside":
//   "replace"  the result is {"replaced": result}      "again"  if it fails it runs once more
//   "tell"     says in the log how it failed, and lets that through
#include <conduit/async.hpp>

#include <string>
#include <utility>

namespace asio = boost::asio;

namespace {

using conduit::Context;
using conduit::Json;

void say(Context& context, const std::string& what, const Json& fields = {}) {
  context.send_log(conduit::LogLevel::info, what, fields);
}

std::string wish(Context& context) {
  const auto args = context.args();
  return args.is_object() ? args.value_or("layer", "pass") : "pass";
}

void tell(Context& context, const conduit::TaskError& error) {
  const std::int64_t after = error.after() ? error.after()->count() : -1;
  const Json fields = {{"kind", static_cast<int>(error.kind())}, {"type", error.type()},
                       {"message", error.what()},                {"detail", error.detail()},
                       {"after", after},                         {"current", &conduit::current_context() == &context}};
  say(context, "it failed", fields);
}

Json outside(Context& context, conduit::Next next) {
  say(context, "> outside");
  const auto wanted = wish(context);
  Json result;
  try {
    result = next();
  } catch (const conduit::TaskError& error) {
    if (wanted == "tell") tell(context, error);
    if (wanted != "again") throw;
    result = next();
  }
  say(context, "< outside");
  return wanted == "replace" ? Json{{"replaced", result}} : result;
}

asio::awaitable<Json> outside_async(Context& context, conduit::AsyncNext next) {
  say(context, "> outside");
  const auto wanted = wish(context);
  Json result;
  bool again = false;
  try {
    result = co_await next();
  } catch (const conduit::TaskError& error) {
    if (wanted == "tell") tell(context, error);
    if (wanted != "again") throw;
    again = true;
  }
  if (again) result = co_await next();
  say(context, "< outside");
  if (wanted == "replace") co_return Json{{"replaced", result}};
  co_return result;
}

Json within(Context& context, conduit::Next next) {
  say(context, "> within");
  return next();
}

asio::awaitable<Json> within_async(Context& context, conduit::AsyncNext next) {
  say(context, "> within");
  return next();
}

Json half(Context& context, conduit::Next next) {
  say(context, "> half");
  return next();
}

}  // namespace

CONDUIT_PLUGIN("layers", "1.0.0", plugin) {
  plugin.use(within, within_async, {.priority = 1, .name = "within", .scope = conduit::LayerScope::worker});
  plugin.use(half, {.priority = 1, .name = "half", .scope = conduit::LayerScope::worker});
  plugin.use(outside, outside_async, {.priority = 10, .name = "outside", .scope = conduit::LayerScope::worker});
}
