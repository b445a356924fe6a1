"""beanstalkd in memory, with a client that reserves and deletes 64 jobs a write: a ceiling of the protocol, not a worker."""

from suite import processes
from suite.peer import Peer
from suite.servers import Beanstalkd as Server


class Beanstalkd(Peer):
    name = "beanstalkd"
    producing = "beanstalkd"
    title = "beanstalkd, 64 a write, no worker"
    programs = ("beanstalkd", "beanstalkd_client")
    first = 20_000

    def server(self, place, aof=False):
        return Server(place)

    def client(self, server, *words):
        return [self.bench.programs / "beanstalkd_client", "--port", server.port, *words]

    def producer(self, server, jobs, bulk):
        return (self.client(server, "--do", "put", "--jobs", jobs, "--batch", 64 if bulk else 1),)

    def drain_itself(self, server):
        return processes.answer_of(self.client(server, "--do", "drain", "--batch", 64))
