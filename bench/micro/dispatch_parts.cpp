// What the dispatcher decides by itself.

#include <memory>

#include "dispatch/attempt_end.h"
#include "dispatch/pace.h"
#include "dispatch/resources.h"
#include "dispatch/source_order.h"
#include "micro.h"

namespace conduitd::micro {
namespace {

using namespace dispatch;

struct Ending {
  Task task;
  Attempt attempt;
  channel::Outcome outcome;

  Ending() {
    task.name = kTask;
    attempt.task = &task;
    attempt.begun = true;
    outcome.kind = channel::Outcome::Kind::retry;
    outcome.error_type = "std::runtime_error";
    outcome.error_message = "/srv/media/2026/01/holiday-0001.jpeg: no such file or directory";
  }
};

}  // namespace

void add_dispatch_parts(Parts& parts) {
  parts.push_back({"dispatch.draw_order", kBatch, [] {
                     const std::vector<QueueShare> queues{{"media", 5}, {"mail", 5}, {"default", 3}, {"reports", 2}, {"import", 1}, {"night", 1}};
                     return [queues, random = std::make_shared<std::mt19937_64>(1)] {
                       for (std::size_t n = 0; n < kBatch; ++n) benchmark::DoNotOptimize(draw_order(queues, false, *random));
                     };
                   }});
  parts.push_back({"dispatch.pace", kBatch, [] {
                     return [pace = std::make_shared<Pace>()] {
                       for (std::size_t n = 0; n < kBatch; ++n) {
                         pace->observe(std::chrono::microseconds(500 + 37 * n));
                         benchmark::DoNotOptimize(pace->ahead(8));
                       }
                     };
                   }});
  parts.push_back({"dispatch.resources", kBatch, [] {
                     const Resources::Declared declared{{"cpu", {16, {}}}, {"memory", {64'000'000'000, {}}}, {"gpu", {4, {"0", "1", "2", "3"}}}};
                     return [resources = std::make_shared<Resources>(declared), needs = job::Needs{{"cpu", 2}, {"gpu", 1}, {"memory", 4'000'000'000}}] {
                       for (std::size_t n = 0; n < kBatch; ++n) {
                         if (!resources->has_free(needs)) std::abort();
                         resources->give_back(needs, resources->take(needs));
                       }
                     };
                   }});
  parts.push_back({"dispatch.end_by_outcome", kBatch, [] {
                     return [ending = std::make_shared<Ending>()] {
                       for (std::size_t n = 0; n < kBatch; ++n) benchmark::DoNotOptimize(end_by_outcome(ending->attempt, ending->outcome));
                     };
                   }});
}

}  // namespace conduitd::micro
