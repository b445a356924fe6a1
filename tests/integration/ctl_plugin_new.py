#!/usr/bin/env python3
"""What `conduitctl plugin new` writes builds against the installed SDK without a warning, passes its own test, and is a
plugin that `conduitctl plugin check` takes.

usage: ctl_plugin_new.py CMAKE ROOT CXX CONDUITCTL
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

CMAKE, ROOT, CXX, CONDUITCTL = sys.argv[1:5]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


class PluginNew(unittest.TestCase):
    def setUp(self):
        os.umask(0o022)
        self.folder = tempfile.mkdtemp(prefix="conduit-plugin-new-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def test_builds_tests_and_loads_as_it_is(self):
        run(CMAKE, "-S", ROOT, "-B", self.path("sdk"), f"-DCMAKE_CXX_COMPILER={CXX}", "-DCONDUIT_BUILD_DAEMON=OFF",
            "-DCONDUIT_BUILD_TESTS=OFF", "-DCONDUIT_BUILD_PLUGINS=OFF")
        run(CMAKE, "--install", self.path("sdk"), "--prefix", self.path("prefix"))
        run(CONDUITCTL, "plugin", "new", "shout", self.path("shout"))
        run(CMAKE, "-S", self.path("shout"), "-B", self.path("shout", "build"), f"-DCMAKE_CXX_COMPILER={CXX}",
            f"-DCMAKE_PREFIX_PATH={self.path('prefix')}")
        built = run(CMAKE, "--build", self.path("shout", "build"))
        self.assertNotIn("warning", built)
        run(self.path("shout", "build", "shout_test"))
        shown = run(CONDUITCTL, "plugin", "check", self.path("shout", "build", "shout.so"))
        self.assertIn("shout 1.0.0", shown)
        self.assertIn("shout.repeat  thread    function  yes", shown)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
