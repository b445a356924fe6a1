#include <fmt/format.h>

#include "base/text.h"
#include "ctl/command_line.h"
#include "ctl/human.h"
#include "ctl/plugin_template.h"
#include "ctl/table.h"
#include "plugin/probe.h"

namespace conduitd::ctl {
namespace {

void tell_line(std::string_view label, std::string_view text) {
  if (!text.empty()) fmt::print("{:<10} {}\n", label, escape_control(text));
}

/// What goes around its tasks, and who is told of them.
void tell_around(const Program& program, const channel::PluginManifest& manifest) {
  Table layers({{"MIDDLEWARE"}, {"SCOPE"}, {"PRIORITY", true}, {"FOR"}, {"TASKS"}});
  for (const auto& layer : manifest.middleware) {
    const auto* kinds = layer.blocking && layer.async ? "functions, coroutines" : layer.async ? "coroutines" : "functions";
    const auto* all = layer.worker ? "all of the worker" : "all of this plugin";
    layers.add({{layer.name}, {layer.worker ? "worker" : "plugin"}, {fmt::format("{}", layer.priority)}, {kinds},
                {layer.task.empty() ? all : layer.task}});
  }
  if (!layers.empty()) fmt::print("\n{}", layers.take(program.out));
  Table hooks({{"HOOK"}, {"TASKS"}});
  for (const auto& hook : manifest.hooks) hooks.add({{hook.event}, {hook.task.empty() ? "all of the worker" : hook.task}});
  if (!hooks.empty()) fmt::print("\n{}", hooks.take(program.out));
}

void tell(const Program& program, const channel::PluginManifest& manifest) {
  tell_line("plugin", fmt::format("{} {}", manifest.name, manifest.version));
  tell_line("file", manifest.path);
  tell_line("sdk", manifest.sdk_version);
  tell_line("compiler", manifest.compiler);
  tell_line("boost", manifest.boost);
  tell_line("build id", manifest.build_id);
  if (manifest.starts_threads) tell_line("threads", "started while loading, so each host loads it anew");
  Table table({{"TASK"}, {"EXECUTOR"}, {"KIND"}, {"CONTEXT"}, {"OPTIONS", false, true}});
  for (const auto& task : manifest.tasks) {
    table.add({{task.name}, {task.executor}, {task.async ? "coroutine" : "function"}, {task.wants_context ? "yes" : "no"},
               {task.options == "{}" ? "" : task.options}});
  }
  if (!table.empty()) fmt::print("\n{}", table.take(program.out));
  tell_around(program, manifest);
  for (const auto& warning : manifest.warnings) {
    fmt::print(stderr, "{} {}\n", styled(program.err, Style::yellow, "warning:"), escape_control(warning));
  }
}

/// The file is loaded in a throwaway child: a plugin that crashes or hangs does so there.
ExitCode check(const Program& program, const std::string& path, const std::string& timeout) {
  const auto longest = parse_duration(timeout);
  if (!longest.has_value()) return fail(longest.error().within("--timeout"));
  const auto manifest = plugin::probe(path, longest.value());
  const auto fault = manifest.has_value() ? manifest.value().fault : manifest.error().message();
  if (!fault.empty()) {
    if (program.json()) program.print_json(Json(Json::Object{}).set("path", path).set("fault", fault));
    complain(fault);
    return ExitCode::usage;
  }
  if (program.json()) {
    program.print_json(channel::to_json(manifest.value()));
  } else {
    tell(program, manifest.value());
  }
  return ExitCode::ok;
}

ExitCode create(const Program& program, const std::string& name, const std::string& directory) {
  const auto written = write_plugin(name, directory.empty() ? name : directory);
  if (!written.has_value()) return fail(written.error());
  if (program.json()) {
    Json::Array files;
    for (const auto& file : written.value()) files.emplace_back(file);
    program.print_json(Json(Json::Object{}).set("name", name).set("files", std::move(files)));
    return ExitCode::ok;
  }
  for (const auto& file : written.value()) fmt::print("{}\n", escape_control(file));
  fmt::print("\nBuild it, test it and look at it:\n  cd {}\n  cmake -B build && cmake --build build && ctest --test-dir build\n"
             "  conduitctl plugin check build/{}.so\n", escape_control(directory.empty() ? name : directory), name);
  return ExitCode::ok;
}

}  // namespace

void add_plugin(CLI::App& app, Program& program) {
  auto& group = add_group(app, "plugin", "Checks plugins and begins new ones");

  auto* check_parser = group.add_subcommand("check", "Loads a plugin as conduitd would, and shows what it holds");
  auto path = std::make_shared<std::string>();
  auto timeout = std::make_shared<std::string>("5s");
  check_parser->add_option("FILE", *path, "The plugin, a .so file")->required()->type_name("");
  check_parser->add_option("--timeout", *timeout, "How long loading may take (default 5s)")->type_name("D");
  check_parser->callback([=, &program] { program.chosen = [=, &program] { return check(program, *path, *timeout); }; });
  add_examples(*check_parser,
               "  conduitctl plugin check build/images.so\n\n"
               "Exits 2 with the sentence that refuses it if conduitd would refuse it.");

  auto* new_parser = group.add_subcommand("new", "Writes a plugin that builds and runs as it is");
  auto name = std::make_shared<std::string>();
  auto directory = std::make_shared<std::string>();
  new_parser->add_option("NAME", *name, "Name of the plugin: a-z, 0-9 and _, a letter first")->required()->type_name("");
  new_parser->add_option("DIR", *directory, "Where to (default: a new directory NAME)")->type_name("");
  new_parser->callback([=, &program] { program.chosen = [=, &program] { return create(program, *name, *directory); }; });
  add_examples(*new_parser, "  conduitctl plugin new thumbnails\n  conduitctl plugin new thumbnails ~/src/conduit-thumbnails");
}

}  // namespace conduitd::ctl
