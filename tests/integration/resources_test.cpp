// Resources with the real daemon: no device is held twice, and a process sees only those that its attempt holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;
using testing::AnyOf;

/// The first block of the page in that language.
std::string example(const std::string& language) {
  std::stringstream page;
  page << std::ifstream(CONDUIT_RESOURCES_PAGE).rdbuf();
  const auto text = page.str();
  const auto from = text.find("```" + language + "\n");
  if (from == std::string::npos) throw std::runtime_error("docs/resources.md has no example in " + language);
  const auto begin = text.find('\n', from) + 1;
  return text.substr(begin, text.find("```", begin) - begin);
}

class ResourcesTest : public testing::TestWithParam<StoreKind> {
 protected:
  struct Run {
    std::string device;
    std::string visible;
    std::int64_t pid = 0;
    std::int64_t from = 0;
    std::int64_t to = 0;
  };

  ResourcesTest() : place(GetParam()) {
    place.install("needy");
    place.executors = "[executors]\n[executors.thread]\nthreads = 4\n[executors.process]\nchildren = 3\n";
    place.extra_config = example("toml");
  }
  std::string submit(const std::string& task, int ms) { return place.submit(task, R"({"ms":)" + std::to_string(ms) + "}"); }
  Run ended(const std::string& id) {
    const auto record = place.ended(id);
    EXPECT_EQ(record.status, JobStatus::complete) << job::to_json(record).text(true);
    EXPECT_EQ(record.counters.attempts, 1U) << "nothing is taken that has to be put back";
    const auto json = parse_json(record.result).value();
    Run out{"", json.string_or("visible", ""), json.int_or("pid", 0), json.int_or("from", 0), json.int_or("to", 0)};
    for (const auto& device : *json.find("devices")->as_array()) out.device += (out.device.empty() ? "" : ",") + *device.as_string();
    return out;
  }
  static void expect_none_at_once(std::vector<Run> runs) {
    std::ranges::sort(runs, {}, &Run::from);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      for (std::size_t k = i + 1; k < runs.size(); ++k) {
        const bool shared = runs[i].device.find(runs[k].device) != std::string::npos || runs[k].device.find(runs[i].device) != std::string::npos;
        EXPECT_FALSE(shared && runs[k].from < runs[i].to) << "device " << runs[k].device << " was held twice";
      }
    }
  }

  Workplace place;
};
INSTANTIATE_TEST_SUITE_P(Each, ResourcesTest, testing::ValuesIn(all_stores()), [](const auto& param) { return param.param.name; });

TEST_P(ResourcesTest, NoDeviceIsHeldTwiceAndAProcessSeesItsOwnAlone) {
  place.start();
  std::vector<std::string> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(submit("model.train", 60));
  std::vector<Run> runs;
  for (const auto& id : ids) runs.push_back(ended(id));
  for (const auto& run : runs) {
    EXPECT_THAT(run.device, AnyOf("0", "1"));
    EXPECT_EQ(run.visible, run.device);
    const auto same = std::ranges::find_if(runs, [&](const Run& other) { return other.pid == run.pid; });
    EXPECT_EQ(same->device, run.device) << "a process is pinned for its life";
  }
  expect_none_at_once(std::move(runs));
}

TEST_P(ResourcesTest, AProcessThatIsPinnedToOtherDevicesIsReplaced) {
  place.start();
  const auto plain = ended(submit("model.plain", 0));
  EXPECT_EQ(plain.visible, "unset");
  EXPECT_EQ(plain.device, "");
  const auto one = ended(submit("model.train", 0));
  const auto both = ended(submit("model.train_on_both", 0));
  const auto again = ended(submit("model.train", 0));
  EXPECT_EQ(one.visible, "0");
  EXPECT_EQ(both.visible, "0,1");
  EXPECT_EQ(again.visible, "0");
  EXPECT_NE(one.pid, plain.pid);
  EXPECT_NE(both.pid, one.pid);
  EXPECT_NE(again.pid, both.pid);
}

TEST_P(ResourcesTest, ExecutorsShareThemAndAThreadIsToldItsDevices) {
  place.start();
  std::vector<std::string> ids;
  for (const auto* task : {"model.train_on_both", "model.render", "model.train", "model.render", "model.train_on_both", "model.train"}) {
    ids.push_back(submit(task, 40));
  }
  std::vector<Run> runs;
  for (const auto& id : ids) runs.push_back(ended(id));
  EXPECT_THAT(runs[1].device, AnyOf("0", "1"));
  expect_none_at_once(std::move(runs));
}

TEST_P(ResourcesTest, WhatNoWorkerHasWaitsUntilAReloadDeclaresIt) {
  auto& worker = place.start();
  place.extra_config = "[resources]\ngpu = [\"card\"]\nmemory = \"16GiB\"\n";
  const auto id = submit("model.licensed", 0);
  const auto other = ended(submit("model.train", 0));
  EXPECT_EQ(other.device, "0");
  EXPECT_EQ(place.record(id).status, JobStatus::queued);
  place.extra_config += "licence = 1\n";
  place.write_config();
  worker.signal(SIGHUP);
  EXPECT_EQ(ended(id).device, "");
  EXPECT_EQ(ended(submit("model.train", 0)).visible, "card");
}

}  // namespace
}  // namespace conduitd::test
