"""One broker, its workers, conduitctl, and the history of what happens: with Site(...) as site."""

import os
import pathlib
import shutil
import sys
import tempfile

from crew import servers, workers
from crew.history import History


def build_options(parser):
    """What every run has to be told: where the programs and the test plugins are."""
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--plugins", type=pathlib.Path, required=True)


class Site:
    """A folder of its own, which outlives the run if that was not good (`keep`)."""

    def __init__(self, options, broker, count, fsync="everysec", environment=None, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conduit-"))
        self.keep = False
        self.server = servers.start(broker, self.folder, fsync)
        self.history = History(self.folder / "history")
        self.config = workers.write_config(self.folder, self.server.url, options.plugins, settings)
        # Tasks write their lines there, and so does a daemon with failpoints.
        environment = dict(os.environ, CONDUIT_HISTORY=str(self.history.folder), **(environment or {}))
        self.ctl = workers.Ctl(options.binaries, self.config)
        self.crew = [workers.Worker(options.binaries, self.config, self.folder, number, environment) for number in range(count)]

    def __enter__(self):
        for worker in self.crew:
            worker.start()
        return self

    def __exit__(self, kind, fault, trace):
        for worker in self.crew:
            worker.end()
        self.server.end()
        if kind is None and not self.keep:
            shutil.rmtree(self.folder)
        else:
            print(f"histories and logs are in {self.folder}", file=sys.stderr)

    def restart_the_dead(self):
        for worker in self.crew:
            worker.restart_if_dead()

    def wait_until_ready(self):
        """Until a worker has announced its tasks, and so has a host for them, or will soon."""
        workers.until("the tasks are announced", lambda: self.ctl.ask("task", "list")["tasks"])

    def read_records(self):
        """Writes into the history what has become of every job."""
        records = self.ctl.records()
        for record in records:
            numbers = {key: record[key] for key in ("attempts", "failures", "crashes", "interruptions")}
            ended = {"ended_at": record["ended_at"]} if "ended_at" in record else {}
            self.history.write("final_state", job=record["id"], task=record["task"], state=record["status"], **numbers, **ended)
        return records
