#pragma once
// What async_plugin.cpp and its tests share besides the tasks.
#include <future>

namespace async_sample {
/// Set by a coroutine that outlived its attempt: whether it found a current context then.
extern std::promise<bool> left_behind_found_context;
}  // namespace async_sample
