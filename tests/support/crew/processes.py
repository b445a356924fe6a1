"""What the kernel says of a process."""

import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


def send(process, number):
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass


def children(process):
    try:
        return [int(word) for word in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def cpu_seconds(process):
    """Used so far, by itself alone."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def look_at(process):
    """What must not grow; nothing if it is gone."""
    try:
        return {"rss_kb": int(pathlib.Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE_KB,
                "fds": len(os.listdir(f"/proc/{process}/fd")), "children": len(children(process))}
    except OSError:
        return None
