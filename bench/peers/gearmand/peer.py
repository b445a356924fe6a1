"""gearmand in memory with two workers in C, which keep no results."""

from suite.peer import Crew, Peer
from suite.servers import Gearmand as Server


class Gearmand(Peer):
    name = "gearmand"
    producing = "gearmand, client in C"
    title = "gearmand, 2 workers in C"
    programs = ("gearmand_submit", "gearmand_worker")

    def missing(self):
        return super().missing() or self.bench.faults.get("gearmand")

    def server(self, place, aof=False):
        return Server(place)

    def producer(self, server, jobs, bulk):
        return ([self.bench.programs / "gearmand_submit", "--port", server.port, "--jobs", jobs, "--batch", 100 if bulk else 1],)

    def crew(self, server, place):
        return Crew([[self.bench.programs / "gearmand_worker", "--port", server.port]] * 2)

    def left(self, server):
        return server.left()
