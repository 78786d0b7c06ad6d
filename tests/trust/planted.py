#!/usr/bin/python3
"""Deliberate bugs, each caught by a named test (docs/planted-bugs.md).

For each bug in planted/*.py: the old text must stand in its file exactly once; the file with the new text is compiled alone, with
the flags of its build, and linked into a copy of the test in front of the libraries.  The unchanged test has to
pass, and the changed one has to fail by itself: an assertion, a sanitizer or a violation, before its deadline.

    planted.py --cases 0            all of them, as a campaign (tests/campaign planted)
    planted.py --only NAME          one of them, with the test's own words
    planted.py --document           writes docs/planted-bugs.md anew; the campaign demands that it is up to date
"""
import argparse
import collections
import concurrent.futures
import importlib.util
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from campaign import Campaign

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "planted-bugs.md"
DEADLINE = 240  # seconds for one run of one test
Bug = collections.namedtuple("Bug", "name what file old new preset test arguments")


def make_bug(name, what, file, old, new, command):
    """The command: [PRESET:]TEST [ARGUMENT...], where a test is a program of that build's tests/; dev by default."""
    test, _, arguments = command.partition(" ")
    preset, _, test = test.rpartition(":")
    return Bug(name, what, file, old, new, preset or "dev", test, arguments)


def load_bugs():
    bugs = []
    for path in sorted((ROOT / "tests" / "trust" / "planted").glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        bugs += [make_bug(*row) for row in module.BUGS]
    names = [bug.name for bug in bugs]
    assert len(names) == len(set(names)), "two bugs of one name"
    return bugs


class Bench:
    """Where changed tests are built and run."""

    def __init__(self, bugs):
        self.private = pathlib.Path(tempfile.mkdtemp(prefix="koffer-planted-"))
        self.compilers, self.sound = {}, {}
        for preset in sorted({bug.preset for bug in bugs}):
            self.build(preset, sorted({bug.test for bug in bugs if bug.preset == preset}))

    def build(self, preset, targets):
        subprocess.run(["cmake", "--preset", preset], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", "--preset", preset, "--target", *targets], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
        entries = json.loads((ROOT / "build" / preset / "compile_commands.json").read_text())
        self.compilers[preset] = {entry["file"]: entry["command"] for entry in entries}

    def close(self):
        shutil.rmtree(self.private)

    def compile(self, bug, text):
        """The changed file keeps its name, so that its messages are the same; includes are from the root."""
        source = self.private / bug.name / pathlib.Path(bug.file).name
        source.parent.mkdir()
        source.write_text(text)
        words = shlex.split(self.compilers[bug.preset][str(ROOT / bug.file)])
        at = words.index("-o")
        words[at + 1] = str(source.with_suffix(".o"))
        words[words.index("-c") + 1] = str(source)
        # What the bug leaves unused is no reason not to compile.
        words[at:at] = ["-Wno-error", "-w"]
        subprocess.run([w for w in words if "ccache" not in w], cwd=ROOT / "build" / bug.preset, check=True, capture_output=True, text=True)
        return source.with_suffix(".o")

    def link(self, bug, member):
        lines = subprocess.run(["ninja", "-t", "commands", bug.test], cwd=ROOT / "build" / bug.preset, check=True, capture_output=True,
                               text=True).stdout.splitlines()
        line = lines[-1].removeprefix(": && ").removesuffix(" && :")
        words = shlex.split(line)
        program = member.with_name(bug.test)
        at = words.index("-o")
        words[at + 1] = str(program)
        words.insert(at, str(member))
        subprocess.run(words, cwd=ROOT / "build" / bug.preset, check=True, capture_output=True, text=True)
        return program

    def run(self, program, arguments):
        """Its exit status, None when it had to be ended; and what it said."""
        process = subprocess.Popen([program, *shlex.split(arguments)], cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                                   env=dict(os.environ, TMPDIR=str(self.private)), start_new_session=True)
        ending = threading.Timer(DEADLINE, os.killpg, (process.pid, signal.SIGKILL))
        ending.start()
        said, caught = [], False
        for line in process.stdout:
            said.append(line)
            # A campaign goes on after a violation; it has failed by then.
            if line.startswith("violation ") and not caught:
                caught = True
                os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        ending.cancel()
        if status == -signal.SIGKILL:
            status = 1 if caught else None
        return status, "".join(said)

    def is_sound(self, bug):
        key = (bug.preset, bug.test, bug.arguments)
        if key not in self.sound:
            self.sound[key] = self.run(ROOT / "build" / bug.preset / "tests" / bug.test, bug.arguments)
        return self.sound[key][0] == 0

    def try_bug(self, bug):
        """What is wrong with it (None: it was caught), and what the test said."""
        text = (ROOT / bug.file).read_text()
        if text.count(bug.old) != 1:
            return f"the plant no longer fits {bug.file}: renew it", ""
        try:
            program = self.link(bug, self.compile(bug, text.replace(bug.old, bug.new)))
        except subprocess.CalledProcessError as error:
            return "the plant does not build: renew it", error.stderr
        status, said = self.run(program, bug.arguments)
        if status is None:
            return f"{bug.test} had to be ended after {DEADLINE} s", said
        return (f"{bug.test} {bug.arguments} did not see it" if status == 0 else None), said


def page(bugs):
    lines = ["# Planted bugs", "",
             "Each of these bugs was put into the code on purpose, and the test beside it turned red. `tests/campaign planted` does it "
             "again, on copies; this page is made from its table (`tests/trust/planted.py --document`).", "",
             "| bug | in | what is wrong | test that sees it |", "|---|---|---|---|"]
    for bug in bugs:
        test = f"{bug.test} {bug.arguments}".strip()
        lines.append(f"| {bug.name} | `{bug.file}` | {bug.what} | `{test}` |")
    return "\n".join(lines) + "\n"


def try_one(name, bugs):
    bug = next(b for b in bugs if b.name == name)
    bench = Bench([bug])
    problem, said = bench.try_bug(bug)
    print(said[-6000:])
    print(f"{bug.name}: {problem or 'caught'}; the unchanged test {'passes' if bench.is_sound(bug) else 'FAILS'}")
    bench.close()
    sys.exit(1 if problem else 0)


def campaign(bugs):
    run = Campaign()
    bench = Bench(bugs)
    jobs = os.cpu_count() or 1
    if not PAGE.exists() or PAGE.read_text() != page(bugs):
        run.violation("docs/planted-bugs.md is not what --document writes")
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        tries = {bug.name: pool.submit(bench.try_bug, bug) for bug in bugs[run.next:]}
        for case in run.cases(len(bugs)):
            bug = bugs[case.number]
            problem, said = tries[bug.name].result()
            if problem is None and not bench.is_sound(bug):
                problem = f"{bug.test} {bug.arguments} fails without it: {bench.sound[bug.preset, bug.test, bug.arguments][1][-500:]}"
            if problem:
                run.violation(f"{bug.name}: {problem}")
    run.figure("bugs", len(bugs))
    run.figure("tests", len({(b.test, b.arguments) for b in bugs}))
    bench.close()
    run.end()


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--only")
    parser.add_argument("--document", action="store_true")
    options, _ = parser.parse_known_args()
    bugs = load_bugs()
    if options.document:
        PAGE.write_text(page(bugs))
    elif options.only:
        try_one(options.only, bugs)
    else:
        campaign(bugs)


main()
