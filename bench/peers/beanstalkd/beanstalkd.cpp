// A client of beanstalkd by its protocol alone: no executor, and a job is only deleted.
//
//   --port P --do put   --jobs N --batch B    B puts a write
//   --port P --do drain --batch B             B deletes and B reserves a write, until nothing is left

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "../../support/program.h"
#include "../../support/tcp.h"

namespace {

void put(bench::Tcp& server, std::size_t jobs, std::size_t batch) {
  const auto payload = bench::payload();
  const auto one = "put 0 0 120 " + std::to_string(payload.size()) + "\r\n" + payload + "\r\n";
  const auto begun = bench::now_ns();
  for (std::size_t done = 0; done < jobs;) {
    const auto many = std::min(batch, jobs - done);
    std::string text;
    for (std::size_t i = 0; i < many; ++i) text += one;
    server.write(text);
    for (std::size_t i = 0; i < many; ++i) {
      if (!server.line().starts_with("INSERTED")) throw std::runtime_error("a job was not taken");
    }
    done += many;
  }
  bench::report(jobs, bench::seconds_since(begun));
}

/// The ids of what was reserved, of so many attempts.
std::vector<std::string> reserved(bench::Tcp& server, std::size_t attempts) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < attempts; ++i) {
    const auto said = server.line();
    if (!said.starts_with("RESERVED ")) continue;  // TIMED_OUT
    const auto space = said.find(' ', 9);
    out.push_back(said.substr(9, space - 9));
    server.skip(std::stoul(said.substr(space + 1)) + 2);
  }
  return out;
}

void drain(bench::Tcp& server, std::size_t batch) {
  std::string reserves;
  for (std::size_t i = 0; i < batch; ++i) reserves += "reserve-with-timeout 0\r\n";
  std::size_t done = 0;
  const auto begun = bench::now_ns();
  server.write(reserves);
  auto ids = reserved(server, batch);
  while (!ids.empty()) {
    std::string text;
    for (const auto& id : ids) text += "delete " + id + "\r\n";
    server.write(text + reserves);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (server.line() != "DELETED") throw std::runtime_error("a job was not deleted");
    }
    done += ids.size();
    ids = reserved(server, batch);
  }
  bench::report(done, bench::seconds_since(begun));
}

}  // namespace

int main(int count, char** words) {
  return bench::run(count, words, [](const bench::Options& options) {
    bench::Tcp server(options.number("port", 11300));
    const auto batch = options.number("batch", 64);
    if (options.text("do") == "put") {
      put(server, options.number("jobs", 1), batch);
    } else {
      drain(server, batch);
    }
  });
}
