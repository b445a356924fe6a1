#!/usr/bin/env python3
"""Measures what Conduit is to reach, prints it as a table with the machine, the versions and the seeds, and fails if a
figure misses its target.

Times are those of a machine that does nothing else: where it does, `chrt -r 1 scripts/figures ...` is as good.

scripts/figures runs it with everything built. Alone it wants --binaries and --plugins.
"""

import argparse
import pathlib
import random
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/support"))
import flows  # noqa: E402
import limits  # noqa: E402
import machine  # noqa: E402
import storms  # noqa: E402
import trials  # noqa: E402
from crew import site as sites  # noqa: E402
from rows import table  # noqa: E402

# name -> what yields its rows, in the order of the table
FIGURES = {"storms": storms.storms, "sigterms": storms.sigterms, "worker-killed": storms.worker_killed, "host-killed": storms.host_killed,
           "crash": trials.crash, "stuck": trials.stuck, "outage": trials.outage, "poison": trials.poison, "soak": storms.soak,
           "rate": limits.rate, "fairness": limits.fairness, "fanout": flows.fanout, "chain": flows.chain}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=FIGURES, action="append", help="only this; may be repeated")
    parser.add_argument("--without", choices=FIGURES, action="append", default=[], help="not this; may be repeated")
    parser.add_argument("--seed", type=int, default=None, help="storms have this seed and the two that follow")
    parser.add_argument("--soak", type=float, default=600, help="seconds")
    parser.add_argument("--soak-brokers", choices=storms.BROKERS, nargs="+", default=["redis"])
    parser.add_argument("--small", action="store_true", help="a fraction of each: shows that it works, measures little")
    sites.build_options(parser)
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    options.seeds = [options.seed + number for number in range(1 if options.small else 3)]
    return options


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is then ended too
    rows, begun, described = [], time.monotonic(), machine.describe(options.binaries)
    for name, figure in FIGURES.items():
        if name in options.without or (options.only and name not in options.only):
            continue
        for row in figure(options):
            rows.append(row)
            verdict = "pass" if row.good else "FAIL"
            print(f"{time.monotonic() - begun:5.0f} s  {verdict}  {row.what}: {row.measured}", file=sys.stderr, flush=True)
    print("\n".join(described))
    print(f"seeds: {', '.join(map(str, options.seeds))}; {time.monotonic() - begun:.0f} s in all\n")
    print(table(rows))
    return 0 if rows and all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
