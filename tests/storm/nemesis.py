"""Who does harm in a storm."""

import signal
import time

from crew import processes

HARM = ("kill supervisor,kill supervisor,stop supervisor,term supervisor,kill zygote,stop zygote,term zygote,"
        "kill host,kill host,stop host,term host")
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "term": signal.SIGTERM}


class Nemesis:
    """Does harm at random, and says so before it does it. `harm` is what it chooses from: (what, role)."""

    def __init__(self, site, rng, harm, lease, most=None, spared=lambda worker, what, role: False, most_stopped=8):
        self.site, self.rng, self.harm, self.lease, self.spared = site, rng, harm, lease, spared
        self.left = most if most is not None else float("inf")
        self.most_stopped = most_stopped
        self.stopped = []  # (when to continue, process, role, worker)
        self.counts = {}

    def strike(self):
        worker, (what, role) = self.rng.choice(self.site.crew), self.rng.choice(self.harm)
        if self.left <= 0 or self.spared(worker, what, role) or (what == "stop" and len(self.stopped) >= self.most_stopped):
            return
        target = worker.process_of(role, self.rng)
        if target is None:
            return
        self.left -= 1
        self.note(what, role, target, worker=worker.name)
        processes.send(target, SIGNALS[what])
        if what == "stop":
            self.stopped.append((time.monotonic() + self.lease * self.rng.uniform(1.2, 2.5), target, role, worker.name))

    def strike_server(self):
        self.note("kill", "broker", self.site.server.pid)
        self.site.server.kill_and_start()

    def note(self, what, role, target, **more):
        self.site.history.write("fault", what=what, role=role, target=target, **more)
        self.counts[f"{what} {role}"] = self.counts.get(f"{what} {role}", 0) + 1

    def release(self, everything=False):
        now = time.monotonic()
        due = [one for one in self.stopped if everything or one[0] <= now]
        self.stopped = [one for one in self.stopped if one not in due]
        for _, target, role, name in due:
            self.site.history.write("fault", what="continue", role=role, target=target, worker=name)
            processes.send(target, signal.SIGCONT)


def parse_harm(text):
    """ "kill host,term supervisor" as [("kill", "host"), ("term", "supervisor")] """
    harm = [tuple(word.split()) for word in text.split(",")]
    for one in harm:
        if len(one) != 2 or one[0] not in SIGNALS or one[1] not in ("supervisor", "zygote", "host"):
            raise ValueError(f"'{' '.join(one)}': say kill, stop or term, and supervisor, zygote or host")
    return harm
