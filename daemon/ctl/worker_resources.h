#pragma once
// What tasks need and workers have of resources, as they announced it. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/directory.h"
#include "job/needs.h"

namespace conduitd::ctl {

struct Stock {
  std::uint64_t units = 0;
  std::uint64_t free = 0;
  std::vector<std::string> devices;
};

/// By resource; nothing if the worker, of an older version, says nothing of it.
[[nodiscard]] std::optional<std::map<std::string, Stock>> stock_of(const broker::WorkerInfo& worker);
[[nodiscard]] job::Needs needs_of(const broker::TaskInfo& task);

/// Which of the workers could ever give so much; if none can, why: "no live worker has gpu", "no live worker has more of gpu than 2".
struct Able {
  std::vector<const broker::WorkerInfo*> workers;
  std::string lack;
};
[[nodiscard]] Able able_to_give(const std::vector<const broker::WorkerInfo*>& workers, const job::Needs& needs);
/// If none of these has it free now: "needs gpu 1, free 0". Of several workers the one that has most is told of.
[[nodiscard]] std::string lack_now(const std::vector<const broker::WorkerInfo*>& workers, const job::Needs& needs);

}  // namespace conduitd::ctl
