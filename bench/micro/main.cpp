// conduit_micro: parts on a job's way, one by one.
//
//   conduit_micro [--benchmark_...]                       times them (Google Benchmark)
//   conduit_micro --names                                 one a line
//   conduit_micro --about                                 what it was compiled with
//   conduit_micro --count NAME ROUNDS [--slower PERCENT]  what budget.py runs under callgrind: collects during so many rounds, which are
//                                                         that much more work than they should be; prints the jobs in them
#include <valgrind/callgrind.h>

#include <charconv>
#include <cstdio>
#include <string_view>

#include "micro.h"

namespace conduitd::micro {
namespace {

// By then memory has been allocated and streams, tables and functions of the libraries are there.
constexpr std::size_t kWarmUp = 10;

Parts all_parts() {
  Parts parts;
  add_job_parts(parts);
  add_redis_parts(parts);
  add_channel_parts(parts);
  add_dispatch_parts(parts);
  add_host_parts(parts);
  add_sdk_parts(parts);
  return parts;
}

int count(const Part& part, std::size_t rounds, std::size_t slower_percent) {
  const auto run = part.prepare();
  const auto needless = rounds * slower_percent / 100;
  for (std::size_t i = 0; i < kWarmUp; ++i) run();
  CALLGRIND_TOGGLE_COLLECT;
  for (std::size_t i = 0; i < rounds + needless; ++i) run();
  CALLGRIND_TOGGLE_COLLECT;
  std::printf("%zu\n", rounds * part.items);
  return 0;
}

std::size_t number(std::string_view text) {
  std::size_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

void time(const Part& part) {
  benchmark::RegisterBenchmark(part.name.c_str(), [part](benchmark::State& state) {
    const auto run = part.prepare();
    for (auto _ : state) run();
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(part.items));
  });
}

int run(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  const auto parts = all_parts();
  if (words.size() == 1 && words[0] == "--about") {
    std::printf("%s\n", CONDUIT_MICRO_ABOUT);
    return 0;
  }
  if (words.size() == 1 && words[0] == "--names") {
    for (const auto& part : parts) std::printf("%s\n", part.name.c_str());
    return 0;
  }
  if (words.size() >= 3 && words[0] == "--count") {
    for (const auto& part : parts) {
      if (part.name == words[1]) return count(part, number(words[2]), words.size() == 5 && words[3] == "--slower" ? number(words[4]) : 0);
    }
    std::fprintf(stderr, "conduit_micro: there is no part of this name\n");
    return 2;
  }
  for (const auto& part : parts) time(part);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace conduitd::micro

int main(int argc, char** argv) { return conduitd::micro::run(argc, argv); }
