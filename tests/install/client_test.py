#!/usr/bin/env python3
"""Installs the SDK with the producer library of this build tree, builds an outside program against it and runs it.

usage: client_test.py CMAKE BUILD_TREE CXX FLAGS
"""

import os
import subprocess
import sys
import tempfile
import unittest

CMAKE, TREE, CXX, FLAGS = sys.argv[1:5]
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class InstalledClient(unittest.TestCase):
    def test_an_outside_program_submits_blocking_and_awaitable(self):
        with tempfile.TemporaryDirectory(prefix="conduit-client-") as folder:
            prefix, build = os.path.join(folder, "prefix"), os.path.join(folder, "build")
            run(CMAKE, f"-DCMAKE_INSTALL_PREFIX={prefix}", "-P", os.path.join(TREE, "sdk", "cmake_install.cmake"))
            run(CMAKE, "-S", os.path.join(HERE, "producer"), "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
                f"-DCMAKE_CXX_COMPILER={CXX}", f"-DCMAKE_CXX_FLAGS={FLAGS}")
            run(CMAKE, "--build", build)
            output = run(os.path.join(build, "producer"), f"sqlite://{folder}/conduit.db")
            self.assertIn("co_await conduit::async_submit", output)
            self.assertIn("queued Alan", output)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
