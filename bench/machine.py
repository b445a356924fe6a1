"""Where figures were measured, and of what."""

import os
import pathlib
import re
import sqlite3
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except OSError:
        return "?"
    lines = done.stdout.splitlines()
    return lines[0] if done.returncode == 0 and lines else "?"


def found(pattern, path):
    try:
        match = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
    except OSError:
        return "?"
    return match[1].strip('"') if match else "?"


def describe(binaries):
    cache = binaries.parent / "CMakeCache.txt"
    kind = found(r"^CMAKE_BUILD_TYPE:\w+=(\w+)", cache)
    flags = found(rf"^CMAKE_CXX_FLAGS_{kind.upper()}:\w+=(.*)$", cache)
    redis = re.search(r"v=(\S+)", first_line("redis-server", "--version"))
    processor, system = found(r"^model name\s*: (.*)$", "/proc/cpuinfo"), found(r"^PRETTY_NAME=(.*)$", "/etc/os-release")
    return [
        f"machine: {os.cpu_count()} cores, {processor}; {system}, Linux {os.uname().release}; load {os.getloadavg()[0]:.1f}",
        f"versions: conduitd {first_line(binaries / 'conduitd', '--version').split()[-1]} "
        f"({first_line('git', 'rev-parse', '--short', 'HEAD')}, {kind} {flags}), SQLite {sqlite3.sqlite_version}, "
        f"Redis {redis[1] if redis else '?'}, {first_line('g++', '--version')}",
    ]
