#pragma once
// Reply: the one answer every call gets, also when what was to give it is thrown away.

#include <functional>
#include <utility>

#include "base/result.h"

namespace conduit::detail {

inline constexpr const char* kStopped = "the client was stopped, so this call has no answer; start() begins anew";

template <class T>
using ReplyFn = std::function<void(conduitd::Result<T>)>;

/// Calls its function exactly once: with what give() is given, or with Errc::cancelled when destroyed before that.
template <class T>
class Reply {
 public:
  explicit Reply(ReplyFn<T> fn) : fn_(std::move(fn)) {}
  Reply(Reply&& other) noexcept : fn_(std::exchange(other.fn_, nullptr)) {}
  Reply& operator=(Reply&&) = delete;
  ~Reply() {
    if (fn_) give(conduitd::Error(conduitd::Errc::cancelled, kStopped));
  }
  void give(conduitd::Result<T> answer) {
    if (const auto fn = std::exchange(fn_, nullptr)) fn(std::move(answer));
  }

 private:
  ReplyFn<T> fn_;
};

}  // namespace conduit::detail
