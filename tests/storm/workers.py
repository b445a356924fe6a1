"""The workers of a storm, and conduitctl to ask about them."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

ENDED = ("complete", "failed", "cancelled", "expired")


def send(process, number):
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass


def children(process):
    try:
        return [int(word) for word in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def write_config(folder, url, plugins, lease, quarantine):
    """A plugin directory as an installer makes it, and the configuration that every worker reads."""
    directory = folder / "plugins"
    directory.mkdir(mode=0o700)
    shutil.copy(plugins / "witness" / "witness.so", directory / "witness.so")
    (directory / "witness.so").chmod(0o755)
    config = folder / "conduit.toml"
    config.write_text(f"""
lease = "{int(lease * 1000)}ms"
drain_timeout = "1s"
[broker]
url = "{url}"
[plugins]
directory = "{directory}"
[executors]
async = {{ threads = 1, in_flight = 50 }}
thread = {{ threads = 3 }}
process = {{ children = 3, grace = "500ms" }}
grace = "500ms"
quarantine_after = {quarantine}
""")
    return config


class Worker:
    """One conduitd, started again whenever it is gone."""

    def __init__(self, binaries, config, folder, number, environment):
        self.command = [str(binaries / "conduitd"), "--config", str(config)]
        self.environment = environment
        self.log_path = folder / f"worker-{number}.log"
        self.process = None
        self.name = ""
        self.seen = []

    def start(self):
        with open(self.log_path, "ab") as log:
            self.begin_of_log = log.tell()
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=self.environment, start_new_session=True)
        self.name = ""

    def find_name(self):
        """Its id, which it says in its first line."""
        if self.name:
            return
        with open(self.log_path, "rb") as log:
            log.seek(self.begin_of_log)
            for line in log.read(4096).decode(errors="replace").splitlines():
                for word in line.split():
                    if word.startswith("worker="):
                        self.name = word[len("worker="):].strip('"')
                        return

    def restart_if_dead(self):
        if self.process.poll() is not None:
            self.start()

    def process_of(self, role, rng):
        """A process of the tree, or nothing if there is none yet."""
        self.find_name()
        if not self.name:
            return None
        supervisor = self.process.pid
        if role == "supervisor":
            return supervisor
        zygotes = children(supervisor)
        if role == "zygote":
            return rng.choice(zygotes) if zygotes else None
        hosts = [host for zygote in zygotes for host in children(zygote)]
        self.seen += hosts
        return rng.choice(hosts) if hosts else None

    def end(self):
        if self.process is None:
            return
        for process in [self.process.pid, *children(self.process.pid)]:
            for host in children(process):
                send(host, signal.SIGCONT)
            send(process, signal.SIGCONT)
        self.process.kill()
        self.process.wait()


class Ctl:
    def __init__(self, binaries, config):
        self.command = [str(binaries / "conduitctl"), "--config", str(config)]
        self.log_path = config.parent / "conduitctl.log"

    def start(self, *words, **streams):
        with open(self.log_path, "ab") as log:
            return subprocess.Popen([*self.command, *words], stderr=log, **streams)

    def ask(self, *words):
        """The JSON answer; asked again while the broker is away."""
        for _ in range(60):
            done = subprocess.run([*self.command, "-o", "json", *words], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return json.loads(done.stdout)
            time.sleep(0.5)
        raise RuntimeError(f"conduitctl {' '.join(words)}: {done.stderr}")

    def waiting(self):
        """How many jobs have not ended."""
        answer = self.ask("queue", "list")
        return sum(queue[state] for queue in answer["queues"] for state in ("queued", "running", "scheduled"))

    def records(self):
        return self.ask("job", "list", "--all")["jobs"]
