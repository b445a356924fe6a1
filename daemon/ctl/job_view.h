#pragma once
// A job as a person reads it. Pure: records in, text out; whatever came from a job is escaped here.

#include <span>
#include <string>
#include <vector>

#include "ctl/terminal.h"
#include "job/job.h"

namespace conduitd::ctl {

[[nodiscard]] Style style_of(job::JobStatus status);
/// "failed (exhausted)", "running, asked to stop".
[[nodiscard]] std::string status_text(const job::JobRecord& record);
/// "std::runtime_error: no such file", first line only.
[[nodiscard]] std::string failure_line(const job::Failure& failure);
/// "A", "A, B and 1 more": at most `most` of them by name.
[[nodiscard]] std::string ids_text(const std::vector<std::string>& ids, std::size_t most);
/// Indented JSON, or what is no JSON with its lines escaped.
[[nodiscard]] std::string pretty_json(const job::Bytes& json);

/// The whole record, with its last log lines: what `job show` prints.
[[nodiscard]] std::string job_page(const job::JobRecord& record, std::span<const job::LogLine> last_lines,
                                   const Terminal& terminal, WallTime now);
/// One log line, ended: time, level, message, fields.
[[nodiscard]] std::string log_text(const job::LogLine& line, const Terminal& terminal);

}  // namespace conduitd::ctl
