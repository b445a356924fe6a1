"""Celery with two children, results ignored, jobs acknowledged when they begin, Redis replies parsed in C."""

import pathlib
import subprocess

from suite.peer import Crew, Peer

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for
THERE = "from importlib.util import find_spec; import sys; sys.exit(not all(map(find_spec, ('celery', 'redis', 'hiredis'))))"


class Celery(Peer):
    name = "celery"
    producing = "Celery"
    first, least = 1_000, 5_000

    def __init__(self, bench, children=2):
        super().__init__(bench)
        self.children = children
        self.title = f"Celery, prefork {children}"

    def missing(self):
        there = subprocess.run([PYTHON, "-c", THERE], capture_output=True, check=False).returncode == 0
        return None if there else "python3-celery, python3-redis, python3-hiredis: not installed"

    def producer(self, server, jobs, bulk):
        return [PYTHON, "-B", HERE / "produce.py", jobs], server.environment, str(HERE)

    def crew(self, server, place):
        command = [PYTHON, "-m", "celery", "-A", "tasks", "worker", "-P", "prefork", "-c", self.children, "-l", "error", "--without-gossip", "--without-mingle",
                   "--without-heartbeat"]
        return Crew([command], {**server.environment, "PYTHONDONTWRITEBYTECODE": "1"}, str(HERE))

    def left(self, server):
        return sum(server.connection.all([("LLEN", "celery"), ("HLEN", "unacked")]))
