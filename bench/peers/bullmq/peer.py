"""BullMQ at its best here: one process, 50 jobs at a time, what is complete is removed."""

import pathlib

from suite.peer import Crew, Peer

HERE = pathlib.Path(__file__).resolve().parent


class BullMQ(Peer):
    name = "bullmq"
    producing = "BullMQ"
    least = 60_000
    programs = ("node",)

    def __init__(self, bench, concurrency=50):
        super().__init__(bench)
        self.concurrency = concurrency
        self.title = f"BullMQ, concurrency {concurrency}"

    def missing(self):
        return super().missing() or self.bench.faults.get("bullmq")

    def environment(self, server):
        return {**server.environment, "NODE_PATH": str(self.bench.node_modules)}

    def node(self, script, *words):
        return ["node", HERE / script, *words]

    def producer(self, server, jobs, bulk):
        return self.node("produce.js", jobs, 1000 if bulk else 1), self.environment(server)

    def crew(self, server, place, *task):
        return Crew([self.node("worker.js", self.concurrency, *task)], self.environment(server))

    def left(self, server):
        return sum(server.connection.all([("LLEN", "bull:bench:wait"), ("LLEN", "bull:bench:active")]))
