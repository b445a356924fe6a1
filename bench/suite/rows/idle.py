"""What a worker costs that has nothing to do, and how soon it is ready."""

import contextlib
import os
import shutil
import socket
import time

from peers.bullmq.peer import BullMQ
from peers.celery.peer import Celery
from peers.conduit.peer import Conduit
from peers.sidekiq.peer import Sidekiq
from suite import meter as meters
from suite import processes
from suite.drain import site
from suite.row import Case, Figure, Ratio, Row

EXAMPLES = ("hello", "words", "files", "images", "web")
SETTLE_S = 3  # before idling is measured


class WithExamples(Conduit):
    """The five example plugins and every default."""

    def write_config(self, server, place):
        plugins = place / "plugins"
        plugins.mkdir(mode=0o755)
        for name in EXAMPLES:
            shutil.copy(self.bench.build / f"plugins/{name}.so", plugins)
            os.chmod(plugins / f"{name}.so", 0o755)
        file = place / "conduit.toml"
        file.write_text(f'[broker]\nurl = "{server.url}"\n[plugins]\ndirectory = "{plugins}"\nstrict = true\n')
        return file


@contextlib.contextmanager
def notices(place):
    """The socket that a service tells systemd on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service:
        service.bind(str(place / "notify"))
        service.settimeout(30)
        yield service


def wait_until_ready(service):
    while b"READY=1" not in service.recv(4096):
        pass


class Idle(Row):
    name = "idle"
    title = "A worker with nothing to do"
    note = "Conduit with its five example plugins, from the start of the program to what it tells systemd; then supervisor, zygote and hosts together."
    figures = (Figure("ready_ms", "start to ready ms"), Figure("idle_cpu", "idle CPU % of a core", 2), Figure("pss_mb", "PSS MB", 1), Figure("rss_mb", "peak RSS MB", 1))
    plot = "pss_mb"
    ratios = (
        Ratio("idle CPU", "idle_cpu", "conduit-redis", [], 0.5, at_least=False, unit="% of a core"),
        Ratio("PSS of supervisor, zygote and hosts", "pss_mb", "conduit-redis", [], 40, at_least=False, unit="MB"),
        Ratio("start to ready with 5 plugins", "ready_ms", "conduit-redis", [], 300, at_least=False, unit="ms"))

    def make_cases(self):
        bench = self.bench
        out = []
        for broker in ("redis", "sqlite"):
            peer = WithExamples(bench, broker=broker)
            out.append(Case(f"conduit-{broker}", f"Conduit, {broker}", lambda peer=peer: self.measure(peer)))
        for peer in (BullMQ(bench), Sidekiq(bench), Celery(bench)):
            out.append(Case(peer.name, peer.title, lambda peer=peer: self.measure(peer), peer.missing(), rounds=1))
        return out

    def measure(self, peer):
        with site(self.bench, peer) as (place, server), notices(place) as service:
            crew = peer.crew(server, place)
            tells = isinstance(peer, Conduit)
            environment = {**crew.environment, **({"NOTIFY_SOCKET": str(place / "notify")} if tells else {})}
            begun, out = time.monotonic(), {}
            with processes.running(crew.commands, place, environment, crew.folder) as workers:
                if tells:
                    wait_until_ready(service)
                    out["ready_ms"] = 1000 * (time.monotonic() - begun)
                time.sleep(SETTLE_S)
                return {**out, **self.idling([worker.pid for worker in workers])}

    def idling(self, pids):
        seconds, meter = self.bench.some(20, 10), meters.Meter()
        begun, before = meter.read(), processes.exact_cpu_seconds(pids)
        time.sleep(seconds)
        used, ended = processes.exact_cpu_seconds(pids) - before, meter.read()
        return {"idle_cpu": 100 * used / seconds, **processes.memory_mb(pids), **meters.foreign(begun, ended)}
