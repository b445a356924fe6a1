#!/usr/bin/python3 -B
"""Counts the instructions that each part on a job's way takes (conduit_micro under callgrind) and holds them to those in
instructions.json: fails when a part takes over 10 % more. scripts/micro builds the program first."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MOST_GROWTH = 0.10
ROUNDS = 20
# The C library chooses its functions by the processor. With these left out it takes the same ones on each, and so the same count comes out.
SAME_EVERYWHERE = "glibc.cpu.hwcaps=" + ",".join(
    "-" + name for name in ("AVX512F", "AVX512VL", "AVX512BW", "AVX2", "AVX", "AVX_Fast_Unaligned_Load", "FMA", "FMA4", "BMI2", "LZCNT", "MOVBE", "POPCNT",
                            "SSE4_2", "SSE4_1", "SSSE3", "ERMS", "FSRM", "RTM"))


class Fault(Exception):
    """What keeps us from measuring."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/bench/conduit_micro", help="default: %(default)s")
    parser.add_argument("--file", type=pathlib.Path, default=HERE / "instructions.json", help="what is kept (default: %(default)s)")
    parser.add_argument("--update", action="store_true", help="write the file instead of comparing with it")
    parser.add_argument("--only", nargs="+", metavar="PART", help="these parts")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="leave callgrind's profiles here, for callgrind_annotate")
    parser.add_argument("--slower", type=int, default=0, metavar="PERCENT", help="have each part do so much more work: shows that it is noticed")
    return parser.parse_args()


def ask(program, word):
    try:
        return subprocess.run([program, word], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as fault:
        raise Fault(f"{program} cannot be run ({fault}): scripts/micro builds it") from fault


def count(program, part, folder, slower=0):
    """Instructions for each job, once the program has warmed up."""
    profile = folder / f"callgrind.out.{part}"
    command = ["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={profile}", program.resolve(),
               "--count", part, str(ROUNDS), "--slower", str(slower)]
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "GLIBC_TUNABLES": SAME_EVERYWHERE}
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise Fault(f"{part}: {fault}") from fault
    total = re.search(r"^totals: (\d+)$", profile.read_text(errors="replace"), re.MULTILINE) if profile.exists() else None
    if done.returncode != 0 or total is None or int(total[1]) == 0:
        raise Fault(f"{part}: nothing was counted (exit code {done.returncode})\n{done.stderr}")
    return round(int(total[1]) / int(done.stdout), 1)


def count_all(program, parts, keep=None, slower=0):
    with tempfile.TemporaryDirectory() as temporary, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = pathlib.Path(keep or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return dict(zip(parts, pool.map(lambda part: count(program, part, folder, slower), parts)))


def compare(kept, counted, whole=True):
    """A line for each part, and what is wrong. `whole`: a part that was not counted has gone."""
    lines, faults = [], []
    for part, now in counted.items():
        old = kept.get(part)
        if old is None:
            faults.append(f"{part}: takes {now:.1f} instructions for each job, and none are kept of it: scripts/micro --update")
            continue
        change = now / old - 1
        note = ""
        if now > old * (1 + MOST_GROWTH):
            note = "  too many"
            faults.append(f"{part}: {old:.1f} instructions for each job were kept, now there are {now:.1f}: {change:+.1%}, "
                          f"at most {MOST_GROWTH:+.0%} is allowed")
        elif now < old * (1 - MOST_GROWTH):
            note = "  fewer: scripts/micro --update keeps it so"
        lines.append(f"{part:26} {old:10.1f} {now:10.1f} {change:+8.1%}{note}")
    for part in kept if whole else ():
        if part not in counted:
            faults.append(f"{part}: is kept and there is no such part any more: scripts/micro --update")
    return lines, faults


def main():
    options = arguments()
    about = ask(options.program, "--about")
    names = ask(options.program, "--names").split()
    unknown = [part for part in options.only or () if part not in names]
    if unknown:
        raise Fault(f"there is no part {unknown[0]}; there are: {' '.join(names)}")
    file = json.loads(options.file.read_text()) if options.file.exists() else {"compiler": about, "instructions": {}}
    kept = file["instructions"]
    if file["compiler"] != about:
        if options.update and options.only:
            raise Fault(f"what is kept was counted with {file['compiler']}, this is {about}: --update it as a whole")
        print(f"What is kept was counted with another compiler or other flags: {file['compiler']}; this is {about}")
    counted = count_all(options.program, options.only or names, options.keep, options.slower)
    lines, faults = compare(kept, counted, whole=not options.only)
    print(f"{'instructions for each job':26} {'kept':>10} {'now':>10} {'change':>8}")
    print("\n".join(lines))
    if options.update:
        now = {part: count for part in names if (count := counted.get(part, kept.get(part))) is not None}
        options.file.write_text(json.dumps({"compiler": about, "instructions": now}, indent=2) + "\n")
        return 0
    for fault in faults:
        print(f"budget: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Fault as problem:
        print(f"budget: {problem}", file=sys.stderr)
        sys.exit(2)
