#!/usr/bin/env python3
"""Keeps each third-party library inside the folder that owns it, and out of headers that other folders include.

So a library can be replaced by changing one folder, and nobody compiles what they do not use.
"""

import re
import sys

import sources

# What an include begins with -> the folders (or files) that may name it.
OWNERS = {
    "hiredis": ("daemon/broker/redis/",),
    "sqlite3": ("daemon/broker/sqlite/",),
    "rapidjson": ("daemon/base/", "sdk/include/", "sdk/src/"),
    "boost/dll": ("daemon/plugin/",),
    "boost/beast": ("daemon/http/", "plugins/web/"),
    "toml++": ("daemon/config/",),
    "yaml-cpp": ("daemon/config/",),
    "date/": ("daemon/job/",),
    "spdlog": ("daemon/base/",),
    "CLI/": ("daemon/check/", "daemon/ctl/", "daemon/main.cpp"),
    "systemd/": ("daemon/service/",),
    "vips": ("plugins/images/",),
}
# The SDK is compiled inside plugins and shows JSON values: its headers may carry RapidJSON to whoever includes them.
SHOWN_BY = {"rapidjson": ("sdk/include/",)}
HEADER_ROOTS = ("daemon/", "sdk/include/", "tests/")


def library_of(target):
    for library in OWNERS:
        if re.match(re.escape(library) + (r"" if library.endswith("/") else r"(?:[/.\d]|$)"), target):
            return library
    return None


def resolve(paths, includer, target):
    """The project's file behind an include, or None."""
    near = includer.rsplit("/", 1)[0] + "/" + target
    for candidate in [near] + [root + target for root in HEADER_ROOTS]:
        if candidate in paths:
            return candidate
    return None


def carried(path, graph, seen=None):
    """Libraries that including `path` brings along: (library, header that names it)."""
    seen = set() if seen is None else seen
    if path in seen:
        return set()
    seen.add(path)
    own, inner = graph[path]
    found = {(library, path) for _, library in own}
    for _, header in inner:
        found |= carried(header, graph, seen)
    return found


def folder(path):
    return path.rsplit("/", 1)[0]


def check(root):
    paths = set(sources.code_files(root))
    graph = {}
    faults = []
    for path in sorted(paths):
        own, inner = [], []
        for line, _, target in sources.includes(sources.read(root, path)):
            library = library_of(target)
            if library:
                own.append((line, library))
                if not path.startswith(OWNERS[library] + ("tests/", "bench/")):
                    faults.append(f"{path}:{line}: {library.rstrip('/')} belongs to {', '.join(OWNERS[library])}")
            else:
                header = resolve(paths, path, target)
                if header:
                    inner.append((line, header))
        graph[path] = (own, inner)
    for path in sorted(paths):
        if path.startswith(("tests/", "bench/")):
            continue
        for line, header in graph[path][1]:
            for library, source in sorted(carried(header, graph)):
                if not path.startswith(OWNERS[library]) and not source.startswith(SHOWN_BY.get(library, ())):
                    faults.append(f"{path}:{line}: brings in {library.rstrip('/')} through {source}")
    return faults


if __name__ == "__main__":
    sys.exit(sources.report("third_party", check(sources.root_argument())))
