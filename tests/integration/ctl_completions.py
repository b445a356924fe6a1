#!/usr/bin/env python3
"""The bash completions of conduitctl offer what its --help names, for each command: nothing less and nothing else.

usage: ctl_completions.py CONDUITCTL COMPLETIONS MANUAL
"""

import re
import subprocess
import sys
import unittest

CONDUITCTL, COMPLETIONS, MANUAL = sys.argv[1:4]
OPTION = re.compile(r"^  ((?:-\w,)?--[\w-]+)", re.MULTILINE)
COMMAND = re.compile(r"^  ([a-z][\w-]*) ", re.MULTILINE)


def section(text, name):
    found = re.search(rf"^{name}:\n((?:  .*\n|\n(?=  ))*)", text, re.MULTILINE)
    return found.group(1) if found else ""


def helped(path):
    """The commands below `path` and its options, each with all its spellings, as --help has them."""
    text = subprocess.run([CONDUITCTL, *path, "--help"], capture_output=True, text=True, check=True).stdout
    options = [set(option.split(",")) for option in OPTION.findall(section(text, "Options"))]
    return COMMAND.findall(section(text, "Subcommands")), options


def commands(path=()):
    below, _ = helped(path)
    yield path
    for name in below:
        yield from commands((*path, name))


def offered(*words):
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _conduitctl; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, "bash", COMPLETIONS, "conduitctl", *words], capture_output=True, text=True,
                          check=True)
    return set(done.stdout.split())


class Completions(unittest.TestCase):
    def test_offer_each_command_and_option_of_the_help_and_no_other(self):
        everywhere = set().union(*helped(())[1])
        for path in commands():
            with self.subTest(command=" ".join(path)):
                below, options = helped(path)
                got = offered(*path, "") | offered(*path, "-")
                self.assertLessEqual(set(below), got)
                for spellings in options:
                    if path and "--help" in spellings:
                        continue
                    self.assertTrue(spellings & got, f"{spellings} is not offered")
                self.assertLessEqual({word for word in got if word.startswith("-")}, everywhere.union(*options))
                if below:
                    self.assertEqual({word for word in got if not word.startswith("-")}, set(below))

    def test_offer_the_values_of_options(self):
        self.assertEqual(offered("-o", ""), {"table", "json"})
        self.assertEqual(offered("job", "list", "--state", "c"), {"complete", "cancelled"})

    def test_find_the_command_after_options_of_the_program(self):
        self.assertEqual(offered("-o", "json", "--config", "job", "queue", "p"), {"pause", "purge"})


class Manual(unittest.TestCase):
    def test_has_each_command(self):
        with open(MANUAL, encoding="utf-8") as file:
            items = re.findall(r"^\.It Cm (.*)$", file.read(), re.MULTILINE)
        named = {(words[0], verb) for words in (re.sub(r"[|]", " ", item).split() for item in items) for verb in words[1:]}
        for path in commands():
            if len(path) == 1:
                self.assertIn(path[0], {first for first, _ in named})
            elif path:
                self.assertIn(path, named)

    def test_has_each_option_of_submit(self):
        with open(MANUAL, encoding="utf-8") as file:
            text = file.read()
        for spellings in helped(("submit",))[1]:
            long = max(spellings, key=len)
            self.assertIn(f"Fl -{long[2:]}", text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
