#pragma once
// Parts on a job's way, each as one operation that can be repeated: Google Benchmark times it, budget.py has its instructions counted.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "job/id.h"

namespace conduitd::micro {

/// Makes the operation, with its input. No clock, random seed or address may decide what an operation does: its instructions
/// are the same each time. What can fail is asked for with value(), which ends the program: the way of an error is not what is measured.
using Prepare = std::function<std::function<void()>()>;

struct Part {
  std::string name;   ///< "<folder>.<what>"
  std::size_t items;  ///< jobs in one operation
  Prepare prepare;
};
using Parts = std::vector<Part>;

/// Jobs that travel together, as they do when there is much to do.
inline constexpr std::size_t kBatch = 64;

/// Adds a part that does `call(n)` for each job of a batch.
template <class Call>
void add_calls(Parts& parts, std::string name, Call call) {
  parts.push_back({std::move(name), kBatch, [call = std::move(call)] {
                     return [call] {
                       for (std::size_t n = 0; n < kBatch; ++n) benchmark::DoNotOptimize(call(n));
                     };
                   }});
}

// The jobs: a hundred bytes of arguments.
inline const std::string kQueue = "media";
inline const std::string kTask = "images.thumbnail";
inline const std::string kWorker = "conduit-7f3a/2211";
inline const std::string kArgs = R"({"path":"/srv/media/2026/01/holiday-0001.jpeg","out":"/srv/thumbs/01.webp","width":640,"height":360})";
inline const std::string kResult = R"({"out":"/srv/thumbs/01.webp","width":640,"height":360,"bytes":18231})";
inline const std::string kTraceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
[[nodiscard]] inline job::Ulid ulid_of(std::size_t n) { return {1'769'850'000'000 + n, 7, 0x0123'4567'89AB'CDEFU + n * 0x9E37'79B9U}; }

void add_job_parts(Parts& parts);
void add_redis_parts(Parts& parts);
void add_channel_parts(Parts& parts);
void add_dispatch_parts(Parts& parts);
void add_host_parts(Parts& parts);
void add_sdk_parts(Parts& parts);

}  // namespace conduitd::micro
