#include "broker/redis/outbox.h"

#include <fmt/format.h>

#include "base/json.h"
#include "job/id.h"

namespace conduitd::broker::redis {
namespace {

// As much as was let in, and what was put around it.
constexpr JsonLimits kAny{16 * 1024 * 1024, 1'000};

Error broken() { return {Errc::protocol, "what is to be delivered of an event cannot be read"}; }

}  // namespace

std::string encode_outbox(const job::Event& event, const job::NewEvent& given,
                          const std::vector<std::pair<job::Subscription, std::string>>& to) {
  Json list{Json::Array{}};
  for (const auto& [subscription, ulid] : to) {
    Json one;
    one.set("ulid", ulid).set("name", subscription.name).set("how", job::encode(subscription));
    list.push(std::move(one));
  }
  Json out;
  out.set("to", std::move(list)).set("parent", given.parent_id).set("root", given.root_id).set("trace", given.traceparent);
  out.set("event", Json::Raw{job::encode(event)});
  return out.text();
}

std::string encode_outbox(const job::NewJob& job, const std::string& ulid) {
  Json out;
  out.set("ulid", ulid).set("task", job.task).set("queue", job.queue).set("args", Json::Raw{job.args});
  return out.text();
}

Result<Deliveries> deliveries_in(std::string_view text) {
  if (!validate_json(text, kAny).has_value()) return broken();
  const auto members = split_json(text);
  if (!members.has_value()) return broken();
  std::string_view args;
  std::string_view event_text;
  Json small;
  for (const auto& [key, value] : members.value()) {
    if (key == "args") {
      args = value;
    } else if (key == "event") {
      event_text = value;
    } else {
      CONDUIT_TRY(auto parsed, parse_json(value, kAny));
      small.set(key, std::move(parsed));
    }
  }
  Deliveries out;
  const auto add = [&](job::NewJob job, std::string ulid) {
    job.idempotency_key = "event:" + ulid;
    out.jobs.push_back(std::move(job));
    out.ulids.push_back(std::move(ulid));
  };
  if (event_text.empty()) {
    job::NewJob job;
    job.task = small.string_or("task", "");
    job.queue = small.string_or("queue", "");
    job.args = args;
    add(std::move(job), small.string_or("ulid", ""));
  } else {
    CONDUIT_TRY(const auto event, job::event_from(event_text));
    const auto* to = small.find("to");
    if (to == nullptr || to->as_array() == nullptr) return broken();
    for (const auto& one : *to->as_array()) {
      CONDUIT_TRY(const auto subscription, job::subscription_from(one.string_or("name", ""), one.string_or("how", "")));
      auto job = job::job_for(subscription, event);
      job.parent_id = small.string_or("parent", "");
      job.root_id = small.string_or("root", "");
      job.traceparent = small.string_or("trace", "");
      add(std::move(job), one.string_or("ulid", ""));
    }
  }
  for (std::size_t i = 0; i < out.jobs.size(); ++i) {
    if (!job::is_valid_name(out.jobs[i].task) || !job::is_valid_name(out.jobs[i].queue) || !job::parse_ulid(out.ulids[i])) return broken();
  }
  return out;
}

}  // namespace conduitd::broker::redis
