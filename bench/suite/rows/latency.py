"""Latency on an idle system: from before a job is submitted to the first line of its task, and to its result at the producer."""

import json
import math
import pathlib

from peers.bullmq.peer import BullMQ
from peers.celery.peer import HERE as CELERY
from peers.celery.peer import PYTHON, Celery
from peers.conduit.peer import Conduit
from peers.floors.peer import RedisFloor
from peers.sidekiq.peer import HERE as SIDEKIQ
from peers.sidekiq.peer import Sidekiq
from suite import meter as meters
from suite import processes
from suite.drain import site
from suite.row import Case, Figure, Ratio, Row

RATE = 200
FEW = 20  # before, so that the worker is there


def percentile(values, share):
    """The value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def told(command, environment=None, folder=None):
    return json.loads(processes.answer_of(command, environment, folder).splitlines()[-1])


class OfConduit(Conduit):
    def __init__(self, bench, executor):
        super().__init__(bench, executor, task="bench.stamp")

    def latency(self, server, jobs, skip):
        return told([self.bench.programs / "conduit_latency", "--url", server.url, "--jobs", jobs, "--rate", RATE, "--skip", skip])


class OfBullMQ(BullMQ):
    def crew(self, server, place):
        return super().crew(server, place, "stamp")

    def latency(self, server, jobs, skip):
        return told(self.node("latency.js", jobs, RATE, skip), self.environment(server))


class OfCelery(Celery):
    def latency(self, server, jobs, skip):
        return told([PYTHON, "-B", CELERY / "latency.py", jobs, RATE, skip], server.environment, str(CELERY))


class OfSidekiq(Sidekiq):
    """One process, for there is nothing to do. Its workers tell when jobs began when they end."""

    def __init__(self, bench):
        super().__init__(bench, count=1)

    def crew(self, server, place):
        out = super().crew(server, place)
        self.stamps = pathlib.Path(place) / "stamps"
        out.environment = {**out.environment, "BENCH_STAMPS": str(self.stamps)}
        return out

    def latency(self, server, jobs, skip):
        if jobs == FEW:
            self.produce(server, jobs)
            processes.until("the worker works", lambda: self.left(server) == 0)
            return None
        self.submitted = told(["ruby", SIDEKIQ / "latency.rb", jobs, RATE], server.environment)
        self.skip = skip
        processes.until("no job is left", lambda: self.left(server) == 0)
        return None

    def read_stamps(self):
        began = dict(map(int, line.split()) for line in self.stamps.read_text().splitlines())
        if len(began) != len(self.submitted):
            raise processes.Failed(f"sidekiq: {len(began)} of {len(self.submitted)} jobs have begun")
        return {"start": [(began[number] - time) / 1e3 for number, time in enumerate(self.submitted) if number >= self.skip]}


class Latency(Row):
    name = "latency"
    title = f"Latency at {RATE} jobs a second, in us"
    note = "From before the submit to the first line of the task, and to its result at the producer. Sidekiq has no results."
    figures = (*(Figure(f"start_p{share}", f"start p{share}") for share in (50, 95, 99)), *(Figure(f"result_p{share}", f"result p{share}") for share in (50, 95, 99)))
    plot = "start_p50"
    ratios = (
        Ratio("latency enqueue to start, p50, against the raw floor", "start_p50", "conduit-thread", ["floor-redis"], 2, at_least=False),
        Ratio("latency enqueue to result, p50, against the raw floor", "result_p50", "conduit-thread", ["floor-redis"], 2, at_least=False),
        Ratio("latency enqueue to start, p99, against the best of BullMQ, Sidekiq, Celery", "start_p99", "conduit-thread", ["bullmq", "sidekiq", "celery"], 0.5,
              at_least=False),
        Ratio("latency enqueue to result, p99, against the best of BullMQ, Celery", "result_p99", "conduit-thread", ["bullmq", "celery"], 0.5, at_least=False))

    def make_cases(self):
        bench = self.bench
        peers = [OfConduit(bench, "thread"), OfConduit(bench, "process"), OfBullMQ(bench), OfSidekiq(bench), OfCelery(bench)]
        floor = RedisFloor(bench)
        return [*(Case(peer.name, peer.title, lambda peer=peer: self.of_peer(peer), peer.missing()) for peer in peers),
                Case(floor.name, "raw round trips: XADD, XREADGROUP, XACK + XDEL + SETEX + PUBLISH", lambda: self.of_floor(floor), floor.missing())]

    @property
    def jobs(self):
        return self.bench.some(2_200, 300)

    @property
    def skip(self):
        return self.bench.some(200, 50)

    def of_peer(self, peer):
        with site(self.bench, peer) as (place, server):
            crew = peer.crew(server, place)
            meter = meters.Meter()
            with processes.running(crew.commands, place, crew.environment, crew.folder):
                peer.latency(server, FEW, 0)
                begun = meter.read()
                times = peer.latency(server, self.jobs, self.skip)
                ended = meter.read()
            return {**self.shares(times or peer.read_stamps()), **meters.foreign(begun, ended)}

    def of_floor(self, floor):
        with site(self.bench, floor) as (_, server):
            meter = meters.Meter()
            begun = meter.read()
            times = told([self.bench.programs / "redis_latency", *server.words, "--jobs", self.jobs, "--rate", RATE, "--skip", self.skip])
            return {**self.shares(times), **meters.foreign(begun, meter.read())}

    def shares(self, times):
        return {f"{what}_p{share}": percentile(values, share / 100) for what, values in times.items() for share in (50, 95, 99)}
