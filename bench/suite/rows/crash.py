"""How soon a job runs again whose worker was killed, with another worker there and every setting at its default."""

import contextlib
import json
import time

from peers.bullmq.peer import BullMQ
from peers.conduit.peer import Conduit
from suite import processes, resp
from suite.drain import site
from suite.peer import Crew
from suite.row import Case, Figure, Ratio, Row

PATIENCE_S = 240


class OfConduit(Conduit):
    def __init__(self, bench):
        super().__init__(bench, task="bench.hold", count=2, title="Conduit")

    def submit_one(self, server, file):
        processes.answer_of([self.bench.binaries / "conduitctl", "submit", self.task, json.dumps({"file": str(file)}), "--allow-unknown", "--broker", server.url])


class OfBullMQ(BullMQ):
    def crew(self, server, place):
        return Crew([self.node("worker.js", 50, "hold", place / "starts")] * 2, self.environment(server))

    def submit_one(self, server, file):
        self.produce(server, 1, bulk=False)


class Crash(Row):
    name = "crash"
    title = "Seconds until a job runs again after kill -9 of its worker"
    note = "All processes of the worker are killed. Three rounds, with --quick one. Sidekiq and Celery lose the job by default and are not measured."
    figures = (Figure("seconds", "seconds", 2),)
    plot = "seconds"
    ratios = (Ratio("a job running again after kill -9 of its worker, against BullMQ", "seconds", "conduit-thread", ["bullmq"], 0.25, at_least=False),)

    def make_cases(self):
        bench = self.bench
        return [Case(peer.name, f"{peer.title}, defaults", lambda peer=peer: self.measure(peer), peer.missing(), rounds=min(bench.rounds, bench.some(3, 1)))
                for peer in (OfConduit(bench), OfBullMQ(bench))]

    def measure(self, peer):
        with site(self.bench, peer) as (place, server):
            starts, crew = place / "starts", peer.crew(server, place)
            with processes.running(crew.commands, place, crew.environment) as workers, killed(workers):
                processes.until("both workers wait", lambda: int(resp.info(server.connection, "clients")["blocked_clients"]) >= 2, processes=workers)
                peer.submit_one(server, starts)
                first = processes.until("the job runs", lambda: lines(starts, 1), processes=workers)
                runs_it = next(worker for worker in workers if first[0][1] in processes.tree([worker.pid]))
                begun = time.monotonic_ns()
                processes.kill(runs_it)
                again = processes.until("the job runs again", lambda: lines(starts, 2), patience=PATIENCE_S)
            return {"seconds": (again[1][0] - begun) / 1e9}


def lines(file, count):
    """When and in which process it began, for each start."""
    out = []
    with contextlib.suppress(OSError):
        out = [tuple(map(int, line.split())) for line in file.read_text().splitlines()]
    return out if len(out) >= count else None


@contextlib.contextmanager
def killed(workers):
    """They would wait for a job that has no end."""
    try:
        yield
    finally:
        for worker in workers:
            processes.kill(worker)
