"""What the style checks share: which files are ours, and reading them without comments and strings."""

import os
import re
import sys

CODE_FOLDERS = ("daemon", "sdk", "plugins", "tests", "bench")
CODE_ENDINGS = (".h", ".hpp", ".c", ".cpp")
HEADER_ENDINGS = (".h", ".hpp")
SKIPPED_FOLDERS = {".git", "build", "dist", "node_modules", "__pycache__"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)

_TOKEN = re.compile(
    r'''
      //[^\n]*(?:\\\n[^\n]*)*            # a comment to the end of the line
    | /\*.*?\*/                          # a comment in between
    | R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"   # a raw string
    | "(?:\\.|[^"\\\n])*"                # a string
    | (?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'         # a character; not the separator in 1'000
    ''',
    re.DOTALL | re.VERBOSE)


def files(root, folders, endings):
    """Paths below `folders` with one of `endings`, relative to `root`, sorted."""
    found = []
    for folder in folders:
        for place, inner, names in os.walk(os.path.join(root, folder)):
            inner[:] = sorted(d for d in inner if d not in SKIPPED_FOLDERS)
            found += [os.path.relpath(os.path.join(place, n), root) for n in names if n.endswith(endings)]
    return sorted(found)


def code_files(root):
    return files(root, CODE_FOLDERS, CODE_ENDINGS)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def blank(text, strings=True):
    """`text` with comments, and strings too unless told otherwise, replaced by spaces; lines stay where they are."""
    def spaces(match):
        token = match.group(0)
        if not strings and not token.startswith("/"):
            return token
        return re.sub(r"[^\n]", " ", token)
    return _TOKEN.sub(spaces, text)


def includes(text):
    """(line, mark, path) of each include; mark is '<' or '"'."""
    bare = blank(text, strings=False)
    return [(bare.count("\n", 0, m.start(1)) + 1, m.group(1), m.group(2)) for m in INCLUDE.finditer(bare)]


def report(name, faults, note=""):
    """Prints the faults and returns the exit code."""
    for fault in faults:
        print(fault)
    print(f"{name}: {len(faults)} fault(s){'; ' + note if note else ''}")
    return 1 if faults else 0


def root_argument():
    """The tree to check: the first argument, or the one this file lies in."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(here))
