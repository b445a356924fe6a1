"""A row of the results: cases that are measured in turn, what is shown of them, and the ratios that have targets."""

import dataclasses
import statistics
from collections.abc import Callable


@dataclasses.dataclass
class Case:
    name: str
    title: str
    measure: Callable[[], dict]           # figures of one sample
    missing: str | None = None            # why it cannot be measured here
    rounds: int | None = None             # fewer than the others, for what takes minutes
    samples: list = dataclasses.field(default_factory=list)
    faults: list = dataclasses.field(default_factory=list)

    def values(self, figure):
        return [sample[figure] for sample in self.samples if figure in sample]

    def median(self, figure):
        values = self.values(figure)
        return statistics.median(values) if values else None


@dataclasses.dataclass
class Figure:
    name: str
    title: str
    digits: int = 0


@dataclasses.dataclass
class Ratio:
    """Ours against the best of others, as medians; or, without others, ours alone."""
    what: str
    figure: str
    ours: str
    others: list
    target: float | None       # None: for information
    at_least: bool = True      # more is better
    unit: str = "x"            # "x", "%" of theirs; or that of the figure, without others

    def reached(self, cases):
        ours = cases[self.ours].median(self.figure) if self.ours in cases else None
        if ours is None or not self.others:
            return ours
        theirs = [cases[name].median(self.figure) for name in self.others if name in cases]
        theirs = [value for value in theirs if value]
        if not theirs:
            return None
        return ours / (max(theirs) if self.at_least else min(theirs))

    def text(self, value):
        if value is None:
            return "-"
        if self.unit == "x":
            return f"{value:.2f} x"
        return f"{100 * value:.0f} %" if self.unit == "%" else f"{value:.3g} {self.unit}"

    def met(self, value):
        return value is not None and (value >= self.target if self.at_least else value <= self.target)


class Row:
    name = ""
    title = ""
    note = ""
    figures = ()
    ratios = ()
    plot = None     # the figure that is drawn
    same_as = None  # a row whose samples serve, where it is measured too

    def __init__(self, bench):
        self.bench = bench
        self.cases = {case.name: case for case in self.make_cases()}

    def make_cases(self):
        raise NotImplementedError
