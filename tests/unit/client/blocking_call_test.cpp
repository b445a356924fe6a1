// A blocking call inside a running event loop fails at once and names the awaitable call; outside one it works.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <conduit/client_async.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "fake_broker.h"

namespace conduit {
namespace {

namespace asio = boost::asio;
using conduitd::test::FakeBrokerScript;
using namespace std::chrono_literals;
using testing::HasSubstr;

struct Thrown {
  std::optional<ClientErrorKind> kind;
  std::string what;
};

Thrown thrown_by(const std::function<void()>& call) {
  try {
    call();
  } catch (const ClientError& error) {
    return {error.kind(), error.what()};
  }
  return {};
}

class BlockingCall : public testing::Test {
 protected:
  FakeBrokerScript broker_;
  Client client_{{.url = "fake:"}};
};

TEST_F(BlockingCall, FailsAtOnceInARunningEventLoopAndNamesTheAwaitable) {
  struct Case {
    std::function<void()> call;
    const char* awaitable;
  };
  const Case cases[] = {
      {[&] { client_.start(); }, "conduit::async_start("},
      {[&] { client_.submit("a.b"); }, "conduit::async_submit("},
      {[&] { client_.submit_bulk({}); }, "conduit::async_submit_bulk("},
      {[&] { client_.submit_batch({}, {}); }, "conduit::async_submit_batch("},
      {[&] { client_.add_schedule({}); }, "conduit::async_add_schedule("},
      {[&] { client_.schedules(); }, "conduit::async_schedules("},
      {[&] { client_.find_schedule("n"); }, "conduit::async_find_schedule("},
      {[&] { client_.run_schedule("n"); }, "conduit::async_run_schedule("},
      {[&] { client_.pause_schedule("n"); }, "conduit::async_pause_schedule("},
      {[&] { client_.resume_schedule("n"); }, "conduit::async_resume_schedule("},
      {[&] { client_.remove_schedule("n"); }, "conduit::async_remove_schedule("},
      {[&] { client_.wait("default:1", 1h); }, "conduit::async_wait("},
      {[&] { client_.find("default:1"); }, "conduit::async_find("},
      {[&] { client_.cancel("default:1"); }, "conduit::async_cancel("},
      {[&] { client_.stop(); }, "conduit::async_stop("},
  };
  for (const auto& expected : cases) {
    asio::io_context loop;
    Thrown thrown;
    asio::post(loop, [&] { thrown = thrown_by(expected.call); });
    loop.run();
    EXPECT_EQ(thrown.kind, ClientErrorKind::blocking_call_on_event_loop) << expected.awaitable;
    EXPECT_THAT(thrown.what, HasSubstr(expected.awaitable));
    EXPECT_THAT(thrown.what, HasSubstr("event loop"));
  }
  EXPECT_TRUE(broker_.batches().empty());
}

asio::awaitable<void> submit_blocking(Client& client, Thrown& thrown) {
  thrown = thrown_by([&] { client.submit("a.b"); });
  co_return;
}

TEST_F(BlockingCall, FailsAtOnceInACoroutine) {
  asio::io_context loop;
  Thrown thrown;
  asio::co_spawn(loop, submit_blocking(client_, thrown), [](const std::exception_ptr&) {});
  loop.run();
  EXPECT_EQ(thrown.kind, ClientErrorKind::blocking_call_on_event_loop);
}

TEST_F(BlockingCall, FailsAtOnceInAThreadPoolOfAsioWhichIsALoopToo) {
  asio::thread_pool pool(1);
  Thrown thrown;
  asio::post(pool, [&] { thrown = thrown_by([&] { client_.submit("a.b"); }); });
  pool.join();
  EXPECT_EQ(thrown.kind, ClientErrorKind::blocking_call_on_event_loop);
}

TEST_F(BlockingCall, WorksOutsideAnEventLoopAlsoWhenOneIsThereOrHasRun) {
  EXPECT_EQ(client_.submit("a.b"), "default:1");
  asio::io_context loop;
  asio::post(loop, [] {});
  EXPECT_EQ(client_.submit("a.b"), "default:2");
  loop.run();
  EXPECT_EQ(client_.submit("a.b"), "default:3");
}

TEST_F(BlockingCall, WorksInAThreadBesideALoop) {
  asio::io_context loop;
  std::string id;
  asio::post(loop, [&] { std::thread([&] { id = client_.submit("a.b"); }).join(); });
  loop.run();
  EXPECT_EQ(id, "default:1");
}

}  // namespace
}  // namespace conduit
