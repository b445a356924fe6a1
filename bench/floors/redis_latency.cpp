// What a job costs in time at the least with the round trips that it needs: XADD by a producer; a worker's blocked XREADGROUP, which
// is the start; XACK, XDEL, SETEX and PUBLISH in one write; the message at the producer, which is the result. In microseconds.
//
//   --jobs N --rate PER_SECOND --skip N    the first ones are left out

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "../support/redis.h"

namespace {

const std::string kStream = "floor";
const std::string kGroup = "g";
const std::string kChannel = "ended";

struct Times {
  std::vector<std::int64_t> submitted, started, ended;
};

void work(bench::Redis& redis, Times& times) {
  const std::vector<std::string> read = {"XREADGROUP", "GROUP", kGroup, "c", "COUNT", "1", "BLOCK", "10000", "STREAMS", kStream, ">"};
  for (auto& started : times.started) {
    const auto ids = bench::entry_ids(*redis.command(read));
    if (ids.empty()) throw std::runtime_error("no job in 10 s");
    started = bench::now_ns();
    redis.append({"XACK", kStream, kGroup, ids.front()});
    redis.append({"XDEL", kStream, ids.front()});
    redis.append({"SETEX", "result:" + ids.front(), "86400", R"({"status":"complete","result":null})"});
    redis.append({"PUBLISH", kChannel, ids.front()});
    for (int i = 0; i < 4; ++i) redis.read();
  }
}

void until(std::int64_t time) {
  while (bench::now_ns() < time) {
    const auto left = time - bench::now_ns();
    ::poll(nullptr, 0, left > 2'000'000 ? static_cast<int>(left / 1'000'000 - 1) : 0);
  }
}

void print(const char* name, const std::vector<std::int64_t>& from, const std::vector<std::int64_t>& to, std::size_t skip, const char* after) {
  std::printf("\"%s\": [", name);
  for (std::size_t i = skip; i < from.size(); ++i) {
    std::printf("%s%.1f", i == skip ? "" : ", ", static_cast<double>(to[i] - from[i]) / 1e3);
  }
  std::printf("]%s", after);
}

}  // namespace

int main(int count, char** words) {
  return bench::run(count, words, [](const bench::Options& options) {
    const auto jobs = options.number("jobs", 2000);
    const auto pause = 1'000'000'000 / static_cast<std::int64_t>(options.number("rate", 200));
    Times times;
    for (auto* list : {&times.submitted, &times.started, &times.ended}) list->resize(jobs);
    bench::Redis producer(options);
    bench::Redis listener(options);
    bench::Redis worker(options);
    producer.command({"XGROUP", "CREATE", kStream, kGroup, "0", "MKSTREAM"});
    listener.command({"SUBSCRIBE", kChannel});
    std::atomic<bool> failed = false;
    std::thread works([&] {
      try {
        work(worker, times);
      } catch (const std::exception&) {
        failed = true;
      }
    });
    auto next = bench::now_ns() + pause;
    for (std::size_t i = 0; i < jobs && !failed; ++i, next += pause) {
      until(next);
      times.submitted[i] = bench::now_ns();
      producer.command({"XADD", kStream, "*", "a", bench::payload()});
      listener.read();
      times.ended[i] = bench::now_ns();
    }
    works.join();
    if (failed) throw std::runtime_error("the worker failed");
    const auto skip = options.number("skip", 0);
    std::printf("{");
    print("start", times.submitted, times.started, skip, ", ");
    print("result", times.submitted, times.ended, skip, "}\n");
  });
}
