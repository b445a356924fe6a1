"""How fast a peer's workers empty a queue that was filled before they started."""

import contextlib
import json
import shutil

from suite import meter as meters
from suite import processes, servers


@contextlib.contextmanager
def site(bench, peer, aof=False):
    """A folder and a server for one sample."""
    place = servers.place_of(bench.work, f"{peer.name}-{bench.number()}")
    with peer.server(place, aof=aof) as server:
        yield place, server
    shutil.rmtree(place)  # of a sample that failed it stays, with the logs


def drain(bench, peer, jobs, aof=False):
    with site(bench, peer, aof) as (place, server):
        peer.fill(server, jobs)
        if hasattr(peer, "drain_itself"):
            return drained_itself(peer, server)
        return drained_by_crew(peer, server, place, jobs)


def drained_by_crew(peer, server, place, jobs):
    crew = peer.crew(server, place)
    peer.check_filled(server, jobs)
    with processes.running(crew.commands, place, crew.environment, crew.folder) as workers:
        meter = meters.Meter([worker.pid for worker in workers], server.pids)
        window = peer.window(server, jobs, meter, workers)
        memory = processes.memory_mb(worker.pid for worker in workers)
        peer.check(server, jobs)
    return {"rate": window.jobs / max(window.seconds, 1e-3), "jobs": window.jobs, "seconds": window.seconds, **memory,
            **meters.costs(meter, window.begun, window.ended, window.jobs), **meters.foreign(window.begun, window.ended)}


def drained_itself(peer, server):
    """By a program without jobs of others' making: it times itself, from its first read to the last."""
    meter = meters.Meter(servers=server.pids)
    begun = meter.read()
    told = json.loads(peer.drain_itself(server).splitlines()[-1])
    ended = meter.read()
    return {"rate": told["jobs"] / told["seconds"], "jobs": told["jobs"], "seconds": told["seconds"],
            **meters.costs(meter, begun, ended, told["jobs"]), **meters.foreign(begun, ended)}


def sized(bench, key, first, least, measure):
    """As many as take some seconds: a smaller run before, which does not count, tells how many that is. Not less than `least`, for a
    program that compiles itself while it runs is slow at first."""
    if key not in bench.sizes:
        rate = measure(min(first, bench.most))["rate"]
        bench.sizes[key] = int(min(max(rate * bench.seconds, bench.some(least, min(least, first))), bench.most))
    return measure(bench.sizes[key])
