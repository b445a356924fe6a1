"""Enqueue rates: one producer, one by one and in bulk."""

import json
import time

from peers.beanstalkd.peer import Beanstalkd
from peers.bullmq.peer import BullMQ
from peers.celery.peer import Celery
from peers.conduit.peer import Conduit
from peers.floors.peer import RedisFloor
from peers.gearmand.peer import Gearmand
from peers.sidekiq.peer import Sidekiq
from suite import meter as meters
from suite import processes
from suite.drain import site, sized
from suite.row import Case, Figure, Ratio, Row


class Ctl(Conduit):
    """conduitctl submit --jsonl, from its start to its end."""

    def __init__(self, bench):
        super().__init__(bench)
        self.name, self.producing = "conduitctl", "Conduit, conduitctl submit --jsonl"

    def produce(self, server, jobs, bulk=True):
        file = server.place / "jobs.jsonl"
        file.write_text((json.dumps({"task": self.task, "args": ["x" * 96]}) + "\n") * jobs)
        begun = time.monotonic()
        processes.answer_of([self.bench.binaries / "conduitctl", "submit", "--jsonl", file, "--allow-unknown", "--broker", server.url])
        return time.monotonic() - begun


class Enqueue(Row):
    figures = (Figure("rate", "jobs/s"), Figure("server_cpu", "server CPU ms/1,000", 1))
    plot = "rate"
    bulk = False
    first, least = 500, 10_000

    def peers(self):
        raise NotImplementedError

    def make_cases(self):
        return [self.case(peer) for peer in self.peers()]

    def case(self, peer):
        def measure():
            return sized(self.bench, (self.name, peer.name), self.first, self.least, lambda jobs: self.enqueue(peer, jobs))
        return Case(peer.name, peer.producing, measure, peer.missing())

    def enqueue(self, peer, jobs):
        with site(self.bench, peer) as (_, server):
            meter = meters.Meter(servers=server.pids)
            begun = meter.read()
            seconds = peer.produce(server, jobs, self.bulk)
            ended = meter.read()
        return {"rate": jobs / seconds, "jobs": jobs, "seconds": seconds, **meters.costs(meter, begun, ended, jobs),
                **meters.foreign(begun, ended)}


class OneByOne(Enqueue):
    name = "enqueue"
    title = "Enqueue one by one, one producer"
    note = "Each job is answered before the next is sent. The floor is XADD."
    ratios = (Ratio("enqueue one by one, against Sidekiq with hiredis, which keeps no record", "rate", "conduit-thread", ["sidekiq"], 1.4),)

    def peers(self):
        bench = self.bench
        return [Conduit(bench), RedisFloor(bench), Sidekiq(bench), BullMQ(bench), Celery(bench), Gearmand(bench),
                Beanstalkd(bench)]


class Bulk(Enqueue):
    name = "enqueue-bulk"
    title = "Enqueue in bulk, one producer"
    note = "1,000 at a time by Conduit, Sidekiq and BullMQ; 256 XADD, 100 tasks of gearmand and 64 puts of beanstalkd a write."
    bulk = True
    first, least = 2_000, 100_000
    ratios = (Ratio("enqueue in bulk, against Sidekiq with hiredis", "rate", "conduit-thread", ["sidekiq"], 1.0),)

    def peers(self):
        bench = self.bench
        return [Conduit(bench), Ctl(bench), RedisFloor(bench), Sidekiq(bench), BullMQ(bench), Gearmand(bench),
                Beanstalkd(bench)]
