"""A row of the table of figures."""

import dataclasses
import math


@dataclasses.dataclass
class Row:
    what: str
    target: str
    measured: str
    good: bool


def quantile(values, share):
    """The value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def table(rows):
    cells = [("", "target", "measured", ""), *((row.what, row.target, row.measured, "pass" if row.good else "FAIL") for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
