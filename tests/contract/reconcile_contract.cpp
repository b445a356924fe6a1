// What must hold of mending a store: a sound one is left alone. The damages themselves are each broker's own: see tests/fault.

#include <map>
#include <random>

#include "contract/broker_contract.h"

namespace conduitd::test {
namespace {

using job::JobStatus;
using ::testing::IsEmpty;

TEST_P(BrokerContract, F91_StoreOfThisVersionIsOpenedAgainAndAgain) {
  const auto id = submit(connect("w1"));
  close_all();
  EXPECT_TRUE(exists(connect(""), id));
  EXPECT_TRUE(exists(connect("w2"), id));
}

/// Random operations on jobs of every kind, with a look at the store after each few: nothing is ever mended.
TEST_P(BrokerContract, SoundStoreIsLeftAlone) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&](unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random); };
  auto& c = connect("w1");
  std::vector<std::string> ids;
  std::vector<job::Claim> held;
  for (int step = 0; step < 250; ++step) {
    switch (pick(9)) {
      case 0:
      case 1:
      case 2: {
        auto job = new_job();
        job.priority = static_cast<int>(pick(10));
        if (pick(3) == 0) job.delay = Millis{pick(2) == 0 ? 5 : 60'000};
        if (pick(3) == 0) job.unique = "key" + std::to_string(pick(3));
        if (!job.unique.empty()) job.on_conflict = static_cast<job::OnConflict>(pick(3));
        if (!job.unique.empty()) job.unique_states = static_cast<job::UniqueStates>(pick(2));
        if (!job.unique.empty() && pick(2) == 0) job.unique_window = Millis{20};
        if (pick(4) == 0) job.idempotency_key = "submit" + std::to_string(pick(5));
        if (pick(4) == 0) job.expires = Millis{pick(2) == 0 ? 5 : 60'000};
        ids.push_back(submit(c, job));
        break;
      }
      case 3:
        for (auto& claimed : claim(c, 1 + pick(3))) held.push_back(std::move(claimed));
        break;
      case 4:
      case 5: {
        if (held.empty()) break;
        const auto at = held.begin() + pick(static_cast<unsigned>(held.size()));
        const std::vector<job::Settlement> ends{complete(*at), retry(*at, Millis{0}), retry(*at, Millis{5}), retry(*at, Millis{60'000}),
                                                fail(*at), release(*at)};
        settle(c, ends[pick(static_cast<unsigned>(ends.size()))]);
        held.erase(at);
        break;
      }
      case 6: must(run(c.broker->promote_due(10))); break;
      case 7: {
        if (ids.empty()) break;
        const auto& id = ids[pick(static_cast<unsigned>(ids.size()))];
        const auto what = pick(3);
        // It may be in no state for that: then nothing happens.
        if (what == 0) (void)run(c.directory->cancel(id));
        if (what == 1) (void)run(c.directory->retry(id));
        if (what == 2) (void)run(c.directory->remove(id));
        break;
      }
      default: (void)must(run(c.broker->reclaim_expired({}))); break;
    }
    if (step % 5 != 0) continue;
    const auto mended = must(run(c.broker->reconcile()));
    ASSERT_THAT(mended, IsEmpty()) << "step " << step << ", job " << mended[0].job_id << ": " << mended[0].what;
  }
  std::map<std::string, JobStatus> before;
  broker::JobFilter all;
  all.limit = 1'000;
  for (const auto& job : must(run(c.directory->list(all))).jobs) before[job.id] = job.status;
  ASSERT_THAT(must(run(c.broker->reconcile())), IsEmpty());
  for (const auto& job : must(run(c.directory->list(all))).jobs) EXPECT_EQ(before.at(job.id), job.status) << job.id;
}

}  // namespace
}  // namespace conduitd::test
