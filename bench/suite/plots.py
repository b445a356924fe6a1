"""A bar for each case of a row, its median and from where to where, as PNG and SVG."""


def draw(rows, folder):
    """The files written; none without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plots
    out = []
    for row in rows:
        figure = next((one for one in row.figures if one.name == row.plot), None)
        cases = [case for case in row.cases.values() if figure and case.values(figure.name)]
        if not cases:
            continue
        picture, axes = plots.subplots(figsize=(9, 1.2 + 0.4 * len(cases)))
        medians = [case.median(figure.name) for case in cases]
        reach = [[case.median(figure.name) - min(case.values(figure.name)) for case in cases],
                 [max(case.values(figure.name)) - case.median(figure.name) for case in cases]]
        colours = ["tab:blue" if case.name.startswith("conduit") else "tab:gray" if case.name.startswith("floor") else "tab:orange" for case in cases]
        axes.barh([case.title for case in cases], medians, xerr=reach, color=colours, capsize=3)
        axes.invert_yaxis()
        axes.set_title(row.title)
        axes.set_xlabel(figure.title)
        picture.tight_layout()
        for ending in ("png", "svg"):
            file = folder / f"{row.name}.{ending}"
            picture.savefig(file)
            out.append(file)
        plots.close(picture)
    return out
