#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "base/text.h"
#include "config/document.h"
#include "config/fill_in.h"
#include "files.h"

namespace conduitd::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class Load : public testing::Test {
 protected:
  std::vector<std::string> faults(const Loaded& loaded) const { return files.texts(loaded.faults); }
  std::vector<std::string> warnings(const Loaded& loaded) const { return files.texts(loaded.warnings); }

  test::Files files;
};

constexpr auto kFullToml = R"(
namespace = "shop"
worker = "w-1"
result_ttl = "1h"
failed_ttl = "2d"
failed_max = 500
lease = "3s"
drain_timeout = "1m"
queues = ["media", "default"]
queue_order = "strict"
[broker]
url = "rediss://db.example:6380/2"
username = "conduit"
command_timeout = "1500ms"
tls_ca = "/ca.pem"
tls_certificate = "/me.pem"
tls_key = "/me.key"
tls_verify = false
allow_eviction = true
[plugins]
directory = "/opt/plugins"
load_timeout = "20s"
strict = true
[executors]
async = { threads = 2, in_flight = 50 }
thread = { threads = 3 }
process = { children = 5, jobs_per_child = 0, memory = "512MiB", open_files = 64, grace = "1s" }
quarantine_after = 2
grace = "9s"
[[queue]]
name = "media"
weight = 5
[[queue]]
name = "mail"
[task."images.resize"]
queue = "media"
executor = "process"
retries = 0
backoff = { kind = "fixed", base = "2s", max = "5s", jitter = 0 }
timeout = "30s"
[task.hello]
retries = 7
[log]
level = "warning"
format = "json"
[limits]
payload = 65536
json_depth = 16
log_lines = 0
)";

constexpr auto kFullYaml = R"(
namespace: shop
worker: w-1
result_ttl: 1h
failed_ttl: 2d
failed_max: 500
lease: 3s
drain_timeout: 1m
queues: [media, default]
queue_order: strict
broker:
  url: rediss://db.example:6380/2
  username: conduit
  command_timeout: 1500ms
  tls_ca: /ca.pem
  tls_certificate: /me.pem
  tls_key: /me.key
  tls_verify: false
  allow_eviction: true
plugins: {directory: /opt/plugins, load_timeout: 20s, strict: true}
executors:
  async: {threads: 2, in_flight: 50}
  thread: {threads: 3}
  process: {children: 5, jobs_per_child: 0, memory: 512MiB, open_files: 64, grace: 1s}
  quarantine_after: 2
  grace: 9s
queue:
  - name: media
    weight: 5
  - name: mail
task:
  images.resize:
    queue: media
    executor: process
    retries: 0
    backoff: {kind: fixed, base: 2s, max: 5s, jitter: 0}
    timeout: 30s
  hello:
    retries: 7
log: {level: warning, format: json}
limits: {payload: 65536, json_depth: 16, log_lines: 0}
)";

TEST_F(Load, ReadsEveryKeyOfATomlFile) {
  const auto loaded = files.load("c.toml", kFullToml);
  ASSERT_THAT(faults(loaded), IsEmpty());
  EXPECT_THAT(warnings(loaded), IsEmpty());
  const Config& c = loaded.config;
  EXPECT_EQ(c.name_space, "shop");
  EXPECT_EQ(c.worker, "w-1");
  EXPECT_EQ(c.result_ttl, hours(1));
  EXPECT_EQ(c.failed_ttl, hours(48));
  EXPECT_EQ(c.failed_max, 500U);
  EXPECT_EQ(c.lease, seconds(3));
  EXPECT_EQ(c.drain_timeout, minutes(1));
  EXPECT_THAT(c.queues, ElementsAre("media", "default"));
  EXPECT_EQ(c.queue_order, "strict");
  EXPECT_EQ(c.broker.url, "rediss://db.example:6380/2");
  EXPECT_EQ(c.broker.username, "conduit");
  EXPECT_EQ(c.broker.command_timeout, Millis(1500));
  EXPECT_EQ(c.broker.tls_ca, "/ca.pem");
  EXPECT_EQ(c.broker.tls_certificate, "/me.pem");
  EXPECT_EQ(c.broker.tls_key, "/me.key");
  EXPECT_FALSE(c.broker.tls_verify);
  EXPECT_TRUE(c.broker.allow_eviction);
  EXPECT_EQ(c.plugins, (Plugins{.directory = "/opt/plugins", .load_timeout = seconds(20), .strict = true}));
  EXPECT_EQ(c.executors.async, (AsyncExecutor{.threads = 2, .in_flight = 50}));
  EXPECT_EQ(c.executors.thread, (ThreadExecutor{.threads = 3}));
  EXPECT_EQ(c.executors.process, (ProcessExecutor{.children = 5,
                                                  .jobs_per_child = 0,
                                                  .memory = 512ULL * 1024 * 1024,
                                                  .recycle_memory = 0,
                                                  .cpu = seconds(0),
                                                  .open_files = 64,
                                                  .grace = seconds(1)}));
  EXPECT_EQ(c.executors.quarantine_after, 2U);
  EXPECT_EQ(c.executors.grace, seconds(9));
  EXPECT_THAT(c.queue, ElementsAre(Queue{.name = "media", .weight = 5, .concurrency = 0}, Queue{.name = "mail", .weight = 1, .concurrency = 0}));
  EXPECT_EQ(c.task.at("images.resize"),
            (Task{.queue = "media",
                  .executor = "process",
                  .retries = 0,
                  .backoff = job::Backoff{.kind = job::Backoff::Kind::fixed, .base = seconds(2), .max = seconds(5), .jitter = 0},
                  .errors = std::nullopt,
                  .timeout = seconds(30),
                  .interruptions = std::nullopt,
                  .concurrency = std::nullopt,
                  .rate_limit = std::nullopt,
                  .weight = std::nullopt,
                  .needs = std::nullopt}));
  EXPECT_EQ(c.task.at("hello").retries, 7U);
  EXPECT_EQ(c.task.at("hello").backoff, std::nullopt);
  EXPECT_EQ(c.log, (Log{.level = log::Level::warning, .format = log::Format::json}));
  EXPECT_EQ(c.limits, (Limits{.payload = 65536, .json_depth = 16, .log_lines = 0}));
}

TEST_F(Load, ReadsLimitsInAllTheirForms) {
  const auto toml = files.load("l.toml", R"(
[[queue]]
name = "media"
concurrency = 20
[task.a]
concurrency = 4
rate_limit = "5/10s"
weight = 3
[task.b]
concurrency = [8, { limit = 2, key = "tenant" }, { limit = 1, scope = "worker" }]
rate_limit = { rate = "100/minute", scope = "global", key = "/tenant", burst = 10 }
[task.c]
concurrency = []
)");
  EXPECT_THAT(faults(toml), IsEmpty());
  EXPECT_EQ(toml.config.queue.at(0).concurrency, 20U);
  EXPECT_EQ(toml.config.task.at("a").concurrency->at(0).most, 4U);
  EXPECT_EQ(toml.config.task.at("a").rate_limit->at(0).period, seconds(10));
  EXPECT_EQ(toml.config.task.at("a").weight, 3U);
  const auto& b = toml.config.task.at("b");
  ASSERT_EQ(b.concurrency->size(), 3U);
  EXPECT_EQ(b.concurrency->at(1).key, "/tenant");
  EXPECT_EQ(b.concurrency->at(2).scope, job::Limit::Scope::worker);
  EXPECT_EQ(b.rate_limit->at(0).burst, 10U);
  EXPECT_THAT(*toml.config.task.at("c").concurrency, IsEmpty()) << "none, whatever the code says";
  const auto yaml = files.load("l.yaml", R"(
queue:
  - { name: media, concurrency: 20 }
task:
  a: { concurrency: 4, rate_limit: 5/10s, weight: 3 }
  b:
    concurrency: [8, { limit: 2, key: tenant }, { limit: 1, scope: worker }]
    rate_limit: { rate: 100/minute, scope: global, key: /tenant, burst: 10 }
  c: { concurrency: [] }
)");
  EXPECT_THAT(faults(yaml), IsEmpty());
  EXPECT_EQ(yaml.config, toml.config);
}

TEST_F(Load, ReadsWhatAWorkerHasAndATaskNeeds) {
  const auto toml = files.load("r.toml", R"(
[resources]
cpu = 8
memory = "16GiB"
gpu = 2
licence = 3
[task.a]
needs = { gpu = 1, memory = "4GiB" }
[task.b]
needs = {}
)");
  EXPECT_THAT(faults(toml), IsEmpty());
  const auto& resources = toml.config.resources;
  EXPECT_EQ(resources.at("memory").units, std::uint64_t{16} << 30);
  EXPECT_EQ(resources.at("gpu"), (job::Resource{2, {"0", "1"}}));
  EXPECT_EQ(resources.at("licence").units, 3U);
  EXPECT_EQ(toml.config.task.at("a").needs, (job::Needs{{"gpu", 1}, {"memory", std::uint64_t{4} << 30}}));
  EXPECT_EQ(toml.config.task.at("b").needs, job::Needs{}) << "none, whatever the code says";
  const auto yaml = files.load("r.yaml", R"(
resources: { cpu: 8, memory: 16GiB, gpu: ["0", "1"], licence: 3 }
task:
  a: { needs: { gpu: 1, memory: 4GiB } }
  b: { needs: {} }
)");
  EXPECT_THAT(faults(yaml), IsEmpty());
  EXPECT_EQ(yaml.config, toml.config) << "2 is short for a list of two";
}

TEST_F(Load, ReadsTheSameFromYaml) {
  const auto yaml = files.load("c.yaml", kFullYaml);
  EXPECT_THAT(faults(yaml), IsEmpty());
  EXPECT_EQ(yaml.config, files.load("c.toml", kFullToml).config);
  EXPECT_EQ(files.load("c.yml", kFullYaml).config, yaml.config);
}

TEST_F(Load, AnEmptyFileMeansTheDefaults) {
  for (const auto* name : {"empty.toml", "empty.yaml"}) {
    const auto loaded = files.load(name, "# nothing\n");
    EXPECT_THAT(faults(loaded), IsEmpty()) << name;
    EXPECT_EQ(loaded.config, Config{}) << name;
  }
}

TEST_F(Load, AYamlSectionWithOnlyCommentsIsEmpty) {
  const auto loaded = files.load("c.yaml", "broker:\n  # url: x\nqueue:\ntask:\n");
  EXPECT_THAT(faults(loaded), IsEmpty());
  EXPECT_EQ(loaded.config, Config{});
}

TEST_F(Load, TheOtherFormatBesideTheFileIsNotRead) {
  files.write("conduit.yaml", "nonsense: true\n");
  const auto loaded = files.load("conduit.toml", "lease = \"1s\"\n");
  EXPECT_THAT(faults(loaded), IsEmpty());
  EXPECT_THAT(loaded.files, ElementsAre(files.path("conduit.toml")));
}

TEST_F(Load, LaterFilesOfConfDReplaceMergeAndJoin) {
  files.write("conf.d/20-late.yaml", "lease: 2s\nqueue:\n  - {name: b, weight: 9}\n  - {name: c}\n");
  files.write("conf.d/10-early.toml", "lease = \"3s\"\n[broker]\nusername = \"u\"\n[task.t.backoff]\nmax = \"1h\"\n");
  files.write("conf.d/notes.txt", "not a configuration");
  files.write("conf.d/.hidden.toml", "lease = 1");
  files.write("conf.d/10-early.toml~", "lease = 1");
  const auto loaded = files.load("c.toml",
                                 "lease = \"4s\"\n[broker]\nurl = \"redis://h\"\n[[queue]]\nname = \"a\"\n[[queue]]\nname = \"b\"\n"
                                 "weight = 2\n[task.t]\nretries = 1\nbackoff = { base = \"7s\" }\n");
  ASSERT_THAT(faults(loaded), IsEmpty());
  EXPECT_THAT(loaded.files, ElementsAre(files.path("c.toml"), files.path("conf.d/10-early.toml"),
                                        files.path("conf.d/20-late.yaml")));
  EXPECT_EQ(loaded.config.lease, seconds(2));
  EXPECT_EQ(loaded.config.broker.url, "redis://h");
  EXPECT_EQ(loaded.config.broker.username, "u");
  EXPECT_THAT(loaded.config.queue, ElementsAre(Queue{.name = "a"}, Queue{.name = "b", .weight = 9}, Queue{.name = "c"}));
  EXPECT_EQ(loaded.config.task.at("t").retries, 1U);
  EXPECT_EQ(loaded.config.task.at("t").backoff->base, seconds(7));
  EXPECT_EQ(loaded.config.task.at("t").backoff->max, hours(1));
}

TEST_F(Load, FaultsNameTheFileTheyAreIn) {
  files.write("conf.d/a.yaml", "\nlease: 1ms\n");
  files.write("conf.d/b.toml", "[task.t]\nbackoff = { base = \"1h\" }\n");
  const auto loaded = files.load("c.toml", "leese = \"1s\"\n");
  EXPECT_THAT(faults(loaded),
              ElementsAre("c.toml:1:1: unknown key 'leese' at the top: did you mean 'lease'?",
                          "conf.d/a.yaml:2:8: lease: 300ms to 1h is allowed, not '1ms'",
                          "conf.d/b.toml:2:13: task.t.backoff: max (10m) is below base (1h)"));
}

TEST_F(Load, FillsInTheEnvironmentFilesAndCredentials) {
  files.environment = {{"NAME", "shop"}, {"EMPTY", ""}, {"CREDENTIALS_DIRECTORY", files.path("credentials")}};
  files.write("credentials/redis", "from systemd\n");
  files.write("secret", "from a file\r\n");
  const auto loaded = files.load("c.toml", "namespace = \"${env:NAME}-${env:NAME}${env:EMPTY}\"\n"
                                           "queues = [\"a\", \"q-${env:NAME}\"]\n"
                                           "[broker]\nurl = \"redis://h\"\n"
                                           "username = \"${file:" + files.path("secret") + "}\"\n"
                                           "password = \"${credential:redis}\"\n"
                                           "tls_ca = \"/$${env:NAME}/$HOME/$$\"\n");
  ASSERT_THAT(faults(loaded), IsEmpty());
  EXPECT_EQ(loaded.config.name_space, "shop-shop");
  EXPECT_THAT(loaded.config.queues, ElementsAre("a", "q-shop"));
  EXPECT_EQ(loaded.config.broker.username, "from a file");
  EXPECT_EQ(loaded.config.broker.password, "from systemd");
  EXPECT_EQ(loaded.config.broker.tls_ca, "/${env:NAME}/$HOME/$$");
}

TEST_F(Load, WhatWasFilledInIsNeverPrinted) {
  files.environment = {{"S", "hunter2"}};
  const auto loaded = files.load("c.toml",
                                 "namespace = \"${env:S}!\"\nlease = \"${env:S}\"\nqueues = [\"${env:S} x\"]\n"
                                 "queue_order = \"${env:S}\"\n[broker]\nurl = \"${env:S}\"\n[executors.process]\n"
                                 "memory = \"${env:S}\"\n[log]\nlevel = \"${env:S}\"\n[[queue]]\nname = \"${env:S}?\"\n");
  EXPECT_EQ(loaded.faults.size(), 8U);
  for (const auto& text : faults(loaded)) EXPECT_THAT(text, Not(HasSubstr("hunter2")));
}

TEST_F(Load, APasswordForOthersToReadIsWarnedOf) {
  files.environment = {{"S", "hunter2"}};
  const auto load_with = [&](const std::string& broker, unsigned mode) {
    files.write("c.toml", "[broker]\n" + broker, mode);
    return files.load("c.toml");
  };
  const std::string inline_password = "url = \"redis://h\"\npassword = \"hunter2\"\n";
  EXPECT_THAT(warnings(load_with(inline_password, 0644)),
              ElementsAre("c.toml:3:12: broker.password: a password in a file that others can read (mode 0644): write "
                          "${file:/path}, ${env:NAME} or ${credential:NAME}, or chmod 0600"));
  EXPECT_EQ(load_with(inline_password, 0640).warnings.size(), 1U);
  EXPECT_EQ(load_with("url = \"redis://u:hunter2@h\"\n", 0644).warnings.size(), 1U);
  EXPECT_EQ(load_with("url = \"redis://:hunter2@${env:S}\"\n", 0644).warnings.size(), 1U);
  EXPECT_EQ(load_with("url = \"redis-sentinel://s/m?sentinel_password=hunter2&db=1\"\n", 0644).warnings.size(), 1U);
  EXPECT_THAT(warnings(load_with(inline_password, 0600)), IsEmpty());
  EXPECT_THAT(warnings(load_with("url = \"redis://u:${env:S}@h\"\npassword = \"${env:S}\"\n", 0644)), IsEmpty());
  EXPECT_THAT(warnings(load_with("url = \"redis://u@h/0\"\npassword = \"\"\n", 0644)), IsEmpty());
  for (const auto& text : warnings(load_with(inline_password, 0644))) EXPECT_THAT(text, Not(HasSubstr("hunter2")));
}

TEST_F(Load, SettingsThatTheUrlMakesMeaninglessAreWarnedOf) {
  const auto loaded = files.load("c.toml", "[broker]\ntls_ca = \"/ca\"\nusername = \"u\"\n");
  EXPECT_THAT(warnings(loaded),
              ElementsAre("c.toml:2:1: broker.tls_ca has no effect: broker.url is not a rediss://, rediss-sentinel:// or rediss-cluster:// URL",
                          "c.toml:3:1: broker.username has no effect: SQLite knows no users"));
}

TEST_F(Load, AYamlAnchorIsCopiedWhereItIsNamed) {
  const auto loaded = files.load("c.yaml", "task:\n  a: &slow {timeout: 1h, retries: 2}\n  b: *slow\n");
  ASSERT_THAT(faults(loaded), IsEmpty());
  EXPECT_EQ(loaded.config.task.at("b").timeout, hours(1));
}

TEST_F(Load, AQuotedYamlScalarIsAlwaysAString) {
  const auto loaded = files.load("c.yaml", "namespace: \"10\"\nworker: '1e3'\nqueues: [!!str 5, no]\n");
  ASSERT_THAT(faults(loaded), IsEmpty());
  EXPECT_EQ(loaded.config.name_space, "10");
  EXPECT_EQ(loaded.config.worker, "1e3");
  EXPECT_THAT(loaded.config.queues, ElementsAre("5", "no"));
}

TEST_F(Load, NumbersMayBeWrittenAsEachFormatAllows) {
  const auto toml = files.load("c.toml", "executors = { thread.threads = 0x10, async.in_flight = 1_000 }\n");
  ASSERT_THAT(faults(toml), IsEmpty());
  EXPECT_EQ(toml.config.executors.thread.threads, 16U);
  const auto yaml = files.load("c.yaml", "executors: {thread: {threads: 0x10}, async: {in_flight: +7}}\n");
  ASSERT_THAT(faults(yaml), IsEmpty());
  EXPECT_EQ(yaml.config.executors.thread.threads, 16U);
  EXPECT_EQ(yaml.config.executors.async.in_flight, 7U);
}

TEST_F(Load, AMissingFileIsNamed) {
  EXPECT_THAT(faults(files.load("none.toml")), ElementsAre("none.toml: cannot be read: No such file or directory"));
}

TEST_F(Load, WhatIsNoRegularFileIsNotOpened) {
  ASSERT_EQ(::mkfifo(files.path("pipe.toml").c_str(), 0600), 0);
  EXPECT_THAT(faults(files.load("pipe.toml")), ElementsAre("pipe.toml: cannot be read: it is not a regular file"));
  std::filesystem::create_directory(files.path("directory.yaml"));
  EXPECT_THAT(faults(files.load("directory.yaml")),
              ElementsAre("directory.yaml: cannot be read: it is not a regular file"));
}

TEST_F(Load, AFileThatThisUserMayNotReadIsNamed) {
  // Root may read everything, so the kernel is asked for a file that even root cannot.
  const auto loaded = files.load("x.toml", "[broker]\npassword = \"${file:/proc/self/mem}\"\n");
  EXPECT_THAT(faults(loaded), ElementsAre("x.toml:2:12: broker.password: ${file:/proc/self/mem}: not a file that this "
                                          "user can read, of at most 64KiB"));
}

TEST_F(Load, AnotherEndingIsRefused) {
  EXPECT_THAT(faults(files.load("c.json", "{}")),
              ElementsAre("c.json: the name of a configuration file ends in .toml, .yaml or .yml"));
}

TEST_F(Load, AHugeFileIsRefusedUnread) {
  EXPECT_THAT(faults(files.load("c.toml", std::string(kLargestFile + 1, '\n'))),
              ElementsAre("c.toml: cannot be read: larger than 1MiB"));
}

std::string repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST_F(Load, DeepNestingEndsInAFault) {
  const std::vector<std::pair<std::string, std::string>> bombs{
      {"list.toml", "queues = " + repeat("[", 16'000)},
      {"tables.toml", "x = " + repeat("{a=", 5'000)},
      {"dotted.toml", repeat("a.", 8'000) + "a = 1"},
      {"header.toml", "[" + repeat("a.", 8'000) + "a]\nb = 1"},
      {"list.yaml", "queues: " + repeat("[", 16'000)},
      {"maps.yaml", "x: " + repeat("{a: ", 4'000)},
      {"dashes.yaml", repeat("- ", 8'000)},
      {"blocks.yaml", [] {
         std::string text;
         for (int i = 0; i < 1'000; ++i) text += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
         return text;
       }()},
  };
  for (const auto& [name, text] : bombs) {
    const auto loaded = files.load(name, text);
    EXPECT_FALSE(loaded.ok()) << name;
    for (const auto& fault : faults(loaded)) EXPECT_LT(fault.size(), 1'000U) << fault;
  }
}

TEST_F(Load, F77_AnAliasBombEndsInAFault) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    text += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  }
  const auto texts = faults(files.load("bomb.yaml", text));
  EXPECT_THAT(texts, testing::Contains("bomb.yaml:5:10: aliases make the file too large: 20000 values are allowed"));
}

TEST_F(Load, DamagedFilesEndInFaultsWithAPlaceOrAreStillGood) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr std::string_view kLikely = "\n\t \"'{}[]:#=.,-&*!|>?%@`~${}0e\\\xC3\xA9\xff";
  for (const auto& [name, whole] : std::vector<std::pair<std::string, std::string>>{{"c.toml", kFullToml}, {"c.yaml", kFullYaml}}) {
    for (int i = 0; i < 500; ++i) {
      std::string text = whole;
      for (auto n = 1 + random() % 4; n > 0; --n) {
        const auto at = random() % text.size();
        switch (random() % 4) {
          case 0: text[at] = kLikely[random() % kLikely.size()]; break;
          case 1: text.insert(at, 1, kLikely[random() % kLikely.size()]); break;
          case 2: text.erase(at, 1 + random() % 20); break;
          default: text.insert(at, text.substr(random() % text.size(), random() % 40)); break;
        }
      }
      const auto loaded = files.load(name, text);
      for (const auto& fault : loaded.faults) {
        EXPECT_TRUE(fault.line > 0 && fault.column > 0) << fault.text() << "\n" << text;
        EXPECT_TRUE(is_utf8(fault.what)) << text;
      }
    }
  }
}

TEST_F(Load, AnAliasInsideItsOwnAnchorIsAFault) {
  EXPECT_THAT(faults(files.load("loop.yaml", "queues: &q [a, *q]\n")),
              testing::Contains("loop.yaml:1:16: this alias refers to a value that contains it"));
}

TEST(FillIn, DropsOneNewlineAtTheEndOfAFileAndNoMore) {
  Sources sources = with_defaults({});
  sources.file = [](const std::string&) { return std::optional<std::string>("a\n\n"); };
  EXPECT_EQ(fill_in("<${file:/x}>", sources).value, "<a\n>");
  EXPECT_EQ(fill_in("<${file:/x}>", sources).literal, "<>");
}

TEST(FillIn, AValueIsNotFilledInAgain) {
  Sources sources = with_defaults({});
  sources.environment = [](const std::string&) { return std::optional<std::string>("${env:B}"); };
  EXPECT_EQ(fill_in("${env:A}", sources).value, "${env:B}");
}

TEST(FillIn, RefusesWhatIsNotText) {
  Sources sources = with_defaults({});
  sources.environment = [](const std::string&) { return std::optional<std::string>("\xff"); };
  EXPECT_THAT(fill_in("${env:A}", sources).faults, ElementsAre("${env:A}: not text in UTF-8"));
}

}  // namespace
}  // namespace conduitd::config
