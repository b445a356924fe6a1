#pragma once
// What conduit/testing.hpp needs of Asio, so that it includes none of it.

namespace conduit::detail {

/// Calls `begin(user, io_context)` on an event loop of its own, and runs that until `ended(user)` or
/// nothing is left to do.
using OwnLoop = void(void (*begin)(void* user, void* io_context), bool (*ended)(void* user),
                     void* user);
/// Set by conduit/async.hpp, in a program that has coroutines; else null.
inline constinit OwnLoop* run_on_own_loop = nullptr;

}  // namespace conduit::detail
