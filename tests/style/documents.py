#!/usr/bin/env python3
"""Holds the documents to the tree: links lead somewhere, and each package is explained."""

import os
import re
import subprocess
import sys

import sources

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
# Tools and frameworks that need no reason.
PLAIN = {"g++", "cmake", "ninja-build", "ccache", "pkg-config"}
EXPLAINED = "docs/dependencies.md"


def without_code(text):
    return FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text)


def link_faults(root):
    for path in sources.files(root, ("",), (".md",)):
        text = without_code(sources.read(root, path))
        for match in LINK.finditer(text):
            target = os.path.normpath(os.path.join(root, os.path.dirname(path), match.group(1)))
            if not os.path.exists(target):
                yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match.group(1)} does not exist"


def package_faults(root):
    listed = subprocess.run([os.path.join(root, "scripts/packages"), "--list", "build"], capture_output=True, text=True,
                            check=True).stdout.split()
    text = sources.read(root, EXPLAINED)
    for name in listed:
        if name not in PLAIN and name not in text:
            yield f"{EXPLAINED}:1: does not say what {name} is for"


def check(root):
    return list(link_faults(root)) + list(package_faults(root))


if __name__ == "__main__":
    sys.exit(sources.report("documents", check(sources.root_argument())))
