// A producer for gearmand: background jobs, one by one or in runs of B tasks.
//
//   --port P --jobs N --batch B

#include <libgearman/gearman.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "../../support/program.h"

namespace {

using ClientPtr = std::unique_ptr<gearman_client_st, decltype(&gearman_client_free)>;

void check(gearman_return_t said, const char* what) {
  if (gearman_failed(said)) throw std::runtime_error(what);
}

void submit(gearman_client_st* client, std::size_t jobs, std::size_t batch) {
  const auto payload = bench::payload();
  std::size_t number = 0;  // a key of its own for each: jobs of one key are one job
  for (std::size_t done = 0; done < jobs;) {
    const auto many = std::min(batch, jobs - done);
    if (batch == 1) {
      char handle[GEARMAN_JOB_HANDLE_SIZE];
      check(gearman_client_do_background(client, "noop", std::to_string(++number).c_str(), payload.data(), payload.size(), handle), "a job was not taken");
    } else {
      for (std::size_t i = 0; i < many; ++i) {
        gearman_return_t said = GEARMAN_SUCCESS;
        gearman_client_add_task_background(client, nullptr, nullptr, "noop", std::to_string(++number).c_str(), payload.data(), payload.size(), &said);
        check(said, "a task was not added");
      }
      check(gearman_client_run_tasks(client), "the tasks were not taken");
      gearman_client_task_free_all(client);
    }
    done += many;
  }
}

}  // namespace

int main(int count, char** words) {
  return bench::run(count, words, [](const bench::Options& options) {
    const ClientPtr client(gearman_client_create(nullptr), &gearman_client_free);
    check(gearman_client_add_server(client.get(), "127.0.0.1", static_cast<in_port_t>(options.number("port", 4730))), "no server");
    const auto jobs = options.number("jobs", 1);
    const auto begun = bench::now_ns();
    submit(client.get(), jobs, options.number("batch", 1));
    bench::report(jobs, bench::seconds_since(begun));
  });
}
