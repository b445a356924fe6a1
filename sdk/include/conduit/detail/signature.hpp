#pragma once
// What the compiler can say about a task's function: its parameters without the context, its
// result, and where the context goes.

#include <conduit/json.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace boost::asio {
template <typename T, typename Executor>
class awaitable;  // declared here, so that a plugin without coroutines need not include Asio
}

namespace conduit {
class Context;

namespace detail {

template <class T>
inline constexpr bool is_context = std::is_same_v<std::remove_cvref_t<T>, Context>;

template <class T>
struct AwaitableTraits : std::false_type {
  using Value = T;
};
template <class T, class E>
struct AwaitableTraits<boost::asio::awaitable<T, E>> : std::true_type {
  using Value = T;
};

/// A parameter that arguments can fill: by value, const& or &&.
template <class P>
inline constexpr bool is_fillable =
    !std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>;

template <class... Ps>
using WithoutContext = decltype(std::tuple_cat(
    std::declval<std::conditional_t<is_context<Ps>, std::tuple<>,
                                    std::tuple<std::remove_cvref_t<Ps>>>>()...));

template <class R, class... Ps>
struct Signature {
  static_assert(((is_context<Ps> ? std::is_lvalue_reference_v<Ps> : is_fillable<Ps>)&&...),
                "take the context as conduit::Context&, and each argument by value or const&");
  static_assert((0 + ... + (is_context<Ps> ? 1 : 0)) <= 1, "a task takes the context once");

  using Result = typename AwaitableTraits<R>::Value;
  using Arguments = WithoutContext<Ps...>;
  static constexpr bool is_async = AwaitableTraits<R>::value;
  static constexpr bool wants_context = (is_context<Ps> || ...);

  /// Calls `function` with its arguments moved out of `arguments`, the context put where it
  /// belongs. What is taken by reference stays in `arguments`, which must outlive the call, and a
  /// coroutine that the call returns.
  template <class F>
  static R call(F& function, Arguments& arguments, Context& context) {
    return call(function, arguments, context, std::index_sequence_for<Ps...>());
  }

 private:
  template <class F, std::size_t... I>
  static R call(F& function, Arguments& arguments, Context& context, std::index_sequence<I...>) {
    return function(pick<I>(arguments, context)...);
  }
  template <std::size_t I>
  static decltype(auto) pick([[maybe_unused]] Arguments& arguments,
                             [[maybe_unused]] Context& context) {
    using P = std::tuple_element_t<I, std::tuple<Ps...>>;
    if constexpr (is_context<P>) {
      return static_cast<Context&>(context);
    } else {
      return static_cast<std::remove_cvref_t<P>&&>(std::get<arguments_before<I>()>(arguments));
    }
  }
  template <std::size_t I>
  static constexpr std::size_t arguments_before() {
    constexpr bool context[] = {is_context<Ps>...};
    std::size_t count = 0;
    for (std::size_t i = 0; i < I; ++i) count += context[i] ? 0 : 1;
    return count;
  }
};

template <class M>
struct MemberSignature;
template <class R, class C, class... Ps>
struct MemberSignature<R (C::*)(Ps...)> : Signature<R, Ps...> {};
template <class R, class C, class... Ps>
struct MemberSignature<R (C::*)(Ps...) const> : Signature<R, Ps...> {};
template <class R, class C, class... Ps>
struct MemberSignature<R (C::*)(Ps...) noexcept> : Signature<R, Ps...> {};
template <class R, class C, class... Ps>
struct MemberSignature<R (C::*)(Ps...) const noexcept> : Signature<R, Ps...> {};

/// A callable object.
template <class F>
struct SignatureOf : MemberSignature<decltype(&F::operator())> {};
template <class R, class... Ps>
struct SignatureOf<R (*)(Ps...)> : Signature<R, Ps...> {};
template <class R, class... Ps>
struct SignatureOf<R (*)(Ps...) noexcept> : Signature<R, Ps...> {};

template <class F>
concept HasOneSignature = std::is_function_v<std::remove_pointer_t<F>> || requires {
  &F::operator();
};

}  // namespace detail
}  // namespace conduit
