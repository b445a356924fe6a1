// A plugin with a task for every form of parameters, results and errors.
#include <conduit/plugin.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "unit/sdk/sample_plugin.h"

using namespace std::chrono_literals;

namespace sample {

int hosts_started = 0;
int hosts_stopped = 0;

struct Resize {
  std::string path;
  int width = 256;
};
BOOST_DESCRIBE_STRUCT(Resize, (), (path, width))

struct Batch {
  Resize first;
  std::vector<Resize> rest;
};
BOOST_DESCRIBE_STRUCT(Batch, (), (first, rest))

std::string by_reference(const Resize& args) {
  return args.path + ':' + std::to_string(args.width);
}
Resize by_value(Resize args) { return args; }
int batch(const Batch& args) { return args.first.width + static_cast<int>(args.rest.size()); }
std::string plain(std::string url, int width, std::optional<bool> loud) {
  return url + ' ' + std::to_string(width) + (loud.value_or(false) ? "!" : "");
}
conduit::Json raw_json(conduit::Json args) { return {{"got", args}}; }
std::string raw_text(std::string_view args) { return std::string(args); }
int sum(const std::map<std::string, int>& values) {
  int out = 0;
  for (const auto& [name, value] : values) out += value;
  return out;
}
void nothing() {}
std::string context_between(int a, conduit::Context& context, const std::string& b) {
  return context.task() + std::to_string(a) + b +
         (&context == &conduit::current_context() ? "" : " not current");
}

conduit::Json report(conduit::Context& context) {
  context.set_progress(0.25, "begun");
  context.set_metadata("key", {{"a", 1}});
  context.set_metadata("gone", nullptr);
  context.send_log(conduit::LogLevel::warning, "careful", {{"n", 3}});
  context.checkpoint({{"stage", context.last_checkpoint().value_or("stage", 0) + 1}});
  context.set_progress(1);
  return {{"key", context.metadata("key")},
          {"checkpoint", context.last_checkpoint()},
          {"data", context.to_json()}};
}
conduit::Json submit(conduit::Context& context) {
  context.submit_and_forget("mail.later", {1}, {.queue = "slow"});
  return context.submit("mail.send", {{"to", "a"}}, {.delay = 10s, .unique = "once"});
}
int until_cancelled(conduit::Context& context) {
  for (int step = 0;; ++step) {
    context.throw_if_cancelled();
    context.set_progress(0, std::to_string(step));
  }
}

}  // namespace sample

CONDUIT_PLUGIN("sample", "1.2.3", plugin) {
  plugin.task("sample.by_reference", sample::by_reference);
  plugin.task("sample.by_value", sample::by_value);
  plugin.task("sample.batch", sample::batch);
  plugin.task("sample.plain", sample::plain).parameters("url", "width", "loud");
  plugin.task("sample.unnamed", sample::plain);
  plugin.task("sample.raw_json", sample::raw_json);
  plugin.task("sample.raw_text", sample::raw_text);
  plugin.task("sample.sum", sample::sum);
  plugin.task("sample.nothing", sample::nothing);
  plugin.task("sample.context_between", sample::context_between);
  plugin.task("sample.object", [calls = 0](int add) mutable { return calls += add; });

  plugin.task("sample.report", sample::report);
  plugin.task("sample.submit", sample::submit);
  plugin.task("sample.submit_on_loop", sample::submit);
  plugin.task("sample.until_cancelled", sample::until_cancelled);

  plugin.task("sample.error", [] { throw std::out_of_range("too far"); });
  plugin.task("sample.odd_error", [] { throw 3; });
  plugin.task("sample.retry", [] { throw conduit::Retry{10s, "busy"}; });
  plugin.task("sample.retry_as_policy", [] { throw conduit::Retry{}; });
  plugin.task("sample.fail", [] { throw conduit::Fail{"no such account"}; });
  plugin.task("sample.invalid", [] { throw conduit::InvalidArguments{"bad width", "/width"}; });
  plugin.task("sample.snooze", [] { throw conduit::Snooze{5min}; });
  plugin.task("sample.json_error", [] { return conduit::Json::parse("{").get<int>(); });
  plugin.task("sample.binary_result", [] { return std::string("\xFF\xFE"); });

  plugin.task("sample.options", sample::nothing)
      .executor(conduit::process)
      .queue("media")
      .retries(5)
      .timeout(30s)
      .backoff({.kind = conduit::BackoffKind::linear, .base = 500ms, .max = 1h, .jitter = 0});
  plugin.on_host_start([] { ++sample::hosts_started; });
  plugin.on_host_stop([] { ++sample::hosts_stopped; });
}
