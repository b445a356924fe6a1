"""The results as Markdown: first what has a target, then every row."""

from suite import surroundings


def table(head, lines):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return out + ["| " + " | ".join(line) + " |" for line in lines]


def number(value, digits):
    return f"{value:,.{digits}f}"


def span(case, figure):
    """Median, and from where to where."""
    values = case.values(figure.name)
    if not values:
        return ""
    text = number(case.median(figure.name), figure.digits)
    if len(values) == 1:
        return text
    return f"{text} [{number(min(values), figure.digits)}-{number(max(values), figure.digits)}]"


def target(ratio):
    if ratio.target is None:
        return ""
    return f"{'at least' if ratio.at_least else 'at most'} {ratio.text(ratio.target)}"


def targets(rows):
    lines = []
    for row in rows:
        for ratio in row.ratios:
            value = ratio.reached(row.cases)
            verdict = "" if value is None or ratio.target is None else "met" if ratio.met(value) else "missed"
            lines.append((ratio.what, target(ratio), ratio.text(value), verdict))
    return table(("", "target", "reached", ""), lines) if lines else []


def of_row(row):
    lines = []
    for case in row.cases.values():
        if case.samples:
            foreign = case.median("foreign")
            lines.append((case.title, *(span(case, figure) for figure in row.figures), "" if foreign is None else f"{foreign:.2f}"))
        else:
            why = case.missing or (case.faults[-1] if case.faults else "not measured")
            lines.append((case.title, why.replace("|", "/").replace("\n", " "), *[""] * len(row.figures)))
    out = [f"### {row.title} (`{row.name}`)"]
    if row.note:
        out += [row.note]
    return [*out, "", *table(("", *(figure.title for figure in row.figures), "foreign CPU"), lines), ""]


def markdown(facts, rows):
    out = ["# Conduit beside its peers", "", *(line + "  " for line in surroundings.lines(facts)), "",
           "Medians, with minimum and maximum in brackets. Foreign CPU: cores that anything else on the machine used meanwhile.", ""]
    ratios = targets(rows)
    if ratios:
        out += ["## Targets", "Each the ratio of two medians of this run; `thread` executor unless another is named.", "", *ratios, ""]
    out += ["## Rows"]
    for row in rows:
        out += of_row(row)
    return "\n".join(out) + "\n"
