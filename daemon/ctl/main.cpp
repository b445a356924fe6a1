#include <cstdio>
#include <exception>

#include "ctl/program.h"

int main(int argc, char** argv) {
  constexpr int kOwnFault = 70;  // EX_SOFTWARE
  try {
    return conduitd::ctl::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "conduitctl: internal error: %s\n", error.what());
    return kOwnFault;
  }
}
