#!/usr/bin/env python3
"""Finds calls that g++ 12 miscompiles: an aggregate, a braced list or a capturing lambda made inside a co_await.

    co_await f(Options{.size = 3});   co_await f({.size = 3});   co_await f([&] { ... });

The compiler destroys such an argument twice, also when f is no coroutine. Named first, it is right:

    Options options{.size = 3};
    co_await f(std::move(options));

Nor may one be an operand of ?: whose value is an object: that is destroyed twice as well.

    auto got = quick ? co_await f() : co_await g();

A line that has to be an exception says so: `// allow coroutine_arguments: why`, on the line or the one before.
"""

import re
import sys

import banned
import sources

CO_AWAIT = re.compile(r"\bco_await\b")
# A type's name before a brace: Options{, broker::Claim{, std::vector<int>{
TYPE_BEFORE_BRACE = re.compile(r"([A-Za-z_][\w:]*)\s*(?:<[^<>;{}]*(?:<[^<>]*>)?[^<>;{}]*>)?\s*$")
# Their constructors make them no aggregates; the fault was never seen with them.
HARMLESS = re.compile(r"(?:std::chrono::\w+|(?:\w+::)*(?:Millis|Seconds|milliseconds|seconds)"
                      r"|std::string|std::string_view|(?:\w+::)*(?:Monotonic|WallTime))$")
# A ? before it in the same statement.
CONDITIONAL = re.compile(r"\?[^?;{}]*\bco_await\b")
CLOSING = {"(": ")", "[": "]", "{": "}"}


def closing(text, start):
    """Where the bracket that opens at `start` is closed; the end of the text if it is not."""
    open_brackets = []
    for at in range(start, len(text)):
        if text[at] in CLOSING:
            open_brackets.append(CLOSING[text[at]])
        elif open_brackets and text[at] == open_brackets[-1]:
            open_brackets.pop()
            if not open_brackets:
                return at
    return len(text)


def lambda_body(text, after_captures):
    """Where the body of a lambda opens, given the place after its captures; None if this is no lambda."""
    at = after_captures
    while at < len(text):
        if text[at] == "(":
            at = closing(text, at) + 1
        elif text[at] == "{":
            return at
        elif text[at] in ";,)]}":
            return None
        else:
            at += 1
    return None


def faults_of(text, start):
    """Places of bad arguments in the expression after a co_await that ends at `start`."""
    at, depth = start, 0
    while at < len(text):
        char = text[at]
        if char == "(":
            depth += 1
        elif char in ")]}":
            if depth == 0:
                return
            depth -= 1
        elif char in ";," and depth == 0:
            return
        elif char == "[":
            end = closing(text, at)
            is_subscript = re.search(r"[\w)\]]\s*$", text[start:at]) is not None
            body = None if is_subscript else lambda_body(text, end + 1)
            if body is not None:
                if depth > 0 and text[at + 1:end].strip():
                    yield at
                at = closing(text, body)  # what the body awaits is looked at for itself
            else:
                at = end
        elif char == "{":
            before = text[start:at].rstrip()
            typed = TYPE_BEFORE_BRACE.search(before)
            if depth == 0 and not typed:
                return  # the block of an `if (co_await ...)` or the like
            harmless = typed is not None and HARMLESS.match(typed.group(1))
            if depth > 0 and not harmless and (typed or before[-1:] in "(,"):
                yield at
            at = closing(text, at)
        at += 1


def check_text(path, text):
    lines = text.split("\n")
    bare = sources.blank(text)
    for match in CO_AWAIT.finditer(bare):
        for at in faults_of(bare, match.end()):
            number = bare.count("\n", 0, at) + 1
            if not banned.allowed(lines, number, "coroutine_arguments"):
                yield f"{path}:{number}: g++ 12 destroys this argument of a co_await twice; name it first"
    for match in CONDITIONAL.finditer(bare):
        number = bare.count("\n", 0, match.end()) + 1
        if not banned.allowed(lines, number, "coroutine_arguments"):
            yield f"{path}:{number}: g++ 12 destroys what a co_await gives to ?: twice; name it first, or say if and else"


def check(root):
    return [fault for path in sources.code_files(root) for fault in check_text(path, sources.read(root, path))]


def main():
    root = sources.root_argument()
    return sources.report("coroutine_arguments", check(root), f"{len(sources.code_files(root))} files")


if __name__ == "__main__":
    sys.exit(main())
