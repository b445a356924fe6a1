// conduitd: command line to App to exit code.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "app.h"
#include "base/arguments.h"
#include "config/default_file.h"
#include "host/zygote.h"
#include "version.h"

namespace {

constexpr const char* kExamples = R"(Examples:
  conduitd
  conduitd --config conduit.toml --check
  conduitd --config conduit.toml --broker redis://localhost/0

Signals: TERM and INT drain (twice: hand back now), HUP reloads configuration and plugins.
Exit: 0 stopped in good order, 2 configuration, 70 bug, 74 broker refused, 75 stopped but not all was settled.)";

int run(int argc, char** argv) {
  CLI::App cli("Conduit's worker daemon: takes jobs from a broker and runs them in native task plugins.", "conduitd");
  conduitd::AppOptions options;
  // By our process, not by name: a package may put another version in our place while we run.
  options.executable = fmt::format("/proc/{}/exe", ::getpid());
  bool check = false;
  int zygote_fd = -1;
  cli.add_option("-c,--config", options.config_file, "Configuration file, TOML or YAML (default: conduit.toml or conduit.yaml in " + conduitd::config::default_directory() + ")");
  cli.add_option("--broker", options.broker_url, "Broker URL instead of the configured one");
  cli.add_flag("--check", check, "Check the configuration and the plugins, then end");
  cli.add_option("--zygote", zygote_fd, "")->group("");  // for our own use only
  cli.set_version_flag("--version", conduitd::kVersion);
  cli.footer(kExamples);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return cli.exit(error);  // --help, --version
    std::fprintf(stderr, "conduitd: %s; see conduitd --help\n", error.what());
    return static_cast<int>(conduitd::ExitCode::config);
  }
  conduitd::hide_passwords(argc, argv);
  if (zygote_fd >= 0) return conduitd::host::zygote_main(zygote_fd);
  if (options.config_file.empty()) {
    const auto found = conduitd::config::default_file();
    if (!found.has_value()) {
      std::fprintf(stderr, "conduitd: %s; name a file with --config\n", found.error().message().c_str());
      return static_cast<int>(conduitd::ExitCode::config);
    }
    options.config_file = found.value();
  }
  return static_cast<int>(check ? conduitd::check_app(options) : conduitd::run_app(options));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "conduitd: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "conduitd: unknown failure\n");
  }
  return static_cast<int>(conduitd::ExitCode::software);
}
