#pragma once
// Notices that other processes have written to the database, without looking all the time: inotify on the write-ahead
// log and on the file itself.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace conduitd::broker::sqlite {

/// Owned by the broker; run() belongs to its TaskGroup and ends by cancellation.
class FileWatch {
 public:
  /// `path` is the database's; its log must be there. Errc::full where the system grants no more watches.
  static Result<FileWatch> open(const std::string& path);

  /// Calls `changed` soon after a write, at most once in kRest.
  boost::asio::awaitable<void> run(std::function<void()> changed);

 private:
  static constexpr Millis kRest{2};

  explicit FileWatch(UniqueFd descriptor) : descriptor_(std::move(descriptor)) {}

  UniqueFd descriptor_;
};

}  // namespace conduitd::broker::sqlite
