"""Starting and ending programs, and what the kernel says of them and all that they started."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A program that did not do what it was to; the words are for people."""


def until(what, condition, patience=60, pause=0.01, processes=()):
    """Asks until the answer is true; the answer is returned. Fails early if one of the processes has ended."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        for process in processes:
            if process.poll() is not None:
                raise Failed(f"{process.args[0]} has ended with {process.returncode} while waiting until {what}")
        time.sleep(pause)
    raise Failed(f"waited {patience:g} s until {what}")


def start(command, log, environment=None, folder=None):
    """In a session of its own, so that an interrupt from the terminal ends it in our order."""
    with open(log, "ab") as output:
        return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                                env={**os.environ, **(environment or {})}, cwd=folder)


def end(process, patience=20):
    """By SIGTERM, then by force, with what it started."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    kill(process)


def kill(process):
    for pid in reversed(tree([process.pid])):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def running(commands, place, environment=None, folder=None):
    """Starts several; ends them at the end."""
    started = []
    try:
        for number, command in enumerate(commands):
            started.append(start(command, place / f"{pathlib.Path(command[0]).name}-{number}.log", environment, folder))
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                process.terminate()
        for process in started:
            end(process)


def answer_of(command, environment=None, folder=None, patience=900):
    """What a program prints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd=folder,
                          env={**os.environ, **(environment or {})}, timeout=patience)
    if done.returncode != 0:
        raise Failed(f"{command[0]} has ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:].strip()}")
    return done.stdout


def children(pid):
    out = []
    for thread in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            out += [int(word) for word in (thread / "children").read_text().split()]
    return out


def tree(pids):
    """These and all that descend from them."""
    out = list(pids)
    for pid in out:
        with contextlib.suppress(OSError):
            out += [child for child in children(pid) if child not in out]
    return out


def cpu_seconds(pids):
    """Used so far by these, all that descend from them, and those of them that have ended and been waited for."""
    ticks = 0
    for pid in tree(pids):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def exact_cpu_seconds(pids):
    """The same to the nanosecond, of those that live."""
    total = 0
    for pid in tree(pids):
        for thread in pathlib.Path(f"/proc/{pid}/task").glob("*"):
            with contextlib.suppress(OSError):
                total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def field_kb(path, name):
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0


def memory_mb(pids):
    """The sum of each one's highest resident size so far, and what they hold now with what is shared counted once."""
    folders = [pathlib.Path(f"/proc/{pid}") for pid in tree(pids)]
    return {"rss_mb": sum(field_kb(folder / "status", "VmHWM:") for folder in folders) / 1024,
            "pss_mb": sum(field_kb(folder / "smaps_rollup", "Pss:") for folder in folders) / 1024}


def machine_cpu():
    """Busy and stolen seconds of all cores since the machine started."""
    fields = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _, _, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq) / TICKS, steal / TICKS
