#include "broker/events.h"

#include <fmt/format.h>

#include "base/json.h"

namespace conduitd::broker {

std::string encode(const Triggered& triggered) {
  Json deliveries{Json::Array{}};
  for (const auto& delivery : triggered.deliveries) {
    Json one;
    one.set("subscription", delivery.subscription).set("job", delivery.job_id);
    deliveries.push(std::move(one));
  }
  Json out;
  out.set("id", triggered.id).set("deliveries", std::move(deliveries));
  return out.text();
}

Triggered triggered_from(std::string_view text) {
  Triggered out;
  const auto json = parse_json(text);
  if (!json.has_value()) return out;
  out.id = json.value().string_or("id", "");
  const auto* deliveries = json.value().find("deliveries");
  if (deliveries == nullptr || deliveries->as_array() == nullptr) return out;
  for (const auto& one : *deliveries->as_array()) out.deliveries.push_back({one.string_or("subscription", ""), one.string_or("job", "")});
  return out;
}

Error too_many_subscribers(std::string_view event) {
  return {Errc::full, fmt::format("more than {} subscriptions match the event '{}': make their patterns narrower", Events::kMostDeliveries, event)};
}

}  // namespace conduitd::broker
