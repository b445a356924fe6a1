// Tasks that events submit, and tasks that trigger events, in every executor.
#include <conduit/async.hpp>

#include <string>

namespace asio = boost::asio;

namespace {

struct Order {
  std::int64_t id = 0;
};
BOOST_DESCRIBE_STRUCT(Order, (), (id))

std::string receipt(const Order& order) { return "receipt " + std::to_string(order.id); }

/// How many there were, and the names of all.
conduit::Json count(conduit::Json args) {
  std::string names;
  for (const auto& event : args.at("events").elements()) names += event.at("name").get<std::string>() + " ";
  return {{"count", args.at("events").size()}, {"names", names}};
}

conduit::Json last(conduit::Json args) { return args; }

conduit::Json audit(conduit::Json args) { return args.at("event").at("name"); }

conduit::Json tell(std::string event, std::int64_t id, conduit::Context& context) {
  return conduit::to_json(context.trigger(event, {{"id", id}}));
}

asio::awaitable<conduit::Json> tell_async(std::string event, std::int64_t id) {
  conduit::Json payload = {{"id", id}};
  const auto triggered = co_await conduit::current_context().async_trigger(event, payload);
  co_return conduit::to_json(triggered);
}

}  // namespace

CONDUIT_PLUGIN("events", "1.0.0", plugin) {
  plugin.on("order.placed", "events.receipt", receipt).retries(2).timeout(30s);
  plugin.on("order.*", "events.count", count).batch(3, 400ms);
  plugin.on("page.viewed", "events.last", last).debounce(300ms, 0ms, {.key = "page"});
  plugin.on("audit.**", "events.audit", audit, {.args = conduit::EventArgs::event});
  plugin.task("events.configured", last);
  plugin.task("events.tell", tell).parameters("event", "id");
  plugin.task("events.tell_process", tell).parameters("event", "id").executor(conduit::process);
  plugin.task("events.tell_async", tell_async).parameters("event", "id");
}
