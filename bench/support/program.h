#pragma once
// What the programs of the benchmarks share: options as "--name value", the payload, one clock, one line of JSON at the end.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>

namespace bench {

class Options {
 public:
  Options(int count, char** words) {
    for (int i = 1; i + 1 < count; i += 2) {
      const std::string name = words[i];
      if (!name.starts_with("--")) throw std::invalid_argument("an option begins with --, not " + name);
      values_[name.substr(2)] = words[i + 1];
    }
    if (count % 2 == 0) throw std::invalid_argument("each option has a value");
  }
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise = "") const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }
  [[nodiscard]] std::size_t number(const std::string& name, std::size_t otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : std::stoul(found->second);
  }

 private:
  std::map<std::string, std::string> values_;
};

/// A job's arguments: 100 bytes of JSON, one string.
inline std::string payload() {
  constexpr std::size_t kSize = 100;
  return "[\"" + std::string(kSize - 4, 'x') + "\"]";
}

/// CLOCK_MONOTONIC, which all programs of a machine share.
inline std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double seconds_since(std::int64_t begun) { return static_cast<double>(now_ns() - begun) / 1e9; }

inline void report(std::size_t jobs, double seconds) {
  std::printf("{\"jobs\": %zu, \"seconds\": %.6f}\n", jobs, seconds);
}

/// The program's main(): what it throws becomes a line and the exit code.
template <class Function>
int run(int count, char** words, Function function) {
  try {
    function(Options(count, words));
    return 0;
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "%s: %s\n", words[0], fault.what());
    return 1;
  }
}

}  // namespace bench
