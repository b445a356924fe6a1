"""Measures the cases of a row in turn, round after round, so that what drifts meets all of them alike."""

import os

MOST_FAULTS = 2  # of a case, which is then left alone


def run(row, rounds, say):
    """True if every case that could be measured has been."""
    for case in row.cases.values():
        if case.missing:
            say(f"{row.name}: {case.title}: left out: {case.missing}")
    for number in range(rounds):
        for case in row.cases.values():
            wanted = rounds if case.rounds is None else case.rounds
            if case.missing or number >= wanted or len(case.faults) >= MOST_FAULTS:
                continue
            sample_of(row, case, number, say)
    return all(case.samples or case.missing for case in row.cases.values())


def taken_over(row, rows):
    """Takes the samples of the row that has the same cases, if it was measured."""
    other = next((one for one in rows if one.name == row.same_as), None)
    if other is not None:
        row.cases = {name: other.cases[name] for name in row.cases}
    return other is not None


def sample_of(row, case, number, say):
    load = os.getloadavg()[0]
    try:
        sample = {**case.measure(), "load": load}
    except Exception as fault:  # of whatever kind: the others can be measured all the same
        case.faults.append(f"{type(fault).__name__}: {fault}")
        say(f"{row.name} {number + 1}: {case.title}: {case.faults[-1]}")
        return
    case.samples.append(sample)
    shown = ", ".join(f"{figure.title} {sample[figure.name]:,.{figure.digits}f}" for figure in row.figures if figure.name in sample)
    say(f"{row.name} {number + 1}: {case.title}: {shown}")


def as_data(row):
    return {"name": row.name, "title": row.title, "figures": {figure.name: figure.title for figure in row.figures},
            "cases": [{"name": case.name, "title": case.title, "missing": case.missing, "faults": case.faults, "samples": case.samples}
                      for case in row.cases.values()],
            "ratios": [{"what": ratio.what, "figure": ratio.figure, "ours": ratio.ours, "others": ratio.others, "target": ratio.target,
                        "at_least": ratio.at_least, "reached": ratio.reached(row.cases)} for ratio in row.ratios]}
