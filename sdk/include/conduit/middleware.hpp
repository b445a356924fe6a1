#pragma once
// Middleware: an onion around the tasks of a plugin.
//
//   conduit::Json timed(conduit::Context& ctx, conduit::Next next) {
//     const auto begun = std::chrono::steady_clock::now();
//     conduit::Json result = next();  // what is inside: the next layer, or the task
//     ctx.set_metadata("ms", since(begun));
//     return result;
//   }
//
//   CONDUIT_PLUGIN("images", "1.2.0", plugin) {
//     plugin.use(timed, {.priority = 10});               // around every task of this plugin
//     plugin.task("images.resize", resize).use(cached);  // around this one
//   }
//
// The layer with the highest priority is outermost; of equal ones the one that was registered
// first, and the plugin's are outside of the task's own. A layer may look at the arguments
// (ctx.args()), return another result, call next() again (the arguments are read anew), or not at
// all. What the task throws comes out of next() as it was thrown, arguments that do not fit as
// InvalidArguments; what a layer throws counts as if the task had thrown it.
//
// A coroutine needs a layer that is one, with AsyncNext (conduit/async.hpp):
//
//   boost::asio::awaitable<conduit::Json> timed_async(conduit::Context&, conduit::AsyncNext next);
//
// In a plugin that has both kinds of tasks give both forms: plugin.use(timed, timed_async). A task
// without a layer of its kind is refused at load.
//
// A layer of the worker goes around every task that the worker runs, of this plugin and of all
// others, whatever their language:
//
//   plugin.use(timed, timed_async, {.name = "timed", .scope = conduit::LayerScope::worker});
//
// It stands outside of all layers that plugins put around their own tasks. The function goes around
// tasks in the thread and process executors, coroutines among them too, and the coroutine around
// those in the async executor; a task that a layer has no form for runs without it, and conduitd
// says so when it loads. Between it and the task lies the C boundary: what the task throws comes
// out of next() as TaskError (conduit/error.hpp), that of this plugin's own tasks as well, and each
// has a Context of its own, which knows metadata and checkpoint as they were when the attempt began.
//
// Hooks are told how attempts went, and cannot change it: on_start, on_success, on_retry,
// on_failure and on_complete of conduit/plugin.hpp.

#include <conduit/abi.h>
#include <conduit/context.hpp>
#include <conduit/json.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace conduit {

/// The tasks that a layer of plugin.use() goes around.
enum class LayerScope : std::uint8_t {
  plugin,  ///< those of this plugin
  worker   ///< all that the worker runs
};
BOOST_DESCRIBE_ENUM(LayerScope, plugin, worker)

struct MiddlewareOptions {
  int priority = 0;       ///< higher is further out
  std::string name = {};  ///< for people: shown by `conduitctl plugin check`
  LayerScope scope = LayerScope::plugin;
};

namespace detail {
class AsyncLayer;  // both completed by conduit/async.hpp
template <class F>
class AsyncLayerOf;

/// What is inside of the layers of one attempt.
class Inside {
 public:
  virtual ~Inside() = default;
  /// Runs what stands at that place: its result, or what it throws.
  [[nodiscard]] virtual Json run(std::size_t at) const = 0;
};
}  // namespace detail

/// What is inside of a layer. Valid until the layer's function returns; may be copied.
class Next {
 public:
  /// Runs it: its result, or what it throws.
  Json operator()() const { return inside_->run(at_); }

  /// Made by the SDK.
  Next(const detail::Inside& inside, std::size_t at) : inside_(&inside), at_(at) {}

 private:
  const detail::Inside* inside_;
  std::size_t at_;
};

/// How an attempt ended, as Conduit decided it.
enum class EndKind : std::uint8_t {
  complete,   ///< `result`
  retry,      ///< it failed, and there will be another attempt
  failed,     ///< it failed, and with it the job
  cancelled,  ///< it stopped because somebody asked
  snoozed,    ///< the task asked to come back later
  returned    ///< it was handed back, as a worker that drains does; it runs again elsewhere
};
BOOST_DESCRIBE_ENUM(EndKind, complete, retry, failed, cancelled, snoozed, returned)

/// What a hook is told.
struct End {
  EndKind kind = EndKind::complete;
  Json result;             ///< of a complete attempt
  std::string error_type;  ///< of any other: "std::runtime_error", "timeout"
  std::string error;       ///< its message
  Json error_detail;       ///< an object, or null
  std::optional<std::chrono::milliseconds> retry_after = {};  ///< of retry and snoozed
  std::chrono::microseconds duration{0};                      ///< of the attempt, hooks not counted
};

namespace detail {

/// One registered layer. Lives as long as the process.
struct Layer {
  std::string name;
  int priority = 0;
  LayerScope scope = LayerScope::plugin;
  const conduit_api* api = nullptr;                    // of the worker's
  std::function<Json(Context&, Next)> blocking = {};  ///< empty: it has no such form
  std::shared_ptr<AsyncLayer> async = {};             ///< null: it has no such form
  /// conduit_middleware.start, if it has that form.
  void (*start)(void* user, conduit_attempt* attempt, void* io_context,
                conduit_next* next) = nullptr;
};
using Layers = std::vector<const Layer*>;  // outermost first

/// The onion of one attempt at a plain function.
class Chain final : public Inside {
 public:
  Chain(const Layers& layers, Context& context, const std::function<Json()>& task)
      : layers_(layers), context_(context), task_(task) {}

  [[nodiscard]] Json run(std::size_t at) const override {
    if (at == layers_.size()) return task_();
    return layers_[at]->blocking(context_, Next(*this, at + 1));
  }

 private:
  const Layers& layers_;
  Context& context_;
  const std::function<Json()>& task_;
};

/// Gives `layer` the form that `function` is.
template <class F>
void add_form(Layer& layer, F function) {
  if constexpr (std::is_invocable_r_v<Json, F&, Context&, Next>) {
    layer.blocking = std::move(function);
  } else {
    static_assert(
        requires { sizeof(AsyncLayerOf<F>); },
        "middleware is a function Json(conduit::Context&, conduit::Next), or, with "
        "<conduit/async.hpp>, a coroutine boost::asio::awaitable<Json>(conduit::Context&, "
        "conduit::AsyncNext)");
    layer.async = std::make_shared<AsyncLayerOf<F>>(std::move(function));
    layer.start = AsyncLayerOf<F>::start;
  }
}

/// One registered hook. Lives as long as the process.
struct Hook {
  const conduit_api* api = nullptr;
  conduit_hook_event event = CONDUIT_HOOK_START;
  std::function<void(Context&, const End&)> function;
};

/// A hook's function in the one form that is kept.
template <class F>
std::function<void(Context&, const End&)> hook_function(F function) {
  if constexpr (std::is_invocable_r_v<void, F&, Context&, const End&>) {
    static_assert(std::is_void_v<std::invoke_result_t<F&, Context&, const End&>>,
                  "a hook returns nothing; it is no coroutine: what waits belongs in middleware");
    return function;
  } else if constexpr (std::is_invocable_r_v<void, F&, Context&>) {
    static_assert(std::is_void_v<std::invoke_result_t<F&, Context&>>,
                  "a hook returns nothing; it is no coroutine: what waits belongs in middleware");
    return [function = std::move(function)](Context& context, const End&) mutable {
      function(context);
    };
  } else {
    static_assert(std::is_invocable_r_v<void, F&>,
                  "a hook is a function void(conduit::Context&, const conduit::End&), "
                  "void(conduit::Context&) or void()");
    return [function = std::move(function)](Context&, const End&) mutable { function(); };
  }
}

}  // namespace detail

}  // namespace conduit
