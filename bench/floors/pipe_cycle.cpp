// A child that was forked before, spoken to over a pair of pipes, one message of 200 bytes there and one back at a time.
//
//   --jobs N

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "../support/program.h"

namespace {

using Message = std::array<char, 200>;

bool read_all(int file, Message& message) {
  for (std::size_t got = 0; got < message.size();) {
    const auto more = ::read(file, message.data() + got, message.size() - got);
    if (more <= 0) return false;
    got += static_cast<std::size_t>(more);
  }
  return true;
}

bool write_all(int file, const Message& message) {
  return ::write(file, message.data(), message.size()) == static_cast<ssize_t>(message.size());
}

}  // namespace

int main(int count, char** words) {
  return bench::run(count, words, [](const bench::Options& options) {
    int there[2], back[2];
    if (::pipe(there) != 0 || ::pipe(back) != 0) throw std::runtime_error("no pipe");
    Message message{};
    const auto child = ::fork();
    if (child < 0) throw std::runtime_error("no child");
    if (child == 0) {
      ::close(there[1]);
      ::close(back[0]);
      while (read_all(there[0], message) && write_all(back[1], message)) {
      }
      ::_exit(0);
    }
    ::close(there[0]);
    ::close(back[1]);
    const auto jobs = options.number("jobs", 1);
    const auto begun = bench::now_ns();
    for (std::size_t i = 0; i < jobs; ++i) {
      if (!write_all(there[1], message) || !read_all(back[0], message)) throw std::runtime_error("the child is gone");
    }
    bench::report(jobs, bench::seconds_since(begun));
    ::close(there[1]);
    ::waitpid(child, nullptr, 0);
  });
}
