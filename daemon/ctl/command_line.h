#pragma once
// The few shapes in which commands are added to the parser. Included by the .cpp of each command group alone.

#include <CLI/CLI.hpp>
#include <concepts>
#include <memory>
#include <string>

#include "ctl/session.h"

namespace conduitd::ctl {

/// Gives a command's --help its examples, one a line.
inline void add_examples(CLI::App& parser, const std::string& examples) {
  parser.footer("Examples:\n" + examples +
                "\n\nEverywhere: --broker URL, --config FILE, -o table|json; see conduitctl --help.");
}

/// A group such as "job", which needs one of its subcommands.
inline CLI::App& add_group(CLI::App& app, const std::string& name, const std::string& what) {
  auto* group = app.add_subcommand(name, what);
  group->require_subcommand(1);
  return *group;
}

/// A command `Command` that talks to the broker; returns the parser of its options and the command they go to.
template <std::derived_from<BrokerCommand> Command>
std::pair<CLI::App*, std::shared_ptr<Command>> add_broker_command(CLI::App& group, Program& program,
                                                                  const std::string& name, const std::string& what) {
  auto* parser = group.add_subcommand(name, what);
  auto command = std::make_shared<Command>();
  parser->callback([command, &program] {
    program.chosen = [command, &program] { return run_with_broker(program, *command); };
  });
  return {parser, command};
}

}  // namespace conduitd::ctl
