"""Lines of a history (docs/check.md): those that a producer or whoever does harm writes, and those that tasks wrote."""

import json
import os
import time


def monotonic():
    """Milliseconds, on the clock that every line carries as `m`."""
    return time.clock_gettime(time.CLOCK_MONOTONIC) * 1000


class History:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.file = os.open(folder / "storm.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, event, sent=None, **fields):
        line = {"t": round(time.time() * 1000), "m": round(monotonic(), 3), "src": "storm", "pid": os.getpid(), "ev": event}
        if sent is not None:
            line["from"] = round(sent, 3)
        line.update(fields)
        os.write(self.file, (json.dumps(line, separators=(",", ":")) + "\n").encode())

    def of_tasks(self, event="task_start"):
        """What tasks wrote so far, in order of time."""
        lines = []
        for path in self.folder.glob("task-*.jsonl"):
            # A line is one write, so only a reader may see a half: of a file that grows.
            lines += [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return sorted((line for line in lines if line["ev"] == event), key=lambda line: line["m"])
