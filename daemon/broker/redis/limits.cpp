#include "broker/redis/limits.h"

#include <algorithm>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

Json to_json(const job::Limit& limit) {
  Json out;
  if (limit.kind == job::Limit::Kind::rate) {
    const auto pacing = job::pacing_of(limit);
    // admit.lua adds worker and value.
    auto plain = limit;
    plain.scope = job::Limit::Scope::global;
    plain.key.clear();
    out.set("interval", pacing.interval).set("tolerance", pacing.tolerance).set("account", job::account_name(plain, {}, {}));
  } else {
    out.set("most", limit.most);
  }
  out.set("own", limit.scope == job::Limit::Scope::worker).set("keyed", !limit.key.empty());
  return out;
}

/// The sources of a request, one for each task.
std::map<std::string, const Source*> by_task(const ClaimRequest& request) {
  std::map<std::string, const Source*> out;
  for (const auto& group : request.groups) {
    for (const auto& source : group.sources) out.emplace(source.task, &source);
  }
  return out;
}

}  // namespace

KeyList::KeyList(Words keys) : keys_(std::move(keys)) {
  for (std::size_t i = 0; i < keys_.size(); ++i) numbers_.emplace(keys_[i], i + 1);
}

std::size_t KeyList::number(const std::string& key) {
  const auto [found, added] = numbers_.emplace(key, keys_.size() + 1);
  if (added) keys_.push_back(key);
  return found->second;
}

asio::awaitable<Result<>> Limits::prepare(const ClaimRequest& request) {
  std::vector<std::string> unknown;
  for (const auto& [task, source] : by_task(request)) {
    if (!job::key_of(source->limits).empty()) {
      plain_.erase(task);
      drained_.erase(task);
    } else if (!plain_.contains(task)) {
      unknown.push_back(task);
    }
  }
  if (unknown.empty()) co_return ok();
  Batch batch;
  for (const auto& task : unknown) batch.command({"EXISTS", server_.keys.limits(task).where});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  for (std::size_t i = 0; i < unknown.size(); ++i) {
    const bool sorted = replies[i].view().integer_or(0) != 0;
    (sorted ? drained_ : plain_).insert(unknown[i]);
    if (!sorted) drained_.erase(unknown[i]);
  }
  co_return ok();
}

Limits::Told Limits::tell(const ClaimRequest& request, const std::vector<std::string>& queues, const std::vector<std::string>& streams,
                          KeyList& keys) {
  Told out;
  std::map<std::string, std::size_t> numbers;
  for (std::size_t i = 0; i < streams.size(); ++i) numbers.emplace(streams[i], i + 1);
  Json tasks{Json::Array{}};
  bool over_all_queues = false;
  for (const auto& [task, source] : by_task(request)) {
    const bool drain = drained_.contains(task);
    if (source->limits.empty() && source->most == Source::kUnbounded && !drain) continue;
    over_all_queues = over_all_queues || !source->limits.empty();
    out.tasks.emplace(task, out.tasks.size() + 1);
    const auto names = server_.keys.limits(task);
    Json one;
    one.set("key", job::key_of(source->limits)).set("drain", drain);
    if (source->most != Source::kUnbounded) one.set("most", source->most);
    one.set("parked", keys.number(names.parked)).set("old", keys.number(names.old)).set("where", keys.number(names.where));
    one.set("run", keys.number(names.run)).set("rates", keys.number(names.rates));
    Json lines{Json::Array{}};
    for (const auto& [queue, known] : lanes_.all()) {
      for (const auto lane : lanes_.of_task(queue, task)) {
        const auto stream = server_.keys.queue(queue).stream(task, lane);
        const auto in_call = numbers.find(stream);
        Json line{Json::Array{}};
        line.push(keys.number(stream)).push(in_call != numbers.end() ? in_call->second : 0).push(queue).push(std::string(1, lane_letter(lane)));
        lines.push(std::move(line));
      }
    }
    Json limits{Json::Array{}};
    for (const auto& limit : source->limits) limits.push(to_json(limit));
    one.set("streams", std::move(lines)).set("limits", std::move(limits));
    tasks.push(std::move(one));
  }
  Json limited{Json::Array{}};
  for (std::size_t q = 0; q < queues.size(); ++q) {
    const auto most = request.concurrency.find(queues[q]);
    if (most == request.concurrency.end()) continue;
    out.queues.insert(queues[q]);
    Json all{Json::Array{}};
    for (const auto& lane : lanes_.known(queues[q])) all.push(keys.number(server_.keys.queue(queues[q]).stream(lane.task, lane.lane)));
    Json one{Json::Array{}};
    one.push(q + 1).push(most->second).push(std::move(all));
    limited.push(std::move(one));
  }
  if (out.tasks.empty() && out.queues.empty()) return out;
  Json checks{Json::Array{}};
  const auto check = [&](const std::string& key, std::size_t count, std::size_t queue) {
    Json one{Json::Array{}};
    one.push(keys.number(key)).push(count).push(queue);
    checks.push(std::move(one));
  };
  if (over_all_queues) check(server_.keys.queues(), lanes_.registered(), 0);
  for (const auto& [queue, known] : lanes_.all()) {
    const auto named = std::find(queues.begin(), queues.end(), queue);
    const auto number = named != queues.end() ? static_cast<std::size_t>(named - queues.begin()) + 1 : 0;
    if (over_all_queues || number > 0) check(server_.keys.queue(queue).lanes(), known.size(), number);
  }
  Json told;
  told.set("starving", keys.number(server_.keys.starving())).set("checks", std::move(checks));
  told.set("queues", std::move(limited)).set("tasks", std::move(tasks));
  out.json = told.text();
  return out;
}

}  // namespace conduitd::broker::redis
