"""CPU of workers, of servers, and of what is not ours, between two moments."""

import dataclasses
import os
import time

from suite import processes


@dataclasses.dataclass
class Moment:
    time: float
    workers: float
    servers: float
    ours: float
    busy: float
    stolen: float


class Meter:
    def __init__(self, workers=(), servers=()):
        self.workers, self.servers = list(workers), list(servers)

    def read(self):
        busy, stolen = processes.machine_cpu()
        return Moment(time.monotonic(), processes.cpu_seconds(self.workers), processes.cpu_seconds(self.servers),
                      processes.cpu_seconds([os.getpid()]), busy, stolen)


def foreign(one, other):
    """Cores that others used meanwhile, and that were taken from this machine."""
    seconds = max(other.time - one.time, 1e-9)
    return {"foreign": max(other.busy - one.busy - (other.ours - one.ours), 0) / seconds, "steal": (other.stolen - one.stolen) / seconds}


def costs(meter, one, other, jobs):
    """CPU in ms for a thousand jobs, of those that there are."""
    out = {"worker_cpu": 1e6 * (other.workers - one.workers) / jobs} if meter.workers else {}
    return {**out, "server_cpu": 1e6 * (other.servers - one.servers) / jobs} if meter.servers else out
