// What libFuzzer calls.
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  conduitd::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
