#!/usr/bin/env python3
"""Installs the SDK into a temporary prefix and builds an outside project against it: plugins in C++, C and with
coroutines, and a unit test of one. Shows that each plugin exports conduit_plugin_entry and nothing else.

usage: install_test.py CMAKE ROOT CXX CC
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

CMAKE, ROOT, CXX, CC = sys.argv[1:5]
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


class InstalledSdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="conduit-install-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        # A build tree of its own: the one this test belongs to may have sanitizers, and be in use.
        cls.configure("sdk", ROOT, "-DCONDUIT_BUILD_DAEMON=OFF", "-DCONDUIT_BUILD_TESTS=OFF",
                      "-DCONDUIT_BUILD_PLUGINS=OFF")
        run(CMAKE, "--install", cls.path("sdk"), "--prefix", cls.path("prefix"))
        cls.configure("outside", os.path.join(HERE, "project"), f"-DCMAKE_PREFIX_PATH={cls.path('prefix')}",
                      f"-DOUTSIDE_OF={ROOT}")
        cls.build_output = run(CMAKE, "--build", cls.path("outside"))

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def configure(cls, name, source, *options):
        run(CMAKE, "-S", source, "-B", cls.path(name), f"-DCMAKE_CXX_COMPILER={CXX}", f"-DCMAKE_C_COMPILER={CC}",
            *options)

    def test_plugins_build_without_warnings(self):
        self.assertNotIn("warning", self.build_output)

    def test_each_plugin_exports_its_entry_point_and_nothing_else(self):
        for plugin in ("plain.so", "coroutine.so", "in_c.so"):
            with self.subTest(plugin):
                symbols = run("nm", "-D", "--defined-only", os.path.join(self.path("outside"), plugin))
                self.assertEqual([line.split()[-1] for line in symbols.splitlines()], ["conduit_plugin_entry"])

    def test_a_missing_symbol_fails_the_build_not_the_daemon(self):
        done = subprocess.run([CMAKE, "--build", self.path("outside"), "--target", "incomplete"],
                              capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nowhere_to_be_found", done.stdout + done.stderr)

    def test_a_plugin_is_unit_tested_outside(self):
        self.assertIn("passed", run(os.path.join(self.path("outside"), "plain_test")))

    def test_a_coroutine_plugin_says_what_it_was_built_with(self):
        said = run(os.path.join(self.path("outside"), "show"), os.path.join(self.path("outside"), "coroutine.so"))
        self.assertIn("uses_asio=1 boost=1.", said)
        said = run(os.path.join(self.path("outside"), "show"), os.path.join(self.path("outside"), "plain.so"))
        self.assertIn("uses_asio=0 boost= ", said)

    def test_a_project_in_c_alone_finds_the_package(self):
        self.configure("c_only", os.path.join(HERE, "c_only"), f"-DCMAKE_PREFIX_PATH={self.path('prefix')}")
        run(CMAKE, "--build", self.path("c_only"))
        self.assertTrue(os.path.exists(os.path.join(self.path("c_only"), "in_c.so")))

    def test_a_missing_component_is_named(self):
        with self.assertRaisesRegex(AssertionError, "Conduit"):
            self.configure("component", os.path.join(HERE, "project"), "-DCONDUIT_COMPONENTS=nonesuch",
                           f"-DCMAKE_PREFIX_PATH={self.path('prefix')}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
