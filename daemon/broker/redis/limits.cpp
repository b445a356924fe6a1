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
    out.set("units", limit.most);
  } else {
    out.set("most", limit.most);
  }
  out.set("own", limit.scope == job::Limit::Scope::worker).set("keyed", !limit.key.empty());
  return out;
}

bool says_something(const Source& source) {
  return !source.limits.empty() || source.most != Source::kUnbounded || !source.needs.empty();
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

std::size_t KeyList::number(const std::string& key) {
  if (numbers_.empty()) {
    for (std::size_t i = 0; i < keys_.size(); ++i) numbers_.emplace(keys_[i], i + 1);
  }
  const auto [found, added] = numbers_.emplace(key, keys_.size() + 1);
  if (added) keys_.push_back(key);
  return found->second;
}

asio::awaitable<Result<>> Limits::prepare(const ClaimRequest& request) {
  circles_.clear();
  std::set<std::string> unknown_tasks;
  for (const auto& group : request.groups) {
    for (const auto& source : group.sources) {
      if (!job::key_of(source.limits).empty()) {
        plain_.erase(source.task);
        drained_.erase(source.task);
      } else if (!plain_.contains(source.task)) {
        unknown_tasks.insert(source.task);
      }
    }
  }
  const std::vector<std::string> unknown(unknown_tasks.begin(), unknown_tasks.end());
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

Limits::Told Limits::tell(const ClaimRequest& request, const std::vector<std::string>& queues, std::size_t first_stream, KeyList& keys) {
  Told out;
  // Most workers have no limits, and each claim passes here.
  const bool cluster = server_.is_cluster();  // then what is limited is not asked for here, and each call knows its own queue alone
  const bool any = !request.concurrency.empty() || !drained_.empty() || std::any_of(request.groups.begin(), request.groups.end(), [](const auto& group) {
    return std::any_of(group.sources.begin(), group.sources.end(), says_something);
  });
  if (!any) return out;
  std::map<std::string, std::size_t> numbers;
  for (std::size_t i = first_stream; i < keys.keys().size(); ++i) numbers.emplace(keys.keys()[i], i - first_stream + 1);
  Json tasks{Json::Array{}};
  bool over_all_queues = false;
  for (const auto& [task, source] : by_task(request)) {
    const bool drain = drained_.contains(task);
    if (!says_something(*source) && !drain) continue;
    if (cluster && (drain || !source->limits.empty())) continue;
    over_all_queues = over_all_queues || !source->limits.empty();
    out.tasks.emplace(task, out.tasks.size() + 1);
    const auto names = server_.keys.limits(task);
    Json one;
    one.set("key", job::key_of(source->limits)).set("drain", drain);
    if (source->most != Source::kUnbounded) one.set("most", source->most);
    if (source->weight > 1) one.set("weight", source->weight);
    if (!source->needs.empty()) one.set("needs", job::to_json(source->needs));
    if (!cluster) {
      one.set("parked", keys.number(names.parked)).set("old", keys.number(names.old)).set("where", keys.number(names.where));
      one.set("run", keys.number(names.run)).set("rates", keys.number(names.rates));
    }
    if (const auto circle = circles_.find(task); circle != circles_.end()) one.set("since", circle->second.since).set("wrapped", circle->second.wrapped);
    Json lines{Json::Array{}};
    for (const auto& [queue, known] : lanes_.all()) {
      if (cluster && std::find(queues.begin(), queues.end(), queue) == queues.end()) continue;
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
    if (most == request.concurrency.end() || cluster) continue;
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
  Json heavy{Json::Array{}};
  if (over_all_queues) check(server_.keys.queues(), lanes_.registered(), 0);
  for (const auto& [queue, known] : lanes_.all()) {
    const auto named = std::find(queues.begin(), queues.end(), queue);
    const auto number = named != queues.end() ? static_cast<std::size_t>(named - queues.begin()) + 1 : 0;
    if (!over_all_queues && number == 0) continue;
    check(server_.keys.queue(queue).lanes(), known.size(), number);
    Json one{Json::Array{}};
    one.push(keys.number(server_.keys.queue(queue).heavy())).push(queue).push(number);
    heavy.push(std::move(one));
  }
  Json told;
  if (!cluster) told.set("starving", keys.number(server_.keys.starving()));
  told.set("checks", std::move(checks));
  told.set("heavy", std::move(heavy)).set("queues", std::move(limited)).set("tasks", std::move(tasks)).set("free", job::to_json(request.free));
  out.json = told.text();
  return out;
}

void Limits::go_on(const Told& told, ReplyView circles) {
  circles_.clear();
  for (std::size_t i = 0; i < circles.size(); ++i) {
    for (const auto& [task, number] : told.tasks) {
      if (static_cast<std::int64_t>(number) != circles[i][0].integer_or(0)) continue;
      circles_[task] = {std::string(circles[i][1].text()), circles[i][2].integer_or(0) != 0};
    }
  }
}

}  // namespace conduitd::broker::redis
