"""The floors: programs that do by themselves what is least to do."""

import json

from suite import processes
from suite.peer import Peer
from suite.servers import Sqlite


class RedisFloor(Peer):
    name = "floor-redis"
    title = "raw Redis cycle, 64 a round trip"
    producing = "raw XADD"
    first = 20_000

    def producer(self, server, jobs, bulk):
        return ([self.bench.programs / "redis_cycle", *server.words, "--do", "fill", "--jobs", jobs, "--batch", 256 if bulk else 1],)

    def drain_itself(self, server):
        return processes.answer_of([self.bench.programs / "redis_cycle", *server.words, "--do", "drain", "--batch", 64])


class SqliteFloor(Peer):
    name = "floor-sqlite"
    title = "raw SQLite cycle, FULL, 64 a transaction"
    first = 20_000

    def server(self, place, aof=False):
        return Sqlite(place)

    def fill(self, server, jobs):
        self.jobs = jobs  # the program makes its file anew

    def drain_itself(self, server):
        file = server.file.with_name("floor.db")
        return processes.answer_of([self.bench.programs / "sqlite_cycle", "--file", file, "--jobs", self.jobs, "--batch", 64])


class PipeFloor(Peer):
    name = "floor-pipe"
    title = "raw pipes to a child, one at a time"
    first = 20_000

    def server(self, place, aof=False):
        return Sqlite(place)

    def fill(self, server, jobs):
        self.jobs = jobs

    def drain_itself(self, server):
        return processes.answer_of([self.bench.programs / "pipe_cycle", "--jobs", self.jobs])


def rate_of(answer):
    told = json.loads(answer.splitlines()[-1])
    return told["jobs"], told["seconds"]
