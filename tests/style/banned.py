#!/usr/bin/env python3
"""Finds patterns that this project does without, each with the reason and what to use instead.

A line that has to be an exception says so where it stands: `// allow <rule>: why`, on the line or the one before.
"""

import re
import sys

import sources

EVERYWHERE = ("",)
OURS = ("daemon/", "sdk/", "plugins/")
# The clocks of processes other than the supervisor: host processes and plugins have nobody to hand them a Clock.
OWN_TIME = ("daemon/base/clock.cpp", "daemon/base/log.cpp", "daemon/host/", "daemon/plugin/", "daemon/ctl/",
            "sdk/", "plugins/", "tests/", "bench/")

# name, pattern (over code without comments and strings), where, where not, why.
RULES = [
    ("detached", r"\basio::detached\b|\bdetached_t\b|[(,]\s*detached\s*\)", EVERYWHERE, (),
     "nobody owns a detached coroutine; spawn it in a TaskGroup"),
    ("thread_detach", r"\.\s*detach\s*\(\s*\)", EVERYWHERE, (),
     "nobody joins a detached thread; keep it and join it"),
    ("shared_from_this", r"\b(?:enable_)?shared_from_this\b", EVERYWHERE, (),
     "lifetimes have owners; let a TaskGroup member, declared last, end the work first"),
    ("io_context_stop", r"\b(?:io|ioc|io_context_?|context|loop)_?\s*(?:\.|->)\s*stop\s*\(\s*\)", OURS + ("tests/",), (),
     "stopping the loop abandons coroutines in the middle; stop their owners and let run() return"),
    ("now", r"\b(?:system_clock|steady_clock|high_resolution_clock)::now\b|\b(?:gettimeofday|clock_gettime)\s*\(",
     EVERYWHERE, OWN_TIME, "time is passed in: take a Clock&"),
    ("sleep", r"\bthis_thread::sleep_(?:for|until)\b|\b(?:usleep|nanosleep)\s*\(|(?<![\w.>:])sleep\s*\(|::sleep\s*\(",
     EVERYWHERE, ("plugins/", "tests/plugins/"), "a sleep is a guess; wait for the event itself, with a deadline"),
    ("skip", r"\bGTEST_SKIP\b|\bDISABLED_", EVERYWHERE, (), "a test that does not run proves nothing"),
    ("fork", r"(?<![\w.>])(?:::\s*)?v?fork\s*\(\s*\)", ("daemon/",), ("daemon/host/", "daemon/plugin/probe.cpp"),
     "only a process with one thread may fork: the zygote and the plugin probe; spawn with exec"),
    ("naming", r"\b(?:class|struct)\s+\w*(?:Impl|Manager|Helper|Utils?)\b", OURS, (),
     "names say what a thing is or does"),
    ("using_namespace", r"\busing\s+namespace\s+(?!std::(?:chrono_literals|string_view_literals|literals|string_literals)\b"
     r"|(?:\w+::)*\w*literals\b)\w", OURS, (), "names come with their namespace, or one by one"),
]

# Over the text as it is, in every file a person may read.
TEXT_RULES = [
    ("todo", r"\b(?:TODO|FIXME|XXX|HACK)\b", "do it, or file it; the code holds no wishes"),
    ("machine_path", r"(?<![\w./-])/home/\w+/|(?<![\w./-])/root/\w",
     "a path of one machine means nothing on another"),
    ("merge_mark", r"^(?:<{7} |>{7} |={7}$)", "an unfinished merge"),
]
TEXT_ENDINGS = sources.CODE_ENDINGS + (".py", ".md", ".txt", ".cmake", ".toml", ".yaml", ".yml", ".sh", ".lua",
                                       ".service", ".in", ".json", ".html", ".js", ".css", ".conf", "run", "demo", "test")
TEXT_FOLDERS = ("",)
ITSELF = "tests/style/"


def allowed(lines, number, rule):
    near = lines[max(0, number - 2):number]
    return any(re.search(rf"\ballow {rule}: \S", line) for line in near)


def matches(pattern, text):
    """Line numbers, from 1, where `pattern` is found."""
    return [text.count("\n", 0, m.start()) + 1 for m in re.finditer(pattern, text, re.MULTILINE)]


def check_code(path, text):
    lines = text.split("\n")
    bare = sources.blank(text)
    for rule, pattern, where, where_not, why in RULES:
        if not path.startswith(where) or (where_not and path.startswith(where_not)):
            continue
        for number in matches(pattern, bare):
            if not allowed(lines, number, rule):
                yield f"{path}:{number}: {rule}: {why}"


def check_text(path, text):
    lines = text.split("\n")
    for rule, pattern, why in TEXT_RULES:
        for number in matches(pattern, text):
            if not allowed(lines, number, rule):
                yield f"{path}:{number}: {rule}: {why}"


def check(root):
    faults = []
    for path in sources.code_files(root):
        faults += check_code(path, sources.read(root, path))
    for path in sources.files(root, TEXT_FOLDERS, TEXT_ENDINGS):
        if not path.startswith(ITSELF):
            faults += check_text(path, sources.read(root, path))
    return faults


if __name__ == "__main__":
    sys.exit(sources.report("banned", check(sources.root_argument())))
