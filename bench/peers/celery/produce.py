"""produce.py JOBS: one by one. There is no other way."""

import json
import sys
import time

from tasks import PAYLOAD, app, noop

jobs = int(sys.argv[1])
with app.connection_for_write() as connection:
    connection.ensure_connection(max_retries=3)
    begun = time.monotonic()
    with app.amqp.Producer(connection) as producer:
        for _ in range(jobs):
            noop.apply_async((PAYLOAD,), producer=producer)
    print(json.dumps({"jobs": jobs, "seconds": time.monotonic() - begun}))
