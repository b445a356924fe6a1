// What a history may look like, and how a fault in it is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "check/read.h"
#include "support/temp_dir.h"

namespace conduitd::check {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kGood = R"({"t":1,"m":2,"ev":"begin","job":"q:a","att":1,"worker":"w"})";

std::string fault_of(const std::string& line) {
  std::istringstream lines(std::string(kGood) + "\n\n" + line + "\n");
  Reader reader;
  const auto added = reader.add(lines, "run.jsonl");
  return added.has_value() ? "" : added.error().message();
}

TEST(ReadTest, KeepsWhatALineSays) {
  std::istringstream lines(R"({"t":5,"m":2.5,"from":1.5,"ev":"finish_ok","job":"q:a","att":3,"worker":"w","state":"retrying","charge":"failure","after_ms":100})");
  Reader reader;
  ASSERT_TRUE(reader.add(lines, "x").has_value());
  const auto history = reader.take();
  ASSERT_EQ(history.events().size(), 1u);
  const auto& event = history.events()[0];
  EXPECT_EQ(event.kind, Kind::finish_ok);
  EXPECT_EQ(history.job_name(event.job), "q:a");
  EXPECT_EQ(event.attempt, 3u);
  EXPECT_EQ(event.state, job::JobStatus::retrying);
  EXPECT_EQ(event.charge, job::Settlement::Charge::failure);
  EXPECT_EQ(event.sent, 1.5);
  EXPECT_EQ(history.detail(event).after_ms, 100);
}

TEST(ReadTest, OrdersTheLinesOfAllFilesByTheirTime) {
  std::istringstream late(R"({"t":1,"m":20,"ev":"begin","job":"q:a","att":2})");
  std::istringstream early(R"({"t":1,"m":10,"ev":"begin","job":"q:a","att":1})");
  Reader reader;
  ASSERT_TRUE(reader.add(late, "late").has_value());
  ASSERT_TRUE(reader.add(early, "early").has_value());
  const auto history = reader.take();
  EXPECT_EQ(history.events()[0].attempt, 1u);
  EXPECT_EQ(history.place(history.events()[1]), "late:1");
}

TEST(ReadTest, NamesTheFileAndLineOfAFault) {
  EXPECT_EQ(fault_of(kGood), "");
  EXPECT_THAT(fault_of("{"), HasSubstr("run.jsonl:3: "));
  EXPECT_THAT(fault_of("[1]"), HasSubstr("run.jsonl:3: a line is one JSON object"));
  EXPECT_THAT(fault_of(R"({"t":1,"m":2,"ev":"dance"})"), AllOf(HasSubstr("run.jsonl:3"), HasSubstr("no event 'dance'")));
  EXPECT_THAT(fault_of(R"({"t":1,"ev":"submit"})"), HasSubstr("\"m\" is missing"));
  EXPECT_THAT(fault_of(R"({"t":1,"m":"x","ev":"submit"})"), HasSubstr("\"m\" is no number"));
  EXPECT_THAT(fault_of(R"({"t":1,"m":2,"ev":"begin","att":1})"), HasSubstr("\"job\" is missing"));
  EXPECT_THAT(fault_of(R"({"t":1,"m":2,"ev":"begin","job":"q:a"})"), HasSubstr("\"att\" is missing"));
  EXPECT_THAT(fault_of(R"({"t":1,"m":2,"ev":"finish_ok","job":"q:a","att":1})"), HasSubstr("\"state\" is missing"));
  EXPECT_THAT(fault_of(R"({"t":1,"m":2,"ev":"final_state","job":"q:a","state":"done"})"), HasSubstr("no state 'done'"));
  EXPECT_THAT(fault_of(R"({"t":1,"m":2,"ev":"finish_ok","job":"q:a","att":1,"state":"complete","charge":"x"})"),
              HasSubstr("no charge 'x'"));
  EXPECT_THAT(fault_of(R"({"t":1,"m":2,"ev":"fault"})"), HasSubstr("\"what\" is missing"));
}

TEST(ReadTest, ADirectoryIsAllItsHistories) {
  conduitd::test::TempDir dir;
  std::ofstream(dir.file("a.jsonl")) << kGood << '\n';
  std::ofstream(dir.file("b.jsonl")) << kGood << '\n';
  std::ofstream(dir.file("worker.log")) << "no history\n";
  Reader reader;
  ASSERT_TRUE(reader.add_path(dir.file("")).has_value());
  EXPECT_EQ(reader.take().events().size(), 2u);
}

TEST(ReadTest, WhatIsNotThereIsNamed) {
  conduitd::test::TempDir dir;
  Reader reader;
  EXPECT_THAT(reader.add_path(dir.file("none.jsonl")).error().message(), HasSubstr("none.jsonl: No such file"));
  EXPECT_THAT(reader.add_path(dir.file("")).error().message(), HasSubstr("no *.jsonl"));
}

}  // namespace
}  // namespace conduitd::check
