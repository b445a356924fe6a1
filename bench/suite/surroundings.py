"""Where it was measured, and of what versions."""

import json
import os
import re
import shutil
import sqlite3
import subprocess

import machine


def version(pattern, *command):
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else "?"


def package(name):
    return version(r"^(\S+)", "dpkg-query", "-W", "-f", "${Version}", name)


def bullmq(bench):
    file = bench.node_modules / "bullmq/package.json"
    return json.loads(file.read_text())["version"] if file.exists() else None


def of(bench):
    """For results.json."""
    versions = {
        "conduit": version(r"(\d\S*)", str(bench.binaries / "conduitd"), "--version"), "commit": machine.first_line("git", "rev-parse", "--short", "HEAD"),
        "redis": version(r"v=(\S+)", "redis-server", "--version"), "sqlite": sqlite3.sqlite_version, "bullmq": bullmq(bench),
        "node": version(r"v(\S+)", "node", "--version"), "sidekiq": package("ruby-sidekiq"), "ruby": version(r"ruby (\S+)", "ruby", "--version"),
        "celery": package("python3-celery"), "gearmand": package("gearman-job-server"), "beanstalkd": package("beanstalkd"),
        "hiredis": package("libhiredis-dev"), "compiler": machine.first_line("g++", "--version")}
    return {"cores": os.cpu_count(), "processor": machine.found(r"^model name\s*: (.*)$", "/proc/cpuinfo"),
            "system": machine.found(r"^PRETTY_NAME=(.*)$", "/etc/os-release"), "kernel": os.uname().release,
            "file_system": machine.first_line("stat", "-f", "-c", "%T", str(bench.work)), "load": os.getloadavg()[0],
            "connection": "TCP" if bench.tcp else "Unix socket", "rounds": bench.rounds, "quick": bench.quick, "versions": versions}


def lines(facts):
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items() if number)
    small = "; a quick run, which shows that it works and measures little" if facts["quick"] else ""
    return [f"{facts['cores']} cores, {facts['processor']}; {facts['system']}, Linux {facts['kernel']}; files on {facts['file_system']}; load before {facts['load']:.1f}",
            f"{facts['rounds']} rounds in turn, Redis by {facts['connection']}{small}", f"Versions: {versions}"]
