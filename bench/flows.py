"""Figures of jobs that make jobs: what a task's fan-out costs beside the same jobs submitted by a producer, and how deep a chain goes."""

import datetime
import time

from crew import site as sites, workers
from rows import Row

BROKERS = ("sqlite", "redis")
EXECUTORS = ("async", "thread", "process")


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def ended(site, job):
    return workers.until("the job has ended", lambda: of_ended(site.ctl.ask("job", "show", job)), patience=600)


def of_ended(record):
    return record if record.get("ended_at") else None


def fanout(options):
    """One worker with two slots: so many jobs by a producer, then as many children of one task."""
    count = 500 if options.small else 10_000
    for broker in BROKERS:
        for executor in EXECUTORS:
            with sites.Site(options, broker, 1, lease="15s", threads=2, children=2, in_flight=2) as site:
                site.wait_until_ready()
                begun = time.time()
                # They take as long as those of witness.parent.
                ids = site.ctl.submit([{"task": f"witness.quick_{executor}", "args": {"ref": ref, "n": ref % 5}} for ref in range(count)])
                workers.until("all have ended", lambda: site.ctl.waiting() == 0, patience=600)
                plain = max(moment(record["ended_at"]) for record in site.ctl.records()) - begun
                parent = site.ctl.submit([{"task": f"witness.parent_{executor}", "args": {"ref": count, "n": count}}])[0]
                record = ended(site, parent)
                took = moment(record["ended_at"]) - moment(record["started_at"])
                good = len(ids) == count and record["status"] == "complete" and record["attempts"] == 1
            yield Row(f"{count:,} children of a task, {executor}, {broker}: its time; the same jobs by a producer", "completes",
                      f"{took:.1f} s; {plain:.1f} s", good)


def chain(options):
    """A job that waits for a child that waits for a child: in an executor with two slots."""
    depth = 50 if options.small else 1_000
    for broker in BROKERS:
        for executor in EXECUTORS:
            with sites.Site(options, broker, 1, lease="15s", threads=2, children=2, in_flight=2) as site:
                site.wait_until_ready()
                top = site.ctl.submit([{"task": f"witness.chain_{executor}", "args": {"ref": 0, "n": depth}}])[0]
                record = ended(site, top)
                took = moment(record["ended_at"]) - moment(record["started_at"])
            yield Row(f"a chain of {depth:,} jobs that wait for one another, {executor}, {broker}", "completes", f"{took:.1f} s",
                      record["status"] == "complete" and record["result"] == depth)
