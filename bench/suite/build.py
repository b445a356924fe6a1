"""Installs and builds what is measured."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"
BULLMQ = ROOT / "bench/peers/bullmq"
TARGETS = ["conduitd", "conduitctl", "test_plugin_noop", "bench_programs", "hello", "words", "files", "images", "web"]


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def run(command, **more):
    return subprocess.run([str(word) for word in command], stdout=sys.stderr, check=False, **more).returncode == 0


def install_packages():
    """What cannot be installed is left out: each peer looks for its programs itself."""
    if not run([ROOT / "scripts/packages", "build", "test"]):
        sys.exit("bench: what Conduit is built with cannot be installed")
    if not run([ROOT / "scripts/packages", "--each", "bench"]):
        say("not all packages of peers can be installed: the table names what was left out")


def build():
    """A build as packaged; configured anew, so that a library that came meanwhile is found."""
    if not run(["cmake", "--preset", "release"], cwd=ROOT) \
            or not run(["cmake", "--build", "--preset", "release", "--parallel", os.cpu_count() or 1, "--target", *TARGETS], cwd=ROOT):
        sys.exit("bench: the build has failed")


def install_bullmq(bench):
    """From the npm registry, in the version that package-lock.json names."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return
    folder = bench.cache / "bullmq"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = json.loads((BULLMQ / "package.json").read_text())["dependencies"]["bullmq"]
    there = folder / "node_modules/bullmq/package.json"
    if there.exists() and json.loads(there.read_text())["version"] == wanted:
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(BULLMQ / name, folder)
    say(f"installing bullmq {wanted} into {folder}")
    if not run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder], cwd=folder):
        bench.faults["bullmq"] = f"bullmq {wanted}: npm cannot install it"
        say(bench.faults["bullmq"])


def look_for_peers(bench):
    if shutil.which("gearmand") is None and not pathlib.Path("/usr/sbin/gearmand").exists():
        bench.faults["gearmand"] = "gearmand: not installed"
