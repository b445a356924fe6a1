#!/usr/bin/env python3
"""Parts that are made slower fail bench/micro/budget.py, and those that are not do not; what is counted is the same each time.

usage: slow_down_test.py PROGRAM      (conduit_micro, optimised)
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUDGET = pathlib.Path(__file__).resolve().parents[2] / "bench/micro/budget.py"
PARTS = ("job.parse_id", "redis.finish_call", "host.attempt")
PROGRAM = sys.argv.pop() if len(sys.argv) > 1 else None


class SlowDown(unittest.TestCase):
    """Against counts of this very program: what this build has gained or lost is another test's."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.file = pathlib.Path(folder.name) / "instructions.json"
        kept = cls.budget("--update")
        if kept.returncode != 0:
            raise RuntimeError(kept.stderr)

    @classmethod
    def budget(cls, *more):
        return subprocess.run([sys.executable, "-B", BUDGET, "--program", PROGRAM, "--file", cls.file, "--only", *PARTS, *more],
                              capture_output=True, text=True, check=False)

    def test_a_slow_down_fails_and_names_each_part(self):
        said = self.budget("--slower", "15")
        self.assertEqual(said.returncode, 1, said.stdout + said.stderr)
        for part in PARTS:
            self.assertRegex(said.stderr, rf"{part}: \d+\.\d instructions for each job were kept, now there are \d+\.\d: \+1[45]\.\d%")

    def test_what_stays_within_ten_percent_passes(self):
        said = self.budget("--slower", "5")
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    def test_counts_are_the_same_each_time(self):
        first = json.loads(self.file.read_text())["instructions"]
        self.assertEqual(self.budget("--update").returncode, 0)
        again = json.loads(self.file.read_text())["instructions"]
        for part in PARTS:
            self.assertAlmostEqual(again[part] / first[part], 1, delta=0.002, msg=part)


if __name__ == "__main__":
    unittest.main()
