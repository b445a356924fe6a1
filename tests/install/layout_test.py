"""Installs the whole build into another root and looks whether what is there fits together.

usage: layout_test.py CMAKE BUILD_FOLDER
"""

import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

CMAKE, BUILD = sys.argv[1:3]


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Layout(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="conduit-layout-")
        self.addCleanup(self.folder.cleanup)

    def install(self, *words):
        environment = {**os.environ, "DESTDIR": self.folder.name}
        return subprocess.run([CMAKE, "--install", BUILD, *words], env=environment, capture_output=True, text=True, check=False)

    def inside(self, path):
        return self.folder.name + path

    def unit(self, name):
        found = glob.glob(self.inside(f"/**/systemd/system/{name}"), recursive=True)
        self.assertEqual(len(found), 1, found)
        return re.search(r"^ExecStart=(\S+)(?: --config (\S+))?$", text_of(found[0]), re.MULTILINE)

    def test_units_programs_configuration_and_plugins_name_each_other(self):
        done = self.install()
        self.assertEqual(done.returncode, 0, done.stderr)
        program, named = self.unit("conduitd.service").groups()
        self.assertTrue(os.access(self.inside(program), os.X_OK), program)
        self.assertIsNone(named, "conduitd finds conduit.toml or conduit.yaml itself")
        told = subprocess.run([self.inside(program), "--help"], capture_output=True, text=True, check=True).stdout
        folder = re.search(r"conduit\.toml or conduit\.yaml in ([^)\s]+)", told).group(1)
        configuration = text_of(self.inside(f"{folder}/conduit.toml"))
        plugins = re.search(r'^directory = "(.*)"', configuration, re.MULTILINE).group(1)
        self.assertEqual(self.unit("conduitd@.service").groups(), (program, f"{folder}/%i.toml"))
        told = subprocess.run([self.inside(os.path.dirname(program)) + "/conduitctl", "--help"], capture_output=True, text=True, check=True)
        self.assertIn(f"{folder}/conduit.toml or .yaml", told.stdout)
        for made in glob.glob(self.inside("/**/plugins/*.so"), recursive=True):
            self.assertEqual(os.path.dirname(made), self.inside(plugins))

    def test_another_prefix_than_the_configured_one_is_refused(self):
        done = self.install("--prefix", "/elsewhere")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("-DCMAKE_INSTALL_PREFIX=/elsewhere", done.stderr)
        self.assertEqual(os.listdir(self.folder.name), [], "nothing is half installed")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
