// Files that are wrong, and exactly what is said of each: place, what, and what is allowed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

#include "files.h"

namespace conduitd::config {
namespace {

struct BadFile {
  const char* name;
  const char* file;
  std::string content;
  std::vector<std::string> faults;
};

void PrintTo(const BadFile& bad, std::ostream* out) { *out << bad.file << ":\n" << bad.content; }

class BadFiles : public testing::TestWithParam<BadFile> {};

TEST_P(BadFiles, F77_AreRefusedWithEveryFaultAndItsPlace) {
  test::Files files;
  files.environment = {{"SET", "set"}};
  const auto loaded = files.load(GetParam().file, GetParam().content);
  EXPECT_FALSE(loaded.ok());
  EXPECT_EQ(files.texts(loaded.faults), GetParam().faults);
}

// What several faults say at their end.
const std::string kTopKeys =
    "namespace, worker, result_ttl, failed_ttl, failed_max, lease, drain_timeout, queues, queue_order, broker, plugins, executors, "
    "resources, queue, task, cron, subscription, log, limits";
const std::string kDuration =
    "a duration (a string of a number and ms, s, m, h or d, as in \"30s\") is needed, not ";
const std::string kNameRule = "1 to 100 of A-Z a-z 0-9 _ . - are allowed";
const std::string kUrl =
    "broker.url: sqlite:///path, sqlite::memory:, redis://host:port, rediss://host:port, redis+unix:///path, "
    "redis-sentinel://host1:port,host2:port/name or redis-cluster://host1:port,host2:port is needed";

const std::vector<BadFile>& table() {
  static const std::vector<BadFile> files{
      // Syntax
      {"TomlSyntax", "c.toml", "lease = \"1s\"\nworker = \n",
       {"c.toml:2:10: not TOML: key-value pair: expected value, saw '\\n'"}},
      {"TomlOpenString", "c.toml", "worker = \"a\nlease = \"1s\"\n",
       {"c.toml:1:12: not TOML: string: unescaped control characters other than TAB (U+0009) are explicitly "
        "prohibited"}},
      {"TomlOpenTable", "c.toml", "[broker\n",
       {"c.toml:1:8: not TOML: table header: expected ']', saw '\\n'"}},
      {"TomlDuplicateKey", "c.toml", "lease = \"1s\"\nlease = \"2s\"\n",
       {"c.toml:2:9: duplicate key: cannot redefine existing string 'lease'"}},
      {"TomlDuplicateTable", "c.toml", "[broker]\n[broker]\n",
       {"c.toml:2:1: duplicate key: cannot redefine existing table 'broker'"}},
      {"TomlBadEscape", "c.toml", "worker = \"\\q\"\n",
       {"c.toml:1:12: not TOML: string: unknown escape sequence '\\q'"}},
      {"TomlControlByte", "c.toml", "worker = \"a\x01\"\n",
       {"c.toml:1:12: not TOML: string: unescaped control characters other than TAB (U+0009) are explicitly "
        "prohibited"}},
      {"TomlBadHeader", "c.toml", "[*broker]\n",
       {"c.toml:1:2: not TOML: key: expected bare key starting character or string delimiter, saw '*'"}},
      {"TomlBadTime", "c.toml", "lease = 2020-01-01T!0:00:00Z\n",
       {"c.toml:1:20: not TOML: time: expected 2-digit hour, saw '!'"}},
      {"TomlBadDate", "c.toml", "lease = 2020-01-01 1\n",
       {"c.toml:1:9: not TOML: value: could not determine value type"}},
      {"YamlSyntax", "c.yaml", "broker:\n  url: [a\nlease: 1s\n",
       {"c.yaml:3:6: not YAML: end of sequence flow not found"}},
      {"YamlTab", "c.yaml", "broker:\n\turl: x\n",
       {"c.yaml:2:5: not YAML: illegal map value (this line is indented by a tab: use spaces)"}},
      {"YamlIndent", "c.yaml", "lease: 1s\n worker: x\n",
       {"c.yaml:2:8: not YAML: illegal map value"}},
      {"YamlOpenQuote", "c.yaml", "worker: \"a\n",
       {"c.yaml:1:9: this string is never closed",
        "c.yaml:1:9: worker: a name is needed, not 'a ': " + kNameRule}},
      {"YamlDuplicateKey", "c.yaml", "lease: 1s\nworker: a\nlease: 2s\n",
       {"c.yaml:3:1: duplicate key 'lease': it is already set in line 1"}},
      {"YamlDuplicateSection", "c.yaml", "broker:\n  url: \"sqlite::memory:\"\nbroker:\n  usrname: x\n",
       {"c.yaml:3:1: duplicate key 'broker': it is already set in line 1",
        "c.yaml:4:3: unknown key 'usrname' in [broker]: did you mean 'username'?"}},
      {"YamlDuplicateQuoted", "c.yaml", "lease: 1s\n\"lease\": 2s\n",
       {"c.yaml:2:1: duplicate key 'lease': it is already set in line 1"}},
      {"YamlUnknownAlias", "c.yaml", "worker: *nobody\n",
       {"c.yaml:1:9: not YAML: the referenced anchor is not defined"}},
      {"YamlTag", "c.yaml", "worker: !secret x\n",
       {"c.yaml:1:9: tag '!secret': tags are not used here"}},
      {"YamlListAsKey", "c.yaml", "? [a, b]\n: 1\n",
       {"c.yaml:1:3: a key must be a plain word"}},
      {"YamlStrayComma", "c.yaml", ",\nlease: 1s\n", {"c.yaml:1:1: not YAML: a key is expected here"}},
      {"YamlStrayBracket", "c.yaml", "lease: 1s\n]\n", {"c.yaml:2:1: not YAML: illegal flow end"}},
      {"YamlStrayBrace", "c.yaml", "  } a\n", {"c.yaml:1:3: not YAML: illegal flow end"}},
      {"YamlNoKey", "c.yaml", "lease: 1s\n: x\n", {"c.yaml:2:1: a key must be a plain word"}},
      {"YamlSecondDocument", "c.yaml", "lease: 1s\n---\nlease: 2s\n",
       {"c.yaml:2:1: a second document: one file holds one configuration"}},
      {"YamlMergeKey", "c.yaml", "broker:\n  <<: {url: x}\n",
       {"c.yaml:2:3: unknown key '<<' in [broker]: allowed here: url, username, password, sentinel_username, "
        "sentinel_password, command_timeout, "
        "tls_ca, tls_certificate, tls_key, tls_verify, allow_eviction"}},
      {"TomlNotUtf8", "c.toml", "# fine\nworker = \"a\xff\"\n",
       {"c.toml:2:12: not text in UTF-8"}},
      {"YamlNotUtf8", "c.yaml", "worker: \xc3\x28\n",
       {"c.yaml:1:9: not text in UTF-8"}},
      {"NulByte", "c.toml", std::string("lease = \"1s\"\n\0", 14),
       {"c.toml:2:1: not text in UTF-8"}},
      {"LongLine", "c.yaml", "\nworker: " + std::string(20'000, 'x') + "\n",
       {"c.yaml:2:1: line too long: 16KiB are allowed"}},
      // Unknown keys
      {"UnknownWithNear", "c.toml", "name_space = \"x\"\n[broker]\npasword = \"p\"\n",
       {"c.toml:1:1: unknown key 'name_space' at the top: did you mean 'namespace'?",
        "c.toml:3:1: unknown key 'pasword' in [broker]: did you mean 'password'?"}},
      {"UnknownSwapped", "c.yaml", "broker:\n  ulr: x\n",
       {"c.yaml:2:3: unknown key 'ulr' in [broker]: did you mean 'url'?"}},
      {"UnknownFar", "c.toml", "[executors.thread]\nverbosity = 3\n",
       {"c.toml:2:1: unknown key 'verbosity' in [executors.thread]: allowed here: threads, waiting"}},
      {"UnknownSection", "c.yaml", "http:\n  listen: x\n",
       {"c.yaml:1:1: unknown key 'http' at the top: allowed here: " + kTopKeys}},
      {"CronWithoutTimes", "c.toml", "[[cron]]\ntask = \"x\"\n",
       {"c.toml:1:1: cron.schedule: '' has 0 fields: minute, hour, day of month, month and day of week are needed, and may have a second before them"}},
      {"CronThatNeverFires_F72", "c.yaml", "cron:\n  - task: x\n    schedule: 0 0 31 2 *\n",
       {"c.yaml:3:15: cron.schedule: '0 0 31 2 *' never fires: none of its months has such a day"}},
      {"CronInNoZone", "c.toml", "[[cron]]\ntask = \"x\"\nschedule = \"@daily\"\ntimezone = \"Mars/Base\"\n",
       {"c.toml:4:12: cron.timezone: 'Mars/Base' is not a time zone that this system knows: write an IANA name, as in \"Europe/Berlin\""}},
      {"CronWithASecondTooMany", "c.toml", "[[cron]]\ntask = \"x\"\nschedule = \"*/70 * * * * *\"\n",
       {"c.toml:3:12: cron.schedule: second '*/70': 0 to 59, *, lists, ranges that rise and steps of at most 59 are allowed"}},
      {"CronWithOneArgument", "c.toml", "[[cron]]\ntask = \"x\"\nschedule = \"@daily\"\nargs = \"3\"\n",
       {"c.toml:4:8: cron.args: a JSON object (arguments by name) or array (in order) is needed"}},
      {"CronWithoutATask", "c.toml", "[[cron]]\nschedule = \"@daily\"\n", {"c.toml:1:1: cron: a task is needed in each of these tables"}},
      {"SubscriptionToNoPattern", "c.toml", "[[subscription]]\nevent = \"order.\"\ntask = \"x\"\n",
       {"c.toml:2:9: subscription.event: 'order.' is no pattern of events: segments of A-Z a-z 0-9 _ - joined by dots are allowed, with * for "
        "any one segment and ** for any number of them, as in order.*, at most 100 characters"}},
      {"SubscriptionToPartOfASegment", "c.yaml", "subscription:\n  - event: order.pl*\n    task: x\n",
       {"c.yaml:2:12: subscription.event: 'order.pl*' is no pattern of events: segments of A-Z a-z 0-9 _ - joined by dots are allowed, with * "
        "for any one segment and ** for any number of them, as in order.*, at most 100 characters"}},
      {"SubscriptionWithoutATask", "c.toml", "[[subscription]]\nevent = \"a\"\n",
       {"c.toml:1:1: subscription: an event and a task are needed in each of these tables"}},
      {"SubscriptionThatDebouncesABatch", "c.toml",
       "[[subscription]]\nevent = \"a\"\ntask = \"x\"\ndebounce = \"1s\"\nbatch = 5\nbatch_within = \"1s\"\n",
       {"c.toml:4:12: subscription: debounce and batch: one of the two is allowed"}},
      {"SubscriptionOfABatchForEver", "c.toml", "[[subscription]]\nevent = \"a\"\ntask = \"x\"\nbatch = 5\n",
       {"c.toml:4:9: subscription: batch: batch_within is needed, how long the first event may wait for the others"}},
      {"SubscriptionTwice", "c.toml", "[[subscription]]\nevent = \"a\"\ntask = \"x\"\n[[subscription]]\nevent = \"b\"\ntask = \"x\"\n",
       {"c.toml:4:1: subscription: the subscription 'x' is already in line 1: give each a name of its own"}},
      {"CronTwice", "c.toml", "[[cron]]\ntask = \"x\"\nschedule = \"@daily\"\n[[cron]]\ntask = \"x\"\nschedule = \"@hourly\"\n",
       {"c.toml:4:1: cron: the schedule 'x' is already in line 1: give each a name of its own"}},
      {"UnknownUpperCase", "c.yaml", "Lease: 1s\n",
       {"c.yaml:1:1: unknown key 'Lease' at the top: did you mean 'lease'?"}},
      {"UnknownTaskKey", "c.toml", "[task.a]\npriority = 1\n",
       {"c.toml:2:1: unknown key 'priority' in [task.a]: allowed here: queue, executor, retries, backoff, errors, timeout, "
        "interruptions, concurrency, rate_limit, weight, needs"}},
      {"ResourceOfZero", "c.toml", "[resources]\ngpu = 0\n", {"c.toml:2:7: resources.gpu: a whole number from 1 to 1000000 is needed, not 0"}},
      {"ResourceBelowZero", "c.yaml", "resources:\n  cpu: -4\n", {"c.yaml:2:8: resources.cpu: a whole number from 1 to 1000000 is needed, not -4"}},
      {"ResourceInUnknownUnits", "c.toml", "[resources]\nmemory = \"16 stone\"\n",
       {"c.toml:2:10: resources.memory: a size from 1 byte to 1024TiB is needed, as in \"4GiB\", not '16 stone'"}},
      {"ResourceThatIsAList", "c.toml", "[resources]\nlicence = [\"a\"]\n",
       {"c.toml:2:11: resources.licence: only gpu has devices with names; a number is needed"}},
      {"DeviceTwice", "c.toml", "[resources]\ngpu = [\"0\", \"0\"]\n", {"c.toml:2:13: resources.gpu: this device is in the list twice"}},
      {"DeviceWithAComma", "c.toml", "[resources]\ngpu = [\"0,1\"]\n",
       {"c.toml:2:8: resources.gpu: a device's name is 1 to 100 printable characters without spaces, commas and quotes"}},
      {"DevicesNone", "c.yaml", "resources:\n  gpu: []\n",
       {"c.yaml:2:8: resources.gpu: a device is needed in the list; leave the key out if there is none"}},
      {"NeedOfNothing", "c.toml", "[task.a]\nneeds = { gpu = 0 }\n", {"c.toml:2:17: task.a.needs.gpu: a whole number from 1 to 1000000 is needed, not 0"}},
      {"NeedsThatAreNoTable", "c.toml", "[task.a]\nneeds = 1\n",
       {"c.toml:2:9: task.a.needs: a table of resources, as in { gpu = 1, memory = \"4GiB\" }, is needed, not a whole number"}},
      {"RateThatIsNone", "c.toml", "[task.a]\nrate_limit = \"ten/m\"\n",
       {"c.toml:2:14: task.a.rate_limit: 'ten/m' is no rate: a number from 1 to 1000000, a slash and a time of at most 366d, in ms, s, m, h or d, are needed, as in \"10/s\", "
        "\"100/m\", \"5/10s\", \"2000/h\" or \"1000/day\""}},
      {"ConcurrencyOfZero", "c.yaml", "task:\n  a:\n    concurrency: 0\n", {"c.yaml:3:18: task.a.concurrency: 1 to 1000000 are allowed, not 0"}},
      {"ConcurrencyBelowZero", "c.yaml", "queue:\n  - name: q\n    concurrency: -1\n",
       {"c.yaml:3:18: queue.concurrency: 0 to 1000000 are allowed, not -1"}},
      {"WeightOfNothing", "c.toml", "[task.a]\nweight = 0\n", {"c.toml:2:10: task.a.weight: 1 to 1000000 are allowed, not 0"}},
      {"LimitsByTwoKeys", "c.toml", "[task.a]\nconcurrency = { limit = 1, key = \"x\" }\nrate_limit = { rate = \"1/s\", key = \"y\" }\n",
       {"c.toml:1:1: task.a: limits by '/x' and by '/y': the limits of a task may have one key between them"}},
      {"LimitWithAnUnknownScope", "c.toml", "[task.a]\nconcurrency = { limit = 1, scope = \"galaxy\" }\n",
       {"c.toml:2:36: task.a.concurrency.scope: one of global, worker is needed, not 'galaxy'"}},
      {"LimitWithoutANumber", "c.toml", "[task.a]\nconcurrency = { key = \"x\" }\n",
       {"c.toml:2:15: task.a.concurrency: limit is needed in such a table"}},
      {"UnknownControlBytes", "c.yaml", "\"\\e[31mred\": 1\n",
       {"c.yaml:1:1: unknown key '\\x1b[31mred' at the top: allowed here: " + kTopKeys}},
      {"TaskNameWithoutQuotes", "c.toml", "[task.images.resize]\nretries = 1\n",
       {"c.toml:1:14: unknown key 'resize' in [task.images]: a task's name with a dot in it needs quotes, "
        "as in [task.\"images.resize\"]"}},
      // Wrong types
      {"StringForInt", "c.toml", "[executors.thread]\nthreads = \"8\"\n",
       {"c.toml:2:11: executors.thread.threads: a whole number is needed, not a string"}},
      {"IntForString", "c.yaml", "worker: 42\n",
       {"c.yaml:1:9: worker: a string is needed, not a whole number"}},
      {"IntForDuration", "c.toml", "lease = 15\n",
       {"c.toml:1:9: lease: " + kDuration + "a whole number"}},
      {"RealForInt", "c.yaml", "executors:\n  process:\n    children: 4.5\n",
       {"c.yaml:3:15: executors.process.children: a whole number is needed, not 4.5"}},
      {"StringForFlag", "c.yaml", "plugins:\n  strict: yes\n",
       {"c.yaml:2:11: plugins.strict: true or false is needed, not a string"}},
      {"IntForFlag", "c.toml", "[broker]\ntls_verify = 0\n",
       {"c.toml:2:14: broker.tls_verify: true or false is needed, not a whole number"}},
      {"DateForDuration", "c.toml", "lease = 2026-01-01\n",
       {"c.toml:1:9: lease: " + kDuration + "a date or a time"}},
      {"NothingForString", "c.yaml", "namespace:\nworker: ~\n",
       {"c.yaml:1:1: namespace: a string is needed, not nothing",
        "c.yaml:2:1: worker: a string is needed, not nothing"}},
      {"TableForString", "c.yaml", "worker: {a: 1}\n",
       {"c.yaml:1:9: worker: a string is needed, not a table"}},
      {"StringForTable", "c.toml", "broker = \"sqlite::memory:\"\n",
       {"c.toml:1:10: broker: a table of keys and values is needed, not a string"}},
      {"ListForTable", "c.yaml", "broker: []\n",
       {"c.yaml:1:9: broker: a table of keys and values is needed, not a list"}},
      {"TableForQueueList", "c.toml", "[queue]\nname = \"a\"\n",
       {"c.toml:1:1: queue: a list of tables ([[queue]]) is needed, not a table"}},
      {"TextInQueueList", "c.yaml", "queue: [media]\n",
       {"c.yaml:1:9: queue: a table of keys and values is needed, not a string"}},
      {"ListForTasks", "c.toml", "[[task]]\nname = \"a\"\n",
       {"c.toml:1:1: task: a table for each task ([task.\"name\"]) is needed, not a list"}},
      {"TextForTask", "c.yaml", "task: {a: b}\n",
       {"c.yaml:1:11: task.a: a table of keys and values is needed, not a string"}},
      {"TextForNames", "c.toml", "queues = \"media\"\n",
       {"c.toml:1:10: queues: a list of names is needed, not a string"}},
      {"MixedNames", "c.toml", "queues = [\"a\", 1, true]\n",
       {"c.toml:1:16: queues: a string is needed, not a whole number",
        "c.toml:1:19: queues: a string is needed, not true or false"}},
      {"ListAtTheTop", "c.yaml", "- lease: 1s\n",
       {"c.yaml:1:1: the file: a table of keys and values is needed, not a list"}},
      {"TextAtTheTop", "c.yaml", "lease\n",
       {"c.yaml:1:1: the file: a table of keys and values is needed, not a string"}},
      {"TextForShare", "c.toml", "[task.a.backoff]\njitter = \"20%\"\n",
       {"c.toml:2:10: task.a.backoff.jitter: a number is needed, not a string"}},
      {"FlagForSize", "c.yaml", "limits: {payload: true}\n",
       {"c.yaml:1:19: limits.payload: a size (a number of bytes, or a string as in \"512MiB\") is needed, "
        "not true or false"}},
      // Values out of range
      {"LeaseTooShort", "c.toml", "lease = \"299ms\"\n",
       {"c.toml:1:9: lease: 300ms to 1h is allowed, not '299ms'"}},
      {"LeaseTooLong", "c.yaml", "lease: 2h\n",
       {"c.yaml:1:8: lease: 300ms to 1h is allowed, not '2h'"}},
      {"NegativeDuration", "c.toml", "drain_timeout = \"-1s\"\n",
       {"c.toml:1:17: drain_timeout: " + kDuration + "'-1s'"}},
      {"NoUnit", "c.yaml", "drain_timeout: \"30\"\n",
       {"c.yaml:1:16: drain_timeout: " + kDuration + "'30'"}},
      {"ZeroThreads", "c.toml", "[executors]\nthread = { threads = 0 }\n",
       {"c.toml:2:22: executors.thread.threads: 1 to 4096 are allowed, not 0"}},
      {"HugeInt", "c.yaml", "executors: {quarantine_after: 99999999999999999999}\n",
       {"c.yaml:1:31: executors.quarantine_after: a whole number is needed, not 1e+20"}},
      {"HugeTomlInt", "c.toml", "[executors]\nquarantine_after = 99999999999999999999\n",
       {"c.toml:2:40: not TOML: decimal integer: '99999999999999999999' is not representable in 64 bits"}},
      {"NegativeInt", "c.toml", "[task.a]\nretries = -1\n",
       {"c.toml:2:11: task.a.retries: 0 to 1000000 are allowed, not -1"}},
      {"SmallMemory", "c.toml", "[executors.process]\nmemory = \"1KiB\"\n",
       {"c.toml:2:10: executors.process.memory: 0 (none) or 16MiB to 1TiB is allowed, not '1KiB'"}},
      {"NegativeSize", "c.toml", "[limits]\npayload = -1\n",
       {"c.toml:2:11: limits.payload: 1KiB to 1MiB is allowed, not '-1'"}},
      {"BadSize", "c.yaml", "limits: {payload: 1MB}\n",
       {"c.yaml:1:19: limits.payload: a size (a number of bytes, or a string as in \"512MiB\") is needed, not '1MB'"}},
      {"JitterTooLarge", "c.toml", "[task.a.backoff]\njitter = 1.5\n",
       {"c.toml:2:10: task.a.backoff.jitter: 0 to 1 is allowed, not 1.5"}},
      {"JitterNotANumber", "c.toml", "[task.a.backoff]\njitter = nan\n",
       {"c.toml:2:10: task.a.backoff.jitter: 0 to 1 is allowed, not nan"}},
      {"Weight", "c.yaml", "queue:\n  - {name: a, weight: 0}\n",
       {"c.yaml:2:23: queue.weight: 1 to 1000 are allowed, not 0"}},
      // Enumerations and names
      {"Executor", "c.toml", "[task.a]\nexecutor = \"proces\"\n",
       {"c.toml:2:12: task.a.executor: one of async, thread, process is needed, not 'proces': did you mean "
        "'process'?"}},
      {"ExecutorFar", "c.yaml", "task: {a: {executor: fiber}}\n",
       {"c.yaml:1:22: task.a.executor: one of async, thread, process is needed, not 'fiber'"}},
      {"BackoffKind", "c.toml", "[task.a.backoff]\nkind = \"expotential\"\n",
       {"c.toml:2:8: task.a.backoff.kind: one of fixed, linear, exponential, polynomial, list is needed, not 'expotential': "
        "did you mean 'exponential'?"}},
      {"BackoffListWithoutDelays", "c.toml", "[task.a]\nbackoff = { kind = \"list\" }\n",
       {"c.toml:2:11: task.a.backoff: kind \"list\" needs delays = [\"1s\", \"1m\"]"}},
      {"BackoffDelaysWithoutList", "c.toml", "[task.a]\nbackoff = { delays = [\"1s\"] }\n",
       {"c.toml:2:11: task.a.backoff: delays go with kind = \"list\""}},
      {"ErrorRuleForNothing", "c.yaml", "task:\n  a:\n    errors:\n      - action: fail\n",
       {"c.yaml:4:9: task.a.errors: type, text or both are needed"}},
      {"ErrorRuleAction", "c.toml", "[[task.a.errors]]\ntype = \"E\"\naction = \"ignore\"\n",
       {"c.toml:3:10: task.a.errors.action: one of retry, fail is needed, not 'ignore'"}},
      {"LogLevel", "c.yaml", "log: {level: warn, format: xml}\n",
       {"c.yaml:1:14: log.level: one of trace, debug, info, warning, error, off is needed, not 'warn'",
        "c.yaml:1:28: log.format: one of text, json is needed, not 'xml'"}},
      {"QueueOrder", "c.toml", "queue_order = \"Strict\"\n",
       {"c.toml:1:15: queue_order: one of weighted, strict is needed, not 'Strict': did you mean 'strict'?"}},
      {"Namespace", "c.toml", "namespace = \"a b\"\n",
       {"c.toml:1:13: namespace: a name is needed, not 'a b': " + kNameRule}},
      {"EmptyNamespace", "c.yaml", "namespace: \"\"\n",
       {"c.yaml:1:12: namespace: a name is needed, not '': " + kNameRule}},
      {"NameWithEscape", "c.yaml", "worker: \"\\e]0;x\"\n",
       {"c.yaml:1:9: worker: a name is needed, not '\\x1b]0;x': " + kNameRule}},
      {"QueueNames", "c.toml", "queues = [\"a\", \"b/c\", \"a\"]\n",
       {"c.toml:1:16: queues: a name is needed, not 'b/c': " + kNameRule,
        "c.toml:1:23: queues: this name is in the list twice"}},
      {"TaskName", "c.yaml", "task:\n  \"a b\": {retries: 1}\n",
       {"c.yaml:2:3: 'a b' is not a task name: " + kNameRule}},
      {"TaskQueue", "c.toml", "[task.a]\nqueue = \"{x}\"\n",
       {"c.toml:2:9: task.a.queue: a name is needed, not '{x}': " + kNameRule}},
      {"EmptyDirectory", "c.toml", "[plugins]\ndirectory = \"\"\n",
       {"c.toml:2:13: plugins.directory: a directory is needed"}},
      // The broker
      {"UnknownScheme", "c.toml", "[broker]\nurl = \"postgres://u:secret@h\"\n",
       {"c.toml:2:7: " + kUrl}},
      {"NoScheme", "c.yaml", "broker: {url: /var/lib/x.db}\n",
       {"c.yaml:1:15: " + kUrl}},
      {"SqliteFourSlashes", "c.toml", "[broker]\nurl = \"sqlite:////nodir/a.db\"\n",
       {"c.toml:2:7: broker.url: one '/' too many: what follows sqlite:// is the path and begins with a '/' of its own; "
        "write sqlite:///absolute/path/to/file or sqlite::memory:"}},
      {"BadPort", "c.toml", "[broker]\nurl = \"redis://h:99999\"\n",
       {"c.toml:2:7: broker.url: a port is a number from 1 to 65535"}},
      {"BadDatabase", "c.yaml", "broker: {url: \"redis://h/abc\"}\n",
       {"c.yaml:1:15: broker.url: after the host comes the number of a database, as in redis://host:6379/0"}},
      {"NoSocket", "c.toml", "[broker]\nurl = \"redis+unix://\"\n",
       {"c.toml:2:7: broker.url: the path of the socket begins with '/', as in redis+unix:///run/redis/redis.sock?db=0"}},
      {"NoPrimary", "c.toml", "[broker]\nurl = \"redis-sentinel://a\"\n",
       {"c.toml:2:7: broker.url: after the sentinels comes the primary's name, as in "
        "redis-sentinel://host1:26379,host2:26379/mymaster/0"}},
      {"BadParameter", "c.toml", "[broker]\nurl = \"redis://user@h:1/0?x=1\"\n",
       {"c.toml:2:7: broker.url: 'x' is not known here: db=0, eviction=allow|refuse, tls_ca, tls_cert, tls_key=FILE and "
        "tls_verify=yes|no are"}},
      {"CertificateAlone", "c.toml", "[broker]\nurl = \"rediss://h\"\ntls_certificate = \"/c\"\n",
       {"c.toml:3:1: broker.tls_key is needed as well: a client certificate and its key go together"}},
      {"KeyAlone", "c.yaml", "broker:\n  url: rediss://h\n  tls_key: /k\n",
       {"c.yaml:3:3: broker.tls_certificate is needed as well: a client certificate and its key go together"}},
      // Queues
      {"QueueTwice", "c.toml", "[[queue]]\nname = \"a\"\n\n[[queue]]\nname = \"a\"\nweight = 2\n",
       {"c.toml:5:8: queue 'a' is already in line 2"}},
      {"QueueWithoutName", "c.yaml", "queue:\n  - weight: 2\n  - {}\n",
       {"c.yaml:2:5: queue: a name is needed in each of these tables",
        "c.yaml:3:5: queue: a name is needed in each of these tables"}},
      {"QueueBadNameAndWeight", "c.toml", "[[queue]]\nname = \"\"\nweight = \"x\"\n",
       {"c.toml:2:8: queue.name: a name is needed, not '': " + kNameRule,
        "c.toml:3:10: queue.weight: a whole number is needed, not a string"}},
      {"BackoffUpsideDown", "c.toml", "[task.a.backoff]\nbase = \"2h\"\nmax = \"1h\"\n",
       {"c.toml:3:1: task.a.backoff: max (1h) is below base (2h)"}},
      // What is filled in
      {"VariableNotSet", "c.toml", "worker = \"w-${env:UNSET}-${env:SET}\"\n",
       {"c.toml:1:10: worker: ${env:UNSET}: not set in the environment"}},
      {"FileNotThere", "c.yaml", "broker: {password: \"${file:/none}\"}\n",
       {"c.yaml:1:20: broker.password: ${file:/none}: not a file that this user can read, of at most 64KiB"}},
      {"FileNotFromRoot", "c.toml", "[broker]\npassword = \"${file:secret}\"\n",
       {"c.toml:2:12: broker.password: ${file:secret}: a path from the root is needed"}},
      {"NoCredentials", "c.toml", "[broker]\npassword = \"${credential:redis}\"\n",
       {"c.toml:2:12: broker.password: ${credential:redis}: systemd has handed over no credentials "
        "(LoadCredential= in the unit)"}},
      {"UnknownSource", "c.toml", "worker = \"${HOSTNAME}\"\nnamespace = \"${vault:x}\"\n",
       {"c.toml:1:10: worker: ${HOSTNAME}: ${env:NAME}, ${file:/path} and ${credential:NAME} are known; "
        "write $${ for a plain ${",
        "c.toml:2:13: namespace: ${vault:x}: ${env:NAME}, ${file:/path} and ${credential:NAME} are known; "
        "write $${ for a plain ${"}},
      {"NotClosed", "c.yaml", "worker: ${env:SET\n",
       {"c.yaml:1:9: worker: ${ is not closed by a }; write $${ for a plain ${"}},
      {"FilledInWrongly", "c.toml", "lease = \"${env:SET}\"\n",
       {"c.toml:1:9: lease: " + kDuration + "'${env:SET}' (as filled in)"}},
      // Many at once
      {"ManyToml", "c.toml",
       "lease = 1\nworkr = \"x\"\n[executors]\ngrace = \"soon\"\nprocess = { children = 0, memmory = 1 }\n[task.a]\n"
       "executor = 5\n[log]\nlevel = \"loud\"\n",
       {"c.toml:1:9: lease: " + kDuration + "a whole number",
        "c.toml:2:1: unknown key 'workr' at the top: did you mean 'worker'?",
        "c.toml:4:9: executors.grace: " + kDuration + "'soon'",
        "c.toml:5:24: executors.process.children: 1 to 4096 are allowed, not 0",
        "c.toml:5:27: unknown key 'memmory' in [executors.process]: did you mean 'memory'?",
        "c.toml:7:12: task.a.executor: a string is needed, not a whole number",
        "c.toml:9:9: log.level: one of trace, debug, info, warning, error, off is needed, not 'loud'"}},
      {"ManyYaml", "c.yaml",
       "lease: 1\nworkr: x\nexecutors:\n  grace: soon\n  process: {children: 0, memmory: 1}\ntask: {a: {executor: 5}}\n"
       "log:\n  level: loud\nlease: 2s\n",
       {"c.yaml:1:8: lease: " + kDuration + "a whole number",
        "c.yaml:2:1: unknown key 'workr' at the top: did you mean 'worker'?",
        "c.yaml:4:10: executors.grace: " + kDuration + "'soon'",
        "c.yaml:5:23: executors.process.children: 1 to 4096 are allowed, not 0",
        "c.yaml:5:26: unknown key 'memmory' in [executors.process]: did you mean 'memory'?",
        "c.yaml:6:22: task.a.executor: a string is needed, not a whole number",
        "c.yaml:8:10: log.level: one of trace, debug, info, warning, error, off is needed, not 'loud'",
        "c.yaml:9:1: duplicate key 'lease': it is already set in line 1"}},
  };
  return files;
}

INSTANTIATE_TEST_SUITE_P(Table, BadFiles, testing::ValuesIn(table()),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

}  // namespace
}  // namespace conduitd::config
