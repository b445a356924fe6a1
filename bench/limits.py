"""Figures of limits: how near a rate is come to and never passed, and what one tenant's backlog costs another."""

import collections
import pathlib

from crew import site as sites, workers
from rows import Row

BROKERS = ("sqlite", "redis")
FAKETIME = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
MINUTES_APART = 5


def starts_of(site, count):
    workers.until(f"{count} jobs have started", lambda: len(site.history.of_tasks()) >= count)
    return sorted(line["m"] for line in site.history.of_tasks())


def most_within(times, window):
    recent, most = collections.deque(), 0
    for time in times:
        recent.append(time)
        while recent[0] <= time - window:
            recent.popleft()
        most = max(most, len(recent))
    return most


def set_apart(site):
    """Each worker has a wall clock of its own, minutes from the others'. On SQLite the clock is the machine's, for all."""
    for number, worker in enumerate(site.crew):
        ahead = round(60 * MINUTES_APART * number / max(len(site.crew) - 1, 1))
        worker.environment = dict(worker.environment, LD_PRELOAD=str(FAKETIME), FAKETIME=f"+{ahead}s", FAKETIME_DONT_FAKE_MONOTONIC="1")


def rate(options):
    """Four workers, and always jobs: starts counted by the tasks themselves."""
    seconds = 2 if options.small else 10
    for broker in BROKERS:
        for most in (20,) if options.small else (20, 200):
            count = most * seconds
            more = f'[task."witness.quick_thread"]\nrate_limit = "{most}/s"\n'
            site = sites.Site(options, broker, 4, lease="15s", threads=8, more=more)
            apart = broker == "redis" and FAKETIME is not None
            if apart:
                set_apart(site)
            with site:
                site.wait_until_ready()
                site.ctl.submit([{"task": "witness.quick_thread", "args": {"ref": ref, "n": 0}} for ref in range(count)])
                times = starts_of(site, count)
            reached = 1000 * (count - 1) / (times[-1] - times[0])
            # A start is admitted by the broker and begun by a host a moment later: one may slip into the next window.
            peak = most_within(times, 1000)
            clocks = f", clocks {MINUTES_APART} minutes apart" if apart else ""
            yield Row(f"rate {most}/s, 4 workers{clocks}, {broker}: reached; most in a second", f"97 % ({0.97 * most:g}/s); {most + 1}",
                      f"{reached:.1f}/s; {peak}", reached >= 0.97 * most and peak <= most * 1.02 + 1)


def fairness(options):
    """A tenant with a long backlog, and one with a single job: how many of the first start before it."""
    backlog = 5_000 if options.small else 100_000
    for broker in BROKERS:
        more = '[task."witness.quick_thread"]\nconcurrency = { limit = 2, key = "n" }\n'
        with sites.Site(options, broker, 1, lease="15s", threads=4, more=more) as site:
            site.wait_until_ready()
            site.ctl.submit([job(5, ref) for ref in range(backlog)])
            starts_of(site, 100)
            before = {line["ref"] for line in site.history.of_tasks()}
            site.ctl.submit([job(4, backlog)])
            lines = workers.until("the other tenant's job has started", lambda: of_both(site, backlog))
            wait = next(line["m"] for line in lines if line["ref"] == backlog)
            passed = sum(line["m"] < wait for line in lines) - len(before)
        yield Row(f"one job beside another tenant's {backlog:,}, {broker}: jobs that started before it since it was submitted", "20",
                  f"{passed}", passed <= 20)


def job(tenant, ref):
    """Who it is for is told by how long it takes, the only other thing that a witness is told."""
    return {"task": "witness.quick_thread", "args": {"ref": ref, "n": tenant}}


def of_both(site, ref):
    lines = site.history.of_tasks()
    return lines if any(line["ref"] == ref for line in lines) else None
