"""What a soak adds to a storm: processes that are spared, and looked at again and again."""

import statistics
import time

from crew import processes

INTERVAL = 5.0
WARM = 0.4      # of the time: what is rare must have come once, since memory keeps the mark of the highest tide
AT_THE_END = 0.2
LONG = 120      # in less time memory tells of warming up, not of leaks
LATE = 2        # connections that a worker opens when it first needs them, which may be late in a short soak


def spared(site):
    """The first worker is not touched at all, and the second one's supervisor is not ended: those must not grow."""
    def spare(worker, what, role):
        return worker is site.crew[0] or (worker is site.crew[1] and role == "supervisor" and what != "stop")
    return spare


class Onlooker:
    """Writes `sample` lines: while it looks, and at the end a process's measure and what has become of it, each the median of
    several looks."""

    def __init__(self, site, seconds):
        self.site, self.seconds, self.begun = site, seconds, time.monotonic()
        self.interval = min(INTERVAL, seconds / 50)
        self.next_time = self.begun + self.interval
        self.looks = {}  # process -> [(when, values)]
        self.roles = {}

    def step(self):
        if time.monotonic() < self.next_time:
            return
        self.next_time += self.interval
        for number, worker in enumerate(self.site.crew[:2]):
            for role, found in worker.processes().items():
                for process in found if number == 0 or role == "supervisor" else ():
                    self.look_at(process, f"{role} of worker {number}")

    def look_at(self, process, role):
        values = processes.look_at(process)
        if values is None:
            return
        self.roles[process] = role
        self.looks.setdefault(process, []).append((time.monotonic() - self.begun, values))
        self.site.history.write("sample", pid=process, values=values, role=role)

    def measure(self):
        """Writes what conduit-check compares, and prints it. Returns how many processes there were from begin to end."""
        compared = 0
        for process, looks in self.looks.items():
            early = [values for when, values in looks if WARM <= when / self.seconds < WARM + AT_THE_END]
            late = [values for when, values in looks if 1 - AT_THE_END <= when / self.seconds <= 1]
            if not early or not late:
                continue
            compared += 1
            start, end = median(early), median(late)
            growth = 100 * (end["rss_kb"] / start["rss_kb"] - 1)
            print(f"soak: {self.roles[process]:24} {process:7}  rss {start['rss_kb']:7} -> {end['rss_kb']:7} KiB ({growth:+.1f} %)"
                  f"  fds {start['fds']} -> {end['fds']}  children {start['children']} -> {end['children']}")
            if self.seconds < LONG:
                del start["rss_kb"]
                start["fds"] += LATE
            self.site.history.write("sample", pid=process, phase="start", values=start)
            self.site.history.write("sample", pid=process, phase="end", values=end)
        return compared


def median(looks):
    return {name: round(statistics.median(values[name] for values in looks)) for name in looks[0]}
