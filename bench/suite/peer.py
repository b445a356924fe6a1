"""What a system has to offer to be measured: a server, a way to fill it, workers, and how many jobs it has left."""

import dataclasses
import json
import shutil
import time

from suite import processes
from suite.meter import Moment
from suite.servers import Redis


@dataclasses.dataclass
class Window:
    """Of a drain: what was done in which time, and the meter at both ends."""
    jobs: int
    seconds: float
    begun: Moment
    ended: Moment


@dataclasses.dataclass
class Crew:
    """The programs that work, and how they are started."""
    commands: list
    environment: dict = dataclasses.field(default_factory=dict)
    folder: str = None


class Peer:
    name = ""       # one word, as in a file's name
    title = ""      # with its setting as a worker
    producing = ""  # and as a producer
    first = 2_000   # jobs of the run before the first, which tells how many are measured
    least = 50_000  # of those that are measured, unless it is quick: well above what may run at once, and enough to warm up
    programs = ()   # without which it cannot run

    def __init__(self, bench):
        self.bench = bench

    def missing(self):
        """Why it cannot be measured here; nothing if it can."""
        lacking = [program for program in self.programs if not (shutil.which(program) or (self.bench.programs / program).exists())]
        return f"{', '.join(lacking)}: not installed" if lacking else None

    def server(self, place, aof=False):
        return Redis(place, tcp=self.bench.tcp, aof=aof)

    def produce(self, server, jobs, bulk=True):
        """Submits so many; seconds by the producer's own clock, without its start."""
        answer = json.loads(processes.answer_of(*self.producer(server, jobs, bulk)).splitlines()[-1])
        return answer["seconds"]

    def fill(self, server, jobs):
        self.produce(server, jobs)

    def window(self, server, jobs, meter, workers):
        """From the first job seen taken to none left: jobs and times are counted from there, so that no start is."""
        processes.until("a job is taken", lambda: self.left(server) < jobs, pause=0.002, processes=workers)
        begun = meter.read()
        left, began = self.left(server), time.monotonic()
        processes.until("no job is left", lambda: self.left(server) == 0, patience=600, processes=workers)
        ended = time.monotonic()
        return Window(left, ended - began, begun, meter.read())

    def check_filled(self, server, jobs):
        """Before the workers start, some of which do so at once."""
        waiting = self.left(server)
        if waiting != jobs:
            raise processes.Failed(f"{self.name}: {waiting} of {jobs} jobs are waiting")

    def check(self, server, jobs):
        """Fails if the jobs have not ended as they should."""
