#pragma once
// What the tests may look at of sample_plugin.cpp, besides its tasks.

namespace sample {
extern int hosts_started;
extern int hosts_stopped;
}  // namespace sample
