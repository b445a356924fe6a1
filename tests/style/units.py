#!/usr/bin/env python3
"""Holds the systemd units to what they promise: systemd accepts them, they stay hardened, and they do not drift apart."""

import os
import re
import subprocess
import sys
import tempfile

import sources

UNITS = ("conduitd.service", "conduitd@.service")
EXPOSURE = "20"  # tenths: 2.0 of 10
# What the two units may differ in.
OWN = re.compile(r"^(Description=|ExecStart=|#)")
# The daemon's defaults that the units are built around.
MUST = {"Type": "notify", "KillMode": "mixed", "OOMPolicy": "continue", "ExecReload": "/bin/kill -HUP $MAINPID",
        "NoNewPrivileges": "yes", "ProtectSystem": "strict", "StateDirectoryMode": "0700", "UMask": "0077"}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def settings(text):
    return [line for line in text.split("\n") if line.strip() and not line.startswith("#")]


def check(root):
    faults = []
    texts = {unit: sources.read(root, f"systemd/{unit}.in") for unit in UNITS}
    with tempfile.TemporaryDirectory(prefix="conduit-units-") as folder:
        for unit, text in texts.items():
            # The program need not be installed here.
            with open(os.path.join(folder, unit), "w", encoding="utf-8") as file:
                file.write(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
            path = os.path.join(folder, unit)
            code, said = run("systemd-analyze", "verify", "--man=no", path)
            if code or said:
                faults.append(f"systemd/{unit}.in:1: systemd-analyze verify: {said}")
            code, said = run("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}", path)
            if code:
                faults.append(f"systemd/{unit}.in:1: exposed above {EXPOSURE} tenths: {said.splitlines()[-1]}")
            else:
                print(f"{unit}: {said.splitlines()[-1].strip()}")
            for key, value in MUST.items():
                if f"{key}={value}" not in settings(text):
                    faults.append(f"systemd/{unit}.in:1: wants {key}={value}")
    one, other = ([s for s in settings(texts[unit]) if not OWN.match(s)] for unit in UNITS)
    faults += [f"systemd/conduitd@.service.in:1: differs from conduitd.service in {s}" for s in sorted(set(one) ^ set(other))]
    return faults


if __name__ == "__main__":
    sys.exit(sources.report("units", check(sources.root_argument())))
