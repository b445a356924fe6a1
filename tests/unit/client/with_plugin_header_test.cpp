// The client and the plugin headers in one source file: a program may host tests of its tasks and submit jobs.

#include <conduit/client_async.hpp>
#include <conduit/plugin.hpp>

#include <gtest/gtest.h>

TEST(ClientHeader, StandsBesideThePluginHeaders) {
  const conduit::SubmitOptions options{.queue = "media"};
  const conduit::JobRequest request{.task = "a.b", .options = options};
  EXPECT_EQ(request.options.queue, "media");
}
