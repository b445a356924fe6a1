#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "ctl/command_line.h"
#include "ctl/human.h"
#include "ctl/table.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

std::pair<std::string, Style> condition_of(const broker::SubscriptionState& state) {
  if (!state.fault.empty()) return {"unreadable", Style::red};
  if (!state.alive) return {"no live worker", Style::yellow};
  return {"open", Style::green};
}

/// "after 5s of quiet, at most 1m, for each /user".
std::string collecting_of(const job::Subscription& subscription) {
  std::string out;
  if (subscription.batch > 0) {
    out = fmt::format("{} or {}", subscription.batch, format_duration(subscription.batch_within));
  } else if (subscription.debounce > Millis{0}) {
    out = fmt::format("quiet {}", format_duration(subscription.debounce));
    if (subscription.debounce_max > Millis{0}) out += fmt::format(", at most {}", format_duration(subscription.debounce_max));
  }
  if (!subscription.key.empty()) out += fmt::format(", by {}", subscription.key);
  return out;
}

Json to_json(const broker::SubscriptionState& state) {
  const auto& subscription = state.subscription;
  Json out;
  out.set("name", subscription.name).set("event", subscription.pattern).set("task", subscription.task).set("queue", subscription.queue);
  out.set("args", job::kEventArgsNames.at(subscription.whole ? 1 : 0)).set("alive", state.alive).set("collected", state.collected);
  if (subscription.debounce > Millis{0}) out.set("debounce", format_duration(subscription.debounce));
  if (subscription.debounce_max > Millis{0}) out.set("debounce_max", format_duration(subscription.debounce_max));
  if (subscription.batch > 0) out.set("batch", subscription.batch).set("batch_within", format_duration(subscription.batch_within));
  if (!subscription.key.empty()) out.set("key", subscription.key);
  if (state.due) out.set("due", format_time(*state.due));
  if (!state.fault.empty()) out.set("fault", state.fault);
  return out;
}

struct EventTrigger final : BrokerCommand {
  job::NewEvent event;
  std::optional<std::string> payload;

  Result<> prepare(const Target& target) override {
    if (payload) event.payload = *payload;
    return job::check(event, target.limits);
  }

  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    auto given = event;
    CONDUIT_CO_TRY(const auto triggered, co_await session.events().trigger(std::move(given)));
    if (session.program().json()) {
      tell_json(session.program(), triggered);
      co_return ExitCode::ok;
    }
    for (const auto& delivery : triggered.deliveries) {
      if (!delivery.job_id.empty()) fmt::print("{}\n", delivery.job_id);
    }
    for (const auto& delivery : triggered.deliveries) {
      if (delivery.job_id.empty()) complain(fmt::format("subscription {} collects: its job is made later", delivery.subscription));
    }
    if (triggered.repeated) complain("this trigger had been accepted before; its jobs are shown, nothing more was done");
    if (triggered.deliveries.empty() && !triggered.repeated) {
      complain(fmt::format("nobody subscribes to {}: no job was made; see conduitctl event list", event.name));
    }
    co_return ExitCode::ok;
  }

 private:
  static void tell_json(const Program& program, const broker::Triggered& triggered) {
    Json jobs{Json::Array{}};
    Json collected{Json::Array{}};
    for (const auto& delivery : triggered.deliveries) {
      if (delivery.job_id.empty()) {
        collected.push(delivery.subscription);
      } else {
        Json one;
        one.set("subscription", delivery.subscription).set("id", delivery.job_id);
        jobs.push(std::move(one));
      }
    }
    Json out;
    out.set("event", triggered.id).set("jobs", std::move(jobs)).set("collected", std::move(collected));
    if (triggered.repeated) out.set("repeated", true);
    program.print_json(out);
  }
};

struct EventList final : BrokerCommand {
  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(const auto states, co_await session.events().subscriptions());
    const auto& program = session.program();
    if (program.json()) {
      Json::Array all;
      for (const auto& state : states) all.push_back(to_json(state));
      program.print_json(Json(Json::Object{}).set("subscriptions", std::move(all)));
      co_return ExitCode::ok;
    }
    Table table({{"SUBSCRIPTION", false, true}, {"EVENT"}, {"TASK", false, true}, {"QUEUE"}, {"STATE"}, {"COLLECTS"}, {"NOW", true}, {"DUE"}});
    for (const auto& state : states) {
      const auto [text, style] = condition_of(state);
      const auto& subscription = state.subscription;
      table.add({{subscription.name},
                 {subscription.pattern},
                 {subscription.task},
                 {subscription.queue},
                 {text, style},
                 {collecting_of(subscription)},
                 {subscription.collects() ? fmt::format("{}", state.collected) : ""},
                 {state.due ? format_time(*state.due).substr(0, 19) + "Z" : ""}});
    }
    fmt::print("{}", table.empty() ? "Nobody subscribes to an event: see [[subscription]] in the configuration file.\n" : table.take(program.out));
    co_return ExitCode::ok;
  }
};

struct EventDelete final : BrokerCommand {
  std::string name;

  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(const auto states, co_await session.events().subscriptions());
    std::vector<std::string> names;
    for (const auto& state : states) {
      names.push_back(state.subscription.name);
      if (names.back() != name || !state.alive) continue;
      co_return Error(Errc::conflict, fmt::format("subscription '{}' is announced by a live worker: take it out of the configuration or "
                                                  "the plugin and reload", name));
    }
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      const auto near = nearest(name, names);
      co_return Error(Errc::not_found, fmt::format("there is no subscription '{}'{}", escape_control(name),
                                                   near ? fmt::format("; did you mean '{}'?", *near) : ""));
    }
    auto named = name;
    CONDUIT_CO_TRY(co_await session.events().remove_subscription(std::move(named)));
    if (session.program().json()) {
      session.program().print_json(Json(Json::Object{}).set("name", name).set("deleted", true));
    } else {
      fmt::print("subscription {} is deleted; what it has collected still becomes jobs\n", name);
    }
    co_return ExitCode::ok;
  }
};

constexpr const char* kTriggerExamples = R"(  conduitctl event trigger order.placed '{"id": 7}'
  conduitctl event trigger order.placed '{"id": 7}' --idempotency-key order-7

PAYLOAD is any JSON (default {}). An object or array is the arguments of the jobs, null is none, anything else the one argument.
Printed are the ids of the jobs made, one for each subscription that does not collect. It is no error if there is none.

JSON: {"event", "jobs": [{"subscription", "id"}...], "collected": [names of the subscriptions that make their job later]}, and
"repeated": true if this trigger had been accepted before, by its key.)";

}  // namespace

void add_event(CLI::App& app, Program& program) {
  auto& group = add_group(app, "event", "Triggers events and lists who subscribes to them");
  auto [trigger, trigger_command] = add_broker_command<EventTrigger>(group, program, "trigger", "Tells that something has happened");
  trigger->add_option("NAME", trigger_command->event.name, "The event, as in order.placed")->required()->type_name("");
  trigger->add_option("PAYLOAD", trigger_command->payload, "What there is to say of it, as JSON (default {})")->type_name("");
  trigger->add_option("--idempotency-key", trigger_command->event.idempotency_key, "Names this trigger: repeated within a day, it makes no second jobs")
      ->type_name("KEY");
  trigger->add_option("--traceparent", trigger_command->event.traceparent, "The trace its jobs belong to (W3C Trace Context)")->type_name("T");
  add_examples(*trigger, kTriggerExamples);
  auto [list, list_command] = add_broker_command<EventList>(group, program, "list", "Shows the subscriptions that workers have announced");
  add_examples(*list, "  conduitctl event list");
  auto [remove, remove_command] = add_broker_command<EventDelete>(group, program, "delete", "Forgets a subscription that no live worker announces");
  remove->add_option("SUBSCRIPTION", remove_command->name, "Its name, as in event list")->required()->type_name("");
  add_examples(*remove, "  conduitctl event delete images.receipt");
}

}  // namespace conduitd::ctl
