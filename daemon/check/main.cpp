// conduit-check: histories in, verdicts out.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>

#include "base/text.h"
#include "check/read.h"
#include "check/report.h"

namespace conduitd::check {
namespace {

enum ExitCode : int { kGood = 0, kViolated = 1, kUnusable = 2 };

constexpr const char* kFooter = R"(
Exit: 0 no rule is violated, 1 one is (or a required one was not exercised), 2 the input cannot be used.
The format of a history: conduit-check(1), docs/check.md.)";

struct Asked {
  std::vector<std::string> paths;
  std::string output = "text";
  std::string liveness = "30s";
  std::string report;
  std::vector<std::string> required;
};

int check(const Asked& asked) {
  const auto liveness = parse_duration(asked.liveness);
  if (!liveness.has_value()) {
    fmt::print(stderr, "conduit-check: --liveness: {}\n", liveness.error().message());
    return kUnusable;
  }
  Reader reader;
  for (const auto& path : asked.paths) {
    if (const auto added = reader.add_path(path); !added.has_value()) {
      fmt::print(stderr, "conduit-check: {}\n", added.error().message());
      return kUnusable;
    }
  }
  const auto history = reader.take();
  if (history.events().empty()) {
    fmt::print(stderr, "conduit-check: there is no event in the history\n");
    return kUnusable;
  }
  Options options;
  options.liveness_ms = static_cast<double>(liveness.value().count());
  const auto verdicts = check_all(history, options);
  const auto figures = measure(history, verdicts);
  fmt::print("{}", asked.output == "json" ? json_report(verdicts, figures).text(true) + "\n" : text_report(verdicts, figures));
  if (!asked.report.empty()) {
    std::ofstream file(asked.report);
    file << json_report(verdicts, figures).text(true) << '\n';
    if (!file.flush()) {
      fmt::print(stderr, "conduit-check: {}: {}\n", asked.report, std::strerror(errno));
      return kUnusable;
    }
  }
  const auto missing = not_exercised(verdicts, figures, asked.required);
  if (!missing.empty()) fmt::print(stderr, "conduit-check: not exercised, and required: {}\n", fmt::join(missing, ", "));
  return any_violated(verdicts) || !missing.empty() ? kViolated : kGood;
}

int run(int argc, char** argv) {
  CLI::App cli("Checks a history of jobs, attempts and faults against what Conduit promises.", "conduit-check");
  Asked asked;
  cli.add_option("PATH", asked.paths, "Files of JSON lines, or directories of *.jsonl")->required();
  cli.add_option("-o,--output", asked.output, "How to print")->check(CLI::IsMember({"text", "json"}))->capture_default_str();
  cli.add_option("--report", asked.report, "Also writes the report as JSON to this file")->type_name("FILE");
  cli.add_option("--liveness", asked.liveness, "C12: how long after the last fault all must have ended")->capture_default_str();
  cli.add_option("--require", asked.required, "Rules that must have been exercised, as C1,C4; fences: a stale write was refused")->delimiter(',');
  cli.set_version_flag("--version", CONDUIT_VERSION);
  cli.footer(kFooter);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool shown = error.get_exit_code() == 0;
    cli.exit(error);
    return shown ? kGood : kUnusable;
  }
  return check(asked);
}

}  // namespace
}  // namespace conduitd::check

int main(int argc, char** argv) {
  try {
    return conduitd::check::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "conduit-check: %s\n", error.what());
  }
  return 2;
}
