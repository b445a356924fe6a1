#include "broker/redis_acl.h"

#include <fmt/format.h>

#include "ctl/command_line.h"
#include "job/id.h"

namespace conduitd::ctl {
namespace {

struct RedisAcl {
  std::string user = "conduit";
  bool submit_only = false;
};

ExitCode print_acl(const Program& program, const RedisAcl& wanted) {
  const auto& name_space = program.name_space.empty() ? broker::Options{}.name_space : program.name_space;
  for (const auto& [kind, name] : {std::pair{"namespace", name_space}, std::pair{"user", wanted.user}}) {
    const auto good = job::check_name(kind, name);
    if (!good.has_value()) return fail(good.error());
  }
  const auto role = wanted.submit_only ? broker::RedisRole::submit : broker::RedisRole::worker;
  const auto rules = broker::redis_acl(role, name_space);
  const auto command = fmt::format("ACL SETUSER {} reset on >PASSWORD {}", wanted.user, fmt::join(rules, " "));
  if (!program.json()) {
    fmt::print("{}\n", command);
    return ExitCode::ok;
  }
  Json list{Json::Array{}};
  for (const auto& rule : rules) list.push(rule);
  Json json;
  json.set("user", wanted.user).set("namespace", name_space).set("rules", std::move(list)).set("command", command);
  program.print_json(json);
  return ExitCode::ok;
}

}  // namespace

void add_redis_acl(CLI::App& app, Program& program) {
  auto* parser = app.add_subcommand("redis-acl", "Prints the rights that a Redis user of Conduit needs");
  auto wanted = std::make_shared<RedisAcl>();
  parser->add_option("--user", wanted->user, "Name of the user")->capture_default_str()->type_name("NAME");
  parser->add_flag("--submit-only", wanted->submit_only, "For clients that submit jobs and do nothing else");
  parser->callback([wanted, &program] { program.chosen = [wanted, &program] { return print_acl(program, *wanted); }; });
  add_examples(*parser,
               "  conduitctl redis-acl                        # for conduitd and conduitctl\n"
               "  conduitctl redis-acl --user web --submit-only --namespace shop\n\n"
               "Give the line to redis-cli with a password in the place of PASSWORD; or put `user NAME on >PASSWORD ...`\n"
               "into users.acl. The namespace is \"conduit\" unless --namespace says another.\n"
               "JSON: {\"user\", \"namespace\", \"rules\", \"command\"}.");
}

}  // namespace conduitd::ctl
