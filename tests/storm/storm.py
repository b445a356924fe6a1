#!/usr/bin/env python3
"""A storm: four workers on one broker, thousands of jobs in mixed executors, and somebody who kills. At the end
conduit-check says whether a promise was broken.

scripts/storm runs it with everything built. Alone it wants --binaries and --plugins.
"""

import argparse
import pathlib
import random
import signal
import subprocess
import sys
import time

STORM = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(STORM), str(STORM.parent / "support")]
import jobs  # noqa: E402
import nemesis as harm  # noqa: E402
import soak  # noqa: E402
import ticks  # noqa: E402
from crew import site as sites  # noqa: E402
from crew import workers  # noqa: E402

LEASE = 1.0
# Which rules a storm must have given something to look at.
REQUIRED = ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10", "C11", "C12", "C15"]
# Processes that a soak must have seen from its begin to its end: two supervisors, a zygote and its shared hosts.
SOAKED = 5


class Storm:
    def __init__(self, options, site, rng):
        self.options, self.site = options, site
        for limit in () if options.broken else jobs.LIMITS:
            site.history.write("limit", **limit)
        cancelled = ("long",) if options.soak else ("long", "deaf")
        self.producer = jobs.Producer(site.ctl, site.history, jobs.make_jobs(options.jobs, rng, options.kinds), options.seconds, rng,
                                      cancelled)
        more = {"spared": soak.spared(site)} if options.soak else {}
        # A fence is only tried by whoever wakes up too late, while others are awake to take its jobs.
        more["most_stopped"] = 2 if options.broken == "unfenced" else 8
        self.nemesis = harm.Nemesis(site, rng, options.harm, LEASE, options.faults, **more)
        self.watch = workers.Watch(site.ctl)
        self.onlooker = soak.Onlooker(site, options.seconds) if options.soak else None

    def rage(self):
        """Harm while there is work."""
        begun = time.monotonic()
        next_strike, next_server = begun + 1.0, begun + self.options.server_pause
        while not self.enough(time.monotonic() - begun):
            now = time.monotonic()
            self.producer.step()
            self.nemesis.release()
            self.site.restart_the_dead()
            if now >= next_strike:
                next_strike = now + self.options.pause
                self.nemesis.strike()
            if self.options.kill_broker and now >= next_server:
                next_server = now + self.options.server_pause
                self.nemesis.strike_server()
            if self.onlooker:
                self.onlooker.step()
            time.sleep(0.01)

    def enough(self, passed):
        if not self.producer.done():
            self.watch.forget()
            return False
        return passed >= self.options.most_seconds or self.watch.look() == 0

    def calm(self):
        """No more harm: everything must come to its end."""
        self.nemesis.release(everything=True)
        self.site.restart_the_dead()
        if not self.options.broken:
            ticks.stop(self.site.ctl)
        self.watch.forget()
        end = time.monotonic() + self.options.patience
        while time.monotonic() < end:
            self.site.restart_the_dead()
            if self.watch.look() == 0:
                return
            time.sleep(0.1)
        print(f"storm: {self.watch.left} jobs have not ended after {self.options.patience:g} s of calm", file=sys.stderr)

    def run(self):
        """What is to be said against it beside conduit-check's verdict."""
        self.rage()
        self.calm()
        if not self.options.broken and (objection := ticks.note(self.site)):
            return objection
        self.site.read_records()
        if self.onlooker and self.onlooker.measure() < SOAKED:
            return "too few processes lived from begin to end: nothing was proven"
        return ""


def check(options, site):
    command = [str(options.binaries / "conduit-check"), str(site.history.folder), f"--liveness={options.patience:g}s"]
    if not options.broken:
        command += ["--require", ",".join(options.require)]
    if options.report:
        command += ["--report", str(options.report)]
    text = subprocess.run(command, capture_output=True, text=True, check=False)
    print(text.stdout + text.stderr, end="")
    return text.returncode


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", choices=("sqlite", "redis"), default="sqlite")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=10000)
    parser.add_argument("--kinds", default=",".join(jobs.KINDS), help="what the jobs do")
    parser.add_argument("--seconds", type=float, default=20, help="jobs come over so many seconds; there is harm until they have ended")
    parser.add_argument("--most-seconds", type=float, default=300, help="no harm after so long, whatever is left")
    parser.add_argument("--patience", type=float, default=30, help="seconds for the rest to end when the harm is over")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--harm", type=harm.parse_harm, default=harm.HARM, help="what is done, chosen at random: " + harm.HARM)
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two faults")
    parser.add_argument("--faults", type=int, default=None, help="so many and no more")
    parser.add_argument("--kill-broker", action="store_true", help="kill the Redis server too")
    parser.add_argument("--server-pause", type=float, default=3.0, help="seconds between two kills of the server")
    parser.add_argument("--soak", type=float, default=None, metavar="SECONDS",
                        help="go on for so long with 100 jobs a second, and fail if a spared process grows")
    parser.add_argument("--broken", choices=("unfenced", "early-ack", "no-reclaim"),
                        help="a daemon that breaks its promise: good is then that conduit-check says so")
    parser.add_argument("--require", default=None, help=f"rules that must have been exercised ({','.join(REQUIRED)}; fences in a full storm)")
    parser.add_argument("--quarantine", type=int, default=50,
                        help="deaths that make a job poison: with the default 3, some that worked when three workers were killed are")
    parser.add_argument("--lease", default=workers.SETTINGS["lease"], help="of the workers")
    parser.add_argument("--slots", type=int, default=3, help="threads, and children, of each worker")
    parser.add_argument("--report", type=pathlib.Path, help="write conduit-check's report as JSON to this file")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the run, histories and logs")
    sites.build_options(parser)
    return complete(parser, parser.parse_args())


def complete(parser, options):
    if options.kill_broker and options.broker != "redis":
        parser.error("--kill-broker is for --broker redis")
    options.kinds = options.kinds.split(",")
    if options.broken == "unfenced":
        options.harm = [("stop", "supervisor")]
    if options.soak:
        options.jobs, options.seconds, options.most_seconds = round(options.soak * 100), options.soak, options.soak + 60
        options.pause, options.server_pause = max(options.pause, 1.0), max(options.server_pause, 30.0)
    # Few jobs are few chances: only a full storm can promise that somebody woke up too late.
    full = options.jobs >= 5000
    required = REQUIRED + (["fences"] if full else []) + (["C14"] if options.soak else [])
    options.require = options.require.split(",") if options.require else required
    return options


def main():
    options = arguments()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 31)
    print(f"storm: {options.jobs} jobs on {options.broker}, seed {seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is then ended too
    begun = time.monotonic()
    environment = {"CONDUIT_BROKEN": options.broken} if options.broken else {}
    settings = {"lease": options.lease, "quarantine_after": options.quarantine, "threads": options.slots, "children": options.slots,
                **({} if options.broken else {"more": jobs.LIMITS_CONFIG + ticks.CONFIG}), **({"jobs_per_child": 0} if options.soak else {})}
    fsync = "always" if options.kill_broker else "everysec"
    with sites.Site(options, options.broker, options.workers, fsync, environment, **settings) as site:
        storm = Storm(options, site, random.Random(seed))
        objection = storm.run()
        print(f"storm: {sum(storm.nemesis.counts.values())} faults in {time.monotonic() - begun:.0f} s")
        code = check(options, site)
        good = code == 1 if options.broken else code == 0 and not objection
        site.keep = options.keep or not good
    if objection:
        print(f"storm: {objection}")
    if options.broken:
        print(f"storm: {options.broken}: {'convicted' if good else 'NOT convicted'}")
    print(f"storm: {'good' if good else 'BAD'}, seed {seed}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
