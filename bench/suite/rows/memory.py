"""What a waiting job of 100 bytes takes in Redis."""

from peers.bullmq.peer import BullMQ
from peers.celery.peer import Celery
from peers.conduit.peer import Conduit
from peers.floors.peer import RedisFloor
from peers.sidekiq.peer import Sidekiq
from suite.drain import site
from suite.row import Case, Figure, Ratio, Row


class Memory(Row):
    name = "memory"
    title = "Memory in Redis for each waiting job of 100 bytes"
    note = "used_memory after, less used_memory before, for each job. It hardly varies: two rounds."
    figures = (Figure("bytes", "bytes a job"),)
    plot = "bytes"
    ratios = (Ratio("memory in Redis for each waiting job, against BullMQ", "bytes", "conduit-thread", ["bullmq"], 0.5, at_least=False),)

    def make_cases(self):
        bench = self.bench
        peers = (Conduit(bench), RedisFloor(bench), BullMQ(bench), Sidekiq(bench), Celery(bench))
        return [Case(peer.name, peer.producing, lambda peer=peer: self.measure(peer), peer.missing(), rounds=min(bench.rounds, 2)) for peer in peers]

    def measure(self, peer):
        jobs = self.bench.some(5_000, 1_000) if peer.name == "celery" else self.bench.some(100_000, 10_000)
        with site(self.bench, peer) as (_, server):
            before = server.used_memory()
            peer.fill(server, jobs)
            if peer.name != "floor-redis" and peer.left(server) != jobs:
                raise ValueError(f"{peer.name}: not all jobs are waiting")
            return {"bytes": (server.used_memory() - before) / jobs, "jobs": jobs}
