// The smallest plugin: one task, one function.
#include <conduit/plugin.hpp>

namespace {

std::string greet(const std::string& name) { return "Hello, " + name + "!"; }

}  // namespace

CONDUIT_PLUGIN("hello", "1.0.0", plugin) { plugin.task("hello.greet", greet).parameters("name"); }
