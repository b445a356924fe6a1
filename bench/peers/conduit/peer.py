"""Conduit: one conduitd, the plugin noop (or this suite's own), the client library as producer."""

import os
import shutil
import sqlite3

from suite import processes
from suite.peer import Crew, Peer, Window
from suite.servers import Redis, Sqlite

TASKS = {"async": "noop.start", "thread": "noop.run", "process": "noop.run"}
RUNNING = "SELECT EXISTS(SELECT 1 FROM jobs WHERE status = 2)"
LEFT = "SELECT EXISTS(SELECT 1 FROM jobs WHERE status = 1) + EXISTS(SELECT 1 FROM jobs WHERE status = 2)"
TIMES = "SELECT count(*), min(started), max(ended) FROM jobs WHERE status = 4"


class Conduit(Peer):
    producing = "Conduit, client library"
    first, least = 10_000, 20_000

    def __init__(self, bench, executor="thread", task=None, broker="redis", options="", config="", submit=(), queues=("default",), count=1, title=None):
        super().__init__(bench)
        self.executor, self.task, self.broker = executor, task or TASKS[executor], broker
        self.options, self.config, self.submit, self.queues, self.count = options, config, list(submit), queues, count
        self.name = f"conduit-{executor}"
        self.title = title or f"Conduit, {executor}"

    def server(self, place, aof=False):
        return Sqlite(place) if self.broker == "sqlite" else Redis(place, tcp=self.bench.tcp, aof=aof)

    def producer(self, server, jobs, bulk):
        batch = ["--batch", 1000] if bulk else []
        queues = [] if self.queues == ("default",) else ["--queues", ",".join(self.queues)]
        return ([self.bench.programs / "conduit_submit", "--url", server.url, "--task", self.task, "--jobs", jobs, *batch, *queues, *self.submit],)

    def crew(self, server, place):
        return Crew([[self.bench.binaries / "conduitd", "--config", self.write_config(server, place)] for _ in range(self.count)])

    def write_config(self, server, place):
        """A plugin directory as an installer makes it, and beside it a configuration of defaults."""
        plugins = place / "plugins"
        if not plugins.exists():
            plugins.mkdir(mode=0o755)
            for plugin in self.bench.plugins:
                shutil.copy(plugin, plugins)
                os.chmod(plugins / plugin.name, 0o755)
        file = place / "conduit.toml"
        file.write_text(f'{self.top()}[broker]\nurl = "{server.url}"\n[plugins]\ndirectory = "{plugins}"\n[log]\nlevel = "warning"\n'
                        f'[task."{self.task}"]\nexecutor = "{self.executor}"\n{self.options}\n{self.config}\n')
        return file

    def top(self):
        return "" if self.queues == ("default",) else f"queues = [{', '.join(chr(34) + queue + chr(34) for queue in self.queues)}]\n"

    def key(self, queue, rest):
        return f"{{conduit:{queue}}}:{rest}"

    def ask(self, server, command, rest):
        """The same of each queue, where it is."""
        keys = [self.key(queue, rest) for queue in self.queues]
        if isinstance(server, Redis):
            return sum(server.connection.all([(command, key) for key in keys]))
        return sum(server.node_of(key)(command, key) for key in keys)

    def left(self, server):
        return self.ask(server, "XLEN", f"s:{self.task}:5")

    def window(self, server, jobs, meter, workers):
        return self.window_in_file(server, meter, workers) if self.broker == "sqlite" else super().window(server, jobs, meter, workers)

    def window_in_file(self, server, meter, workers):
        """By the times in the records: counting what is left would cost a file more than it costs a server."""
        with sqlite3.connect(f"file:{server.file}?mode=ro", uri=True, timeout=30) as file:
            def says(question):
                return file.execute(question).fetchone()[0]
            processes.until("a job is taken", lambda: says(RUNNING), pause=0.002, processes=workers)
            begun = meter.read()
            processes.until("no job is left", lambda: says(LEFT) == 0, patience=600, processes=workers)
            ended = meter.read()
            done, first, last = file.execute(TIMES).fetchone()
        file.close()
        return Window(done, (last - first) / 1000, begun, ended)

    def check_filled(self, server, jobs):
        if self.broker != "sqlite":
            super().check_filled(server, jobs)

    def check(self, server, jobs):
        if self.broker == "sqlite":
            with sqlite3.connect(f"file:{server.file}?mode=ro", uri=True, timeout=30) as file:
                complete = file.execute(TIMES).fetchone()[0]
            file.close()
        else:
            complete = self.ask(server, "ZCARD", "complete")
        if complete != jobs:
            raise processes.Failed(f"{self.name}: {complete} of {jobs} jobs are complete")
