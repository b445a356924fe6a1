"""The storm's own lines of the history (docs/check.md)."""

import json
import os
import time


def monotonic():
    return time.clock_gettime(time.CLOCK_MONOTONIC) * 1000


class History:
    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, event, sent=None, **fields):
        line = {"t": round(time.time() * 1000), "m": round(monotonic(), 3), "src": "storm", "pid": os.getpid(), "ev": event}
        if sent is not None:
            line["from"] = round(sent, 3)
        line.update(fields)
        os.write(self.file, (json.dumps(line, separators=(",", ":")) + "\n").encode())
