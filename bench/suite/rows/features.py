"""What features cost that a job need not use, as a share of the drain rate without them."""

from peers.conduit.peer import Conduit
from suite.row import Figure, Ratio
from suite.rows.drains import Drain

LIMIT = "concurrency = 1000"  # far above what runs at once
STEPPING = 10_000             # jobs, of which a thousand run at once


class Features(Drain):
    name = "features"
    title = "Drain with features that are off by default, on Redis"
    note = "Tasks in C++ in the thread executor. Progress: coroutines of ten steps of 10 ms, a thousand at a time, which say at each step how far they are, or do not."
    figures = (Figure("rate", "jobs/s"), Figure("worker_cpu", "worker CPU ms/1,000", 1), Figure("server_cpu", "server CPU ms/1,000", 1))
    ratios = tuple(Ratio(f"{what}: drain rate with, against without", "rate", case, [base], None, unit="%")
                   for what, case, base in (("a unique key for each job", "unique", "plain"), ("a global concurrency limit", "limited", "plain"),
                                            ("a log line a job", "logged", "plain"), ("a layer of middleware", "layered", "plain"),
                                            ("two hooks", "hooked", "plain"), ("progress 100 times a second", "told", "silent")))

    def peers(self):
        return [self.with_("plain", "nothing"), self.with_("unique", "a unique key", task="bench.plain", submit=["--unique", "yes"]),
                self.with_("limited", "a global concurrency limit", task="bench.plain", options=LIMIT), self.with_("logged", "a log line"),
                self.with_("layered", "a layer of middleware"), self.with_("hooked", "hooks at start and end"),
                self.with_("silent", "steps without progress", executor="async"), self.with_("told", "steps with progress", executor="async")]

    def with_(self, name, title, task=None, executor="thread", **more):
        out = Conduit(self.bench, executor, task=task or f"bench.{name}", title=f"Conduit, {executor}: {title}", **more)
        out.name, out.least = name, STEPPING if executor == "async" else out.least
        return out
