#include "dispatch/task_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "broker/kin.h"
#include "job/event.h"
#include "job/flow.h"
#include "job/id.h"
#include "job/request.h"
#include "job/trace.h"

namespace asio = boost::asio;

namespace conduitd::dispatch {

using Kind = channel::Call::Kind;

namespace {

// A wait hears of what ends it; between two looks at all there are no more than this.
constexpr Millis kLook{30'000};
// A broker that is away comes back; the wait goes on, as the attempt does.
constexpr Millis kPause{250};
// How far to follow who waits for whom: what is beyond is taken to be no circle.
constexpr std::size_t kFarthest = 10'000;
// An answer must fit into a frame, and into the host's memory beside others.
constexpr std::size_t kMostInAnswer = channel::kMaxBody / 2;

std::string_view word(Kind kind) {
  constexpr std::array<std::string_view, 6> kWords{"submit", "conclude", "wait", "results", "cancel", "trigger"};
  return kWords[static_cast<std::size_t>(kind)];
}

Error attempt_over() { return {Errc::conflict, "the attempt has ended"}; }

Result<Json> read_object(std::string_view payload) {
  constexpr JsonLimits kLimits{channel::kMaxBody, 8};
  CONDUIT_TRY(auto json, parse_json(payload, kLimits));
  if (json.as_object() == nullptr) return Error(Errc::invalid_argument, "an object is needed");
  return json;
}

/// Each once, in order.
Result<std::vector<std::string>> read_ids(const Json& object) {
  const Json* member = object.find("ids");
  const auto* list = member != nullptr ? member->as_array() : nullptr;
  if (list == nullptr || list->empty()) return Error(Errc::invalid_argument, "ids: an array of job ids is needed");
  if (list->size() > job::kMostAwaited) {
    return Error(Errc::invalid_argument, fmt::format("ids: {} jobs at once, {} are allowed", list->size(), job::kMostAwaited));
  }
  std::vector<std::string> out;
  std::set<std::string_view> seen;
  for (const auto& each : *list) {
    const auto* id = each.as_string();
    if (id == nullptr) return Error(Errc::invalid_argument, "ids: an array of job ids is needed");
    if (auto parsed = job::parse_id(*id); !parsed.has_value()) return parsed.error();
    if (seen.insert(*id).second) out.push_back(*id);
  }
  return out;
}

/// `way` leads from a job that waits for `id` to one that it would wait for.
Error in_a_circle(const std::string& id, const std::vector<std::string>& way) {
  constexpr std::size_t kMostNamed = 10;
  auto text = fmt::format("job {} waits for job {} itself", way.back(), id);
  for (std::size_t i = way.size() - 1; i-- > 0;) {
    const auto named = way.size() - 2 - i;
    if (named == kMostNamed) {
      text += fmt::format(" and {} more", i + 1);
      break;
    }
    text += (named == 0 ? ", through " : ", ") + way[i];
  }
  return {Errc::invalid_argument, std::move(text)};
}

bool went_wrong(const broker::Glance& one) { return one.over() && one.status != job::JobStatus::complete; }

std::string_view status_of(const broker::Glance& one) { return one.exists ? job::to_string(one.status) : "unknown"; }

}  // namespace

/// Where a wait is found that is to end.
class TaskCalls::Watching {
 public:
  Watching(Watches& watches, hosts::Handle handle, broker::EndWatch& watch) : watches_(watches), at_(watches.emplace(handle, &watch).first) {}
  ~Watching() { watches_.erase(at_); }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

 private:
  Watches& watches_;
  Watches::iterator at_;
};

struct TaskCalls::Wish {
  enum class Until : std::uint8_t { all, any, failure };
  Until until = Until::all;
  std::optional<SteadyTime> end;
  std::set<std::string> open;           // those that have not ended
  std::vector<broker::Glance> ended;

  [[nodiscard]] bool granted() const {
    if (open.empty()) return true;
    if (until == Until::any) return !ended.empty();
    return until == Until::failure && std::any_of(ended.begin(), ended.end(), went_wrong);
  }
  [[nodiscard]] std::string answer(bool timed_out) const {
    Json list{Json::Array{}};
    for (const auto& one : ended) {
      Json entry;
      entry.set("id", one.id).set("status", status_of(one));
      list.push(std::move(entry));
    }
    Json out;
    out.set("ended", std::move(list)).set("timed_out", timed_out);
    return out.text();
  }
};

TaskCalls::TaskCalls(asio::any_io_executor executor, Clock& clock, broker::Broker& broker, broker::Directory& directory,
                     broker::Flows& flows, broker::Events& events, Hooks hooks)
    : clock_(clock), broker_(broker), directory_(directory), flows_(flows), events_(events), hooks_(std::move(hooks)), tasks_(executor) {}

asio::awaitable<void> TaskCalls::stop() { co_await tasks_.stop(); }

void TaskCalls::answer(hosts::Handle handle, channel::Call call) {
  tasks_.spawn("answer a task's call", answer_call(handle, std::move(call)));
}

void TaskCalls::end_wait(hosts::Handle handle) {
  if (const auto found = watches_.find(handle); found != watches_.end()) found->second->interrupt();
}

asio::awaitable<void> TaskCalls::answer_call(hosts::Handle handle, channel::Call call) {
  Text text = attempt_over();
  if (call.kind == Kind::submit) text = co_await submit(handle, std::move(call.payload));
  if (call.kind == Kind::trigger) text = co_await trigger(handle, std::move(call.payload));
  if (call.kind == Kind::wait) text = co_await wait(handle, std::move(call.payload));
  if (call.kind == Kind::results) text = co_await results(std::move(call.payload));
  if (call.kind == Kind::cancel) text = co_await cancel(handle, std::move(call.payload));
  channel::Reply reply;
  reply.id = call.id;
  reply.ok = text.has_value();
  reply.payload = reply.ok ? std::move(text.value()) : text.error().within(word(call.kind)).message();
  hooks_.reply(handle, reply);
}

/// The trace that what an attempt submits belongs to; empty if it has none.
std::string TaskCalls::trace_of(Attempt& attempt) {
  if (attempt.claim.traceparent.empty()) return {};
  while (attempt.span == 0) attempt.span = hooks_.random();
  return job::child_traceparent(attempt.claim.traceparent, attempt.span);
}

asio::awaitable<TaskCalls::Text> TaskCalls::trigger(hosts::Handle handle, std::string payload) {
  CONDUIT_CO_TRY(auto event, job::read_event(payload, limits));
  auto* attempt = hooks_.attempt(handle);
  if (attempt == nullptr) co_return attempt_over();
  attempt->has_children = true;
  const auto& claim = attempt->claim;
  event.parent_id = claim.lease.job_id;
  event.root_id = claim.root_id.empty() ? claim.lease.job_id : claim.root_id;
  if (event.traceparent.empty()) event.traceparent = trace_of(*attempt);
  // From here on the attempt may end at any time.
  CONDUIT_CO_TRY(const auto triggered, co_await events_.trigger(std::move(event)));
  Json jobs{Json::Array{}};
  std::size_t collected = 0;
  for (const auto& delivery : triggered.deliveries) {
    if (delivery.job_id.empty()) ++collected;
    if (!delivery.job_id.empty()) jobs.push(delivery.job_id);
  }
  Json out;
  out.set("id", triggered.id).set("jobs", std::move(jobs)).set("collected", collected).set("repeated", triggered.repeated);
  co_return out.text();
}

asio::awaitable<TaskCalls::Text> TaskCalls::submit(hosts::Handle handle, std::string payload) {
  CONDUIT_CO_TRY(auto requests, job::read_requests(payload, limits));
  CONDUIT_CO_TRY(const auto waves, job::waves_of(requests));
  auto* attempt = hooks_.attempt(handle);
  if (attempt == nullptr) co_return attempt_over();
  attempt->has_children = true;
  const auto& claim = attempt->claim;
  const auto trace = trace_of(*attempt);
  std::vector<std::string> strangers;
  for (auto& request : requests) {
    request.job.parent_id = claim.lease.job_id;
    request.job.root_id = claim.root_id.empty() ? claim.lease.job_id : claim.root_id;
    if (request.job.traceparent.empty()) request.job.traceparent = trace;
    const Task* task = hooks_.task(request.job.task);
    if (!request.names_queue && task != nullptr) request.job.queue = task->queue;
    if (task == nullptr && attempt->looked_up.insert(request.job.task).second) strangers.push_back(request.job.task);
  }
  // From here on the attempt may end at any time.
  std::vector<std::string> ids(requests.size());
  for (const auto& wave : waves) {
    job::resolve_refs(requests, wave, ids);
    std::vector<job::NewJob> jobs;
    for (const auto i : wave) jobs.push_back(requests[i].job);
    CONDUIT_CO_TRY(const auto accepted, co_await broker_.enqueue(std::move(jobs)));
    for (std::size_t n = 0; n < wave.size(); ++n) {
      if (accepted[n].rejected) co_return broker::conflict_of(accepted[n]);
      ids[wave[n]] = accepted[n].id;
    }
  }
  if (!strangers.empty()) co_await warn_of_strangers(handle, std::move(strangers));
  co_return job::ids_to_json(ids);
}

/// A worker with such a task may yet come, so it is not refused.
asio::awaitable<void> TaskCalls::warn_of_strangers(hosts::Handle handle, std::vector<std::string> names) {
  const auto known = co_await directory_.tasks();
  if (!known.has_value()) co_return;
  for (const auto& name : names) {
    if (std::any_of(known.value().begin(), known.value().end(), [&](const auto& task) { return task.name == name; })) continue;
    hooks_.warn(handle, fmt::format("it has submitted a job of the task {}, which no worker has announced: that waits until one does", name));
  }
}

asio::awaitable<TaskCalls::Text> TaskCalls::wait(hosts::Handle handle, std::string payload) {
  CONDUIT_CO_TRY(const auto object, read_object(payload));
  CONDUIT_CO_TRY(auto ids, read_ids(object));
  Wish wish;
  const auto until = object.string_or("until", "all");
  if (until != "all" && until != "any" && until != "failure") {
    co_return Error(Errc::invalid_argument, "until: all, any or failure is needed");
  }
  wish.until = until == "all" ? Wish::Until::all : until == "any" ? Wish::Until::any : Wish::Until::failure;
  if (const auto ms = object.int_or("timeout_ms", -1); ms >= 0) wish.end = clock_.now() + Millis{ms};

  const auto* attempt = hooks_.attempt(handle);
  if (attempt == nullptr) co_return attempt_over();
  const auto own = attempt->claim.lease.job_id;
  const auto root = attempt->claim.root_id;
  const auto parent = attempt->claim.parent_id;
  if (std::find(ids.begin(), ids.end(), own) != ids.end()) {
    co_return Error(Errc::invalid_argument, fmt::format("job {} would wait for itself", own));
  }
  CONDUIT_CO_TRY(auto seen, co_await flows_.look(std::move(ids), false));
  std::vector<broker::Glance> awaited;
  for (auto& one : seen) {
    if (!one.exists) co_return Error(Errc::not_found, fmt::format("there is no job {}", one.id));
    if (!one.over()) wish.open.insert(one.id);
    (one.over() ? wish.ended : awaited).push_back(std::move(one));
  }
  if (wish.granted()) co_return wish.answer(false);
  CONDUIT_CO_TRY(hooks_.begin_wait(handle));
  // Written down first and looked at second: of two that come to wait for each other one sees the other.
  std::vector<std::string> open(wish.open.begin(), wish.open.end());
  auto begun = co_await say_what_it_waits_for(handle, std::move(open));
  if (begun.has_value()) begun = co_await refuse_circles(own, root, parent, std::move(awaited));
  Text text = attempt_over();
  if (begun.has_value()) {
    text = co_await wait_until_ended(handle, std::move(wish));
  } else {
    text = begun.error();
  }
  hooks_.end_wait(handle);
  co_return text;
}

asio::awaitable<Result<>> TaskCalls::say_what_it_waits_for(hosts::Handle handle, std::vector<std::string> ids) {
  const auto* attempt = hooks_.attempt(handle);
  if (attempt == nullptr) co_return attempt_over();
  job::Report report;
  report.lease = attempt->claim.lease;
  report.waits_for = std::move(ids);
  std::vector<job::Report> reports{std::move(report)};
  CONDUIT_CO_TRY(const auto states, co_await broker_.report(std::move(reports)));
  if (states.at(0) == broker::LeaseState::lost) co_return attempt_over();
  co_return ok();
}

asio::awaitable<Result<>> TaskCalls::refuse_circles(std::string id, std::string root, std::string parent,
                                                    std::vector<broker::Glance> awaited) {
  std::set<std::string> wanted;
  std::map<std::string, std::string> visited;  // and which job waits for it
  std::vector<std::string> frontier;
  const auto follow = [&](const broker::Glance& one) {
    for (const auto& next : one.waits_for) {
      if (visited.emplace(next, one.id).second) frontier.push_back(next);
    }
  };
  for (const auto& one : awaited) {
    // Its own children are no ancestors of its.
    if (one.parent_id != id) wanted.insert(one.id);
    follow(one);
  }
  const auto ancestor = [](const std::string& which) {
    return Error(Errc::invalid_argument, fmt::format("job {} is one of those it descends from: that one cannot end before it", which));
  };
  if (wanted.contains(root)) co_return ancestor(root);
  if (wanted.contains(parent)) co_return ancestor(parent);
  for (std::size_t steps = 0; !wanted.empty() && !parent.empty() && parent != root && steps < kFarthest; ++steps) {
    std::vector<std::string> one{parent};
    CONDUIT_CO_TRY(const auto seen, co_await flows_.look(std::move(one), false));
    parent = seen.at(0).parent_id;
    if (!parent.empty() && wanted.contains(parent)) co_return ancestor(parent);
  }
  while (!frontier.empty() && visited.size() < kFarthest) {
    if (visited.contains(id)) break;
    CONDUIT_CO_TRY(const auto seen, co_await flows_.look(std::move(frontier), false));
    frontier.clear();
    for (const auto& one : seen) {
      if (!one.over()) follow(one);
    }
  }
  if (!visited.contains(id)) co_return ok();
  const auto is_awaited = [&](const std::string& which) { return std::ranges::find(awaited, which, &broker::Glance::id) != awaited.end(); };
  std::vector<std::string> way{visited.at(id)};
  while (!is_awaited(way.back())) way.push_back(visited.at(way.back()));
  co_return in_a_circle(id, way);
}

asio::awaitable<TaskCalls::Text> TaskCalls::wait_until_ended(hosts::Handle handle, Wish wish) {
  std::vector<std::string> open(wish.open.begin(), wish.open.end());
  const auto watch = flows_.watch(std::move(open));
  const Watching watching(watches_, handle, *watch);
  while (!wish.granted() && !(wish.end && *wish.end <= clock_.now())) {
    const auto* attempt = hooks_.attempt(handle);
    if (attempt == nullptr) co_return attempt_over();
    if (attempt->stop) co_return Error(Errc::cancelled, "the attempt was asked to stop");
    const auto left = wish.end ? std::chrono::ceil<Millis>(*wish.end - clock_.now()) : kLook;
    auto ended = co_await watch->next(std::min(left, kLook));
    if (!ended.has_value()) {
      co_await clock_.sleep_for(kPause);
      continue;
    }
    for (auto& one : ended.value()) {
      wish.open.erase(one.id);
      wish.ended.push_back(std::move(one));
    }
  }
  co_return wish.answer(!wish.granted());
}

asio::awaitable<TaskCalls::Text> TaskCalls::results(std::string payload) {
  CONDUIT_CO_TRY(const auto object, read_object(payload));
  CONDUIT_CO_TRY(auto ids, read_ids(object));
  constexpr std::size_t kAtOnce = 200;
  ids.resize(std::min(ids.size(), kAtOnce));
  CONDUIT_CO_TRY(const auto seen, co_await flows_.look(std::move(ids), true));
  std::string out = "[";
  for (const auto& one : seen) {
    Json entry;
    entry.set("id", one.id).set("status", status_of(one));
    if (!one.result.empty()) entry.set("result", Json::Raw{one.result});
    if (one.failure) entry.set("failure", to_json(*one.failure));
    const auto text = entry.text();
    if (out.size() > 1 && out.size() + text.size() > kMostInAnswer) break;
    out += (out.size() > 1 ? "," : "") + text;
  }
  co_return out + "]";
}

asio::awaitable<TaskCalls::Text> TaskCalls::cancel(hosts::Handle handle, std::string payload) {
  CONDUIT_CO_TRY(const auto object, read_object(payload));
  CONDUIT_CO_TRY(auto ids, read_ids(object));
  const auto* attempt = hooks_.attempt(handle);
  if (attempt == nullptr) co_return attempt_over();
  const auto own = attempt->claim.lease.job_id;
  CONDUIT_CO_TRY(const auto seen, co_await flows_.look(std::move(ids), false));
  for (const auto& one : seen) {
    if (one.exists && one.parent_id != own) {
      co_return Error(Errc::refused, fmt::format("job {} was not submitted by this one", one.id));
    }
  }
  std::vector<std::string> live;
  for (const auto& one : seen) {
    if (!one.over()) live.push_back(one.id);
  }
  CONDUIT_CO_TRY(co_await broker::cancel_all(directory_, std::move(live)));
  co_return std::string("null");
}

}  // namespace conduitd::dispatch
