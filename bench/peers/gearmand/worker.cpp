// A worker of gearmand whose jobs do nothing.
//
//   --port P

#include <libgearman/gearman.h>

#include <memory>
#include <stdexcept>

#include "../../support/program.h"

namespace {

using WorkerPtr = std::unique_ptr<gearman_worker_st, decltype(&gearman_worker_free)>;

gearman_return_t nothing(gearman_job_st*, void*) { return GEARMAN_SUCCESS; }

}  // namespace

int main(int count, char** words) {
  return bench::run(count, words, [](const bench::Options& options) {
    const WorkerPtr worker(gearman_worker_create(nullptr), &gearman_worker_free);
    const auto port = static_cast<in_port_t>(options.number("port", 4730));
    if (gearman_failed(gearman_worker_add_server(worker.get(), "127.0.0.1", port)) ||
        gearman_failed(gearman_worker_define_function(worker.get(), "noop", 4, gearman_function_create(nothing), 0, nullptr))) {
      throw std::runtime_error("cannot work");
    }
    while (!gearman_failed(gearman_worker_work(worker.get()))) {
    }
  });
}
