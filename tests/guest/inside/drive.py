"""The program snapshot_drive: one set of snapshots, step by step.

    drive = Drive(state)                    # a directory for the ledger
    drive.plan("/live/plain/ext4")
    drive.take()
    views = drive.mount()                   # {live path: where a test reads it in the snapshot}
    drive.check()                           # Refused, with .code ("stale") and the text
    drive.release()
    drive.close()
"""
import os
import pathlib
import subprocess

PROGRAM = pathlib.Path(os.environ.get("KOFFER_PROGRAMS", ""), "tests", "snapshot_drive")


class Refused(Exception):
    """A step failed; `code` is the name of its enum rc."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


class Drive:
    def __init__(self, state):
        self.log = pathlib.Path(state, "log")
        self.facts, self.warnings, self.views = {}, [], {}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            text=True, bufsize=1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *lines):
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def answer(self):
        """The words behind "ok"."""
        for line in self.process.stdout:
            kind, _, rest = line.rstrip("\n").partition(" ")
            if kind == "ok":
                return rest.split()
            self._note(kind, rest)
        raise AssertionError(f"snapshot_drive ended: {self.log.read_text()}")

    def _note(self, kind, rest):
        first, _, words = rest.partition(" ")
        if kind == "failed":
            raise Refused(first, words)
        if kind == "fact":
            self.facts[first] = words
        elif kind == "warning":
            self.warnings.append(rest)
        else:
            self.views[words] = pathlib.Path(f"/proc/{self.process.pid}/fd/{first}")

    def ask(self, line):
        self.send(line)
        return self.answer()

    def plan(self, *paths, cycle=1, size=0):
        self.ask(f"plan {cycle} auto {size} {' '.join(map(str, paths))}")

    def take(self, seconds=""):
        return self.ask(f"take {seconds}")

    def mount(self):
        self.views = {}
        self.ask("mount")
        return self.views

    def check(self):
        self.ask("check")

    def release(self):
        self.ask("release")

    def reap(self):
        """How much is left over."""
        return int(self.ask("reap")[0])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=120)
        self.process.stdout.close()
