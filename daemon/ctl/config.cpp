#include "config/load.h"

#include <fmt/format.h>

#include "base/text.h"
#include "ctl/command_line.h"
#include "ctl/human.h"

namespace conduitd::ctl {
namespace {

Json as_json(const std::vector<config::Fault>& faults) {
  Json::Array list;
  for (const auto& fault : faults) {
    Json item;
    item.set("file", fault.file).set("line", fault.line).set("column", fault.column).set("what", fault.what);
    list.push_back(std::move(item));
  }
  return list;
}

Json as_json(const config::Loaded& loaded) {
  Json::Array files;
  for (const auto& file : loaded.files) files.emplace_back(file);
  Json json;
  json.set("ok", loaded.ok()).set("files", std::move(files));
  json.set("faults", as_json(loaded.faults)).set("warnings", as_json(loaded.warnings));
  return json;
}

void tell_line(std::string_view label, std::string_view text) { fmt::print("{:<11} {}\n", label, escape_control(text)); }

/// What the file says, in a few lines: enough to see that it is the right one.
void tell_summary(const config::Loaded& loaded) {
  const auto& config = loaded.config;
  tell_line("files", fmt::format("{}", fmt::join(loaded.files, ", ")));
  tell_line("broker", fmt::format("{}  (namespace {})", redact_url(config.broker.url), config.name_space));
  tell_line("plugins", config.plugins.directory);
  const auto& executors = config.executors;
  tell_line("executors", fmt::format("async: {} in flight on {}; thread: {}; process: {} children", grouped(executors.async.in_flight),
                                     counted(executors.async.threads, "thread"), counted(executors.thread.threads, "thread"),
                                     executors.process.children));
  std::vector<std::string> names;
  for (const auto& queue : config.queue) names.push_back(queue.name);
  if (!names.empty()) tell_line("queues", fmt::format("{}", fmt::join(names, ", ")));
  names.clear();
  for (const auto& [name, task] : config.task) names.push_back(name);
  if (!names.empty()) tell_line("tasks", fmt::format("{}", fmt::join(names, ", ")));
  tell_line("times", fmt::format("lease {}, drain {}, results kept {}, failures kept {}, {} of a queue", format_duration(config.lease),
                                 format_duration(config.drain_timeout), format_duration(config.result_ttl),
                                 format_duration(config.failed_ttl), config.failed_max));
}

ExitCode check(const Program& program, const std::string& path) {
  const auto loaded = config::load(path);
  if (program.json()) {
    program.print_json(as_json(loaded));
    return loaded.ok() ? ExitCode::ok : ExitCode::usage;
  }
  for (const auto& fault : loaded.faults) {
    fmt::print(stderr, "{} {}\n", styled(program.err, Style::red, "error:"), escape_control(fault.text()));
  }
  for (const auto& warning : loaded.warnings) {
    fmt::print(stderr, "{} {}\n", styled(program.err, Style::yellow, "warning:"), escape_control(warning.text()));
  }
  if (!loaded.ok()) {
    complain(fmt::format("{} has {}; mend {} and check again", path, counted(loaded.faults.size(), "error"),
                         loaded.faults.size() == 1 ? "it" : "them"));
    return ExitCode::usage;
  }
  tell_summary(loaded);
  fmt::print("{}\n", styled(program.out, Style::green, "The configuration is good."));
  return ExitCode::ok;
}

}  // namespace

void add_config(CLI::App& app, Program& program) {
  auto& group = add_group(app, "config", "Checks config files");
  auto* parser = group.add_subcommand("check", "Reads a config file and its conf.d/ and reports every fault");
  auto path = std::make_shared<std::string>();
  parser->add_option("FILE", *path, "Config file, .toml or .yaml")->required()->type_name("");
  parser->callback([path, &program] { program.chosen = [path, &program] { return check(program, *path); }; });
  add_examples(*parser,
               "  conduitctl config check /etc/conduit/conduit.toml\n\n"
               "JSON: {\"ok\", \"files\", \"faults\", \"warnings\"}; a fault is {\"file\", \"line\", \"column\", \"what\"}.\n"
               "Exits 2 if there are faults; warnings alone are 0.");
}

}  // namespace conduitd::ctl
