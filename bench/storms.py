"""Figures that storms tell: nothing lost, nothing burnt, and how soon a job starts again."""

import json
import pathlib
import subprocess
import sys
import tempfile

from rows import Row

STORM = pathlib.Path(__file__).resolve().parent.parent / "tests/storm/storm.py"
BROKERS = ("sqlite", "redis")


class Told:
    """What a storm printed and reported."""

    def __init__(self, options, *words):
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder) / "report.json"
            command = [sys.executable, "-B", str(STORM), "--binaries", str(options.binaries), "--plugins", str(options.plugins),
                       "--report", str(report), *map(str, words)]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            self.good, self.text = done.returncode == 0, done.stdout
            self.report = json.loads(report.read_text()) if report.exists() else {"rules": [], "figures": {}}
        if not self.good:
            print(self.text, file=sys.stderr)

    def __getitem__(self, name):
        return self.report["figures"].get(name, -1)

    def all_faults(self):
        counts = self.report["figures"].get("faults", {})
        return sum(count for name, count in counts.items() if not name.startswith("continue"))

    def faults(self, name):
        return self.report["figures"].get("faults", {}).get(name, 0)


def storms(options):
    """Full kill storms: each broker, and the Redis server killed too."""
    jobs = 600 if options.small else 10000
    for name, words in (("SQLite", ["--broker", "sqlite"]), ("Redis", ["--broker", "redis"]),
                        ("Redis, killed too", ["--broker", "redis", "--kill-broker"])):
        told = [Told(options, *words, "--jobs", jobs, "--seed", seed) for seed in options.seeds]
        sums = [sum(one[figure] for one in told) for figure in ("lost", "twice", "stale_accepted")]
        refused = [one["fenced"] for one in told]
        faults = sum(one.all_faults() for one in told)
        yield Row(f"lost, ended twice, stale writes accepted; {len(told)} storms of {jobs} jobs on {name}", "0, 0, 0, fences met",
                  f"{', '.join(map(str, sums))}; {' + '.join(map(str, refused))} stale writes refused, {faults} faults",
                  all(one.good for one in told) and sums == [0, 0, 0] and (options.small or min(refused) > 0))


def sigterms(options):
    """SIGTERM at random moments to one of four workers, and again while it drains."""
    count = 20 if options.small else 200
    for broker in BROKERS:
        told = Told(options, "--broker", broker, "--harm", "term supervisor", "--pause", 0.25, "--faults", count, "--seed", options.seed,
                    "--lease", "15s",  # that a busy machine lets one run out is another matter
                    "--kinds", "quick,talker,long,deaf", "--seconds", count * 0.3 + 2, "--jobs", count * 20, "--require", "C1,C3,C5")
        burnt = told["failures"] + told["crashes"]
        sent = told.faults("term supervisor")
        yield Row(f"attempts burnt by {count} SIGTERMs at random moments, {broker}", "0",
                  f"{burnt} ({sent} sent, {told['interruptions']} attempts interrupted, {told['lost']} jobs lost)",
                  told.good and burnt == 0 and told["lost"] == 0 and sent == count)


def worker_killed(options):
    """kill -9 of a supervisor, from the kill to the next start of each job it had; there are free slots elsewhere."""
    kills = 10 if options.small else 40
    for broker in BROKERS:
        told = Told(options, "--broker", broker, "--harm", "kill supervisor", "--pause", 1.5, "--faults", kills, "--seed", options.seed,
                    "--kinds", "long,deaf", "--seconds", kills * 1.5 + 2, "--jobs", kills * 15, "--require", "C1,C3,C4")
        times = told["recovery_worker"]
        yield Row(f"kill -9 of a worker, lease 1 s, to the next start, {broker}: p50, p99", "1.30 s, 2.20 s", seconds_of(times, told, "supervisor"),
                  told.good and times["count"] >= kills / 2 and times["p50_ms"] <= 1300 and times["p99_ms"] <= 2200)


def host_killed(options):
    """kill -9 of a host of any executor of the only worker, from the kill to the next start of each job that ran in it."""
    kills = 30 if options.small else 200
    for broker in BROKERS:
        told = Told(options, "--broker", broker, "--workers", 1, "--slots", 6, "--harm", "kill host", "--pause", 0.4, "--faults", kills,
                    "--seed", options.seed, "--kinds", "long,deaf", "--seconds", kills * 0.4 + 2, "--jobs", round(kills * 1.2),
                    "--require", "C1,C3,C4")
        times = told["recovery_host"]
        yield Row(f"kill -9 of a host, its supervisor alive, to the next start, {broker}: p99", "100 ms",
                  f"{times['p99_ms']:.0f} ms (p50 {times['p50_ms']:.0f} ms; {times['count']} attempts, {told.faults('kill host')} kills)",
                  told.good and times["count"] >= kills / 10 and times["p99_ms"] <= 100)


def seconds_of(times, told, role):
    return (f"{times['p50_ms'] / 1000:.2f} s, {times['p99_ms'] / 1000:.2f} s ({times['count']} attempts, "
            f"{told.faults('kill ' + role)} kills)")


def soak(options):
    """Ten minutes of a storm in which some processes are spared."""
    seconds = 15 if options.small else options.soak
    for broker in BROKERS if options.small else options.soak_brokers:
        words = ["--kill-broker"] if broker == "redis" else []
        told = Told(options, "--broker", broker, "--soak", seconds, "--seed", options.seed, *words)
        lines = [line for line in told.text.splitlines() if line.startswith("soak: ")]
        print("\n".join(lines), file=sys.stderr)
        grown = next((rule["violations"] for rule in told.report["rules"] if rule["rule"] == "C14"), -1)
        worst = max((float(line.split("KiB (")[1].split(" %")[0]) for line in lines), default=float("nan"))
        yield Row(f"RSS and fds after a soak of {seconds:g} s with faults, {broker}", "under 5 %, +0",
                  f"{len(lines)} processes: RSS at most {worst:+.1f} %, {grown} grown; {told['jobs']} jobs, {told['lost']} lost", told.good)
