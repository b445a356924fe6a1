#include "service/notify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/unique_fd.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace conduitd::service {
namespace {

/// A service manager that only listens.
class Notify : public testing::Test {
 protected:
  void SetUp() override {
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_TRUE(socket_.valid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = directory_.file("notify");
    ASSERT_LT(path.size(), sizeof(address.sun_path));
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }

  /// The next message; "" if none is there (a datagram is there as soon as it was sent).
  std::string received() {
    std::string message(4'096, '\0');
    const auto size = ::recv(socket_.get(), message.data(), message.size(), MSG_DONTWAIT);
    message.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return message;
  }

 private:
  test::TempDir directory_;
  UniqueFd socket_;
};

TEST_F(Notify, SaysEachThingInTheWordsOfSystemd) {
  EXPECT_OK(notify_ready("3 plugins, 7 tasks"));
  EXPECT_EQ(received(), "READY=1\nSTATUS=3 plugins, 7 tasks");
  EXPECT_OK(notify_reloading(SteadyTime{std::chrono::milliseconds(12'345)}));
  EXPECT_EQ(received(), "RELOADING=1\nMONOTONIC_USEC=12345000\nSTATUS=reloading");
  EXPECT_OK(notify_stopping("draining: 2 jobs run"));
  EXPECT_EQ(received(), "STOPPING=1\nSTATUS=draining: 2 jobs run");
  EXPECT_OK(notify_status("idle"));
  EXPECT_EQ(received(), "STATUS=idle");
  EXPECT_OK(notify_alive());
  EXPECT_EQ(received(), "WATCHDOG=1");
  EXPECT_OK(notify_extend(std::chrono::seconds(10)));
  EXPECT_EQ(received(), "EXTEND_TIMEOUT_USEC=10000000");
}

TEST_F(Notify, AStatusCannotSmuggleInAnotherMessage) {
  EXPECT_OK(notify_status("plugin \"x\nREADY=1\" is out"));
  EXPECT_EQ(received(), "STATUS=plugin \"x\\nREADY=1\" is out");
}

TEST_F(Notify, ALongStatusIsCut) {
  EXPECT_OK(notify_status(std::string(100'000, 'x')));
  EXPECT_LT(received().size(), 500U);
}

TEST_F(Notify, SaysNothingWithoutAManager) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_OK(notify_ready("up"));
  EXPECT_OK(notify_alive());
  EXPECT_EQ(received(), "");
}

TEST_F(Notify, AManagerThatWentAwayIsAnError) {
  ::setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
  EXPECT_ERRC(Errc::io, notify_ready("up"));
}

TEST_F(Notify, ReadsTheIntervalOfTheWatchdogIfItIsOurs) {
  EXPECT_EQ(watchdog_interval(), std::nullopt);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(watchdog_interval(), Millis(30'000));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_interval(), std::nullopt) << "it is another process's";
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_interval(), Millis(30'000));
}

}  // namespace
}  // namespace conduitd::service
