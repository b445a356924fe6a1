#!/usr/bin/env python3
"""Shows each style check a good and a bad sample: a check that finds nothing must be one that would find something."""

import os
import shutil
import tempfile
import unittest

import banned
import coroutine_arguments
import documents
import headers
import layering
import sources
import third_party


class Sample(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="conduit-style-")
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def assert_fault(self, faults, *words):
        self.assertEqual(len(faults), 1, faults)
        for word in words:
            self.assertIn(word, faults[0])


class Sources(unittest.TestCase):
    def test_blanks_comments_and_strings_but_keeps_lines(self):
        text = 'a // x\n"b\\"c" /* d\n e */ f\nR"(g\nh)" 1\'000 i\'j\'\n'
        self.assertEqual(sources.blank(text).split(), ["a", "f", "1'000", "i'j'"])
        self.assertEqual(sources.blank(text).count("\n"), text.count("\n"))

    def test_finds_includes_but_not_those_in_comments(self):
        text = '#include "a/b.h"\n// #include "c.h"\n#  include <d>\n'
        self.assertEqual(sources.includes(text), [(1, '"', "a/b.h"), (3, "<", "d")])


class CoroutineArguments(Sample):
    BAD = (
        "co_await f(Options{.size = 3});",
        "co_await f(broker::Claim{});",
        "co_await f(std::vector<std::pair<int, int>>{});",
        "co_await f({1, 2});",
        "co_await f(a, {.size = 3});",
        "co_await f([x] { return x; });",
        "co_await f([this](int a) mutable -> int { return a; });",
        "co_await object.g(1)->f(\n    Options{});",
        "if (co_await f({1})) return;",
        "auto x = co_await f(g(Options{}));",
        "CONDUIT_CO_TRY(auto x, co_await f([&] { return 1; }));",
    )
    BAD_CONDITIONS = (
        "auto x = a ? co_await f() : co_await g();",
        "auto x = a ? b::c()\n    : co_await g();",
    )
    GOOD = (
        "auto x = co_await f(a ? b : c);",
        "const auto x = a ? b : c;\nco_await f(x);",
        "Options options{.size = 3};\nco_await f(std::move(options));",
        "co_await f(a[i], (b), Options(3));",
        "co_await f([] { return Options{}; });",
        "co_await f(std::chrono::seconds{3}, Millis{5});",
        "if (co_await f(a)) { g({1}); }",
        "auto r = co_await f(a); g(Options{});",
        "while (co_await f()) {\n  g({1});\n}",
        "// co_await f({1});\n",
        "// allow coroutine_arguments: built with clang only\nco_await f({1});",
    )

    def test_finds_arguments_that_are_destroyed_twice(self):
        for text in self.BAD:
            with self.subTest(text):
                self.write("daemon/base/a.cpp", text + "\n")
                self.assert_fault(coroutine_arguments.check(self.root), "daemon/base/a.cpp:", "name it first")

    def test_finds_operands_of_a_condition(self):
        for text in self.BAD_CONDITIONS:
            with self.subTest(text):
                self.write("daemon/base/a.cpp", text + "\n")
                self.assert_fault(coroutine_arguments.check(self.root), "daemon/base/a.cpp:", "say if and else")

    def test_accepts_named_arguments_and_what_is_no_aggregate(self):
        for text in self.GOOD:
            with self.subTest(text):
                self.write("daemon/base/a.cpp", text + "\n")
                self.assertEqual(coroutine_arguments.check(self.root), [])


class Layering(Sample):
    def test_accepts_what_the_table_allows(self):
        self.write("daemon/dispatch/a.cpp", '#include "broker/broker.h"\n#include "hosts/pool.h"\n')
        self.write("daemon/app.cpp", '#include "broker/redis/redis_broker.h"\n#include "config/config.h"\n')
        self.write("daemon/broker/open.cpp", '#include "broker/redis/redis_broker.h"\n')
        self.write("sdk/src/client.cpp", '#include "conduit/client.hpp"\n#include "broker/open.h"\n')
        self.write("plugins/a/a.cpp", '#include "own.h"\n#include <conduit/plugin.hpp>\n')
        self.assertEqual(layering.check(self.root), [])

    def test_refuses_an_upward_include(self):
        self.write("daemon/base/a.cpp", '#include "job/job.h"\n')
        self.assert_fault(layering.check(self.root), "daemon/base/a.cpp:1:", "base may not include job/job.h")

    def test_keeps_supervisor_and_host_apart(self):
        self.write("daemon/host/a.cpp", '#include "hosts/pool.h"\n')
        self.assert_fault(layering.check(self.root), "host may not include hosts/pool.h")

    def test_keeps_brokers_apart_and_private(self):
        self.write("daemon/broker/redis/a.cpp", '#include "broker/sqlite/statement.h"\n')
        self.assert_fault(layering.check(self.root), "broker/redis may not include broker/sqlite")
        self.write("daemon/broker/redis/a.cpp", "")
        self.write("daemon/ctl/a.cpp", '#include "broker/redis/connection.h"\n')
        self.assert_fault(layering.check(self.root), "private to broker")

    def test_lets_nobody_but_app_and_ctl_see_the_config(self):
        self.write("daemon/service/a.h", '#include "config/config.h"\n')
        self.assert_fault(layering.check(self.root), "service may not include config/config.h")

    def test_keeps_plugins_and_sdk_headers_outside(self):
        self.write("plugins/a/a.cpp", '#include "base/result.h"\n')
        self.assert_fault(layering.check(self.root), "a plugin includes")
        self.write("plugins/a/a.cpp", "")
        self.write("sdk/include/conduit/a.hpp", '#include "base/result.h"\n')
        self.assert_fault(layering.check(self.root), "an SDK header includes")

    def test_keeps_the_sdk_out_of_the_supervisor(self):
        self.write("daemon/dispatch/a.cpp", "#include <conduit/abi.h>\n")
        self.assert_fault(layering.check(self.root), "dispatch may not include the SDK")

    def test_wants_new_folders_in_the_table(self):
        self.write("daemon/cellar/a.cpp", '#include "base/result.h"\n')
        self.assert_fault(layering.check(self.root), "not in the table")

    def test_refuses_long_files(self):
        self.write("daemon/base/a.cpp", "\n" * 601)
        self.write("tests/unit/base/a.cpp", "\n" * 601)
        self.assert_fault(layering.length_faults(layering.lengths(self.root)), "daemon/base/a.cpp", "601 lines")


class ThirdParty(Sample):
    def test_accepts_a_library_at_its_owner(self):
        self.write("daemon/broker/sqlite/statement.h", "#include <sqlite3.h>\n")
        self.write("daemon/broker/sqlite/a.cpp", '#include "broker/sqlite/statement.h"\n')
        self.write("sdk/include/conduit/json.hpp", "#include <rapidjson/document.h>\n")
        self.write("sdk/include/conduit/plugin.hpp", "#include <conduit/json.hpp>\n")
        self.write("plugins/a/a.cpp", "#include <conduit/plugin.hpp>\n")
        self.assertEqual(third_party.check(self.root), [])

    def test_refuses_a_library_elsewhere(self):
        for target in ("hiredis/hiredis.h", "sqlite3.h", "rapidjson/reader.h", "boost/dll/shared_library.hpp",
                       "toml++/toml.h", "yaml-cpp/yaml.h", "spdlog/spdlog.h", "CLI/CLI.hpp", "systemd/sd-daemon.h"):
            self.write("daemon/dispatch/a.cpp", f"#include <{target}>\n")
            self.assert_fault(third_party.check(self.root), "daemon/dispatch/a.cpp:1:", "belongs to")

    def test_refuses_a_library_brought_in_by_a_header(self):
        self.write("daemon/config/tree.h", "#include <toml++/toml.h>\n")
        self.write("daemon/config/load.h", '#include "config/tree.h"\n')
        self.write("daemon/ctl/a.cpp", '#include "config/load.h"\n')
        self.assert_fault(third_party.check(self.root), "daemon/ctl/a.cpp:1:", "toml++ through daemon/config/tree.h")


class Banned(Sample):
    def faults(self, text, path="daemon/dispatch/a.cpp"):
        self.write(path, text)
        return banned.check(self.root)

    def test_finds_each_pattern(self):
        samples = {
            "detached": "co_spawn(io, f(), asio::detached);",
            "thread_detach": "std::thread(f).detach();",
            "shared_from_this": "auto self = shared_from_this();",
            "io_context_stop": "io_context_.stop();",
            "now": "auto t = std::chrono::steady_clock::now();",
            "sleep": "std::this_thread::sleep_for(1s);",
            "skip": "GTEST_SKIP();",
            "fork": "auto pid = ::fork();",
            "naming": "class BrokerManager {",
            "using_namespace": "using namespace boost::asio;",
            "todo": "// TODO: more",
            "machine_path": 'auto p = "/home/some' + 'body/x";',
        }
        for rule, text in samples.items():
            self.assert_fault(self.faults(text + "\n"), f"daemon/dispatch/a.cpp:1: {rule}:")

    def test_passes_what_only_looks_like_it(self):
        self.assertEqual(self.faults(
            "// asio::detached is banned\n"
            'auto s = "shared_from_this";\n'
            "co_await group_.stop();\n"
            "co_await clock.sleep_for(1s);\n"
            "using namespace std::chrono_literals;\n"
            "auto t = clock.now();\n"), [])

    def test_knows_where_time_may_be_asked(self):
        text = "auto t = std::chrono::system_clock::now();\n"
        self.assertEqual(self.faults(text, "daemon/base/clock.cpp"), [])
        self.assertEqual(self.faults(text, "daemon/host/runner.cpp"), [])

    def test_lets_a_line_give_its_reason(self):
        self.assertEqual(self.faults("usleep(9);  // allow sleep: the task under test is slow\n"), [])
        self.assertEqual(self.faults("// allow sleep: the task under test is slow\nusleep(9);\n"), [])
        self.assert_fault(self.faults("usleep(9);  // allow sleep:\n"), "sleep")


class Documents(Sample):
    def test_follows_links_but_not_those_in_code(self):
        self.write("docs/a.md", "[here](b.md) [out](https://example.org)\n```\n[no](c.md)\n```\n")
        self.write("docs/b.md", "[up](../README.md#part)\n")
        self.assert_fault(list(documents.link_faults(self.root)), "docs/b.md:1:", "../README.md does not exist")

    def test_wants_each_package_explained(self):
        self.write("scripts/packages", "#!/bin/sh\necho g++ libone-dev libtwo-dev\n")
        os.chmod(os.path.join(self.root, "scripts/packages"), 0o755)
        self.write("docs/dependencies.md", "libone-dev: for one thing\n")
        self.assert_fault(list(documents.package_faults(self.root)), "libtwo-dev")


class Headers(Sample):
    def check(self):
        return headers.check(self.root, os.path.join(self.root, "build"), "g++", [])[0]

    def test_accepts_a_header_that_stands_alone(self):
        self.write("sdk/include/conduit/a.hpp", "#pragma once\n#include <string>\ninline std::string a() { return {}; }\n")
        self.assertEqual(self.check(), [])

    def test_refuses_one_that_needs_others_or_has_no_guard(self):
        self.write("sdk/include/conduit/a.hpp", "#pragma once\ninline std::string a() { return {}; }\n")
        self.assert_fault(self.check(), "sdk/include/conduit/a.hpp:1: does not compile alone")
        self.write("sdk/include/conduit/a.hpp", "struct A {};\n")
        self.assert_fault(self.check(), "sdk/include/conduit/a.hpp:1: does not compile alone")


if __name__ == "__main__":
    unittest.main()
