#pragma once
// Makes a plugin's copy of Asio know the host's event loop. Version-bound: the host refuses a plugin with coroutines that was
// built with another Boost.

#include <conduit/abi.h>

#include <boost/asio/detail/call_stack.hpp>
#include <boost/asio/detail/thread_context.hpp>
#include <boost/asio/detail/thread_info_base.hpp>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <optional>

namespace conduit::detail {

/// Asio keeps, for each thread, a list of the io_contexts it runs and what belongs to each. Symbols of a plugin are its own, so
/// host and plugin have two such lists, and code of the plugin that the host's loop calls would not find that the thread
/// runs this loop; for sockets, Asio then takes it for granted and follows a null pointer. This enters into the plugin's list
/// what stands in the host's. Called on the loop's thread, before anything of the plugin is put on the loop; what it enters
/// lives as long as the thread does.
inline void know_loop(const conduit_api& api, boost::asio::io_context& loop) {
  namespace asio = boost::asio::detail;
  using Known = asio::call_stack<asio::thread_context, asio::thread_info_base>;
  auto& scheduler = boost::asio::use_service<asio::io_context_impl>(loop);
  if (api.size <= offsetof(conduit_api, loop_thread) || Known::contains(&scheduler) != nullptr) return;
  auto* const thread = static_cast<asio::thread_info_base*>(api.loop_thread());
  static thread_local std::optional<Known::context> entered;
  if (thread != nullptr) entered.emplace(&scheduler, *thread);
}

}  // namespace conduit::detail
