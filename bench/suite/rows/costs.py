"""What a job costs in CPU and memory: the drain on Redis, looked at otherwise."""

from peers.bullmq.peer import BullMQ
from peers.celery.peer import Celery
from peers.conduit.peer import Conduit
from peers.sidekiq.peer import Sidekiq
from suite.row import Ratio
from suite.rows.drains import Drain


class Cpu(Drain):
    name = "cpu"
    title = "CPU of a drained job, and memory of the workers"
    same_as = "drain-redis"
    plot = "worker_cpu"
    ratios = (
        Ratio("worker CPU per 1,000 jobs, against BullMQ", "worker_cpu", "conduit-thread", ["bullmq"], 0.25, at_least=False),
        Ratio("Redis CPU per 1,000 jobs, against BullMQ", "server_cpu", "conduit-thread", ["bullmq"], 1 / 3, at_least=False))

    def peers(self):
        return [Conduit(self.bench), BullMQ(self.bench), Sidekiq(self.bench), Celery(self.bench)]
