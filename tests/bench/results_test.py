#!/usr/bin/env python3
"""Medians, ratios and the table of bench/run, by samples that are made up; and that every row can be made."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from suite import contest, drain, table  # noqa: E402
from suite.bench import Bench  # noqa: E402
from suite.row import Case, Figure, Ratio, Row  # noqa: E402
from suite.rows import registry  # noqa: E402
from suite.rows.latency import percentile  # noqa: E402


def bench():
    place = pathlib.Path(tempfile.gettempdir())
    return Bench(build=place, work=place, cache=place, rounds=3, quick=True, tcp=False)


def answers(*values):
    """A case that measures these, one after the other; an exception is raised."""
    rest = list(values)

    def measure():
        value = rest.pop(0)
        if isinstance(value, Exception):
            raise value
        return {"rate": value, "foreign": 0.5}
    return measure


class Example(Row):
    name, title = "example", "An example"
    figures = (Figure("rate", "jobs/s"),)

    def make_cases(self):
        return [Case("ours", "Ours", answers(30, 10, 20)), Case("one", "One | other", answers(4, 6, 5)), Case("two", "Two", answers(8, 9, 10)),
                Case("away", "Away", answers(), missing="not installed")]


def measured():
    row = Example(bench())
    contest.run(row, 3, lambda text: None)
    return row


class Results(unittest.TestCase):
    def test_a_ratio_is_of_medians_against_the_best(self):
        row = measured()
        self.assertEqual(Ratio("", "rate", "ours", ["one", "two", "away"], 2).reached(row.cases), 20 / 9)
        self.assertEqual(Ratio("", "rate", "ours", ["one", "two"], 2, at_least=False).reached(row.cases), 20 / 5)
        self.assertEqual(Ratio("", "rate", "ours", [], 2).reached(row.cases), 20)

    def test_without_the_other_there_is_no_ratio(self):
        ratio = Ratio("", "rate", "ours", ["away"], 2)
        self.assertIsNone(ratio.reached(measured().cases))
        self.assertFalse(ratio.met(None))

    def test_a_target_is_met_from_its_own_side(self):
        self.assertTrue(Ratio("", "rate", "ours", [], 2).met(2))
        self.assertFalse(Ratio("", "rate", "ours", [], 2).met(1.9))
        self.assertTrue(Ratio("", "rate", "ours", [], 2, at_least=False).met(1.9))

    def test_cases_are_measured_in_turn(self):
        order = []

        class Turns(Example):
            def make_cases(self):
                return [Case(name, name, lambda name=name: order.append(name) or {"rate": 1}) for name in "ab"]
        contest.run(Turns(bench()), 2, lambda text: None)
        self.assertEqual(order, ["a", "b", "a", "b"])

    def test_what_fails_is_told_and_the_others_go_on(self):
        class Failing(Example):
            def make_cases(self):
                return [Case("bad", "Bad", answers(*[RuntimeError("no such job")] * 9)), Case("good", "Good", answers(1, 2, 3))]
        row = Failing(bench())
        self.assertFalse(contest.run(row, 3, lambda text: None))
        self.assertEqual((len(row.cases["bad"].faults), len(row.cases["good"].samples)), (contest.MOST_FAULTS, 3))
        self.assertIn("no such job", "\n".join(table.of_row(row)))

    def test_the_table_has_median_minimum_and_maximum(self):
        lines = table.of_row(measured())
        self.assertIn("| Ours | 20 [10-30] | 0.50 |", lines)
        self.assertIn("| Away | not installed |  |", lines)

    def test_samples_serve_the_row_that_is_the_same(self):
        first = measured()
        second = Example(bench())
        second.same_as = "example"
        self.assertTrue(contest.taken_over(second, [first]))
        self.assertEqual(second.cases["ours"].median("rate"), 20)

    def test_a_first_run_tells_how_many_jobs_are_measured(self):
        sizes, shared = [], bench()
        for _ in range(2):
            drain.sized(shared, "key", 1_000, 50_000, lambda jobs: sizes.append(jobs) or {"rate": 8_000})
        self.assertEqual(sizes, [1_000, 4_000, 4_000])

    def test_a_percentile_is_a_value_that_was_measured(self):
        self.assertEqual([percentile(range(1, 101), share) for share in (0.5, 0.99, 1)], [50, 99, 100])

    def test_every_row_can_be_made(self):
        for name, make in registry.ROWS.items():
            row = make(bench())
            self.assertEqual(row.name, name)
            names = set(row.cases)
            for ratio in row.ratios:
                self.assertLessEqual({ratio.ours, *ratio.others}, names, ratio.what)


if __name__ == "__main__":
    unittest.main()
