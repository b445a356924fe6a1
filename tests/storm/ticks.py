"""A schedule beside a storm's jobs: each of its times is fired once, whoever dies."""

import datetime

PERIOD_S = 6
KEPT = 20  # runs that a schedule remembers
NAME, QUEUE = "tick", "ticks"
FIRST_REF = 2_000_000_000
CONFIG = f"""
[[queue]]
name = "{QUEUE}"
[[cron]]
name = "{NAME}"
task = "witness.quick_process"
queue = "{QUEUE}"
schedule = "*/{PERIOD_S} * * * * *"
args = '{{"ref": {FIRST_REF}, "n": 1}}'
missed = "all"
overlap = "allow"
"""


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def stop(ctl):
    ctl.ask("cron", "pause", NAME)


def note(site):
    """Writes down that its jobs were submitted, by nobody else; what is to be said against them, if anything."""
    jobs = [record for record in site.ctl.records() if record["id"].startswith(QUEUE + ":")]
    for number, record in enumerate(jobs):
        site.history.write("submit_ok", ref=FIRST_REF + 1 + number, job=record["id"], task=record["task"], created=True, retries=5)
    runs = site.ctl.ask("cron", "show", NAME)["runs"]
    times = sorted(moment(run["time"]) for run in runs)
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    if any(gap != PERIOD_S for gap in gaps):
        return f"the times of the schedule are not {PERIOD_S} s apart: {gaps}"
    if len({run["job"] for run in runs}) != len(runs):
        return "two times of the schedule have one job"
    if len(runs) < KEPT and len(jobs) != len(runs):
        return f"{len(runs)} times of the schedule have made {len(jobs)} jobs"
    return "" if runs else "the schedule was never fired"
