#include "broker/redis/routing.h"

#include <algorithm>
#include <set>

namespace conduitd::broker::redis {

Routing::Routing(std::vector<RoutedStep> steps) : open_(steps.size()) {
  std::optional<Slot> near;
  for (const auto& step : steps) {
    if (!near && step.slot) near = step.slot;
  }
  for (auto& step : steps) {
    if (step.slot) near = step.slot;
    if (!step.slot) step.slot = near;
    states_.push_back({step, std::nullopt, false, std::nullopt});
  }
}

std::vector<Parcel> Routing::parcels(const SlotMap& map) const {
  std::vector<Parcel> out;
  std::vector<std::set<Script>> loaded;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const auto& state = states_[i];
    if (state.reply) continue;
    const auto* node = state.asked ? &*state.asked : state.step.slot ? map.node(*state.step.slot) : map.nodes().empty() ? nullptr : &map.nodes().front();
    if (node == nullptr) continue;
    auto found = std::find_if(out.begin(), out.end(), [&](const Parcel& parcel) { return parcel.node == *node; });
    if (found == out.end()) {
      found = out.insert(out.end(), Parcel{*node, {}, {}});
      loaded.emplace_back();
    }
    auto& there = loaded[static_cast<std::size_t>(found - out.begin())];
    if (state.load && state.step.script && there.insert(*state.step.script).second) {
      found->commands.add({"SCRIPT", "LOAD", text_of(*state.step.script).text});
      found->answers.emplace_back();
    }
    if (state.asked) {
      found->commands.add({"ASKING"});
      found->answers.emplace_back();
    }
    found->commands.append(state.step.bytes);
    found->answers.emplace_back(i);
  }
  return out;
}

bool Routing::wants_another_try(State& state, ReplyView reply, const RedisAddress& from, SlotMap& map) {
  state.asked.reset();
  if (!reply.is_error()) return false;
  if (reply.text().starts_with("NOSCRIPT") && !state.load) {
    state.load = true;
    return true;
  }
  const auto said = redirection(reply.text(), from);
  if (!said) return false;
  excuse_ = reply.text();
  switch (said->kind) {
    case Redirection::Kind::moved:
      map.set(said->slot, said->to);
      moved_ = true;
      break;
    case Redirection::Kind::ask:
      state.asked = said->to;
      break;
    case Redirection::Kind::wait:
      wait_ = true;
      break;
  }
  return true;
}

void Routing::take(const Parcel& parcel, std::vector<Reply> replies, SlotMap& map) {
  bool refused = false;  // what prepares a step: its error is the step's
  for (std::size_t i = 0; i < replies.size() && i < parcel.answers.size(); ++i) {
    const auto number = parcel.answers[i];
    if (!number) {
      const auto view = replies[i].view();
      if (!view.is_error() || refused) continue;
      // SCRIPT LOAD or ASKING: the steps after it fail with the same words.
      refused = true;
      for (std::size_t next = i + 1; next < parcel.answers.size(); ++next) {
        if (!parcel.answers[next]) continue;
        auto& state = states_[*parcel.answers[next]];
        state.asked.reset();
        state.reply = std::move(replies[i]);
        --open_;
        break;
      }
      continue;
    }
    auto& state = states_[*number];
    if (state.reply || wants_another_try(state, replies[i].view(), parcel.node, map)) continue;
    state.reply = std::move(replies[i]);
    --open_;
  }
}

std::vector<Reply> Routing::take_replies() {
  std::vector<Reply> out;
  out.reserve(states_.size());
  for (auto& state : states_) out.push_back(std::move(*state.reply));
  return out;
}

}  // namespace conduitd::broker::redis
