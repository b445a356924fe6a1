// Lines of docs/{flows,limits,schedules}.md, and around them what the pages leave out.
#include <conduit/plugin.hpp>

#include <string>
#include <vector>

namespace {

struct Resize {
  std::string tenant;
};
BOOST_DESCRIBE_STRUCT(Resize, (), (tenant))

struct Transcode {
  std::string video;
};
BOOST_DESCRIBE_STRUCT(Transcode, (), (video))

std::string resize(const Resize& args) { return "resized for " + args.tenant; }
std::string transcode(const Transcode& args) { return "transcoded " + args.video; }
std::string sweep() { return "swept"; }

std::string join(const std::vector<std::string>& files) {
  std::string all;
  for (const auto& file : files) all += (all.empty() ? "" : "+") + file;
  return all;
}
std::string announce(const std::string& film) { return film + " is ready"; }

#include "page_flows.inc"

}  // namespace

CONDUIT_PLUGIN("pages", "1.0.0", plugin) {
#include "page_limits.inc"
#include "page_weights.inc"
#include "page_schedules.inc"
  plugin.task("film.make", make).parameters("id", "scenes");
  plugin.task("film.join", join).parameters("files");
  plugin.task("film.announce", announce).parameters("film");
}
