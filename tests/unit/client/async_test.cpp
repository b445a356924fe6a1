// The awaitable twins: from any executor, with any token, cancelled and stopped.

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <conduit/client_async.hpp>

#include <gtest/gtest.h>

#include <thread>

#include "fake_broker.h"

namespace conduit {
namespace {

namespace asio = boost::asio;
using conduitd::test::FakeBrokerScript;
using namespace std::chrono_literals;

class AsyncClient : public testing::Test {
 protected:
  FakeBrokerScript broker_;
  Client client_{{.url = "fake:"}};
};

asio::awaitable<std::thread::id> submit_and_find(Client& client, std::string& id) {
  id = co_await async_submit(client, "a.b");
  const auto found = co_await async_find(client, id);
  EXPECT_TRUE(found && found->id == id);
  co_return std::this_thread::get_id();
}

TEST_F(AsyncClient, CompletesOnTheLoopItWasCalledFrom) {
  asio::io_context loop;
  std::string id;
  auto thread = asio::co_spawn(loop, submit_and_find(client_, id), asio::use_future);
  loop.run();
  EXPECT_EQ(id, "default:1");
  EXPECT_TRUE(thread.get() == std::this_thread::get_id());
}

TEST_F(AsyncClient, WorksFromAThreadPoolAndFromAStrand) {
  asio::thread_pool pool(4);
  std::vector<std::string> ids(100);
  std::vector<std::future<std::thread::id>> done;
  const auto strand = asio::make_strand(pool);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i % 2 == 0) {
      done.push_back(asio::co_spawn(pool, submit_and_find(client_, ids[i]), asio::use_future));
    } else {
      done.push_back(asio::co_spawn(strand, submit_and_find(client_, ids[i]), asio::use_future));
    }
  }
  for (auto& each : done) each.get();
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
}

TEST_F(AsyncClient, TakesOtherCompletionTokens) {
  auto id = async_submit(client_, "a.b", Json::object(), SubmitOptions{}, asio::use_future);
  EXPECT_EQ(id.get(), "default:1");
}

asio::awaitable<void> submit_badly(Client& client, std::optional<ClientErrorKind>& kind) {
  try {
    co_await async_submit(client, "no task");
  } catch (const ClientError& error) {
    kind = error.kind();
  }
}

TEST_F(AsyncClient, ThrowsTheErrorsOfTheBlockingCalls) {
  asio::io_context loop;
  std::optional<ClientErrorKind> kind;
  asio::co_spawn(loop, submit_badly(client_, kind), asio::use_future);
  loop.run();
  EXPECT_EQ(kind, ClientErrorKind::invalid_argument);
}

asio::awaitable<void> wait_long(Client& client, std::string& outcome) {
  try {
    const auto job = co_await async_wait(client, "default:1", 1h);
    outcome = "ended";
  } catch (const ClientError& error) {
    outcome = error.kind() == ClientErrorKind::stopped ? "stopped" : error.what();
  } catch (const boost::system::system_error& error) {
    outcome = error.code() == asio::error::operation_aborted ? "cancelled" : error.what();
    throw;
  }
}

TEST_F(AsyncClient, ACancelledWaitEndsAtOnceAndIsWithdrawn) {
  asio::io_context loop;
  asio::cancellation_signal signal;
  std::string outcome;
  asio::co_spawn(loop, wait_long(client_, outcome),
                 asio::bind_cancellation_slot(signal.slot(), [](const std::exception_ptr&) {}));
  loop.poll();
  broker_.await_waits(1);
  signal.emit(asio::cancellation_type::terminal);
  loop.restart();
  loop.run();
  EXPECT_EQ(outcome, "cancelled");
  broker_.await_waits(0);
}

asio::awaitable<void> stop(Client& client) { co_await async_stop(client); }
asio::awaitable<void> start(Client& client) { co_await async_start(client); }

TEST_F(AsyncClient, StopsOnALoopAndEndsTheWaitsThere) {
  asio::io_context loop;
  std::string outcome;
  asio::co_spawn(loop, wait_long(client_, outcome), asio::use_future);
  loop.poll();
  broker_.await_waits(1);
  auto stopped = asio::co_spawn(loop, stop(client_), asio::use_future);
  loop.restart();
  loop.run();
  stopped.get();
  EXPECT_EQ(outcome, "stopped");
  EXPECT_TRUE(broker_.closed());
  auto started = asio::co_spawn(loop, start(client_), asio::use_future);
  loop.restart();
  loop.run();
  EXPECT_NO_THROW(started.get());
}

asio::awaitable<void> submit_many(Client& client, int count, int& done) {
  for (int i = 0; i < count; ++i) co_await async_submit(client, "a.b");
  ++done;
}

TEST_F(AsyncClient, ManyCoroutinesShareBatches) {
  asio::io_context loop;
  int done = 0;
  for (int i = 0; i < 100; ++i) asio::co_spawn(loop, submit_many(client_, 20, done), asio::use_future);
  loop.run();
  EXPECT_EQ(done, 100);
  EXPECT_LT(broker_.batches().size(), 1000U);
}

}  // namespace
}  // namespace conduit
