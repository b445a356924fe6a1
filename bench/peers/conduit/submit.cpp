// A producer by the client library, on one thread: submits jobs of the suite's payload.
//
//   --url URL --task T --jobs N
//   --batch B          B at a time by submit_bulk(); without it, or 1, one by one, each answered before the next
//   --queues a,b       in turn, a batch each; else the task's
//   --unique yes       each with a unique key of its own

#include <conduit/client.hpp>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "../../support/program.h"

namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) out.push_back(word);
  return out;
}

class Producer {
 public:
  explicit Producer(const bench::Options& options)
      : client_(client_options(options)),
        task_(options.text("task", "noop.run")),
        queues_(split(options.text("queues"))),
        unique_(options.text("unique") == "yes"),
        args_(conduit::Json::parse(bench::payload())) {
    client_.start();
  }

  void one_by_one(std::size_t jobs) {
    for (std::size_t i = 0; i < jobs; ++i) client_.submit(task_, args_, options_of(i, i));
  }
  void in_bulk(std::size_t jobs, std::size_t batch) {
    for (std::size_t done = 0; done < jobs;) {
      const auto many = std::min(batch, jobs - done);
      std::vector<conduit::JobRequest> requests;
      requests.reserve(many);
      for (std::size_t i = 0; i < many; ++i) requests.push_back({task_, args_, options_of(done + i, done / batch)});
      client_.submit_bulk(std::move(requests));
      done += many;
    }
  }

 private:
  static conduit::ClientOptions client_options(const bench::Options& options) {
    conduit::ClientOptions out;
    out.url = options.text("url");
    out.timeout = std::chrono::seconds(60);
    return out;
  }
  [[nodiscard]] conduit::SubmitOptions options_of(std::size_t number, std::size_t turn) const {
    conduit::SubmitOptions out;
    if (!queues_.empty()) out.queue = queues_[turn % queues_.size()];
    if (unique_) out.unique = "key-" + std::to_string(number);
    return out;
  }

  conduit::Client client_;
  std::string task_;
  std::vector<std::string> queues_;
  bool unique_;
  conduit::Json args_;
};

}  // namespace

int main(int count, char** words) {
  return bench::run(count, words, [](const bench::Options& options) {
    Producer producer(options);
    const auto jobs = options.number("jobs", 1);
    const auto batch = options.number("batch", 1);
    const auto begun = bench::now_ns();
    if (batch == 1) {
      producer.one_by_one(jobs);
    } else {
      producer.in_bulk(jobs, batch);
    }
    bench::report(jobs, bench::seconds_since(begun));
  });
}
