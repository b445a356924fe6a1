#include "channel/task_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::channel {
namespace {

TEST(TaskOptions, AreReadOnceIntoPlainValues) {
  ASSERT_OK_AND_ASSIGN(const auto options,
                       parse_options(R"({"executor":"process","queue":"media","retries":5,"timeout":"30s","concurrency":4,
                                         "backoff":{"kind":"fixed","base":500,"max":"1m","jitter":0}})"));
  EXPECT_EQ(options.executor, "process");
  EXPECT_EQ(options.queue, "media");
  EXPECT_EQ(options.retries, 5u);
  EXPECT_EQ(options.timeout, Millis(30'000));
  ASSERT_TRUE(options.concurrency);
  EXPECT_EQ(options.concurrency->at(0).most, 4U);
  ASSERT_TRUE(options.backoff);
  EXPECT_EQ(options.backoff->kind, job::Backoff::Kind::fixed);
  EXPECT_EQ(options.backoff->base, Millis(500));
  EXPECT_EQ(options.backoff->max, Millis(60'000));
  EXPECT_EQ(options.backoff->jitter, 0);
}

TEST(TaskOptions, ReadErrorRulesAndListsOfPauses) {
  ASSERT_OK_AND_ASSIGN(const auto options,
                       parse_options(R"({"interruptions":4,"backoff":{"kind":"list","delays":["1s",5]},
                                         "errors":[{"type":"E","action":"fail"},{"text":"busy","after":"2s"}]})"));
  EXPECT_EQ(options.interruptions, 4u);
  EXPECT_EQ(options.backoff->delays, (std::vector<Millis>{Millis(1'000), Millis(5)}));
  ASSERT_TRUE(options.errors && options.errors->size() == 2);
  EXPECT_EQ(options.errors->at(0), (job::ErrorRule{.type = "E", .action = job::ErrorRule::Action::fail}));
  EXPECT_EQ(options.errors->at(1), (job::ErrorRule{.text = "busy", .after = Millis(2'000)}));
}

TEST(TaskOptions, ReadNeeds) {
  ASSERT_OK_AND_ASSIGN(const auto options, parse_options(R"({"needs":{"gpu":1,"memory":"1KiB"}})"));
  EXPECT_EQ(options.needs, (job::Needs{{"gpu", 1}, {"memory", 1'024}}));
  EXPECT_NE(parse_options(R"({"needs":{"gpu":0}})").error().message().find("option 'needs': gpu: a whole number from 1"), std::string::npos);
}

TEST(TaskOptions, NameTheMemberThatIsWrong) {
  for (const char* bad : {R"({"executor":"fiber"})", R"({"retries":-1})", R"({"timeout":"soon"})", R"({"queue":""})",
                          R"({"backoff":{"jitter":2}})", R"({"backoff":{"kind":"list"}})",
                          R"({"backoff":{"delays":["1s"]}})", R"({"errors":[{"action":"fail"}]})",
                          R"({"errors":[{"type":"E","action":"drop"}]})", R"({"backoff":1})", "[]", "{"}) {
    SCOPED_TRACE(bad);
    EXPECT_ERRC(Errc::invalid_argument, parse_options(bad));
  }
}

TEST(TaskOptions, HaveSubscriptionsToEvents) {
  ASSERT_OK_AND_ASSIGN(const auto options, parse_options(R"({"on":[{"event":"order.*","debounce":5000,"debounce_max":"1m","key":"user"},
    {"event":"**","name":"all","batch":7,"batch_within":"10s","args":"payload","debounce":0,"key":""}]})"));
  ASSERT_EQ(options.on.size(), 2u);
  EXPECT_EQ(options.on[0].pattern, "order.*");
  EXPECT_EQ(options.on[0].debounce, Millis{5'000});
  EXPECT_EQ(options.on[0].debounce_max, Millis{60'000});
  EXPECT_EQ(options.on[0].key, "/user");
  EXPECT_EQ(options.on[1].name, "all");
  EXPECT_EQ(options.on[1].batch, 7u);
  EXPECT_EQ(options.on[1].batch_within, Millis{10'000});
  for (const char* bad : {R"({"on":{}})", R"({"on":[{}]})", R"({"on":[{"event":"order."}]})", R"({"on":[{"event":"a","batch":-1}]})",
                          R"({"on":[{"event":"a","debounce":"soon"}]})", R"({"on":[{"event":"a","args":"all"}]})", R"({"on":[{"event":"a","key":"/~"}]})"}) {
    SCOPED_TRACE(bad);
    EXPECT_ERRC(Errc::invalid_argument, parse_options(bad));
  }
}

TEST(TaskOptions, WarnOfAMemberNobodyKnows) {
  ASSERT_OK_AND_ASSIGN(const auto options, parse_options(R"({"retrys":5})"));
  ASSERT_EQ(options.warnings.size(), 1u);
  EXPECT_THAT(options.warnings[0], testing::HasSubstr("did you mean 'retries'?"));
}

}  // namespace
}  // namespace conduitd::channel
