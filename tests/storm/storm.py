#!/usr/bin/env python3
"""A storm: four workers on one broker, thousands of jobs in mixed executors, and somebody who kills. At the end
conduit-check says whether a promise was broken.

scripts/storm runs it with everything built. Alone it wants --binaries and --plugins.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import history as histories  # noqa: E402
import servers  # noqa: E402
import workers  # noqa: E402

LEASE = 1.0
KINDS = (("quick", 80), ("talker", 6), ("flaky", 6), ("long", 4), ("deaf", 4))
EXECUTORS = ("async", "thread", "process")
# Which rules a storm must have given something to look at.
REQUIRED = "C1,C2,C3,C4,C5,C6,C7,C10,C11,C12"
PAUSE = 0.2  # between two faults


def make_jobs(count, rng):
    """(ref, what conduitctl submit --jsonl wants) for each job."""
    names = [name for name, weight in KINDS for _ in range(weight)]
    for ref in range(count):
        kind = rng.choice(names)
        n = {"quick": rng.randint(0, 8), "talker": rng.randint(2, 20), "flaky": rng.randint(1, 3)}.get(kind, rng.randint(200, 1800))
        job = {"task": f"witness.{kind}_{rng.choice(EXECUTORS)}", "args": {"ref": ref, "n": n}}
        lot = rng.random()
        if lot < 0.04:
            job["delay"] = f"{rng.randint(300, 4000)}ms"
        elif lot < 0.06:
            job["unique"] = f"key-{rng.randint(0, 9)}"
        yield ref, job


class Producer:
    """Submits through conduitctl, in batches over some seconds, and writes down what it was told. Some jobs it cancels."""

    BATCHES = 40

    def __init__(self, ctl, history, jobs, seconds, rng):
        self.ctl, self.history, self.jobs, self.rng = ctl, history, list(jobs), rng
        self.size, self.pause = -(-len(self.jobs) // self.BATCHES), seconds / self.BATCHES
        self.next, self.next_time, self.process, self.batch = 0, time.monotonic(), None, []
        self.again, self.cancels = len(self.jobs), []

    def done(self):
        return self.next >= len(self.jobs) and self.process is None and not self.cancels

    def step(self):
        if self.process is None and self.next < len(self.jobs) and time.monotonic() >= self.next_time:
            self.next_time += self.pause
            self.batch = self.jobs[self.next:self.next + self.size]
            self.next += len(self.batch)
            self.start()
        if self.process is not None and self.process.poll() is not None:
            self.finish()
        for cancel in [one for one in self.cancels if one[0].poll() is not None]:
            self.cancels.remove(cancel)
            self.note_cancels(*cancel[1:])

    def start(self):
        for ref, job in self.batch:
            self.history.write("submit", ref=ref, task=job["task"])
        self.sent_wall, self.sent = time.time() * 1000, histories.monotonic()
        lines = tempfile.TemporaryFile("w+")
        lines.write("".join(json.dumps(job) + "\n" for _, job in self.batch))
        lines.seek(0)
        self.output = tempfile.TemporaryFile("w+")
        self.process = self.ctl.start("submit", "-o", "json", "--jsonl", "-", "--allow-unknown", stdin=lines, stdout=self.output)

    def finish(self):
        self.output.seek(0)
        told = [json.loads(line) for line in self.output if line.startswith("{")]
        told = [one for one in told if "id" in one]
        cancelled = []
        for (ref, job), answer in zip(self.batch, told):
            more = {"not_before": self.sent_wall + int(job["delay"][:-2])} if "delay" in job else {}
            if "unique" in job:
                more.update(unique=job["unique"], created=answer["created"])
            self.history.write("submit_ok", ref=ref, job=answer["id"], task=job["task"], sent=self.sent, retries=5, **more)
            if "delay" in job and self.rng.random() < 0.4:
                cancelled.append(answer["id"])
        # Those may have been accepted or not, nobody was told: submitted once more, as other jobs.
        for ref, job in self.batch[len(told):]:
            self.history.write("submit_unknown", ref=ref)
            again = dict(job, args=dict(job["args"], ref=self.again))
            self.jobs.append((self.again, again))
            self.again += 1
        self.process = None
        if cancelled:
            output = tempfile.TemporaryFile("w+")
            process = self.ctl.start("job", "cancel", *cancelled, "-o", "json", stdout=output)
            self.cancels.append((process, output, histories.monotonic()))

    def note_cancels(self, output, sent):
        output.seek(0)
        text = output.read()
        for one in json.loads(text)["jobs"] if text.startswith("{") else []:
            if one.get("outcome") == "cancelled":
                self.history.write("cancel_ok", job=one["id"], sent=sent)


class Nemesis:
    """Does harm at random, and says so before it does it."""

    ROLES = ("supervisor", "supervisor", "zygote", "host", "host")
    HARMS = ("kill", "kill", "stop", "term")

    def __init__(self, rng, crew, history, server, only_stop):
        self.rng, self.crew, self.history, self.server, self.only_stop = rng, crew, history, server, only_stop
        self.stopped = []  # (when to continue, process)
        self.counts = {}

    def strike(self):
        worker = self.rng.choice(self.crew)
        role, what = self.rng.choice(self.ROLES), self.rng.choice(self.HARMS)
        if self.only_stop:
            # A fence is only tried by whoever wakes up too late, while others are awake to take its jobs.
            role, what = "supervisor", "stop"
            if len(self.stopped) > 1:
                return
        target = worker.process_of(role, self.rng)
        if target is None:
            return
        self.history.write("fault", what=what, role=role, target=target, worker=worker.name)
        self.counts[what + " " + role] = self.counts.get(what + " " + role, 0) + 1
        workers.send(target, {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "term": signal.SIGTERM}[what])
        if what == "stop":
            self.stopped.append((time.monotonic() + LEASE * self.rng.uniform(1.2, 2.5), target, role, worker.name))

    def strike_server(self):
        self.history.write("fault", what="kill", role="broker", target=self.server.pid)
        self.counts["kill broker"] = self.counts.get("kill broker", 0) + 1
        self.server.kill_and_start()

    def release(self, everything=False):
        now = time.monotonic()
        due = [one for one in self.stopped if everything or one[0] <= now]
        self.stopped = [one for one in self.stopped if one not in due]
        for _, target, role, name in due:
            self.history.write("fault", what="continue", role=role, target=target, worker=name)
            workers.send(target, signal.SIGCONT)


def storm(options, folder, rng):
    server = servers.start(options.broker, folder, options.kill_broker)
    history_folder = folder / "history"
    history_folder.mkdir()
    history = histories.History(history_folder / "storm.jsonl")
    config = workers.write_config(folder, server.url, options.plugins, LEASE, options.quarantine)
    environment = dict(os.environ, CONDUIT_HISTORY=str(history_folder))
    if options.broken:
        environment["CONDUIT_BROKEN"] = options.broken
    crew = [workers.Worker(options.binaries, config, folder, number, environment) for number in range(4)]
    ctl = workers.Ctl(options.binaries, config)
    try:
        for worker in crew:
            worker.start()
        producer = Producer(ctl, history, make_jobs(options.jobs, rng), options.seconds, rng)
        nemesis = Nemesis(rng, crew, history, server, options.broken == "unfenced")
        watch = Watch(ctl)
        rage(options, crew, producer, nemesis, watch)
        calm(options, crew, nemesis, watch)
        read_records(ctl, history)
        return nemesis
    finally:
        for worker in crew:
            worker.end()
        server.end()


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


def rage(options, crew, producer, nemesis, watch):
    """Harm while there is work."""
    begun = time.monotonic()
    next_strike = begun + 1.0
    next_server = begun + 3.0
    while True:
        now = time.monotonic()
        producer.step()
        nemesis.release()
        for worker in crew:
            worker.restart_if_dead()
        if now >= next_strike:
            next_strike = now + PAUSE
            nemesis.strike()
        if options.kill_broker and now >= next_server:
            next_server = now + 3.0
            nemesis.strike_server()
        if not producer.done():
            watch.forget()
        elif now - begun >= options.most_seconds or watch.look() == 0:
            return
        time.sleep(0.01)


def calm(options, crew, nemesis, watch):
    """No more harm: everything must come to its end."""
    nemesis.release(everything=True)
    watch.forget()
    end = time.monotonic() + options.patience
    while time.monotonic() < end:
        for worker in crew:
            worker.restart_if_dead()
        if watch.look() == 0:
            return
        time.sleep(0.1)
    print(f"storm: {watch.left} jobs have not ended after {options.patience:g} s of calm", file=sys.stderr)


def read_records(ctl, history):
    for record in ctl.records():
        numbers = {key: record[key] for key in ("attempts", "failures", "crashes", "interruptions")}
        ended = {"ended_at": record["ended_at"]} if "ended_at" in record else {}
        history.write("final_state", job=record["id"], task=record["task"], state=record["status"], **numbers, **ended)


def check(options, folder):
    command = [str(options.binaries / "conduit-check"), str(folder / "history"), f"--liveness={options.patience:g}s"]
    if not options.broken:
        command += ["--require", REQUIRED]
    text = subprocess.run(command, capture_output=True, text=True, check=False)
    print(text.stdout + text.stderr, end="")
    return text.returncode


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", choices=("sqlite", "redis"), default="sqlite")
    parser.add_argument("--jobs", type=int, default=10000)
    parser.add_argument("--seconds", type=float, default=20, help="jobs come over so many seconds; there is harm until they have ended")
    parser.add_argument("--most-seconds", type=float, default=300, help="no harm after so long, whatever is left")
    parser.add_argument("--patience", type=float, default=30, help="seconds for the rest to end when the harm is over")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--kill-broker", action="store_true", help="kill the Redis server too, every 3 s")
    parser.add_argument("--broken", choices=("unfenced", "early-ack", "no-reclaim"),
                        help="a daemon that breaks its promise: good is then that conduit-check says so")
    parser.add_argument("--quarantine", type=int, default=50,
                        help="deaths that make a job poison: with the default 3, some that worked when three workers were killed are")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the run, histories and logs")
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--plugins", type=pathlib.Path, required=True)
    options = parser.parse_args()
    if options.kill_broker and options.broker != "redis":
        parser.error("--kill-broker is for --broker redis")
    return options


def main():
    options = arguments()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 31)
    print(f"storm: {options.jobs} jobs on {options.broker}, seed {seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="conduit-storm-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is then ended too
    begun = time.monotonic()
    nemesis = storm(options, folder, random.Random(seed))
    print(f"storm: {sum(nemesis.counts.values())} faults in {time.monotonic() - begun:.0f} s")
    code = check(options, folder)
    good = code == 1 if options.broken else code == 0
    if good and not options.keep:
        shutil.rmtree(folder)
    else:
        print(f"storm: histories and logs are in {folder}")
    if options.broken:
        print(f"storm: {options.broken}: {'convicted' if good else 'NOT convicted'}")
    print(f"storm: {'good' if good else 'BAD'}, seed {seed}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
