#!/usr/bin/env python3
"""What `conduitctl plugin new` writes builds against the installed SDK without a warning, passes its own test, and is a
plugin that `conduitctl plugin check` takes. So do the READMEs' commands and first example.

usage: ctl_plugin_new.py CMAKE ROOT CXX CONDUITCTL
"""

import os
import re
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


def block(page, language, text):
    """The first block of a page in that language in which that stands."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        return next(found for found in re.findall(rf"^```{language}\n(.*?)^```", file.read(), re.DOTALL | re.MULTILINE) if text in found)


class PluginNew(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.umask(0o022)
        cls.folder = tempfile.mkdtemp(prefix="conduit-plugin-new-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        run(CMAKE, "-S", ROOT, "-B", cls.path("sdk"), f"-DCMAKE_CXX_COMPILER={CXX}", "-DCONDUIT_BUILD_DAEMON=OFF",
            "-DCONDUIT_BUILD_TESTS=OFF", "-DCONDUIT_BUILD_PLUGINS=OFF")
        run(CMAKE, "--install", cls.path("sdk"), "--prefix", cls.path("prefix"))

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.folder, *names)

    def run_block(self, text, folder):
        """Runs shell commands of a page where the SDK is installed; what they print."""
        begin = f"set -eu\ncmake() {{ '{CMAKE}' \"$@\"; }}\nconduitctl() {{ '{CONDUITCTL}' \"$@\"; }}\ncd '{folder}'\n"
        done = subprocess.run(["sh", "-c", begin + text], capture_output=True, text=True, check=False,
                              env={**os.environ, "CMAKE_PREFIX_PATH": self.path("prefix"), "CXX": CXX})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("warning", done.stdout + done.stderr)
        return done.stdout

    def test_as_the_readme_says_it_builds_and_loads_and_passes_its_own_test(self):
        shown = self.run_block(block("README.md", "sh", "plugin new mail"), self.folder)
        self.assertIn("mail 1.0.0", shown)
        self.assertIn("mail.repeat  thread    function  yes", shown)
        run(self.path("mail", "build", "mail_test"))

    def test_the_first_example_of_the_sdk_is_built_and_loads(self):
        os.mkdir(self.path("hello"))
        for name, language in (("hello.cpp", "cpp"), ("CMakeLists.txt", "cmake")):
            with open(self.path("hello", name), "w", encoding="utf-8") as file:
                file.write(block("sdk/README.md", language, name))
        commands = block("sdk/README.md", "sh", "hello.so").partition("install build/")[0]  # what follows is the system's
        self.assertIn("hello.greet", self.run_block(commands, self.path("hello")))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
