"""Drain rates: no-op jobs of 100 bytes, results kept and fences on, on each broker in each executor."""

from peers.beanstalkd.peer import Beanstalkd
from peers.bullmq.peer import BullMQ
from peers.celery.peer import Celery
from peers.conduit.peer import Conduit
from peers.floors.peer import RedisFloor, SqliteFloor
from peers.gearmand.peer import Gearmand
from peers.sidekiq.peer import Sidekiq
from suite.drain import drain, sized
from suite.row import Case, Figure, Ratio, Row

FIGURES = (Figure("rate", "jobs/s"), Figure("worker_cpu", "worker CPU ms/1,000", 1), Figure("server_cpu", "server CPU ms/1,000", 1),
           Figure("rss_mb", "peak RSS MB", 1), Figure("pss_mb", "PSS MB", 1))
FASTEST = ["bullmq", "sidekiq"]
EXECUTORS = ("thread", "async", "process")


class Drain(Row):
    """Each case is a peer."""
    figures = FIGURES
    plot = "rate"
    aof = False

    def peers(self):
        raise NotImplementedError

    def make_cases(self):
        return [self.case(peer) for peer in self.peers()]

    def case(self, peer):
        def measure():
            return sized(self.bench, (self.name, peer.name), peer.first, peer.least, lambda jobs: drain(self.bench, peer, jobs, self.aof))
        return Case(peer.name, peer.title, measure, peer.missing())


class DrainRedis(Drain):
    name = "drain-redis"
    title = "Drain on Redis, in memory"
    ratios = (
        Ratio("drain on Redis, against the fastest of BullMQ (50), Sidekiq (10 x 2, hiredis)", "rate", "conduit-thread", FASTEST, 3.5),
        Ratio("the same, against the raw pipelined life cycle with results", "rate", "conduit-thread", ["floor-redis"], 0.60, unit="%"))

    def peers(self):
        bench = self.bench
        return [*(Conduit(bench, executor) for executor in EXECUTORS), RedisFloor(bench), BullMQ(bench), Sidekiq(bench), Celery(bench),
                Gearmand(bench), Beanstalkd(bench)]


class DrainAof(Drain):
    name = "drain-aof"
    title = "Drain on Redis, append-only file synced each second"
    aof = True
    ratios = (
        Ratio("drain on Redis with AOF everysec, against the fastest of BullMQ, Sidekiq", "rate", "conduit-thread", FASTEST, 3.0),
        Ratio("the same, against the raw cycle", "rate", "conduit-thread", ["floor-redis"], 0.55, unit="%"))

    def peers(self):
        bench = self.bench
        return [*(Conduit(bench, executor) for executor in EXECUTORS), RedisFloor(bench), BullMQ(bench), Sidekiq(bench)]


class DrainSqlite(Drain):
    name = "drain-sqlite"
    title = "Drain on SQLite, synchronous=FULL; the peers on Redis in memory"
    ratios = (
        Ratio("drain on SQLite FULL, against the fastest of BullMQ, Sidekiq on Redis", "rate", "conduit-thread", FASTEST, 1.5),
        Ratio("the same, against the raw SQLite cycle, batch 64", "rate", "conduit-thread", ["floor-sqlite"], 0.50, unit="%"))

    def peers(self):
        bench = self.bench
        return [*(Conduit(bench, executor, broker="sqlite") for executor in EXECUTORS), SqliteFloor(bench), BullMQ(bench), Sidekiq(bench)]
