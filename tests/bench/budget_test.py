#!/usr/bin/env python3
"""What bench/micro/budget.py says of counts that are made up, and that what is kept of the real ones can be read."""

import json
import pathlib
import sys
import unittest

MICRO = pathlib.Path(__file__).resolve().parents[2] / "bench/micro"
sys.path.insert(0, str(MICRO))
import budget  # noqa: E402


class Compare(unittest.TestCase):
    def test_growth_up_to_ten_percent_is_allowed(self):
        lines, faults = budget.compare({"a.b": 1000.0}, {"a.b": 1100.0})
        self.assertEqual(faults, [])
        self.assertIn("+10.0%", lines[0])

    def test_more_fails_and_is_told_with_both_counts(self):
        lines, faults = budget.compare({"a.b": 1000.0, "a.c": 50.0}, {"a.b": 1101.0, "a.c": 50.0})
        self.assertEqual(faults, ["a.b: 1000.0 instructions for each job were kept, now there are 1101.0: +10.1%, at most +10% is allowed"])
        self.assertIn("too many", lines[0])
        self.assertNotIn("too many", lines[1])

    def test_much_less_is_told_and_does_not_fail(self):
        lines, faults = budget.compare({"a.b": 1000.0}, {"a.b": 800.0})
        self.assertEqual(faults, [])
        self.assertIn("fewer", lines[0])

    def test_a_part_that_nothing_is_kept_of_fails(self):
        self.assertIn("none are kept", budget.compare({}, {"a.b": 1.0})[1][0])

    def test_a_part_that_has_gone_fails_unless_only_some_were_counted(self):
        self.assertIn("no such part", budget.compare({"a.b": 1.0, "a.c": 1.0}, {"a.b": 1.0})[1][0])
        self.assertEqual(budget.compare({"a.b": 1.0, "a.c": 1.0}, {"a.b": 1.0}, whole=False)[1], [])


class Kept(unittest.TestCase):
    def test_what_is_kept_names_the_compiler_and_counts(self):
        kept = json.loads((MICRO / "instructions.json").read_text())
        self.assertRegex(kept["compiler"], r"^GNU 12\..* -O2 ")
        self.assertGreater(len(kept["instructions"]), 12)
        self.assertTrue(all(count > 0 for count in kept["instructions"].values()))


if __name__ == "__main__":
    unittest.main()
