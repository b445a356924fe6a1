#include "base/at_once.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

namespace asio = boost::asio;

namespace conduitd {

asio::awaitable<void> at_once(std::vector<asio::awaitable<void>> works) {
  if (works.empty()) co_return;
  const auto executor = co_await asio::this_coro::executor;
  const auto operation = [&executor](asio::awaitable<void> work) { return asio::co_spawn(executor, std::move(work), asio::deferred); };
  std::vector<decltype(operation(std::move(works.front())))> operations;
  operations.reserve(works.size());
  for (auto& work : works) operations.push_back(operation(std::move(work)));
  auto group = asio::experimental::make_parallel_group(std::move(operations));
  const auto [order, failures] = co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace conduitd
