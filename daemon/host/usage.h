#pragma once
// What a process has used, in the units of job::Usage.

#include <sys/resource.h>

#include "job/job.h"

namespace conduitd::host {

struct Usage : job::Usage {
  static Usage of(const rusage& usage) {
    const auto micros = [](const timeval& time) { return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec; };
    Usage out;
    out.cpu_us = micros(usage.ru_utime) + micros(usage.ru_stime);
    out.peak_rss_kib = usage.ru_maxrss;
    return out;
  }
  /// Of this process, since it began.
  static Usage now() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return of(usage);
  }
};

}  // namespace conduitd::host
