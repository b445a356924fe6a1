#include "host/layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>

#include "host/running.h"
#include "plugin/abi_check.h"

namespace conduitd::host {
namespace {

using channel::Outcome;
using plugin::to_abi;

std::uint32_t failure_kind(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::fail: return CONDUIT_FAILURE_FAIL;
    case Outcome::Kind::invalid: return CONDUIT_FAILURE_INVALID;
    case Outcome::Kind::cancelled: return CONDUIT_FAILURE_CANCELLED;
    case Outcome::Kind::snooze: return CONDUIT_FAILURE_SNOOZE;
    case Outcome::Kind::complete:
    case Outcome::Kind::retry: return CONDUIT_FAILURE_RETRY;
  }
  return CONDUIT_FAILURE_RETRY;
}

}  // namespace

std::string Layers::name_of(std::size_t place) const {
  if (place >= layers_.size()) return "the task";
  return fmt::format("middleware '{}' of plugin '{}'", layers_[place].name, layers_[place].plugin);
}

void Layers::run(std::size_t place, conduit_attempt* token) const {
  if (place >= layers_.size()) return handler_->run(handler_->user, token);
  const auto& layer = layers_[place];
  layer.run(layer.user, token, to_next(place + 1));
}

void Layers::start(std::size_t place, conduit_attempt* token, std::uint32_t handle, void* loop) const {
  // By value: the attempt may have ended when the loop comes to it. What was registered stays.
  auto begin = [at = *this, place, token, handle, loop] {
    const auto before = set_running_attempt(handle);
    if (place >= at.layers_.size()) {
      at.handler_->start(at.handler_->user, token, loop);
    } else {
      const auto& layer = at.layers_[place];
      layer.start(layer.user, token, loop, to_next(place + 1));
    }
    set_running_attempt(before);
  };
  boost::asio::dispatch(*static_cast<boost::asio::io_context*>(loop), std::move(begin));
}

const conduit_inner_end* InnerEnd::set(Outcome outcome) {
  outcome_ = std::move(outcome);
  end_ = {};
  end_.size = sizeof end_;
  if (outcome_.kind == Outcome::Kind::complete) {
    end_.result = to_abi(outcome_.payload);
    return &end_;
  }
  failure_ = {sizeof failure_,
              failure_kind(outcome_.kind),
              outcome_.after_ms,
              to_abi(outcome_.error_type),
              to_abi(outcome_.error_message),
              to_abi(outcome_.payload)};
  end_.failure = &failure_;
  return &end_;
}

const conduit_inner_end* out_of_turn() {
  static const InnerEnd end([] {
    Outcome outcome;
    outcome.kind = Outcome::Kind::fail;
    outcome.error_type = "abi";
    outcome.error_message = "a layer called next where it was not its turn: while what is inside ran, after its own end, or in the "
                            "form of another executor";
    return outcome;
  }());
  return end.get();
}

}  // namespace conduitd::host
