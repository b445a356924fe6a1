"""The jobs of a storm, and who submits them."""

import json
import tempfile
import time

from crew.history import monotonic

KINDS = {"quick": 78, "talker": 6, "flaky": 6, "long": 4, "deaf": 4, "parent": 2}
# Limits that some of the tasks have, and what a history says of those that conduit-check knows to judge.
LIMITS_CONFIG = """
[task."witness.quick_thread"]
concurrency = 4
[task."witness.quick_process"]
concurrency = { limit = 1, key = "n" }
[task."witness.talker_async"]
rate_limit = "20/s"
[task."witness.talker_thread"]
rate_limit = { rate = "20/s", key = "n", scope = "worker", burst = 2 }
"""
LIMITS = ({"task": "witness.quick_thread", "most": 4}, {"task": "witness.talker_async", "rate": 20, "window_ms": 1000, "burst": 0})
EXECUTORS = ("async", "thread", "process")
BATCH_SECONDS = 0.5
CONFLICTS = ("existing", "existing", "reject", "replace")


def make_jobs(count, rng, kinds):
    """(ref, what conduitctl submit --jsonl wants) for each job."""
    names = [name for name in KINDS if name in kinds]
    weights = [KINDS[name] for name in names]
    for ref in range(count):
        kind = rng.choices(names, weights)[0]
        n = {"quick": rng.randint(0, 8), "talker": rng.randint(2, 20), "flaky": rng.randint(1, 3), "parent": rng.randint(1, 5)}.get(kind, rng.randint(200, 1800))
        job = {"task": f"witness.{kind}_{rng.choice(EXECUTORS)}", "args": {"ref": ref, "n": n}}
        lot = rng.random()
        if lot < 0.04:
            job["delay"] = f"{rng.randint(300, 4000)}ms"
        elif lot < 0.07:
            job.update(unique=f"key-{rng.randint(0, 9)}", on_conflict=rng.choice(CONFLICTS))
        elif lot < 0.10:
            job["after_rule"] = "ended"  # the producer says after which: those whose ids it knows by then
        elif lot < 0.20:
            job["weight"] = rng.randint(2, 6)
        if "unique" not in job:
            job["idempotency_key"] = f"submit-{ref}"
        yield ref, job


def name_those_before(job, known, rng):
    """A job that is to run after others runs after some of the last."""
    if job.get("after_rule") and "after" not in job:
        if known:
            job["after"] = rng.sample(known, min(len(known), rng.randint(1, 3)))
        else:
            del job["after_rule"]


class Batch:
    """Jobs that one call of conduitctl submits."""

    def __init__(self, ctl, history, jobs):
        self.jobs, self.sent_wall, self.sent = jobs, time.time() * 1000, monotonic()
        for ref, job in jobs:
            history.write("submit", ref=ref, task=job["task"])
        lines = tempfile.TemporaryFile("w+")
        lines.write("".join(json.dumps(job) + "\n" for _, job in jobs))
        lines.seek(0)
        self.output = tempfile.TemporaryFile("w+")
        self.process = ctl.start("submit", "-o", "json", "--jsonl", "-", "--allow-unknown", stdin=lines, stdout=self.output)

    def over(self):
        return self.process.poll() is not None

    def answers(self):
        """Of the first jobs, in order: as many as were answered."""
        self.output.seek(0)
        told = [json.loads(line) for line in self.output if line.startswith("{")]
        return [one for one in told if "id" in one]


class Producer:
    """Submits through conduitctl, in batches, and writes down what it was told. Some jobs it cancels, some batches it
    submits again, as one does whose answer was lost."""

    def __init__(self, ctl, history, jobs, seconds, rng, cancelled=("long", "deaf")):
        self.ctl, self.history, self.jobs, self.rng, self.cancelled = ctl, history, list(jobs), rng, cancelled
        batches = max(1, round(seconds / BATCH_SECONDS))
        self.size = -(-len(self.jobs) // batches)
        self.next, self.next_time, self.batch = 0, time.monotonic(), None
        self.fresh, self.again, self.cancels = len(self.jobs), [], []
        self.known = []  # ids of the last jobs that were accepted

    def done(self):
        return self.next >= len(self.jobs) and not self.again and self.batch is None and not self.cancels

    def step(self):
        if self.batch is None and time.monotonic() >= self.next_time:
            self.submit_next()
        if self.batch is not None and self.batch.over():
            batch, self.batch = self.batch, None
            self.note(batch)
        for cancel in [one for one in self.cancels if one[0].poll() is not None]:
            self.cancels.remove(cancel)
            self.note_cancels(*cancel[1:])

    def submit_next(self):
        jobs, self.again = self.again, []
        more = self.jobs[self.next:self.next + self.size]
        self.next += len(more)
        for _, job in more:
            name_those_before(job, self.known, self.rng)
        if jobs or more:
            self.next_time += BATCH_SECONDS
            self.batch = Batch(self.ctl, self.history, jobs + more)

    def note(self, batch):
        answers = batch.answers()
        cancelled = []
        for (ref, job), answer in zip(batch.jobs, answers):
            self.note_answer(batch, ref, job, answer)
            self.known = (self.known + [answer["id"]])[-50:]
            kind = job["task"].split(".")[1].split("_")[0]
            if self.rng.random() < (0.4 if "delay" in job else 0.15 if kind in self.cancelled else 0):
                cancelled.append(answer["id"])
            if "idempotency_key" in job and self.rng.random() < 0.03:
                self.again.append((ref, job))
        for ref, job in batch.jobs[len(answers):]:
            self.history.write("submit_unknown", ref=ref)
            self.again.append(self.once_more(ref, job))
        if cancelled:
            output = tempfile.TemporaryFile("w+")
            process = self.ctl.start("job", "cancel", *cancelled, "-o", "json", stdout=output)
            self.cancels.append((process, output, monotonic()))

    def once_more(self, ref, job):
        """It was accepted or not, nobody was told. Without an idempotency key it can only be another job."""
        if "idempotency_key" in job:
            return ref, job
        self.fresh += 1
        return self.fresh - 1, dict(job, args=dict(job["args"], ref=self.fresh - 1))

    def note_answer(self, batch, ref, job, answer):
        if answer.get("rejected"):
            return self.history.write("submit_fail", ref=ref)
        more = {"created": answer["created"]}
        # The delay counts from the submit that was accepted: of a repeated one that is the first.
        if "delay" in job and answer["created"]:
            more["not_before"] = batch.sent_wall + int(job["delay"][:-2])
        for name in ("unique", "weight"):
            if name in job:
                more[name] = job[name]
        self.history.write("submit_ok", ref=ref, job=answer["id"], task=job["task"], sent=batch.sent, retries=5, **more)
        if answer.get("replaced"):
            self.history.write("cancel_ok", job=answer["replaced"], sent=batch.sent)

    def note_cancels(self, output, sent):
        output.seek(0)
        text = output.read()
        for one in json.loads(text)["jobs"] if text.startswith("{") else []:
            if one.get("outcome") == "cancelled":
                self.history.write("cancel_ok", job=one["id"], sent=sent)
