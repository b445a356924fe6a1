"""The command: options, preparation, rounds, results."""

import argparse
import json
import pathlib
import shutil
import signal
import sys
import tempfile
import time

from suite import build, contest, plots, surroundings, table
from suite.bench import Bench
from suite.rows import registry

DEFAULT = build.ROOT / "build/bench"


def arguments():
    names = list(registry.ROWS)
    parser = argparse.ArgumentParser(prog="bench/run", description=(sys.modules["__main__"].__doc__ or "").strip())
    parser.add_argument("--only", choices=names, nargs="+", metavar="ROW", help=f"only these rows, of: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="small samples, 2 rounds: minutes, shows that it works")
    parser.add_argument("--rounds", type=int, help="default: 5, with --quick 2")
    parser.add_argument("--out", type=pathlib.Path, default=DEFAULT, help="default: build/bench")
    parser.add_argument("--tcp", action="store_true", help="Redis over TCP loopback instead of a Unix socket, for all that are measured")
    parser.add_argument("--work", type=pathlib.Path, help="where servers and files of a sample are (default: a temporary folder)")
    parser.add_argument("--build", type=pathlib.Path, help="installs nothing and takes the programs of this build, which is there (default: makes build/release)")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    return options


def prepare(options, work):
    bench = Bench(build=(options.build or build.BUILD).resolve(), work=work, cache=DEFAULT / "cache", rounds=options.rounds, quick=options.quick, tcp=options.tcp)
    if not options.build:
        build.install_packages()
        build.build()
    build.install_bullmq(bench)
    build.look_for_peers(bench)
    return bench


def write(out, facts, rows):
    """After each row, so that an interrupted run leaves what it has."""
    results = {**facts, "rows": [contest.as_data(row) for row in rows]}
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "table.md").write_text(table.markdown(facts, rows))


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers are then ended too
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="conduit-bench-", dir=options.work))
    begun, rows, good = time.monotonic(), [], True
    try:
        bench = prepare(options, work)
        facts = surroundings.of(bench)
        for name in options.only or registry.ROWS:
            row = registry.ROWS[name](bench)
            rows.append(row)
            if contest.taken_over(row, rows):
                continue
            good = contest.run(row, bench.rounds, lambda text: build.say(f"{time.monotonic() - begun:5.0f} s  {text}")) and good
            write(out, facts, rows)
        write(out, facts, rows)
    finally:
        if any(case.faults for row in rows for case in row.cases.values()):
            build.say(f"logs of what failed are in {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    if plots.draw(rows, out) is None:
        build.say("no plots: python3-matplotlib is not installed")
    print((out / "table.md").read_text())
    build.say(f"results.json, table.md and plots are in {out}; {time.monotonic() - begun:.0f} s in all")
    return 0 if good else 1
