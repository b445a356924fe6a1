#pragma once
// Configuration files for one test, in a directory of its own, with an environment of its own.

#include <sys/stat.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "config/load.h"
#include "support/temp_dir.h"

namespace conduitd::config::test {

class Files {
 public:
  std::string write(const std::string& name, const std::string& content, unsigned mode = 0600) {
    const auto path = directory_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    ::chmod(path.c_str(), mode);
    return path.string();
  }

  Loaded load(const std::string& name) {
    Sources sources;
    sources.environment = [this](const std::string& variable) {
      const auto found = environment.find(variable);
      return found != environment.end() ? std::optional<std::string>(found->second) : std::nullopt;
    };
    return config::load(path(name), sources);
  }
  Loaded load(const std::string& name, const std::string& content) {
    write(name, content);
    return load(name);
  }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_.file(name); }

  /// The faults as printed, without the directory in front.
  [[nodiscard]] std::vector<std::string> texts(const std::vector<Fault>& faults) const {
    std::vector<std::string> out;
    const std::string prefix = directory_.file("");
    for (const auto& fault : faults) {
      std::string text = fault.text();
      for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) text.erase(at, prefix.size());
      out.push_back(std::move(text));
    }
    return out;
  }

  std::map<std::string, std::string> environment;

 private:
  conduitd::test::TempDir directory_;
};

}  // namespace conduitd::config::test
