#include "check/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace conduitd::check {
namespace {

using Finding = Verdict::Finding;

std::string_view word_for(Finding finding) {
  switch (finding) {
    case Finding::good: return "good";
    case Finding::violated: return "violated";
    case Finding::not_exercised: return "not exercised";
  }
  return "";
}

std::string counted(const std::map<std::string, std::uint64_t>& counts) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : counts) parts.push_back(fmt::format("{} {}", count, name));
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string line_for(std::string_view name, const Times& times) {
  if (times.sorted.empty()) return {};
  return fmt::format("{}: {} attempts, p50 {:.2f} s, p99 {:.2f} s, longest {:.2f} s\n", name, times.sorted.size(),
                     times.quantile(0.5) / 1'000, times.quantile(0.99) / 1'000, times.sorted.back() / 1'000);
}

Json to_json(const Times& times) {
  Json json;
  json.set("count", times.sorted.size()).set("p50_ms", times.quantile(0.5)).set("p99_ms", times.quantile(0.99));
  json.set("longest_ms", times.quantile(1));
  return json;
}

Json to_json(const std::map<std::string, std::uint64_t>& counts) {
  Json json{Json::Object{}};
  for (const auto& [name, count] : counts) json.set(name, count);
  return json;
}

std::uint64_t lines_of(const Figures& figures, Kind kind) { return figures.lines[static_cast<std::size_t>(kind)]; }

}  // namespace

std::string text_report(const std::vector<Verdict>& verdicts, const Figures& figures) {
  std::string out;
  for (const auto& verdict : verdicts) {
    const auto finding = verdict.finding();
    const auto count = finding == Finding::violated        ? fmt::format("{} of {}", verdict.violations(), verdict.looked())
                       : finding == Finding::not_exercised ? std::string()
                                                           : fmt::format("{}", verdict.looked());
    out += fmt::format("{:<4}{:<14} {:>16}  {}\n", verdict.rule(), word_for(finding), count, verdict.title());
    for (const auto& offence : verdict.offences()) out += fmt::format("      {}\n", escape_control(offence));
    if (verdict.violations() > verdict.offences().size()) {
      out += fmt::format("      and {} more\n", verdict.violations() - verdict.offences().size());
    }
  }
  out += fmt::format("\njobs accepted: {}; records: {}\n", figures.jobs, counted(figures.states));
  out += fmt::format("attempts: {} begun, {} tasks started, {} reclaimed, {} released\n", lines_of(figures, Kind::begin),
                     lines_of(figures, Kind::task_start), lines_of(figures, Kind::reclaim), lines_of(figures, Kind::release));
  out += fmt::format("charged: {} failures, {} crashes, {} interruptions\n", figures.charged.failures, figures.charged.crashes,
                     figures.charged.interruptions);
  out += fmt::format("faults: {}\n", counted(figures.faults));
  out += fmt::format("lost {}, ended twice {}, stale writes accepted {}, stale writes refused {}\n", figures.lost, figures.twice,
                     figures.stale, lines_of(figures, Kind::finish_fenced));
  out += fmt::format("overlap: {} pairs of runs, {:.2f} s\n", figures.overlaps, figures.overlap_ms / 1'000);
  out += line_for("from the kill of a worker until its jobs were taken back", figures.taken_back);
  out += line_for("from the kill of a worker until they started again", figures.after_worker);
  out += line_for("from the kill of a host until its jobs started again", figures.after_host);
  return out;
}

Json json_report(const std::vector<Verdict>& verdicts, const Figures& figures) {
  Json rules{Json::Array{}};
  for (const auto& verdict : verdicts) {
    Json offences{Json::Array{}};
    for (const auto& offence : verdict.offences()) offences.push(offence);
    Json rule;
    rule.set("rule", verdict.rule()).set("title", verdict.title()).set("finding", word_for(verdict.finding()));
    rule.set("looked_at", verdict.looked()).set("violations", verdict.violations()).set("offences", std::move(offences));
    rules.push(std::move(rule));
  }
  Json lines{Json::Object{}};
  for (std::size_t kind = 0; kind < kKindNames.size(); ++kind) lines.set(std::string(kKindNames[kind]), figures.lines[kind]);
  Json measured;
  measured.set("jobs", figures.jobs).set("states", to_json(figures.states)).set("events", std::move(lines));
  measured.set("faults", to_json(figures.faults)).set("lost", figures.lost).set("twice", figures.twice);
  measured.set("stale_accepted", figures.stale).set("fenced", lines_of(figures, Kind::finish_fenced));
  measured.set("failures", figures.charged.failures).set("crashes", figures.charged.crashes);
  measured.set("interruptions", figures.charged.interruptions);
  measured.set("overlaps", figures.overlaps).set("overlap_ms", figures.overlap_ms);
  measured.set("taken_back", to_json(figures.taken_back));
  measured.set("recovery_worker", to_json(figures.after_worker)).set("recovery_host", to_json(figures.after_host));
  Json out;
  out.set("good", !any_violated(verdicts)).set("rules", std::move(rules)).set("figures", std::move(measured));
  return out;
}

std::vector<std::string> not_exercised(const std::vector<Verdict>& verdicts, const Figures& figures,
                                       const std::vector<std::string>& required) {
  std::vector<std::string> missing;
  for (const auto& rule : required) {
    if (rule == kFences) {
      if (lines_of(figures, Kind::finish_fenced) == 0) missing.push_back(rule);
      continue;
    }
    const auto found = std::ranges::find_if(verdicts, [&rule](const Verdict& verdict) { return verdict.rule() == rule; });
    if (found == verdicts.end() || found->finding() == Finding::not_exercised) missing.push_back(rule);
  }
  return missing;
}

bool any_violated(const std::vector<Verdict>& verdicts) {
  return std::ranges::any_of(verdicts, [](const Verdict& verdict) { return verdict.finding() == Finding::violated; });
}

}  // namespace conduitd::check
