"""The workers of a run, and conduitctl to ask about them."""

import concurrent.futures
import json
import shutil
import signal
import subprocess
import time

from crew import processes

SETTINGS = {"lease": "1s", "drain_timeout": "1s", "quarantine_after": 3, "grace": "500ms", "threads": 3, "children": 3,
            "jobs_per_child": 1000, "in_flight": 50, "more": ""}


def write_config(folder, url, plugins, settings):
    """A plugin directory as an installer makes it, and the configuration that every worker reads."""
    directory = folder / "plugins"
    directory.mkdir(mode=0o700)
    shutil.copy(plugins / "witness" / "witness.so", directory / "witness.so")
    (directory / "witness.so").chmod(0o755)
    config = folder / "conduit.toml"
    config.write_text("""
lease = "{lease}"
drain_timeout = "{drain_timeout}"
[broker]
url = "{url}"
[plugins]
directory = "{directory}"
[executors]
async = {{ threads = 1, in_flight = {in_flight} }}
thread = {{ threads = {threads} }}
process = {{ children = {children}, grace = "{grace}", jobs_per_child = {jobs_per_child} }}
grace = "{grace}"
quarantine_after = {quarantine_after}
{more}
""".format(url=url, directory=directory, **{**SETTINGS, **settings}))
    return config


class Worker:
    """One conduitd, started again whenever it is gone."""

    def __init__(self, binaries, config, folder, number, environment):
        self.command = [str(binaries / "conduitd"), "--config", str(config)]
        self.environment = environment
        self.log_path = folder / f"worker-{number}.log"
        self.process = None
        self.name = ""

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

    def processes(self):
        """role -> its processes: supervisor, zygote, host."""
        zygotes = processes.children(self.process.pid)
        return {"supervisor": [self.process.pid], "zygote": zygotes,
                "host": [host for zygote in zygotes for host in processes.children(zygote)]}

    def process_of(self, role, rng):
        """A process of the tree, or nothing if there is none yet."""
        self.find_name()
        candidates = self.processes()[role] if self.name else []
        return rng.choice(candidates) if candidates else None

    def end(self):
        if self.process is None:
            return
        for process in [one for all_of_role in self.processes().values() for one in all_of_role]:
            processes.send(process, signal.SIGCONT)
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

    def submit(self, jobs):
        """Their ids, in order. For runs in which the broker is there."""
        lines = "".join(json.dumps(job) + "\n" for job in jobs)
        done = subprocess.run([*self.command, "-o", "json", "submit", "--jsonl", "-", "--allow-unknown"], input=lines,
                              capture_output=True, text=True, check=True)
        return [json.loads(line)["id"] for line in done.stdout.splitlines()]

    def waiting(self):
        """How many jobs have not ended."""
        answer = self.ask("queue", "list")
        return sum(queue[state] for queue in answer["queues"] for state in ("queued", "running", "scheduled"))

    def records(self):
        return self.ask("job", "list", "--all")["jobs"]


class Watch:
    """How many jobs have not ended, asked in the background: whoever is stopped may hold the lock that the question waits for."""

    def __init__(self, ctl):
        self.ctl, self.pool = ctl, concurrent.futures.ThreadPoolExecutor(1)
        self.question, self.left, self.next_time = None, None, 0

    def look(self):
        """The last answer, if there is one since forget()."""
        if self.question is not None and self.question.done():
            self.left, self.question = self.question.result(), None
            self.next_time = time.monotonic() + 0.2
        if self.question is None and time.monotonic() >= self.next_time:
            self.question = self.pool.submit(self.ctl.waiting)
        return self.left

    def forget(self):
        self.left, self.question = None, None


def until(what, condition, patience=30):
    """Asks until the answer is true; the answer is returned."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.01)
    raise RuntimeError(f"waited {patience:g} s until {what}")
