"""What Celery runs: results are ignored and jobs acknowledged when they begin, except where a result is what is measured."""

import os
import time

from celery import Celery

UNIX = os.environ.get("BENCH_UNIX")
URL = f"redis+socket://{UNIX}" if UNIX else f"redis://127.0.0.1:{os.environ['BENCH_PORT']}/0"
PAYLOAD = "x" * 96  # 100 bytes of JSON in its array

app = Celery("bench", broker=URL, backend=URL)
app.conf.update(task_ignore_result=True, task_acks_late=False, worker_prefetch_multiplier=64, worker_send_task_events=False)


@app.task(name="noop")
def noop(payload):
    pass


@app.task(name="stamp", ignore_result=False)
def stamp(payload):
    return time.monotonic_ns()
