#pragma once
// An executor that makes an attempt's context the current one around everything that runs on it:
// each resumption of the task's coroutine, and of those it spawns, comes through execute().

#include <conduit/context.hpp>

#include <boost/asio/execution.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace conduit::detail {

/// Where an executor finds the context. It outlives the attempt: a coroutine that a task leaves
/// behind holds it.
struct ContextSlot {
  ContextSlot(const conduit_api& of_host, conduit_attempt* of, Context* with)
      : api(of_host), attempt(of), context(with) {}
  const conduit_api& api;
  conduit_attempt* attempt;
  Context*
      context;  ///< null once the attempt has ended; written and read on the attempt's executor
};

/// Tells the host for a scope whose code this thread runs; nests.
class RunningScope {
 public:
  explicit RunningScope(const ContextSlot& slot) noexcept : api_(slot.api) {
    if (knows()) before_ = api_.running(slot.context != nullptr ? slot.attempt : nullptr);
  }
  ~RunningScope() {
    if (knows()) api_.running(before_);
  }
  RunningScope(const RunningScope&) = delete;
  RunningScope& operator=(const RunningScope&) = delete;

 private:
  [[nodiscard]] bool knows() const noexcept { return api_.size > offsetof(conduit_api, running); }

  const conduit_api& api_;
  conduit_attempt* before_ = nullptr;
};

/// `Inner` with that added; every property of Inner is passed through.
template <class Inner>
class ContextExecutor {
 public:
  ContextExecutor(Inner inner, std::shared_ptr<ContextSlot> slot) noexcept
      : inner_(std::move(inner)), slot_(std::move(slot)) {}

  template <class Property>
  requires(boost::asio::can_query<const Inner&, Property>::value) decltype(auto)
      query(const Property& property) const
      noexcept(boost::asio::is_nothrow_query<const Inner&, Property>::value) {
    return boost::asio::query(inner_, property);
  }
  template <class Property>
  requires(boost::asio::can_require<const Inner&, Property>::value) auto require(
      const Property& property) const {
    return with(boost::asio::require(inner_, property));
  }
  template <class Property>
  requires(boost::asio::can_prefer<const Inner&, Property>::value) auto prefer(
      const Property& property) const {
    return with(boost::asio::prefer(inner_, property));
  }

  template <class Function>
  void execute(Function&& function) const {
    inner_.execute(Bound<std::decay_t<Function>>{std::forward<Function>(function), slot_});
  }

  friend bool operator==(const ContextExecutor& a, const ContextExecutor& b) noexcept {
    return a.slot_ == b.slot_ && a.inner_ == b.inner_;
  }

 private:
  template <class Function>
  struct Bound {
    Function function;
    std::shared_ptr<ContextSlot> slot;
    void operator()() {
      const CurrentScope scope(slot->context);
      const RunningScope running(*slot);
      std::move(function)();
    }
  };
  template <class Other>
  ContextExecutor<std::decay_t<Other>> with(Other&& other) const {
    return {std::forward<Other>(other), slot_};
  }

  Inner inner_;
  std::shared_ptr<ContextSlot> slot_;
};

}  // namespace conduit::detail
