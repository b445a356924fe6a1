// Usage faults and exit codes of the whole program, as far as no broker is needed.

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "ctl/program.h"
#include "support/temp_dir.h"

namespace conduitd::ctl {
namespace {

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

Outcome ctl(std::vector<std::string> words) {
  words.insert(words.begin(), "conduitctl");
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.code = run(static_cast<int>(arguments.size()), arguments.data());
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  return outcome;
}

TEST(Usage, NamesTheNearestCommand) {
  const auto outcome = ctl({"jbo", "list"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err, "conduitctl: unknown command 'jbo'; did you mean job? see conduitctl --help\n");
}

TEST(Usage, NamesTheNearestOptionOfTheCommandOrOfAll) {
  EXPECT_EQ(ctl({"submit", "a.b", "--quue", "x"}).err,
            "conduitctl: unknown option --quue; did you mean --queue? see conduitctl submit --help\n");
  EXPECT_EQ(ctl({"job", "list", "--brokr", "x"}).err,
            "conduitctl: unknown option --brokr; did you mean --broker? see conduitctl job list --help\n");
}

TEST(Usage, ListsTheCommandsOfAGroupThatLacksOne) {
  const auto outcome = ctl({"queue"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err, "conduitctl: conduitctl queue needs a command: list, pause, resume, purge\n");
}

TEST(Usage, RefusesAMissingOrSurplusArgument) {
  EXPECT_EQ(ctl({"job", "show"}).code, 2);
  const auto surplus = ctl({"job", "show", "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC", "more"});
  EXPECT_EQ(surplus.code, 2);
  EXPECT_EQ(surplus.err, "conduitctl: unexpected argument 'more'; see conduitctl job show --help\n");
}

TEST(Usage, RefusesAnOutputThatIsNeitherTableNorJson) {
  const auto outcome = ctl({"queue", "list", "-o", "xml"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("table or json"), std::string::npos) << outcome.err;
}

TEST(Usage, SaysWhatIsWrongWithACommandBeforeItLooksForTheBroker) {
  const auto id = ctl({"job", "show", "nonsense", "--broker", "sqlite:///nowhere/x.db"});
  EXPECT_EQ(id.code, 2);
  EXPECT_NE(id.err.find("'nonsense' is not a job id"), std::string::npos) << id.err;
  const auto json = ctl({"submit", "a.b", "{\"x\":", "--broker", "sqlite:///nowhere/x.db"});
  EXPECT_EQ(json.code, 2);
  EXPECT_NE(json.err.find("args: JSON does not parse at byte 5"), std::string::npos) << json.err;
  EXPECT_NE(ctl({"job", "list", "--state", "faild"}).err.find("did you mean failed?"), std::string::npos);
  EXPECT_NE(ctl({"submit", "a.b", "--delay", "10"}).err.find("delay: '10' is not a duration"), std::string::npos);
  EXPECT_NE(ctl({"submit"}).err.find("name the task to run"), std::string::npos);
}

TEST(Usage, TakesAJobsArgumentsAfterABareWait) {
  const auto outcome = ctl({"submit", "a.b", "--wait", "{\"x\":", "--broker", "sqlite:///nowhere/x.db"});
  EXPECT_NE(outcome.err.find("args: JSON does not parse"), std::string::npos) << outcome.err;
  EXPECT_NE(ctl({"submit", "a.b", "--wait", "soon"}).err.find("--wait: 'soon' is not a duration"), std::string::npos);
  EXPECT_NE(ctl({"submit", "a.b", "--wait=soon"}).err.find("--wait: 'soon' is not a duration"), std::string::npos);
}

TEST(Usage, RefusesABrokerUrlThatMakesNoSense) {
  const auto outcome = ctl({"queue", "list", "--broker", "ftp://x"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("sqlite:///path"), std::string::npos) << outcome.err;
}

TEST(Usage, HasHelpWithExamplesForEveryCommand) {
  const std::vector<std::vector<std::string>> commands{
      {"submit"}, {"job", "list"}, {"job", "show"}, {"job", "logs"}, {"job", "wait"}, {"job", "cancel"}, {"job", "retry"},
      {"job", "delete"}, {"queue", "list"}, {"queue", "pause"}, {"queue", "resume"}, {"queue", "purge"}, {"task", "list"},
      {"task", "pause"}, {"task", "resume"}, {"worker", "list"}, {"plugin", "check"}, {"plugin", "new"}, {"config", "check"}};
  for (auto command : commands) {
    command.push_back("--help");
    const auto outcome = ctl(command);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("Examples:\n  conduitctl "), std::string::npos) << outcome.out;
  }
}

TEST(Usage, ReportsEveryFaultOfAConfigFile) {
  const test::TempDir dir;
  const auto path = dir.file("conduit.toml");
  std::ofstream(path) << "lese = \"15s\"\nresult_ttl = 5\n";
  const auto outcome = ctl({"config", "check", path.c_str()});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find(path + ":1:"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(path + ":2:"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("has 2 errors"), std::string::npos) << outcome.err;
}

TEST(Usage, SummarisesAGoodConfigFile) {
  const test::TempDir dir;
  const auto path = dir.file("conduit.toml");
  std::ofstream(path) << "[broker]\nurl = \"redis://user:secret@host/0\"\n";
  const auto outcome = ctl({"config", "check", path.c_str()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("redis://user:***@host/0"), std::string::npos) << outcome.out;
  const auto json = ctl({"-o", "json", "config", "check", path.c_str()});
  EXPECT_TRUE(json.out.starts_with("{\"ok\":true,\"files\":[\"")) << json.out;
}

TEST(Usage, RefusesAPluginFileThatIsNone) {
  const test::TempDir dir;
  const auto path = dir.file("x.so");
  std::ofstream(path) << "not a library";
  const auto outcome = ctl({"plugin", "check", path.c_str()});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("x.so"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace conduitd::ctl
