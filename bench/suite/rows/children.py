"""Two processes that run tasks: Conduit's process executor beside Celery's pool of two."""

from peers.celery.peer import Celery
from peers.conduit.peer import Conduit
from peers.floors.peer import PipeFloor
from suite.row import Ratio
from suite.rows.drains import Drain

TWO = "[executors.process]\nchildren = 2\n"


class Children(Drain):
    name = "children"
    title = "Drain in two child processes, on Redis"
    note = "A task that needs something of its worker is never staged: with one such thing for each child, a child has one job at a time and the next one " \
           "is claimed when that has ended. Without, short jobs are staged ahead of it."
    ratios = (
        Ratio("drain in 2 children, one in flight a child, against Celery prefork 2", "rate", "conduit-one", ["celery"], 10),
        Ratio("drain in 2 children, with staging, against Celery prefork 2", "rate", "conduit-process", ["celery"], 25))

    def peers(self):
        bench = self.bench
        staged = Conduit(bench, "process", config=TWO, title="Conduit, 2 children, staged")
        one = Conduit(bench, "process", options="needs = { child = 1 }", config=TWO + "[resources]\nchild = 2\n", title="Conduit, 2 children, one in flight a child")
        one.name = "conduit-one"
        return [staged, one, Celery(bench), PipeFloor(bench)]
