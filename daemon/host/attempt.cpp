#include "host/attempt.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"
#include "host/running.h"
#include "plugin/abi_check.h"

namespace conduitd::host {
namespace {

using channel::FrameType;
using channel::Outcome;
using plugin::to_abi;
using plugin::view;

SteadyTime now() { return SystemClock().now(); }

constexpr std::array kCallKinds{channel::Call::Kind::submit, channel::Call::Kind::wait, channel::Call::Kind::results, channel::Call::Kind::cancel,
                                channel::Call::Kind::trigger};

constexpr std::array kFailureKinds{Outcome::Kind::retry, Outcome::Kind::fail, Outcome::Kind::invalid,
                                   Outcome::Kind::cancelled, Outcome::Kind::snooze};

/// `whole`: its texts are not cut, because they will come here again.
Outcome to_outcome(const conduit_failure& failure, bool whole) {
  Outcome outcome;
  if (failure.size < sizeof(conduit_failure)) {
    outcome.kind = Outcome::Kind::retry;
    outcome.error_type = "abi";
    outcome.error_message = "the task failed, and its failure's size is too small to read more of it";
    return outcome;
  }
  outcome.kind = failure.kind < kFailureKinds.size() ? kFailureKinds[failure.kind] : Outcome::Kind::retry;
  outcome.after_ms = std::max<std::int64_t>(failure.after_ms, -1);
  constexpr auto kWhole = std::string_view::npos;
  outcome.error_type = readable(view(failure.type), whole ? kWhole : 200);
  outcome.error_message = readable(view(failure.message), whole ? kWhole : Attempt::kLongestError);
  const auto detail = view(failure.detail);
  // A detail that cannot be read is no reason to lose the failure.
  if (validate_json(detail, {.size = Attempt::kLongestError}).has_value()) outcome.payload = detail;
  return outcome;
}

Outcome to_outcome(std::string_view result) {
  Outcome outcome;
  const auto valid = validate_json(result, {.size = Attempt::kLongestResult});
  if (valid.has_value()) {
    outcome.payload = result;
    return outcome;
  }
  outcome.kind = Outcome::Kind::invalid;
  outcome.error_type = "invalid_result";
  outcome.error_message =
      result.size() > Attempt::kLongestResult
          ? fmt::format("the task's result has {} bytes, {} are allowed: store it elsewhere and return where it is",
                        result.size(), Attempt::kLongestResult)
          : fmt::format("the task's result is no JSON: {}", valid.error().message());
  return outcome;
}

}  // namespace

Attempt::Attempt(std::uint32_t handle, channel::Start start, channel::Executor executor, channel::CommandSink& sink,
                 AttemptOwner& owner)
    : handle_(handle), start_(std::move(start)), sink_(sink), owner_(owner), pacer_(sink, handle) {
  info_.size = sizeof info_;
  info_.attempt = start_.attempt;
  info_.max_attempts = start_.max_attempts;
  info_.deadline_ms = start_.deadline_ms;
  info_.job_id = to_abi(start_.job_id);
  info_.parent_id = to_abi(start_.parent_id);
  info_.root_id = to_abi(start_.root_id.empty() ? start_.job_id : start_.root_id);
  info_.task = to_abi(start_.task);
  info_.queue = to_abi(start_.queue);
  info_.args = to_abi(start_.args);
  info_.metadata = to_abi(start_.metadata.empty() ? std::string_view("{}") : std::string_view(start_.metadata));
  info_.checkpoint = to_abi(start_.checkpoint);
  info_.executor = to_abi(to_string(executor));
  info_.traceparent = to_abi(start_.traceparent);
  info_.after = to_abi(start_.after);
  info_.devices = to_abi(start_.devices);
}

Attempt::~Attempt() = default;

void Attempt::watch(const Hooks& hooks, conduit_attempt* token) {
  hooks_.emplace(hooks);
  token_ = token;
}

void Attempt::surround(const Layers& layers, conduit_attempt* token) {
  layers_.emplace(layers);
  token_ = token;
  inner_ends_ = std::vector<InnerEnd>(layers.async() ? 0 : layers.size());
}

void Attempt::only_hooks(channel::Verdict verdict, std::int64_t duration_us) {
  outcome_.kind = Outcome::Kind::retry;
  outcome_.duration_us = duration_us;
  const std::lock_guard lock(mutex_);
  verdict_ = std::move(verdict);
  only_hooks_ = outcome_known_ = hooked_ = true;
}

void Attempt::forget_hooks() {
  const std::lock_guard lock(mutex_);
  forgotten_ = true;
}

void Attempt::never_began(Outcome outcome) {
  if (!only_hooks_) return end_with(std::move(outcome));
  outcome_ = std::move(outcome);
  finish();
}

void Attempt::run() {
  if (!only_hooks_) layers_->run(0, token_);
}

void Attempt::start(void* loop) {
  if (only_hooks_) {
    const auto before = set_running_attempt(handle_);
    run_end_hooks();
    set_running_attempt(before);
    return;
  }
  loop_ = loop;
  layers_->start(0, token_, handle_, loop);
}

void Attempt::begin() {
  {
    const std::lock_guard lock(mutex_);
    began_ = now();
  }
  if (hooks_ && !only_hooks_) hooks_->run_start(token_);
}

void Attempt::returned() {
  if (!outcome_known()) end_with(no_outcome(0));
  if (!hooked_) return;
  {
    // The supervisor answers at once, or has given the attempt up, and this host with it.
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [this] { return verdict_.has_value(); });
  }
  run_end_hooks();
}

Outcome Attempt::no_outcome(std::size_t place) const {
  Outcome outcome;
  outcome.kind = Outcome::Kind::retry;
  outcome.error_type = "no_outcome";
  outcome.error_message = fmt::format("{} returned without complete or fail", layers_ ? layers_->name_of(place) : "the task");
  return outcome;
}

void Attempt::end_with(Outcome outcome) {
  if (end_inside(outcome)) return;
  std::map<std::uint32_t, OpenCall> unanswered;
  {
    const std::lock_guard lock(mutex_);
    if (outcome_known_) return;  // the first outcome counts
    outcome_known_ = true;
    hooked_ = hooks_ && !forgotten_ && began_ != SteadyTime{} && hooks_->watch_end(outcome.kind);
    if (began_ != SteadyTime{}) {
      outcome.duration_us = std::chrono::duration_cast<std::chrono::microseconds>(now() - began_).count();
    }
    owner_.measure(*this, outcome);
    if (hooked_) {
      // From here on the outcome stands with the supervisor, even if a hook takes this process along.
      owner_.send_now(*this, FrameType::call,
                      channel::encode(channel::Call{0, channel::Call::Kind::conclude, channel::encode(outcome)}));
      outcome_ = std::move(outcome);
      if (outcome_.kind == Outcome::Kind::complete) verdict_.emplace();  // it can mean nothing else
    } else {
      seal(outcome);
    }
    unanswered.swap(calls_);
  }
  {
    // A callback that runs on another thread is waited for here, and finds nothing to do when it comes later.
    const std::lock_guard lock(callback_mutex_);
    cancel_fn_ = nullptr;
    refuse(unanswered);
  }
  if (!hooked_) {
    owner_.ended(*this);
  } else if (!owner_.calls_returned() && verdict_) {
    run_end_hooks();
  }
}

/// With mutex_ held: the last frames.
void Attempt::seal(const Outcome& outcome) {
  ended_ = true;
  pacer_.finish();
  sink_.push(handle_, FrameType::end, {});
  sink_.push(handle_, FrameType::outcome, channel::encode(outcome));
}

/// On the thread that ran user code, when it has returned; on the event loop, where take_verdict() and reply() take the
/// steps that elsewhere are waited for.
void Attempt::run_end_hooks() {
  bool forgotten = false;
  {
    const std::lock_guard lock(mutex_);
    forgotten = forgotten_;
  }
  if (!forgotten) hooks_->run_end(token_, outcome_, *verdict_);
  // What the hooks submitted is theirs to the end.
  constexpr std::chrono::seconds kLongestAnswer{30};
  std::unique_lock lock(mutex_);
  hooks_done_ = true;
  const auto all_answered = [this] { return calls_.empty() && !answering_; };
  if (owner_.calls_returned()) answered_.wait_for(lock, kLongestAnswer, all_answered);
  const bool over = all_answered() || owner_.calls_returned();
  lock.unlock();
  if (over) finish();
}

void Attempt::finish() {
  std::map<std::uint32_t, OpenCall> unanswered;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    // The supervisor has the rest of it.
    Outcome last;
    last.kind = outcome_.kind;
    last.duration_us = outcome_.duration_us;
    last.cpu_us = outcome_.cpu_us;
    last.peak_rss_kib = outcome_.peak_rss_kib;
    last.worn = outcome_.worn;
    seal(last);
    unanswered.swap(calls_);
  }
  {
    const std::lock_guard lock(callback_mutex_);
    refuse(unanswered);
  }
  owner_.ended(*this);
}

/// With callback_mutex_ held.
void Attempt::refuse(const std::map<std::uint32_t, OpenCall>& unanswered) {
  for (const auto& [id, call] : unanswered) {
    if (call.waits) owner_.wait_ends();
    call.fn(call.user, 0, to_abi("the attempt has ended"));
  }
}

void Attempt::take_verdict(const channel::Reply& reply) {
  auto verdict = channel::decode<channel::Verdict>(reply.payload);
  {
    const std::lock_guard lock(mutex_);
    if (!outcome_known_ || verdict_) return;
    verdict_ = verdict.has_value() ? std::move(verdict.value()) : channel::Verdict{channel::Verdict::Kind::returned, -1, {}, {}, {}};
  }
  answered_.notify_all();
  if (!owner_.calls_returned()) run_end_hooks();
}

/// Of the attempt, or of what is inside of the layer that waits: nothing may be asked for any more.
bool Attempt::outcome_known() {
  const std::lock_guard lock(mutex_);
  return outcome_known_ || (!waiting_.empty() && waiting_.back().over);
}

void Attempt::run_cancel_callback() {
  const std::lock_guard lock(callback_mutex_);
  const auto fn = std::exchange(cancel_fn_, nullptr);
  if (fn != nullptr) fn(cancel_user_);
}

void Attempt::on_cancel(conduit_cancel_fn fn, void* user) {
  const std::lock_guard lock(callback_mutex_);
  if (outcome_known()) return;
  cancel_fn_ = fn;
  cancel_user_ = user;
  // Set first, looked at second, while marking is the other way round: one of the two sees the other.
  if (fn != nullptr && cancelled()) {
    cancel_fn_ = nullptr;
    fn(user);
  }
}

void Attempt::reply(const channel::Reply& reply) {
  if (reply.id == 0) return take_verdict(reply);
  bool last = false;
  {
    const std::lock_guard callbacks(callback_mutex_);
    OpenCall call;
    {
      const std::lock_guard lock(mutex_);
      const auto found = calls_.find(reply.id);
      if (found == calls_.end()) return;
      call = found->second;
      calls_.erase(found);
      answering_ = true;  // what the callback says comes before the end
    }
    if (call.waits) owner_.wait_ends();
    call.fn(call.user, reply.ok ? 1 : 0, to_abi(reply.payload));
    const std::lock_guard lock(mutex_);
    answering_ = false;
    last = calls_.empty() && hooks_done_;
  }
  if (last) answered_.notify_all();
  if (last && !owner_.calls_returned()) finish();
}

bool Attempt::tick(SteadyTime at) {
  const std::lock_guard lock(mutex_);
  if (ended_) return false;
  pacer_.tick(at);
  return pacer_.waiting();
}

template <class Command>
void Attempt::command(const Command& push) {
  bool held = false;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    push(now());
    held = pacer_.waiting();
  }
  if (held) owner_.held_back();
}

void Attempt::set_progress(double fraction, std::string_view message) {
  command([&](SteadyTime at) { pacer_.progress(fraction, message, at); });
}

void Attempt::set_metadata(std::string_view key, std::string_view value) {
  command([&](SteadyTime at) { pacer_.metadata(key, value, at); });
}

void Attempt::checkpoint(std::string_view value) {
  command([&](SteadyTime at) { pacer_.checkpoint(value, at); });
}

void Attempt::log(std::uint32_t level, std::string_view message, std::string_view fields) {
  const auto known = static_cast<job::LogLevel>(std::min<std::uint32_t>(level, CONDUIT_LOG_ERROR));
  command([&](SteadyTime at) {
    pacer_.log({known, to_unix_ms(SystemClock().wall_now()), std::string(message.substr(0, 2 * CommandPacer::kLongestLog)),
                std::string(fields)},
               at);
  });
}

void Attempt::call(std::uint32_t kind, std::string_view payload, conduit_reply_fn fn, void* user) {
  if (fn == nullptr) fn = [](void*, int, conduit_str) {};
  std::string refused;
  bool waits = false;
  const std::lock_guard callbacks(callback_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || (!waiting_.empty() && waiting_.back().over)) {
      refused = "the attempt has ended";
    } else if (kind >= kCallKinds.size()) {
      refused = fmt::format("call {} is not known to this host", kind);
    } else if (payload.size() > channel::kMaxBody / 2) {
      refused = fmt::format("{} bytes in one call, {} are allowed", payload.size(), channel::kMaxBody / 2);
    } else if (calls_.size() >= kMostOpenCalls) {
      refused = fmt::format("{} calls are open, more are not allowed: wait for some", kMostOpenCalls);
    } else {
      const std::uint32_t id = ++last_call_;
      waits = kind == CONDUIT_CALL_WAIT;
      calls_.emplace(id, OpenCall{fn, user, waits});
      sink_.push(handle_, FrameType::call, channel::encode(channel::Call{id, kCallKinds.at(kind), std::string(payload)}));
    }
  }
  if (waits) owner_.wait_begins();
  if (!refused.empty()) fn(user, 0, to_abi(refused));
}

void Attempt::complete(std::string_view result) { end_with(to_outcome(result)); }

void Attempt::fail(const conduit_failure& failure) {
  bool inside = false;
  {
    const std::lock_guard lock(mutex_);
    inside = !waiting_.empty();
  }
  end_with(to_outcome(failure, inside));
}

/// The layer before `place` waits from now on for what stands there, which finds the attempt as if it were its own.
bool Attempt::enter(std::size_t place, bool async, conduit_inner_end_fn fn, void* user) {
  const std::lock_guard callbacks(callback_mutex_);
  const std::lock_guard lock(mutex_);
  if (!layers_ || layers_->async() != async || place == 0 || place > layers_->size()) return false;
  if (outcome_known_ || place != waiting_.size() + 1 || (!waiting_.empty() && waiting_.back().over)) return false;
  waiting_.push_back({last_call_, std::exchange(cancel_fn_, nullptr), cancel_user_, fn, user, false, {}});
  return true;
}

/// Keeps `outcome` for the innermost layer that waits; false if none does.
bool Attempt::end_inside(Outcome& outcome) {
  std::unique_lock callbacks(callback_mutex_);
  std::map<std::uint32_t, OpenCall> unanswered;
  conduit_inner_end_fn fn = nullptr;
  void* user = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return false;
    auto& layer = waiting_.back();
    if (layer.over) return true;  // the first outcome counts
    layer.over = true;
    layer.outcome = std::move(outcome);
    fn = layer.fn;
    user = layer.user;
    while (!calls_.empty() && calls_.rbegin()->first > layer.last_call) unanswered.insert(calls_.extract(std::prev(calls_.end())));
    cancel_fn_ = nullptr;
  }
  refuse(unanswered);
  if (fn == nullptr) return true;
  const InnerEnd end(leave());
  callbacks.unlock();
  fn(user, end.get());
  return true;
}

/// With callback_mutex_ held: what is inside has ended, and the attempt is the layer's again.
Outcome Attempt::leave() {
  WaitingLayer layer;
  {
    const std::lock_guard lock(mutex_);
    layer = std::move(waiting_.back());
    waiting_.pop_back();
  }
  cancel_fn_ = layer.cancel_fn;
  cancel_user_ = layer.cancel_user;
  if (cancelled()) run_cancel_callback();  // it was asked to stop while what is inside listened
  return std::move(layer.outcome);
}

const conduit_inner_end* Attempt::run_next(std::size_t place) {
  if (!enter(place, false, nullptr, nullptr)) return out_of_turn();
  layers_->run(place, token_);
  auto unsaid = no_outcome(place);
  static_cast<void>(end_inside(unsaid));
  const std::lock_guard callbacks(callback_mutex_);
  return inner_ends_[place - 1].set(leave());
}

void Attempt::start_next(std::size_t place, conduit_inner_end_fn fn, void* user) {
  if (!enter(place, true, fn, user)) return fn(user, out_of_turn());
  layers_->start(place, token_, handle_, loop_);
}

}  // namespace conduitd::host
