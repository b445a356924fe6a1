// A submit that Redis carried out, and whose answer the network lost: whoever repeats it with its key makes no second job.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <conduit/client.hpp>

#include "base/json.h"
#include "ctl_program.h"
#include "support/cutting_proxy.h"
#include "support/redis_server.h"
#include "support/result_matchers.h"

namespace conduitd::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class LostReplyTest : public testing::Test {
 protected:
  [[nodiscard]] std::string url() const {
    return std::string("redis+unix://conduit:") + RedisServer::kPassword + "@" + proxy.socket();
  }
  CtlOutcome ctl(std::vector<std::string> words) {
    words.insert(words.end(), {"--broker", url()});
    return CtlProgram(words, {.folder = dir.path().string(), .stdin_text = {}, .environment = {}}).finish();
  }
  std::size_t jobs() {
    const auto listed = ctl({"job", "list", "-o", "json"});
    EXPECT_EQ(listed.code, 0) << listed.err;
    return must(parse_json(listed.out)).find("jobs")->as_array()->size();
  }

  TempDir dir;
  RedisServer server;
  CuttingProxy proxy{server.socket()};
};

TEST_F(LostReplyTest, F65_AClientsRepeatedSubmitMakesNoSecondJob) {
  conduit::Client client({.url = url()});
  const conduit::SubmitOptions options{.idempotency_key = "order-42"};
  // So that the server knows the script, and the next submit is one request.
  client.submit("mail.send", {{"n", 0}}, {.idempotency_key = "order-41"});
  proxy.cut_answer_to("order-42");
  try {
    client.submit("mail.send", {{"n", 1}}, options);
    ADD_FAILURE() << "its answer came";
  } catch (const conduit::ClientError& error) {
    EXPECT_TRUE(error.is_transient()) << error.what();
  }
  EXPECT_EQ(proxy.cuts(), 1);
  EXPECT_EQ(jobs(), 2U) << "it was accepted although nobody heard of it";
  const auto again = client.submit_bulk({{.task = "mail.send", .args = {{"n", 1}}, .options = options}});
  ASSERT_EQ(again.size(), 1U);
  EXPECT_FALSE(again[0].created);
  EXPECT_TRUE(again[0].repeated);
  EXPECT_EQ(client.submit("mail.send", {{"n", 1}}, options), again[0].id);
  EXPECT_EQ(jobs(), 2U);
}

TEST_F(LostReplyTest, F65_ConduitctlsRepeatedSubmitMakesNoSecondJob) {
  const std::vector<std::string> words{"submit", "mail.send", R"({"n":1})", "--idempotency-key", "order-43"};
  ASSERT_EQ(ctl({"submit", "mail.send", "--idempotency-key", "order-42"}).code, 0);
  proxy.cut_answer_to("order-43");
  const auto lost = ctl(words);
  EXPECT_EQ(proxy.cuts(), 1);
  EXPECT_EQ(lost.code, 4) << lost.err;
  EXPECT_EQ(jobs(), 2U);
  const auto again = ctl(words);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(ctl(words).out, again.out) << "the first one's id";
  EXPECT_EQ(jobs(), 2U);
}

TEST_F(LostReplyTest, F65_ConduitctlDoesNotRepeatASubmitOfItsOwnAccord) {
  ASSERT_EQ(ctl({"submit", "mail.send"}).code, 0);
  proxy.cut_answer_to("once-more");
  const auto lost = ctl({"submit", "mail.send", R"({"is":"once-more"})"});
  EXPECT_EQ(proxy.cuts(), 1);
  EXPECT_EQ(lost.code, 4) << lost.err;
  EXPECT_EQ(jobs(), 2U);
}

}  // namespace
}  // namespace conduitd::test
