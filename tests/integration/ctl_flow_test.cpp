// conduitctl and jobs that depend on one another, on each broker.

#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "ctl_fixture.h"
#include "support/document.h"
#include "support/redis_server.h"

namespace conduitd::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct MaybeRedis {
  explicit MaybeRedis(bool wanted) {
    if (wanted) server.emplace();
  }
  std::optional<RedisServer> server;
};

class CtlFlow : private MaybeRedis, public CtlTest, public testing::WithParamInterface<bool> {
 protected:
  CtlFlow() : MaybeRedis(GetParam()), CtlTest(server ? server->url() : std::string()) {
    if (server) allowed_.below["redis-server"] = 1;
  }

  std::string file_with(const std::string& text) {
    auto path = dir_.file("input");
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::size_t jobs() { return json({"job", "list", "--all"}).find("jobs")->as_array()->size(); }
  Json show(const std::string& id) { return json({"job", "show", id}); }
  static std::vector<std::string> strings(const Json& json, std::string_view name) {
    std::vector<std::string> out;
    const auto* list = json.find(name);
    for (const auto& one : list != nullptr && list->as_array() != nullptr ? *list->as_array() : Json::Array()) out.push_back(*one.as_string());
    return out;
  }
  /// The ids of a submit of many, in the order they were printed; "" for null.
  static std::vector<std::string> ids_of(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) out.push_back(must(parse_json(line)).string_or("id", ""));
    return out;
  }
  /// Submits children as a running job does.
  std::vector<std::string> children(const std::string& parent, const std::string& task, std::size_t number, job::NewJob like = {}) {
    like.task = task;
    like.parent_id = parent;
    like.root_id = like.root_id.empty() ? parent : like.root_id;
    std::vector<std::string> out;
    while (number > 0) {
      std::vector<job::NewJob> batch(std::min<std::size_t>(number, 1'000), like);
      number -= batch.size();
      for (auto& one : must(run(io_, worker().broker->enqueue(std::move(batch))))) out.push_back(std::move(one.id));
    }
    return out;
  }
  void say_waits_for(const job::Claim& claim, std::vector<std::string> ids) {
    job::Report said;
    said.waits_for = std::move(ids);
    report(claim, std::move(said));
  }
};
INSTANTIATE_TEST_SUITE_P(Each, CtlFlow, testing::Bool(), [](const auto& param) { return param.param ? "redis" : "sqlite"; });

/// Ids and spans of time as "ID" and "T", for comparison.
std::string normal(const std::string& text) {
  static const std::regex ids("[a-z]+:[0-9A-Z]{26}");
  static const std::regex spans("(for|in) [0-9.]+(ms|s|m)( [0-9]+(s|m))?");
  return std::regex_replace(std::regex_replace(text, ids, "ID"), spans, "$1 T");
}

TEST_P(CtlFlow, SubmitsAJobThatRunsAfterOthersAndExplainsThat) {
  const auto first = submit({"a.b"});
  const auto second = submit({"a.b"});
  const auto last = submit({"--after", first + "," + second, "a.c", "--after", first});
  EXPECT_THAT(strings(show(last), "after"), ElementsAre(first, second));
  EXPECT_EQ(show(last).string_or("status", ""), "scheduled");
  complete(claim("a.b"), "1");
  run_until(io_, [&] { return strings(show(last), "held_by").size() == 1; });
  auto explained = ctl({"explain", last});
  EXPECT_THAT(explained.out, HasSubstr("it runs after job " + second + " (queued); 1 of 2 has ended")) << explained.err;
  EXPECT_EQ(json({"explain", last}).find("reasons")->as_array()->front().string_or("code", ""), "held");
  EXPECT_THAT(ctl({"job", "show", last}).out, HasSubstr("held by     " + second));
  complete(claim("a.b"), "2");
  EXPECT_EQ(claim("a.c").lease.job_id, last);

  EXPECT_EQ(ctl({"submit", "a.c", "--after", "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC"}).code, 3);
  EXPECT_EQ(ctl({"submit", "a.c", "--after", "nonsense"}).code, 2);
  EXPECT_EQ(ctl({"submit", "a.c", "--after", first, "--delay", "1m"}).code, 2);
  EXPECT_EQ(ctl({"submit", "a.c", "--after-rule", "ended"}).code, 2);
}

TEST_P(CtlFlow, LinesRunAfterOneAnotherWhereverTheyStand) {
  const auto before = submit({"a.before"});
  const auto path = file_with(
      "{\"task\":\"a.end\",\"after\":[\"left\",\"right\",\"" + before + "\"],\"after_rule\":\"ended\"}\n"
      "{\"task\":\"a.alone\"}\n"
      "{\"task\":\"a.left\",\"ref\":\"left\",\"after\":\"start\"}\n"
      "{\"task\":\"a.right\",\"ref\":\"right\",\"after\":[\"start\"]}\n"
      "{\"task\":\"a.start\",\"ref\":\"start\",\"args\":{\"n\":1.50}}\n");
  const auto outcome = ctl({"submit", "--jsonl", path, "-o", "json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto ids = ids_of(outcome.out);
  ASSERT_EQ(ids.size(), 5U) << outcome.out;
  const char* const tasks[] = {"a.end", "a.alone", "a.left", "a.right", "a.start"};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(show(ids[i]).string_or("task", ""), tasks[i]);
  EXPECT_THAT(strings(show(ids[0]), "after"), ::testing::UnorderedElementsAre(before, ids[2], ids[3]));
  EXPECT_EQ(show(ids[0]).string_or("after_rule", ""), "ended");
  EXPECT_THAT(strings(show(ids[2]), "after"), ElementsAre(ids[4]));
  EXPECT_EQ(show(ids[1]).string_or("status", ""), "queued");
  EXPECT_THAT(ctl({"job", "show", ids[4], "-o", "json"}).out, HasSubstr("\"args\":{\"n\":1.50}"));

  EXPECT_THAT(json({"explain", "--queue", "default"}).find("waiting")->text(), HasSubstr("{\"reason\":\"held\",\"task\":\"a.end\",\"jobs\":1}"));
}

TEST_P(CtlFlow, RefusesFilesWhoseRefsMakeNoSenseBeforeAnythingIsSubmitted) {
  const auto refused = [&](const std::string& text, const std::string& why) {
    const auto outcome = ctl({"submit", "--jsonl", "-"}, text);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(why));
  };
  refused("{\"task\":\"a.b\"}\n{\"task\":\"a.b\",\"ref\":\"x\"}\n\n{\"task\":\"a.b\",\"ref\":\"x\"}\n", "stdin:4: ref: 'x' is that of line 2 already");
  refused("{\"task\":\"a.b\"}\n{\"task\":\"a.b\",\"after\":\"y\"}\n", "stdin:2: after: 'y' is neither a job id nor the ref of a line");
  refused("{\"task\":\"a.b\",\"ref\":\"x\",\"after\":\"y\"}\n{\"task\":\"a.b\",\"ref\":\"y\",\"after\":\"x\"}\n", "stdin:1: after: jobs cannot run after one another in a circle");
  refused("{\"task\":\"a.b\",\"ref\":\"x\"}\n{\"task\":\n", "1 of 2 lines in stdin cannot be submitted, so nothing was");
  refused("{\"task\":\"a.b\",\"after_rule\":\"ended\"}\n", "stdin:1: after_rule: it says how the jobs of after must have ended; name them");
  const auto outcome = ctl({"submit", "--jsonl", "-"},
                           "{\"task\":\"a.b\",\"after\":\"nobody\"}\n{\"task\":\"a.b\",\"ref\":\"bad\",\"wrong\":1}\n"
                           "{\"task\":\"a.b\",\"after\":\"bad\"}\n{\"task\":\"a.b\",\"ref\":\"x\",\"after\":\"x\"}\n{\"task\":\"no task\"}\n");
  EXPECT_THAT(outcome.err, ::testing::ContainsRegex("stdin:1: after: 'nobody'[^\n]*\n[^\n]*stdin:2: unknown member 'wrong'[^\n]*\n"
                                                    "[^\n]*stdin:4: after: [^\n]*circle[^\n]*\n[^\n]*stdin:5: 'no task'[^\n]*\n[^\n]*4 of 5 lines in stdin cannot be submitted"));
  refused("{\"task\":\"a.b\"}\n{\"task\":\"a.b\",\"after\":\"default:01M8FMFY160000007QCG5MGNZZ\"}\n",
          "stdin:2: after: there is no job default:01M8FMFY160000007QCG5MGNZZ\n");
  EXPECT_EQ(jobs(), 0U);
  const auto unknown = ctl({"submit", "--jsonl", "-", "--skip-bad"}, "{\"task\":\"a.b\",\"after\":\"default:01M8FMFY160000007QCG5MGNZZ\"}\n");
  EXPECT_EQ(unknown.code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("there is no job default:01M8FMFY160000007QCG5MGNZZ"));
  EXPECT_EQ(jobs(), 0U);
  const auto skipping = ctl({"submit", "--jsonl", "-", "--skip-bad"}, "{\"task\":\"a.b\"}\n{\"task\":\"a.b\",\"ref\":\"x\"}\n");
  EXPECT_THAT(skipping.err, HasSubstr("stdin:2: lines that run after one another are submitted all or none"));
  EXPECT_EQ(jobs(), 1U);
}

TEST_P(CtlFlow, WhatIsKeptOutKeepsOutWhatWasToRunAfterIt) {
  submit({"a.b", "--unique", "k"});
  const auto outcome = ctl({"submit", "--jsonl", "-", "-o", "json"},
                           "{\"task\":\"a.b\",\"ref\":\"x\",\"unique\":\"k\",\"on_conflict\":\"reject\"}\n"
                           "{\"task\":\"a.c\",\"ref\":\"y\",\"after\":\"x\"}\n"
                           "{\"task\":\"a.d\",\"after\":\"y\"}\n"
                           "{\"task\":\"a.e\"}\n");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, ::testing::ContainsRegex("stdin:1: not submitted: job default:[^ ]* holds the unique key\n"));
  EXPECT_THAT(outcome.err, HasSubstr("stdin:2: not submitted: it was to run after line 1, which was kept out"));
  EXPECT_THAT(outcome.out, HasSubstr("{\"id\":null,\"created\":false,\"rejected\":true}\n{\"id\":null,\"created\":false,\"rejected\":true}\n{\"id\":\"default:"));
  EXPECT_EQ(jobs(), 2U);
}

TEST_P(CtlFlow, ThreeThousandLinesInTwoWavesComeBackInOrder) {
  std::string text;
  for (int i = 0; i < 1'500; ++i) {
    text += "{\"task\":\"b.second\",\"after\":\"r" + std::to_string(i) + "\",\"args\":{\"i\":" + std::to_string(i) + "}}\n";
    text += "{\"task\":\"b.first\",\"ref\":\"r" + std::to_string(i) + "\"}\n";
  }
  const auto outcome = ctl({"submit", "--jsonl", "-", "-o", "json"}, text);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto ids = ids_of(outcome.out);
  ASSERT_EQ(ids.size(), 3'000U);
  for (const std::size_t i : {0U, 998U, 2'998U}) {
    EXPECT_THAT(strings(show(ids[i]), "after"), ElementsAre(ids[i + 1]));
    EXPECT_EQ(show(ids[i]).find("args")->int_or("i", -1), static_cast<std::int64_t>(i / 2));
  }
}

TEST_P(CtlFlow, CallbacksRunAfterAllJobsOfAFile) {
  const std::string three = "{\"task\":\"a.b\"}\n{\"task\":\"a.b\"}\n{\"task\":\"a.b\"}\n";
  const auto outcome = ctl({"submit", "--jsonl", "-", "--on-success", "a.good", "--on-complete", "a.done", "-o", "json"}, three);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto ids = ids_of(outcome.out);
  ASSERT_EQ(ids.size(), 5U) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("\"callback\":\"on_success\"}\n{\"id\":\"" + ids[4] + "\",\"created\":true,\"callback\":\"on_complete\"}\n"));
  const auto good = show(ids[3]);
  EXPECT_EQ(good.string_or("task", ""), "a.good");
  EXPECT_EQ(good.find("args")->text(), "{\"batch\":3}");
  EXPECT_THAT(strings(good, "after"), ElementsAre(ids[0], ids[1], ids[2]));
  EXPECT_EQ(show(ids[4]).string_or("after_rule", ""), "ended");
  complete(claim("a.b"), "1");
  complete(claim("a.b"), "1");
  fail(claim("a.b"), {"E", "no", ""});
  EXPECT_EQ(claim("a.done").lease.job_id, ids[4]);
  run_until(io_, [&] { return show(ids[3]).string_or("status", "") == "cancelled"; });

  const auto given = ctl({"submit", "--jsonl", "-", "--on-success", "a.good", "--callback-args", "{\"x\":1}"}, three);
  EXPECT_THAT(given.out, HasSubstr(" runs a.good when all are complete\n"));
  EXPECT_EQ(must(parse_json(json({"job", "list", "--task", "a.good", "--limit", "1"}).find("jobs")->as_array()->front().find("args")->text())).int_or("x", 0), 1);
}

TEST_P(CtlFlow, CallbacksThatCannotBeAreRefusedBeforeAnythingIsSubmitted) {
  announce({{"a.b", "default"}});
  EXPECT_EQ(ctl({"submit", "--jsonl", "-", "--on-success", "a.x"}, "{\"task\":\"a.b\"}\n").code, 3);
  EXPECT_EQ(ctl({"submit", "--jsonl", "-", "--on-success", "a.b", "--callback-args", "7"}, "{\"task\":\"a.b\"}\n").code, 2);
  EXPECT_EQ(ctl({"submit", "--jsonl", "-", "--callback-args", "{}"}, "{\"task\":\"a.b\"}\n").code, 2);
  EXPECT_EQ(ctl({"submit", "--jsonl", "-", "--on-complete", "a.b", "--skip-bad"}, "{\"task\":\"a.b\"}\n").code, 2);
  EXPECT_EQ(ctl({"submit", "a.b", "--on-success", "a.b"}).code, 2);
  std::string many;
  for (int i = 0; i < 10'001; ++i) many += "{\"task\":\"a.b\"}\n";
  const auto outcome = ctl({"submit", "--jsonl", "-", "--on-success", "a.b"}, many);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("stdin has 10,001 jobs, and a callback runs after at most 10,000"));
  EXPECT_EQ(jobs(), 0U);
}

TEST_P(CtlFlow, ShowsATreeAsTheDocumentationDoes) {
  const auto root = submit({"report.build"});
  const auto running = claim("report.build");
  auto all = children(root, "images.resize", 2);
  const auto failing = claim("images.resize");
  fail(failing, {"std::runtime_error", "no such file", ""});
  const auto completing = claim("images.resize");
  job::NewJob below;
  below.root_id = root;
  children(completing.lease.job_id, "images.sharpen", 1, below);
  complete(completing, "1");
  const auto rest = children(root, "images.resize", 12);
  job::NewJob mail;
  mail.after = {all[1], rest[0]};
  mail.after_rule = job::AfterRule::ended;
  children(root, "report.mail", 1, mail);
  all.insert(all.end(), rest.begin(), rest.end());
  all.pop_back();
  say_waits_for(running, all);
  const auto shown = ctl({"job", "tree", root});
  EXPECT_EQ(shown.code, 0) << shown.err;
  auto text = normal(shown.out);
  const auto summary = text.rfind("17 jobs: ");
  ASSERT_NE(summary, std::string::npos) << text;
  EXPECT_EQ(text.substr(summary), "17 jobs: 1 complete, 1 failed, 13 queued, 1 running, 1 scheduled\n");
  text.resize(summary);
  // The page shows one of those that are alike.
  const std::string alike = "├─ ID  images.resize  queued for T\n";
  for (auto at = text.find(alike + alike); at != std::string::npos; at = text.find(alike + alike)) text.erase(at, alike.size());
  EXPECT_THAT(blocks_of(CONDUIT_SOURCE_DIR "/docs/flows.md", "```"), ::testing::Contains(text)) << shown.out;

  EXPECT_THAT(ctl({"explain", root}).out, HasSubstr("it waits for its children: 11 of 13 have not ended"));
  EXPECT_THAT(json({"explain", "--queue", "default"}).find("waiting")->text(), HasSubstr("{\"reason\":\"waits\",\"task\":\"report.build\",\"jobs\":1}"));
  EXPECT_THAT(ctl({"job", "show", root}).out, HasSubstr(all[2] + " and 10 more\n"));
}

TEST_P(CtlFlow, ATreeFollowsWhatRunsBeforeAndAfterAJob) {
  const auto first = submit({"images.resize"});
  const auto next = submit({"report.build", "--after", first});
  const auto last = submit({"report.mail", "--after", first + "," + next, "--after-rule", "ended"});
  EXPECT_EQ(normal(ctl({"job", "tree", first}).out), "ID  images.resize  queued for T\n"
                                                     "├─ then ID  report.build  scheduled, after ID\n"
                                                     "└─ then ID  report.mail  scheduled, after ID and 1 more (2 of 2 have not ended)\n"
                                                     "3 jobs: 1 queued, 2 scheduled\n");
  auto middle = normal(ctl({"job", "tree", next}).out);
  middle.resize(middle.rfind("3 jobs"));
  EXPECT_THAT(blocks_of(CONDUIT_SOURCE_DIR "/docs/flows.md", "```"), ::testing::Contains(middle));
  const auto back = json({"job", "tree", last});
  const auto& list = *back.find("jobs")->as_array();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[1].string_or("relation", ""), "after");
  EXPECT_EQ(list[1].string_or("parent_id", ""), "");
  complete(claim("images.resize"), "1");
  complete(claim("report.build"), "1");
  EXPECT_THAT(ctl({"job", "tree", last}).out, HasSubstr("after " + next + "  report.build  complete")) << "it is known for good what it ran after";
}

TEST_P(CtlFlow, AChildThatNobodyCanRunIsNamedWhereItIsWaitedFor) {
  announce({{"a.b", "default"}});
  const auto parent = submit({"a.b"});
  const auto running = claim("a.b");
  const auto child = children(parent, "no.such", 1).front();
  say_waits_for(running, {child});
  EXPECT_THAT(ctl({"explain", parent}).out, HasSubstr("it waits for its child, job " + child + " (queued): no live worker has the task no.such"));
  EXPECT_EQ(json({"explain", parent}).find("reasons")->as_array()->front().string_or("advice", ""), "conduitctl explain " + child);
  EXPECT_THAT(normal(ctl({"job", "tree", parent}).out), HasSubstr("no.such  queued for T, no worker has this task\n"));
}

TEST_P(CtlFlow, AParentThatHoldsWhatItsChildNeedsIsNamed) {
  announce({{"a.b", "default"}}, R"({"concurrency":1})");
  const auto parent = submit({"a.b"});
  const auto running = claim("a.b");
  const auto child = children(parent, "a.b", 1).front();
  EXPECT_THAT(ctl({"explain", child}).out, HasSubstr("limited to 1 at once, and 1 runs\n"));
  say_waits_for(running, {child});
  EXPECT_THAT(ctl({"explain", child}).out, HasSubstr("one of them is job " + parent + ", which waits for this one"));
  EXPECT_THAT(ctl({"explain", parent}).out, HasSubstr("limited to 1 at once, and 1 runs; one of them is job " + parent));
}

TEST_P(CtlFlow, LimitsThatEachWorkerHasAloneAreReasons) {
  announce({{"a.b", "default"}}, R"({"concurrency":{"limit":1,"scope":"worker"}})");
  submit({"a.b"});
  const auto waiting = submit({"a.b"});
  EXPECT_THAT(json({"explain", "--queue", "default"}).find("waiting")->text(), HasSubstr("\"next\""));
  claim("a.b");
  EXPECT_THAT(ctl({"explain", waiting}).out, HasSubstr("limited to 1 at once on each worker, and 1 runs on w1"));
  EXPECT_THAT(json({"explain", "--queue", "default"}).find("waiting")->text(), HasSubstr("\"concurrency\""));
}

TEST_P(CtlFlow, ExplainSaysWhyAJobWasCancelled) {
  const auto first = submit({"a.b"});
  const auto next = submit({"a.c", "--after", first});
  fail(claim("a.b"), {"E", "no", ""});
  run_until(io_, [&] { return show(next).string_or("status", "") == "cancelled"; });
  EXPECT_THAT(ctl({"explain", next}).out, HasSubstr("cancelled: dependency: it was to run after job " + first));
  const auto purged = submit({"a.c"});
  EXPECT_EQ(ctl({"queue", "purge", "default", "--yes"}).code, 0);
  EXPECT_THAT(ctl({"explain", purged}).out, HasSubstr("somebody cancelled it, or purged its queue or task while it waited"));
}

TEST_P(CtlFlow, ARateThatAdmitsOneNowHoldsBackTheOthers) {
  announce({{"a.b", "default"}}, R"({"rate_limit":"5/s"})");
  for (int i = 0; i < 4; ++i) submit({"a.b"});
  EXPECT_THAT(json({"explain", "--queue", "default"}).find("waiting")->text(),
              "[{\"reason\":\"next\",\"task\":\"a.b\",\"jobs\":1},{\"reason\":\"rate\",\"task\":\"a.b\",\"jobs\":3}]");
}

TEST_P(CtlFlow, ATreeCanBeginAtItsRootAndEndAtADepth) {
  const auto root = submit({"a.b"});
  job::NewJob like;
  like.root_id = root;
  auto middle = children(root, "a.c", 2).front();
  const auto leaf = children(middle, "a.d", 3, like).front();
  EXPECT_THAT(normal(ctl({"job", "tree", leaf}).out), "ID  a.d  queued for T\n");
  const auto whole = json({"job", "tree", leaf, "--root"});
  ASSERT_EQ(whole.find("jobs")->as_array()->size(), 6U);
  EXPECT_TRUE(whole.bool_or("complete", false));
  const auto& first = whole.find("jobs")->as_array()->front();
  EXPECT_EQ(first.string_or("id", ""), root);
  EXPECT_EQ(first.int_or("depth", -1), 0);
  for (const auto& one : *whole.find("jobs")->as_array()) EXPECT_EQ(one.string_or("status", ""), "queued");
  const auto flat = json({"job", "tree", root, "--depth", "1"});
  EXPECT_EQ(flat.find("jobs")->as_array()->size(), 3U);
  EXPECT_FALSE(flat.bool_or("complete", true));
  EXPECT_THAT(ctl({"job", "tree", root, "--depth", "1"}).out, HasSubstr("at least 3 more, not looked at"));
  EXPECT_EQ(json({"job", "tree", root, "--limit", "4"}).find("jobs")->as_array()->size(), 4U);
  EXPECT_THAT(ctl({"job", "tree", root, "--limit", "3"}).out, HasSubstr("more, not looked at"));
  EXPECT_TRUE(json({"job", "tree", root, "--limit", "6"}).bool_or("complete", false));
  EXPECT_EQ(ctl({"job", "tree", root, "--limit", "0"}).code, 2);
  EXPECT_EQ(ctl({"job", "tree", root, "--depth", "-1"}).code, 2);
  EXPECT_EQ(json({"job", "tree", root, "--depth", "0"}).find("jobs")->as_array()->size(), 1U);
  EXPECT_EQ(ctl({"job", "tree", "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC"}).code, 3);
}

TEST_P(CtlFlow, TreesOfThousandsAreShown) {
  const auto root = submit({"a.b"});
  children(root, "a.c", 10'000);
  job::NewJob like;
  like.root_id = root;
  auto parent = root;
  for (int i = 0; i < 1'000; ++i) parent = children(parent, "a.deep", 1, like).front();
  const auto shown = ctl({"job", "tree", root});
  EXPECT_THAT(shown.out, HasSubstr("9,990 more a.c: 9,990 queued")) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("(1,000) " + parent + "  a.deep  queued"));
  EXPECT_THAT(shown.out, HasSubstr("11,001 jobs: 11,001 queued\n"));
}

TEST_P(CtlFlow, CancelsATreeOrOnlyWhatEndsWithTheJob) {
  const auto root = submit({"a.b"});
  job::NewJob bound;
  bound.on_parent_end = job::OnParentEnd::cancel;
  const auto with_it = children(root, "a.c", 2, bound);
  const auto left = children(root, "a.c", 3);
  EXPECT_EQ(ctl({"job", "cancel", root}).out, root + " is cancelled; below it 2 jobs were too\n");
  EXPECT_EQ(show(with_it[1]).string_or("status", ""), "cancelled");
  EXPECT_EQ(show(left[0]).string_or("status", ""), "queued");
  EXPECT_EQ(ctl({"job", "cancel", root, "--tree"}).out, root + " had ended before: nothing to cancel; below it 3 jobs were too\n");
  EXPECT_EQ(show(left[0]).string_or("status", ""), "cancelled");

  const auto running = submit({"a.b"});
  const auto claimed = claim("a.b");
  children(running, "a.c", 1, bound);
  EXPECT_EQ(ctl({"job", "cancel", running, "-o", "json"}).out, "{\"jobs\":[{\"id\":\"" + running + "\",\"outcome\":\"requested\"}]}\n") << "its worker sees to them";
  EXPECT_EQ(ctl({"job", "cancel", running, "--tree", "-o", "json"}).out, "{\"jobs\":[{\"id\":\"" + running + "\",\"outcome\":\"requested\",\"below\":1}]}\n");
}

TEST_P(CtlFlow, TheExamplesOfTheDocumentationRun) {
  announce({{"images.resize", "default"}, {"report.build", "default"}, {"report.mail", "default"}, {"report.clean", "default"}});
  const auto blocks = blocks_of(CONDUIT_SOURCE_DIR "/docs/flows.md", "```sh");
  EXPECT_GE(blocks.size(), 5U);
  const auto out = run_examples(blocks);
  EXPECT_THAT(normal(out), HasSubstr("it runs after job ID (queued)"));
}

}  // namespace
}  // namespace conduitd::test
