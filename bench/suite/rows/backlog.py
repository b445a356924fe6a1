"""Whether a long queue is slower to empty than a short one."""

import statistics
import time

from peers.conduit.peer import Conduit
from suite import meter as meters
from suite import processes
from suite.drain import site
from suite.row import Case, Figure, Ratio, Row

SHORT = 10_000
PART = 8_000    # of the jobs are timed, so that the end of the short queue is not
STARTS = 3      # of a worker, for each sample: one alone lasts only a fraction of a second


class Backlog(Row):
    name = "backlog"
    title = "Drain with a long queue, beside a short one"
    note = f"The first {PART:,} jobs after a worker has started; each sample is the median of {STARTS} starts."
    figures = (Figure("rate", "jobs/s"),)
    plot = "rate"

    @property
    def long(self):
        return self.bench.some(1_000_000, 50_000)

    @property
    def ratios(self):
        return (Ratio(f"drain with {self.long:,} waiting, against {SHORT:,} waiting", "rate", "conduit-long", ["conduit-short"], 0.90, unit="%"),)

    def make_cases(self):
        long = self.long
        return [Case("conduit-short", f"Conduit, thread, {SHORT:,} waiting", lambda: self.measure(SHORT, again=True)),
                Case("conduit-long", f"Conduit, thread, {long:,} waiting", lambda: self.measure(long, again=False))]

    def measure(self, waiting, again):
        """A short queue is filled anew before each start."""
        peer = Conduit(self.bench)
        meter = meters.Meter()
        rates = []
        with site(self.bench, peer) as (place, server):
            peer.fill(server, waiting)
            begun = meter.read()
            for _ in range(STARTS):
                if again and peer.left(server) < waiting:
                    peer.fill(server, waiting - peer.left(server))
                rates.append(self.rate_of_start(peer, server, place))
            return {"rate": statistics.median(rates), **meters.foreign(begun, meter.read())}

    def rate_of_start(self, peer, server, place):
        crew, before = peer.crew(server, place), peer.left(server)
        with processes.running(crew.commands, place) as workers:
            processes.until("a job is taken", lambda: peer.left(server) < before, pause=0.001, processes=workers)
            first, begun = peer.left(server), time.monotonic()
            processes.until("a part is done", lambda: peer.left(server) <= before - PART, pause=0.001, processes=workers)
            last, ended = peer.left(server), time.monotonic()
        return (first - last) / (ended - begun)
