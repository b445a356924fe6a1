#pragma once
// A fuzz target is one function over bytes. It must neither crash nor take long, and what it claims with FUZZ_HOLDS must
// hold for every input. The same file is linked with libFuzzer (scripts/fuzz) or with replay.cpp, which runs the corpus.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace conduitd::fuzz {

/// The target: defined once in each *_fuzz.cpp.
void run(std::string_view input);

}  // namespace conduitd::fuzz

#define FUZZ_HOLDS(condition)                                                   \
  do {                                                                          \
    if (!(condition)) {                                                         \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                             \
    }                                                                           \
  } while (false)
