#!/usr/bin/env python3
"""Compiles each header alone, twice in one file: it includes what it uses, and it may be included again.

usage: headers.py ROOT FOLDER COMPILER [FLAG...]     (FOLDER holds what is compiled and may stay)

The SDK's headers are compiled with nothing before them. The daemon's come after the libraries of HEAVY, precompiled once:
all of the daemon is built that way, and Asio alone would cost more than a second for each header.
Uses every processor, and ccache if there is one: only headers that changed, or include one that did, cost anything.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys

import sources

HEAVY = """#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/try.hpp>
#include <fmt/format.h>
"""
INCLUDE_FOLDERS = ("daemon", "sdk/include", "tests")


def spelling(path):
    """How others include the header at `path`."""
    for folder in ("sdk/include", "daemon", "tests"):
        if path.startswith(folder + "/"):
            return path[len(folder) + 1:]
    return path


def write(path, text):
    """Writes a file, unless it is there already: its time is part of what ccache compares."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def precompile(command, folder):
    """Makes the precompiled header; returns the flags that use it: none, if it cannot be made."""
    heavy = os.path.join(folder, "heavy.hpp")
    write(heavy, HEAVY)
    made = subprocess.run(command + ["-x", "c++-header", heavy, "-o", heavy + ".gch"], capture_output=True, check=False)
    return ["-include", heavy] if made.returncode == 0 else []


def compile_alone(root, header, command, folder):
    """What the compiler says of `header`, or None if it compiles."""
    stem = os.path.join(folder, header.replace("/", "_"))
    write(stem + ".cpp", f'#include "{spelling(header)}"\n' * 2)
    include = [f"-I{os.path.join(root, f)}" for f in INCLUDE_FOLDERS]
    done = subprocess.run(command + include + ["-c", stem + ".cpp", "-o", stem + ".o"], cwd=root,
                          capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"{header}:1: does not compile alone\n{done.stderr.strip()}"


def check(root, folder, compiler, flags):
    # A *_impl.hpp is the end of the header that includes it.
    headers = [path for path in sources.files(root, INCLUDE_FOLDERS, sources.HEADER_ENDINGS)
               if not path.endswith("_impl.hpp")]
    os.makedirs(folder, exist_ok=True)
    os.environ["CCACHE_BASEDIR"] = root
    os.environ["CCACHE_SLOPPINESS"] = "pch_defines,time_macros,include_file_mtime,include_file_ctime"
    ccache = shutil.which("ccache")
    command = ([ccache] if ccache else []) + [compiler, "-std=c++20", "-O0", "-w", *flags]
    heavy = precompile(command, folder) if any(not header.startswith("sdk/") for header in headers) else []
    def own(header):
        return command + ([] if header.startswith("sdk/") else heavy)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        said = list(pool.map(lambda header: compile_alone(root, header, own(header), folder), headers))
    return [text for text in said if text], len(headers)


def main():
    root, folder, compiler = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
    faults, count = check(root, folder, compiler, sys.argv[4:])
    return sources.report("headers", faults, f"{count} headers")


if __name__ == "__main__":
    sys.exit(main())
