"""latency.py JOBS RATE SKIP: a job at a time, at a rate; its result is when it began. In microseconds."""

import json
import sys
import time

from tasks import PAYLOAD, stamp

jobs, rate, skip = map(int, sys.argv[1:])
start, result = [], []
begun = time.monotonic_ns()
for number in range(jobs):
    left = begun + number * 1_000_000_000 // rate - time.monotonic_ns()
    if left > 0:
        time.sleep(left / 1e9)
    submitted = time.monotonic_ns()
    began = stamp.delay(PAYLOAD).get(timeout=30)
    start.append((began - submitted) / 1e3)
    result.append((time.monotonic_ns() - submitted) / 1e3)
print(json.dumps({"start": start[skip:], "result": result[skip:]}))
