// The life cycle of jobs on a Redis stream with results and no fence, as fast as one connection goes: each batch is acknowledged,
// deleted, its results stored and the next batch read in one write, so that it costs one round trip.
//
//   --do fill    --jobs N --batch B   XADD, B a write
//   --do drain   --batch B            until nothing is left

#include <algorithm>
#include <string>
#include <vector>

#include "../support/redis.h"

namespace {

const std::string kStream = "floor";
const std::string kGroup = "g";

void fill(bench::Redis& redis, std::size_t jobs, std::size_t batch) {
  redis.command({"XGROUP", "CREATE", kStream, kGroup, "0", "MKSTREAM"});
  const std::vector<std::string> add = {"XADD", kStream, "*", "a", bench::payload()};
  const auto begun = bench::now_ns();
  for (std::size_t done = 0; done < jobs;) {
    const auto many = std::min(batch, jobs - done);
    for (std::size_t i = 0; i < many; ++i) redis.append(add);
    for (std::size_t i = 0; i < many; ++i) redis.read();
    done += many;
  }
  bench::report(jobs, bench::seconds_since(begun));
}

void finish(bench::Redis& redis, const std::vector<std::string>& ids) {
  std::vector<std::string> acknowledge = {"XACK", kStream, kGroup};
  std::vector<std::string> remove = {"XDEL", kStream};
  acknowledge.insert(acknowledge.end(), ids.begin(), ids.end());
  remove.insert(remove.end(), ids.begin(), ids.end());
  redis.append(acknowledge);
  redis.append(remove);
  for (const auto& id : ids) redis.append({"SETEX", "result:" + id, "86400", R"({"status":"complete","result":null})"});
}

void drain(bench::Redis& redis, std::size_t batch) {
  const std::vector<std::string> read = {"XREADGROUP", "GROUP", kGroup, "c", "COUNT", std::to_string(batch), "STREAMS", kStream, ">"};
  std::size_t done = 0;
  const auto begun = bench::now_ns();
  auto ids = bench::entry_ids(*redis.command(read));
  while (!ids.empty()) {
    finish(redis, ids);
    redis.append(read);
    for (std::size_t i = 0; i < 2 + ids.size(); ++i) redis.read();
    done += ids.size();
    ids = bench::entry_ids(*redis.read());
  }
  bench::report(done, bench::seconds_since(begun));
}

}  // namespace

int main(int count, char** words) {
  return bench::run(count, words, [](const bench::Options& options) {
    bench::Redis redis(options);
    const auto batch = options.number("batch", 64);
    if (options.text("do") == "fill") {
      fill(redis, options.number("jobs", 1), batch);
    } else {
      drain(redis, batch);
    }
  });
}
