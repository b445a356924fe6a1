#include <conduit/testing.hpp>

#include <cstdio>

int main() {
  const auto good = conduit::testing::run("plain.greet", {{"name", "you"}, {"times", 2}});
  const auto bad = conduit::testing::run("plain.greet", {{"times", 2}});
  const bool passed = good.ok() && good.result == conduit::Json("Hello, you! Hello, you! ") &&
                      bad.kind == conduit::testing::Kind::invalid && bad.error_path == "/name";
  std::puts(passed ? "passed" : "failed");
  return passed ? 0 : 1;
}
