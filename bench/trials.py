"""Figures of one worker in one kind of trouble."""

import datetime
import signal
import sqlite3
import time

from crew import processes, site as sites, workers
from crew.history import monotonic
from rows import Row, quantile

BROKERS = ("sqlite", "redis")
EXECUTORS = ("async", "thread", "process")
GRACE_MS = 500


def job(kind, executor, ref, n, **more):
    return {"task": f"witness.{kind}_{executor}", "args": {"ref": ref, "n": n}, **more}


def starts(site, ref):
    return [line for line in site.history.of_tasks() if line["ref"] == ref]


def started(site, ref, times=1):
    return workers.until(f"job {ref} has started {times} times", lambda: (found := starts(site, ref))[times - 1:] and found)


def stuck(options):
    """A process task that hears nothing times out; from that moment to the start of the next job in its only slot."""
    rounds = 3 if options.small else 20
    for broker in BROKERS:
        late = []
        with sites.Site(options, broker, 1, children=1, grace=f"{GRACE_MS}ms", lease="15s") as site:
            site.wait_until_ready()
            for number in range(rounds):
                site.ctl.submit([job("deaf", "process", 2 * number, 60000, timeout="500ms", retries=0)])
                timeout = started(site, 2 * number)[0]["m"] + 500
                site.ctl.submit([job("quick", "process", 2 * number + 1, 1)])
                late.append(started(site, 2 * number + 1)[0]["m"] - timeout)
        yield Row(f"stuck process child, from timeout to its slot serving again, {broker}", f"grace + 250 ms ({GRACE_MS + 250} ms)",
                  f"longest {max(late):.0f} ms, p50 {quantile(late, 0.5):.0f} ms ({rounds} rounds)", max(late) <= GRACE_MS + 250)


def crash(options):
    """A process task crashes in the only child: from one crash to the next start, which comes with no pause of a retry."""
    rounds = 3 if options.small else 20
    for broker in BROKERS:
        gaps = []
        with sites.Site(options, broker, 1, children=1) as site:
            site.wait_until_ready()
            for ref in range(rounds):
                site.ctl.submit([job("crash", "process", ref, 0)])
                times = [line["m"] for line in started(site, ref, 3)]
                gaps += [later - earlier for earlier, later in zip(times, times[1:])]
        yield Row(f"crash (SIGSEGV) in the only process child, to the next start, {broker}: p99", "100 ms",
                  f"{quantile(gaps, 0.99):.0f} ms (p50 {quantile(gaps, 0.5):.0f} ms; {len(gaps)} crashes)", quantile(gaps, 0.99) <= 100)


class Killed:
    name, broker = "Redis killed", "redis"

    def __init__(self, site):
        self.server = site.server

    def leave(self):
        self.server.end()

    def come_back(self):
        self.server.start()


class Stopped(Killed):
    name = "Redis hangs (SIGSTOP)"

    def leave(self):
        processes.send(self.server.pid, signal.SIGSTOP)

    def come_back(self):
        processes.send(self.server.pid, signal.SIGCONT)


class Locked:
    name, broker = "SQLite locked by another program", "sqlite"

    def __init__(self, site):
        self.path = site.server.url.removeprefix("sqlite://")

    def leave(self):
        self.connection = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        self.connection.execute("BEGIN EXCLUSIVE")

    def come_back(self):
        self.connection.execute("ROLLBACK")
        self.connection.close()


def outage(options):
    """Jobs run and wait; the broker leaves for a while."""
    away = 3.0 if options.small else 10.0
    for trouble in (Killed, Stopped, Locked):
        with sites.Site(options, trouble.broker, 1, fsync="always") as site:
            quiet, first, cpu = one_outage(site, trouble(site), away)
        yield Row(f"{trouble.name} for {away:g} s: first start after it is back; CPU while away", "2.0 s; under 5 %",
                  f"{first / 1000:.2f} s; {cpu:.1f} %", quiet >= 500 and first <= 2000 and cpu < 5)


def one_outage(site, trouble, away):
    """Milliseconds without a start before it was back, and until there was one again; the share of a core that was used."""
    site.wait_until_ready()
    site.ctl.submit(job("quick", EXECUTORS[ref % 3], ref, 50) for ref in range(3000))
    started(site, 0)
    conduitd = [one for found in site.crew[0].processes().values() for one in found]
    trouble.leave()
    before = sum(map(processes.cpu_seconds, conduitd))
    time.sleep(away)
    used = sum(map(processes.cpu_seconds, conduitd)) - before
    back = monotonic()
    trouble.come_back()

    def times():
        return [line["m"] for line in site.history.of_tasks()]
    workers.until("a task starts again", lambda: times()[-1] > back)
    return back - max(m for m in times() if m <= back), min(m for m in times() if m > back) - back, 100 * used / away


def poison(options):
    """A thousand jobs over ten seconds, one of which kills its host each time; what the others wait is compared with a run
    without it."""
    batches = 20 if options.small else 100
    for broker in BROKERS:
        for executor in ("process", "thread"):
            calm, (latencies, record) = one_run(options, broker, batches, None)[0], one_run(options, broker, batches, executor)
            usual, disturbed = quantile(calm, 0.99), quantile(latencies, 0.99)
            told = f"{record['status']} as {record.get('reason')} after {record['crashes']} crashes"
            yield Row(f"1 poison job ({executor}) among {len(calm)}, {broker}: what becomes of it; the others' p99",
                      f"failed as poison after 3 crashes; under 2 x {usual:.0f} ms",
                      f"{told}; {disturbed:.0f} ms ({disturbed / usual:.1f} x)",
                      told == "failed as poison after 3 crashes" and disturbed < 2 * usual)


def one_run(options, broker, batches, executor):
    """The milliseconds from when the broker had each job to when it had its end, and the poison job's record if there was one."""
    poisonous = None
    with sites.Site(options, broker, 1) as site:
        site.wait_until_ready()
        for batch in range(batches):
            begun = monotonic()
            jobs = [job("quick", EXECUTORS[ref % 3], ref, ref % 9) for ref in range(10 * batch, 10 * batch + 10)]
            if executor and batch == batches // 2:
                jobs[0] = job("crash", executor, 0, 2)
            ids = site.ctl.submit(jobs)
            poisonous = ids[0] if ".crash" in jobs[0]["task"] else poisonous
            time.sleep(max(0, 0.1 - (monotonic() - begun) / 1000))
        workers.until("all jobs have ended", lambda: site.ctl.waiting() == 0)
        records = site.ctl.records()
        poison_record = site.ctl.ask("job", "show", poisonous) if poisonous else None
    return [latency(record) for record in records if record["id"] != poisonous], poison_record


def latency(record):
    # A job that did not complete is no fast one.
    if record["status"] != "complete":
        return float("inf")
    created, ended = (datetime.datetime.fromisoformat(record[name]) for name in ("created_at", "ended_at"))
    return (ended - created).total_seconds() * 1000
