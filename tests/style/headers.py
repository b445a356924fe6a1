#!/usr/bin/env python3
"""Compiles each header alone, twice in one file: it includes what it uses, and it may be included again.

usage: headers.py ROOT FOLDER COMPILER [FLAG...]     (FOLDER holds what is compiled and may stay)

Uses every processor, and ccache if there is one: only headers that changed, or include one that did, cost anything.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys

import sources

INCLUDE_FOLDERS = ("daemon", "sdk/include", "tests")


def spelling(path):
    """How others include the header at `path`."""
    for folder in ("sdk/include", "daemon", "tests"):
        if path.startswith(folder + "/"):
            return path[len(folder) + 1:]
    return path


def compile_alone(root, header, command, folder):
    """What the compiler says of `header`, or None if it compiles."""
    stem = os.path.join(folder, header.replace("/", "_"))
    with open(stem + ".cpp", "w", encoding="utf-8") as file:
        file.write(f'#include "{spelling(header)}"\n' * 2)
    include = [f"-I{os.path.join(root, f)}" for f in INCLUDE_FOLDERS]
    done = subprocess.run(command + include + ["-c", stem + ".cpp", "-o", stem + ".o"], cwd=root,
                          capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"{header}:1: does not compile alone\n{done.stderr.strip()}"


def check(root, folder, compiler, flags):
    headers = sources.files(root, ("daemon", "sdk/include", "tests"), sources.HEADER_ENDINGS)
    os.makedirs(folder, exist_ok=True)
    os.environ["CCACHE_BASEDIR"] = root
    ccache = shutil.which("ccache")
    command = ([ccache] if ccache else []) + [compiler, "-std=c++20", "-O0", "-w", *flags]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        said = list(pool.map(lambda header: compile_alone(root, header, command, folder), headers))
    return [text for text in said if text], len(headers)


def main():
    root, folder, compiler = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
    faults, count = check(root, folder, compiler, sys.argv[4:])
    return sources.report("headers", faults, f"{count} headers")


if __name__ == "__main__":
    sys.exit(main())
