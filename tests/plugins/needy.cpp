// Tasks that need devices, one of them as docs/resources.md shows it. The result tells which the attempt was given, what its process was told, and when it ran.
#include <conduit/plugin.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

using conduit::Json;

struct Args {
  int ms = 0;
};
BOOST_DESCRIBE_STRUCT(Args, (), (ms))

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Json train(const Args& args, conduit::Context& context) {
  const auto from = now();
  std::this_thread::sleep_for(std::chrono::milliseconds(args.ms));
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return {{"devices", context.devices()}, {"visible", visible != nullptr ? visible : "unset"}, {"pid", static_cast<int>(::getpid())},
          {"from", from}, {"to", now()}};
}

}  // namespace

CONDUIT_PLUGIN("needy", "1.0.0", plugin) {
#include "page_resources.inc"
  plugin.task("model.train_on_both", train).executor(conduit::process).needs("gpu", 2);
  plugin.task("model.render", train).executor(conduit::thread).needs("gpu", 1);
  plugin.task("model.plain", train).executor(conduit::process);
  plugin.task("model.licensed", train).needs("licence", 1);
}
