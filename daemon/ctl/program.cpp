#include "ctl/program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/arguments.h"
#include "base/text.h"
#include "config/default_file.h"
#include "ctl/json_text.h"

namespace conduitd::ctl {
namespace {

constexpr const char* kFooter = R"(Examples:
  conduitctl submit hello.greet '{"name": "Ada"}' --wait
  conduitctl job list --state failed
  conduitctl queue list -o json

The broker is found by --broker, else in the file of --config, of $CONDUIT_CONFIG,
or {}/conduit.toml or .yaml.

Exit codes: 0 ok; 1 the job failed, was cancelled, expired or did not end in time;
2 wrong usage or bad input; 3 not found; 4 the broker.

With -o json each command writes one JSON document on one line; `job logs` and
`submit --jsonl` write one for each log line or job. Members are only ever added.)";

std::string footer() {
  std::string text = kFooter;
  text.replace(text.find("{}"), 2, config::default_directory());
  return text;
}

void add_globals(CLI::App& app, Program& program) {
  app.add_option("--broker", program.broker, "Broker to talk to: sqlite:///path, redis://host, ...")->type_name("URL");
  app.add_option("--config", program.config, "Config file that names the broker")->type_name("FILE");
  app.add_option("--namespace", program.name_space, "Namespace in the broker, if not the config file's")
      ->type_name("NAME");
  const auto read_format = [&program](const std::string& text) {
    if (text != "table" && text != "json") throw CLI::ValidationError("--output", text + " is not allowed: table or json is");
    program.format = text == "json" ? Format::json : Format::table;
  };
  app.add_option_function<std::string>("-o,--output", read_format, "What to print: for people or for programs")
      ->type_name("table|json");
  app.set_version_flag("--version", "conduitctl " CONDUIT_VERSION);
}

const CLI::App& deepest(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return *at;
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + " " + app.get_name();
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    for (const auto* option : at->get_options()) {
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& names) {
  const auto near = nearest(word, names);
  return near ? fmt::format("did you mean {}? ", *near) : std::string();
}

/// One line for what the parser refused: what it was, the nearest right word, where to read on.
std::string explain(const CLI::App& app, const CLI::ParseError& error, const std::string& after_wait) {
  const auto& command = deepest(app);
  const auto name = full_name(command);
  const auto extras = app.remaining(true);
  for (const auto& word : extras) {
    if (word.size() < 2 || word[0] != '-') continue;
    const auto option = word.substr(0, word.find('='));
    return fmt::format("unknown option {}; {}see {} --help", option, suggestion(option, option_names(command)), name);
  }
  const auto names = command_names(command);
  if (!extras.empty() && !names.empty()) {
    return fmt::format("unknown command '{}'; {}see {} --help", extras.front(), suggestion(extras.front(), names), name);
  }
  if (!extras.empty() && extras.front() == after_wait) return fmt::format("--wait: '{}' is not a duration; see {} --help", after_wait, name);
  if (!extras.empty()) return fmt::format("unexpected argument '{}'; see {} --help", extras.front(), name);
  if (!names.empty()) return fmt::format("{} needs a command: {}", name, fmt::join(names, ", "));
  return fmt::format("{}; see {} --help", error.what(), name);
}

/// `--wait 30s` as `--wait=30s`: its value may be left out, and what follows may as well be a task or its arguments.
/// `follower` is what came after one that was left without.
std::vector<std::string> joined_waits(int argc, const char* const* argv, std::string& follower) {
  std::vector<std::string> out;
  for (int i = 1; i < argc; ++i) {
    const bool follows = !out.empty() && out.back() == "--wait";
    if (follows && argv[i][0] != '-') follower = argv[i];
    if (follows && parse_duration(argv[i]).has_value()) {
      out.back() += std::string("=") + argv[i];
    } else {
      out.emplace_back(argv[i]);
    }
  }
  return out;
}

/// What was printed may sit in a buffer: a full disk or a closed pipe shows only now.
ExitCode flushed(ExitCode code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  complain(fmt::format("cannot write to standard output: {}; the command itself was carried out", std::strerror(errno)));
  return worse(code, ExitCode::usage);
}

}  // namespace

void Program::print_json(const Json& json) const { fmt::print("{}\n", json_line(json.text())); }

int run(int argc, char** argv) {
  Program program;
  program.out = Terminal::of(STDOUT_FILENO);
  program.err = Terminal::of(STDERR_FILENO);
  CLI::App app("Submits, shows and steers background jobs.", "conduitctl");
  app.fallthrough();
  app.require_subcommand(1);
  app.get_formatter()->column_width(30);
  app.footer(footer());
  add_globals(app, program);
  add_submit(app, program);
  add_job(app, program);
  add_explain(app, program);
  add_queue(app, program);
  add_task(app, program);
  add_cron(app, program);
  add_event(app, program);
  add_worker(app, program);
  add_plugin(app, program);
  add_config(app, program);
  add_redis_acl(app, program);

  auto arguments = joined_waits(argc, argv, program.after_wait);
  hide_passwords(argc, argv);
  if (arguments.empty()) {
    fmt::print(stderr, "{}", app.help());
    return static_cast<int>(ExitCode::usage);
  }
  std::reverse(arguments.begin(), arguments.end());  // the order in which the parser takes a vector
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::Success& success) {
    return static_cast<int>(flushed(static_cast<ExitCode>(app.exit(success))));
  } catch (const CLI::ParseError& error) {
    complain(explain(app, error, program.after_wait));
    return static_cast<int>(ExitCode::usage);
  }
  return static_cast<int>(flushed(program.chosen()));
}

}  // namespace conduitd::ctl
