#!/usr/bin/env python3
"""Holds the include graph to the table of layers, and files to their length.

A folder of daemon/ may include itself and what LAYERS names; an entry with a slash is one header. The public headers of
a folder are those that lie directly in it: nobody outside broker/ sees broker/redis/. The supervisor's folders and the
host's never include each other; they meet in channel/.
"""

import statistics
import sys

import sources

LAYERS = {
    "base": set(),
    "job": {"base"},
    "config": {"job", "base"},
    "broker": {"job", "base"},
    "channel": {"job", "base"},
    "hosts": {"channel", "job", "base"},
    "plugin": {"channel", "job", "base", "sdk"},
    "host": {"plugin", "channel", "job", "base", "sdk"},
    "dispatch": {"broker/broker.h", "broker/directory.h", "broker/events.h", "broker/flows.h", "broker/kin.h", "broker/outlook.h", "hosts", "channel", "job", "base"},
    "schedule": {"broker/directory.h", "broker/schedules.h", "job", "base"},
    "events": {"broker/events.h", "job", "base"},
    "http": {"broker/broker.h", "broker/directory.h", "dispatch", "job", "base"},
    "observe": {"broker/broker.h", "broker/directory.h", "dispatch", "job", "base"},
    "service": {"job", "base"},
    "check": {"job", "base"},
    "ctl": {"broker", "config", "plugin", "channel", "job", "base"},
}
SDK_SOURCES = {"broker", "job", "base", "sdk"}

LONGEST = 600
LONGEST_TEST = 800


def owner(path):
    """The room a file belongs to: a folder of daemon/, "app" for what lies directly in daemon/, or the top folder."""
    parts = path.split("/")
    if parts[0] == "daemon":
        return parts[1] if len(parts) > 2 else "app"
    return parts[0]


def quoted_include_fault(path, target):
    """Why the file at `path` may not include "target", or None."""
    room = owner(path)
    folder = target.split("/")[0]
    top = path.split("/")[0]
    if top == "plugins":
        return None if "/" not in target else "a plugin includes its own files and <conduit/...> only"
    if top == "sdk":
        if path.startswith("sdk/include/"):
            return None if target.startswith("conduit/") else "an SDK header includes <conduit/...> only"
        allowed = SDK_SOURCES
    elif room == "app":
        return None
    elif room not in LAYERS:
        return f"daemon/{room} is not in the table of layers (tests/style/layering.py)"
    else:
        allowed = LAYERS[room]
    if folder == "conduit":
        return None if "sdk" in allowed else f"{room} may not include the SDK"
    if folder == room and "/" in target:
        return None
    if "/" not in target:
        return None if top == "sdk" else 'includes are written from daemon/: "folder/file.h"'
    if folder not in allowed and target not in allowed:
        return f"{room} may not include {target}"
    if target.count("/") > 1:
        return f"{target} is private to {folder}"
    return None


def side_fault(path, target):
    """Brokers know nothing of each other: broker/redis never includes broker/sqlite, nor the other way round."""
    here, there = path.split("/")[1:3], target.split("/")[:2]
    inside = path.startswith("daemon/broker/") and path.count("/") > 2
    if inside and target.startswith("broker/") and target.count("/") > 1 and here != there:
        return f"{'/'.join(here)} may not include {target}"
    return None


def check(root):
    faults = []
    for path in sources.code_files(root):
        if path.startswith(("tests/", "bench/")):
            continue
        for line, mark, target in sources.includes(sources.read(root, path)):
            why = None
            if mark == '"':
                why = quoted_include_fault(path, target) or side_fault(path, target)
            elif target.startswith("conduit/") and owner(path) in LAYERS and "sdk" not in LAYERS[owner(path)]:
                why = f"{owner(path)} may not include the SDK"
            if why:
                faults.append(f"{path}:{line}: {why}")
    return faults


def lengths(root):
    """Lines of each file."""
    return {path: sources.read(root, path).count("\n") for path in sources.code_files(root)}


def length_faults(sizes):
    limits = ((p, n, LONGEST_TEST if p.startswith("tests/") else LONGEST) for p, n in sizes.items())
    return [f"{p}:1: {n} lines; a file ends before {limit}: split it by what changes together"
            for p, n, limit in limits if n > limit]


def figures(sizes):
    ours = sorted(n for p, n in sizes.items() if not p.startswith("tests/"))
    tests = sorted(n for p, n in sizes.items() if p.startswith("tests/"))
    def line(name, numbers):
        if not numbers:
            return f"{name}: none"
        p90 = numbers[min(len(numbers) - 1, int(len(numbers) * 0.9))]
        return (f"{name}: {len(numbers)} files, {sum(numbers)} lines, median {statistics.median(numbers):.0f}, "
                f"p90 {p90}, longest {numbers[-1]}")
    return line("source", ours) + "\n" + line("tests", tests)


def main():
    root = sources.root_argument()
    sizes = lengths(root)
    print(figures(sizes))
    return sources.report("layering", check(root) + length_faults(sizes))


if __name__ == "__main__":
    sys.exit(main())
