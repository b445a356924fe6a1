#include <conduit/plugin.hpp>

struct Greet {
  std::string name;
  int times = 1;
};
BOOST_DESCRIBE_STRUCT(Greet, (), (name, times))

static std::string greet(const Greet& args, conduit::Context& ctx) {
  std::string out;
  for (int i = 0; i < args.times; ++i) out += "Hello, " + args.name + "! ";
  ctx.set_progress(1, "greeted");
  return out;
}

CONDUIT_PLUGIN("plain", "1.0.0", plugin) {
  plugin.task("plain.greet", greet).retries(2).timeout(30s);
}
