#include "broker/sqlite/file_watch.h"

#include <fmt/format.h>
#include <sys/inotify.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <array>
#include <cerrno>
#include <system_error>

namespace asio = boost::asio;

namespace conduitd::broker::sqlite {

Result<FileWatch> FileWatch::open(const std::string& path) {
  const auto failed = [&] {
    return Error(Errc::full, fmt::format("watch {} for writes of other processes: {}", path,
                                         std::generic_category().message(errno)));
  };
  UniqueFd descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!descriptor.valid()) return failed();
  // IN_ATTRIB: the number of links fell, so the file was deleted or another one took its name.
  constexpr std::uint32_t kGone = IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF;
  if (::inotify_add_watch(descriptor.get(), path.c_str(), kGone) < 0) return failed();
  const auto log = path + "-wal";
  if (::inotify_add_watch(descriptor.get(), log.c_str(), IN_MODIFY | kGone) < 0) return failed();
  return FileWatch(std::move(descriptor));
}

asio::awaitable<void> FileWatch::run(std::function<void()> changed) {
  const auto executor = co_await asio::this_coro::executor;
  asio::posix::stream_descriptor events(executor, descriptor_.release());
  asio::steady_timer rest(executor);
  std::array<char, 4096> buffer{};
  for (;;) {
    // What the events say does not matter: something happened, so look.
    co_await events.async_read_some(asio::buffer(buffer), asio::use_awaitable);
    changed();
    rest.expires_after(kRest);
    co_await rest.async_wait(asio::use_awaitable);
  }
}

}  // namespace conduitd::broker::sqlite
