"""One, two and four workers, on one Redis server and on a cluster of three."""

from peers.conduit.peer import Conduit
from suite.row import Figure
from suite.rows.drains import Drain
from suite.servers import Cluster, Redis

QUEUES = 6
WORKERS = (1, 2, 4)


class OnOne(Conduit):
    def __init__(self, bench, count):
        super().__init__(bench, queues=tuple(f"q{number}" for number in range(QUEUES)), count=count, title=f"Conduit x {count}, one Redis server")
        self.name = f"conduit-{count}-one"

    def server(self, place, aof=False):
        return Redis(place, tcp=True, aof=aof)


class OnCluster(Conduit):
    """As many queues on each node as on the others."""

    def __init__(self, bench, count):
        super().__init__(bench, count=count, title=f"Conduit x {count}, cluster of three")
        self.name = f"conduit-{count}-cluster"

    def server(self, place, aof=False):
        return Cluster(place, aof)

    def fill(self, server, jobs):
        self.queues, number = [], 0
        while len(self.queues) < QUEUES:
            node = server.node_of(self.key(f"q{number}", ""))
            if sum(server.node_of(self.key(queue, "")) is node for queue in self.queues) < QUEUES // Cluster.NODES:
                self.queues.append(f"q{number}")
            number += 1
        super().fill(server, jobs)


class Scaling(Drain):
    name = "scaling"
    title = "Drain of six queues by several workers, Redis over TCP"
    note = "The queues are spread evenly over the nodes of the cluster. All workers and servers share the machine's cores."
    figures = (Figure("rate", "jobs/s"), Figure("worker_cpu", "worker CPU ms/1,000", 1), Figure("server_cpu", "server CPU ms/1,000", 1))

    def peers(self):
        return [*(OnOne(self.bench, count) for count in WORKERS), *(OnCluster(self.bench, count) for count in WORKERS)]
