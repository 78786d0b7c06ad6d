#!/usr/bin/python3
"""tests/coverage.py [--gaps] -- what of the trusted code the tests ran, folder by folder, from the `coverage` preset's build.

    cmake --preset coverage && cmake --build --preset coverage --target checks
    ctest --preset coverage -L '^(unit|prop|fuzz|fault)$' && tests/coverage.py

Lines that run in a child of a test count (tests/support/coverage_shared.c).  A line that no test runs is a gap.  A gap has a reason in the source, or is counted:

    return error_errno(e, "read");  /* not covered: the kernel never says this of a memfd */

    /* not covered: whoever can do this has root already */
    if (...) {                      -- of a comment on lines of its own: the next statement, with its block
        ...

Statements that only report a failed allocation, system call or call of OpenSSL, that pass on the error of what they called, or that go on
after a signal (EINTR) need no comment: "faults" counts those that no test runs.
They are what the campaigns `allocations` and `file_operations` walk through, by number instead of by name.
--gaps lists the lines that nothing answers for.  Fails when a folder has fewer of its lines run than its floor, and when a line with a
reason runs: the reason is false then.
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "coverage"
# What carries trust, and the least of its lines that tests run, in percent: what was measured, less half of one.
FLOORS = {
    "common": 93.5,
    "proto": 94.5,
    "controller/vault": 94,
    "agent/job": 93.5,
    "agent/priv": 95,
    "controller/authority": 98,
}
REASON = re.compile(r"/\* not covered: \S")
FAULT = re.compile(r"\bRC_NO_MEMORY\b|\berror_errno\(|\balgorithms_failed\(|\bNNG_ENOMEM\b|\bno_memory\(|\bvault_index_explain\("
                   r"|\berror_context\(|^\s*\*e = (why|later);|^\s*errno = failed;")
AFTER = re.compile(r"^\s*\*e = (why|later);|errno (==|!=) EINTR\)+( \{)?$")  # the statement behind it is of the same failure


def gcov_files():
    """What gcov says of each object file, as it is decoded."""
    data = sorted(BUILD.rglob("*.gcda"))
    if not data:
        sys.exit(f"{BUILD}: no test ran there: cmake --build --preset coverage, ctest --preset coverage")
    # A file that no test is linked with has no data: none of its lines ran.
    data += sorted(notes for notes in (BUILD / "CMakeFiles").rglob("*.gcno") if not notes.with_suffix(".gcda").exists())
    for begin in range(0, len(data), 50):
        done = subprocess.run(["gcov", "--json-format", "--stdout", *map(str, data[begin:begin + 50])], cwd=BUILD, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in done.stdout.splitlines():
            yield from json.loads(line)["files"]


def counts():
    """path -> line -> how often it ran; a header's lines are those of all that include it."""
    found = {}
    for file in gcov_files():
        path = (BUILD / file["file"]).resolve()
        if path.is_relative_to(ROOT) and not path.is_relative_to(BUILD):
            lines = found.setdefault(str(path.relative_to(ROOT)), {})
            for line in file["lines"]:
                lines[line["line_number"]] = lines.get(line["line_number"], 0) + line["count"]
    return found


def statement(text, begin):
    """The lines (from 0) of the statement that begins there: up to its ';' or the end of its block."""
    depth = parens = 0
    for at in range(begin, len(text)):
        code = re.sub(r"\"(\\.|[^\"\\])*\"|'(\\.|[^'\\])*'|/\*.*?\*/|//.*", "", text[at])
        parens += code.count("(") - code.count(")")
        depth += code.count("{") - code.count("}")
        if depth <= 0 and parens <= 0 and code.rstrip().endswith((";", "}")):
            return range(begin, at + 1)
    return range(begin, len(text))


def statement_start(text, at):
    """Back from a line in the middle of a statement to where it begins."""
    while at > 0 and not re.search(r"[;{})]\s*(/\*.*\*/)?\s*$|^\s*$|\*/\s*$", text[at - 1]):
        at -= 1
    return at


def reasons(text):
    """The lines (from 0) that a comment excuses."""
    excused = set()
    for at, line in enumerate(text):
        if not REASON.search(line):
            continue
        if line.split("/*")[0].strip():
            excused.update(statement(text, statement_start(text, at)))
            continue
        end = at
        while "*/" not in text[end]:
            end += 1
        excused.update(statement(text, end + 1))
    return excused


def faults(text):
    """The lines of statements that report the failure of what is below us."""
    lines = set()
    for at, line in enumerate(text):
        if FAULT.search(line) and "==" not in line:
            lines.update(statement(text, statement_start(text, at)))
        if at > 0 and AFTER.search(text[at - 1]):
            lines.update(statement(text, at))
    return lines


class Folder:
    def __init__(self):
        self.lines = self.run = self.faults = self.reasoned = 0
        self.gaps, self.stale = [], []

    def add(self, path, lines):
        text = (ROOT / path).read_text().splitlines()
        excused, reported = reasons(text), faults(text)
        for number, count in sorted(lines.items()):
            self.lines += 1
            self.run += count > 0
            if count == 0 and number - 1 in excused:
                self.reasoned += 1
            elif count == 0 and number - 1 in reported:
                self.faults += 1
            elif count == 0:
                self.gaps.append(f"{path}:{number}: {text[number - 1].strip()}")
        self.stale += [f"{path}:{number}: has a reason, and runs" for number in sorted(lines)
                       if lines[number] > 0 and REASON.search(text[number - 1]) and text[number - 1].split("/*")[0].strip()]

    def percent(self):
        return 100 * self.run / self.lines if self.lines else 0

    def answered(self):
        return 100 * (self.run + self.reasoned + self.faults) / self.lines if self.lines else 0


def row(name, folder, floor=""):
    print(f"{name:<24} {folder.lines:>6} {folder.run:>6} {folder.percent():>7.2f} {floor:>6} {folder.faults:>7} {folder.reasoned:>9} "
          f"{len(folder.gaps):>5} {folder.answered():>9.2f}")


def total_of(folders):
    total = Folder()
    for folder in folders:
        for name in ("lines", "run", "faults", "reasoned", "gaps", "stale"):
            setattr(total, name, getattr(total, name) + getattr(folder, name))
    return total


def main():
    inside = {}
    for path, lines in counts().items():
        if any(path.startswith(f"{trusted}/") for trusted in FLOORS):
            inside.setdefault(str(pathlib.Path(path).parent), Folder()).add(path, lines)
    print(f"{'folder':<24} {'lines':>6} {'run':>6} {'% run':>7} {'floor':>6} {'faults':>7} {'reasoned':>9} {'gaps':>5} {'% answered':>10}")
    for name in sorted(inside):
        row(name, inside[name])
    low = False
    for name, floor in FLOORS.items():
        whole = total_of(f for inner, f in inside.items() if f"{inner}/".startswith(f"{name}/"))
        row(f"= {name}", whole, floor)
        low |= whole.percent() < floor
    total = total_of(inside.values())
    row("total", total)
    if "--gaps" in sys.argv:
        print("\n".join(total.gaps))
    print("\n".join(total.stale))
    if low or total.stale:
        print("tests/coverage.py: a folder is below its floor (tests/coverage.py --gaps lists the lines), or a reason is stale")
    return 1 if low or total.stale else 0


if __name__ == "__main__":
    sys.exit(main())
