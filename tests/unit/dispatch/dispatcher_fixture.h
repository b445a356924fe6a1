#pragma once
// A dispatcher with a scripted broker, hosts that only remember, and a clock that stands still.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "dispatch/dispatcher.h"
#include "support/fake_clock.h"
#include "support/loop.h"
#include "support/scripted_broker.h"

namespace conduitd::dispatch {

using channel::Executor;
using Reason = channel::Cancel::Reason;

/// Hosts that do nothing but remember what they were told.
class RecordingHosts final : public hosts::Hosts {
 public:
  std::map<hosts::Handle, channel::Start> started;
  std::map<hosts::Handle, Reason> cancelled;
  std::vector<hosts::Handle> given_up;
  std::vector<channel::Reply> replies;
  std::size_t slot_count = 2;

  std::size_t slots(Executor executor) const override { return executor == Executor::thread ? slot_count : 0; }
  void set_ahead(Executor, std::size_t) override {}
  void start(hosts::Handle handle, Executor, const channel::Start& start) override { started[handle] = start; }
  bool run_hooks(hosts::Handle handle, Executor, const channel::LateHooks& hooks) override {
    late_hooks[handle] = hooks;
    return up;
  }
  std::map<hosts::Handle, channel::LateHooks> late_hooks;
  bool up = true;  ///< it has hosts of that executor
  void cancel(hosts::Handle handle, Reason reason) override { cancelled[handle] = reason; }
  job::Usage give_up(hosts::Handle handle) override {
    given_up.push_back(handle);
    return {};
  }
  std::size_t stuck(Executor) const override { return given_up.size(); }
  void reply(hosts::Handle, const channel::Reply& reply) override { replies.push_back(reply); }
  std::vector<hosts::Handle> set_waiting(hosts::Handle handle, bool waits) override {
    if (waits) waiting.insert(handle);
    if (!waits) waiting.erase(handle);
    return {};
  }
  std::set<hosts::Handle> waiting;
};

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() {
    channel::TaskManifest task;
    task.name = "t.run";
    task.executor = "thread";
    task.options = R"({"retries":1,"timeout":"10s","backoff":{"kind":"fixed","base":"2s","jitter":0}})";
    channel::PluginManifest plugin;
    plugin.name = "t";
    plugin.tasks = {task};
    task.name = "t.rated";
    task.options = R"({"rate_limit":"10/s"})";
    plugin.tasks.push_back(task);
    task.name = "t.gpu";
    task.options = R"({"needs":{"gpu":1}})";
    plugin.tasks.push_back(task);
    task.name = "t.both";
    task.options = R"({"needs":{"gpu":2}})";
    plugin.tasks.push_back(task);
    task.name = "t.licence";
    task.options = R"({"needs":{"licence":1}})";
    plugin.tasks.push_back(task);
    task.name = "t.told";
    task.options = R"({"retries":1,"timeout":"10s","backoff":{"kind":"fixed","base":"2s","jitter":0}})";
    plugin.tasks.push_back(task);
    plugin.hooks = {{"on_retry", "t.told"}, {"on_failure", "t.told"}};
    Dispatcher::Options options;
    options.worker = "w1";
    options.resources = {{"gpu", {2, {"0", "1"}}}};
    options.lease = Millis{3'000};
    options.grace = Millis{1'000};
    dispatcher = std::make_unique<Dispatcher>(io.get_executor(), clock, broker, broker, broker, broker, broker, recorder, options);
    dispatcher->set_tasks(TaskTable::build({plugin}, {}, 3).table);
    dispatcher->start();
    settle();
  }
  ~DispatcherTest() override {
    auto stopped = test::start(io, dispatcher->stop());
    broker.interrupt_claim();
    test::run_until(io, [&] { return stopped.done(); });
  }

  void settle() { clock.settle(io); }
  void advance(Millis by) { clock.advance(io, by); }

  job::Claim claim(std::string id, std::uint32_t attempt = 1) {
    job::Claim made;
    made.lease = {std::move(id), "t.run", "default", attempt, ""};
    made.counters.attempts = attempt;
    made.args = "{}";
    return made;
  }
  job::Claim claim_of(std::string task, std::string id) {
    auto made = claim(std::move(id));
    made.lease.task = std::move(task);
    return made;
  }
  /// The devices that the attempt at a job was given.
  std::string devices_of(const std::string& id) const {
    for (const auto& [handle, start] : recorder.started) {
      if (start.job_id == id) return start.devices;
    }
    return "not started";
  }
  hosts::Handle handle_of(const std::string& id) const {
    for (const auto& [handle, start] : recorder.started) {
      if (start.job_id == id) return handle;
    }
    throw std::runtime_error(id + " was not started");
  }
  /// Puts a job in and returns the handle it was started with.
  hosts::Handle begin(std::string id) {
    broker.put(claim(std::move(id)));
    settle();
    const auto handle = recorder.started.rbegin()->first;
    dispatcher->began(handle);
    return handle;
  }
  void complete(hosts::Handle handle) {
    channel::Outcome outcome;
    outcome.payload = "1";
    outcome.duration_us = 1'000'000;
    dispatcher->outcome(handle, std::move(outcome));
    settle();
  }

  /// What hooks are to be told.
  channel::Verdict conclude(hosts::Handle handle, channel::Outcome::Kind kind) {
    channel::Outcome outcome;
    outcome.kind = kind;
    if (kind == channel::Outcome::Kind::complete) {
      outcome.payload = "17";
    } else {
      outcome.error_type = "std::runtime_error";
      outcome.error_message = "broken";
    }
    dispatcher->call(handle, {0, channel::Call::Kind::conclude, channel::encode(outcome)});
    if (recorder.replies.empty()) throw std::runtime_error("no verdict");
    return channel::decode<channel::Verdict>(recorder.replies.back().payload).value();
  }

  boost::asio::io_context io;
  test::FakeClock clock;
  test::ScriptedBroker broker{io.get_executor()};
  RecordingHosts recorder;
  std::unique_ptr<Dispatcher> dispatcher;
};

}  // namespace conduitd::dispatch
