#include "config/secret_environment.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "config/fill_in.h"

namespace conduitd::config {

Sources SecretEnvironment::sources() const {
  auto out = with_defaults({});
  out.environment = [this, rest = std::move(out.environment)](const std::string& name) {
    const auto found = kept_.find(name);
    return found != kept_.end() ? std::optional(found->second) : rest(name);
  };
  return out;
}

void SecretEnvironment::take(const std::set<std::string>& names) {
  for (const auto& name : names) {
    char* value = std::getenv(name.c_str());
    if (value == nullptr) continue;
    kept_[name] = value;
    // The kernel shows the bytes the process was started with, whatever becomes of the pointers to them.
    std::fill_n(value, std::strlen(value), '\0');
    ::unsetenv(name.c_str());
  }
}

}  // namespace conduitd::config
