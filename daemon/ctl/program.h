#pragma once
// One run of conduitctl: the global options, the two outputs and the command chosen.

#include <functional>
#include <string>

#include "base/json.h"
#include "ctl/exit_code.h"
#include "ctl/terminal.h"

namespace CLI {
class App;
}

namespace conduitd::ctl {

enum class Format : std::uint8_t { table, json };

struct Program {
  std::string broker;      ///< --broker; empty: from the config file
  std::string config;      ///< --config; empty: $CONDUIT_CONFIG or the usual places
  std::string name_space;  ///< --namespace; empty: from the config file
  std::string after_wait;  ///< what followed a --wait without a value, or nothing
  Format format = Format::table;
  Terminal out;            ///< standard output
  Terminal err;            ///< standard error
  std::function<ExitCode()> chosen;  ///< what the subcommand given does

  [[nodiscard]] bool json() const { return format == Format::json; }
  /// One document as one line on standard output.
  void print_json(const Json& json) const;
};

/// Runs conduitctl with these arguments; the number is the process's exit code.
[[nodiscard]] int run(int argc, char** argv);

// Each adds one command group to `app`. `program` must outlive it.
void add_submit(CLI::App& app, Program& program);
void add_job(CLI::App& app, Program& program);
void add_queue(CLI::App& app, Program& program);
void add_task(CLI::App& app, Program& program);
void add_cron(CLI::App& app, Program& program);
void add_event(CLI::App& app, Program& program);
void add_explain(CLI::App& app, Program& program);
void add_worker(CLI::App& app, Program& program);
void add_plugin(CLI::App& app, Program& program);
void add_config(CLI::App& app, Program& program);
void add_redis_acl(CLI::App& app, Program& program);

}  // namespace conduitd::ctl
