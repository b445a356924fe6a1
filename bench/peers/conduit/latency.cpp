// A producer that submits a job at a time, at a rate, and waits for its result, which is when the task began. In microseconds.
//
//   --url URL --jobs N --rate PER_SECOND --skip N    the first ones are left out

#include <conduit/client.hpp>
#include <poll.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "../../support/program.h"

namespace {

void until(std::int64_t time) {
  while (bench::now_ns() < time) {
    const auto left = time - bench::now_ns();
    ::poll(nullptr, 0, left > 2'000'000 ? static_cast<int>(left / 1'000'000 - 1) : 0);
  }
}

void print(const char* name, const std::vector<double>& times, const char* after) {
  std::printf("\"%s\": [", name);
  for (std::size_t i = 0; i < times.size(); ++i) std::printf("%s%.1f", i == 0 ? "" : ", ", times[i]);
  std::printf("]%s", after);
}

}  // namespace

int main(int count, char** words) {
  return bench::run(count, words, [](const bench::Options& options) {
    conduit::ClientOptions how;
    how.url = options.text("url");
    conduit::Client client(how);
    client.start();
    const auto args = conduit::Json::parse(bench::payload());
    const auto jobs = options.number("jobs", 2000);
    const auto skip = options.number("skip", 0);
    const auto pause = 1'000'000'000 / static_cast<std::int64_t>(options.number("rate", 200));
    std::vector<double> start, result;
    auto next = bench::now_ns() + pause;
    for (std::size_t i = 0; i < jobs; ++i, next += pause) {
      until(next);
      const auto submitted = bench::now_ns();
      const auto id = client.submit("bench.stamp", args);
      const auto job = client.wait(id, std::chrono::seconds(30));
      const auto ended = bench::now_ns();
      if (job.status != conduit::JobStatus::complete) throw std::runtime_error("job " + id + " is not complete");
      if (i < skip) continue;
      start.push_back(static_cast<double>(job.result.get<std::int64_t>() - submitted) / 1e3);
      result.push_back(static_cast<double>(ended - submitted) / 1e3);
    }
    std::printf("{");
    print("start", start, ", ");
    print("result", result, "}\n");
  });
}
