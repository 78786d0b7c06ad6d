#!/usr/bin/python3
"""Campaign: kill -9 of either half of the agent, of the controller, or of several, at random instants of real cycles and restores.
A case is one kill.

Demanded: what was acknowledged is never lost, and reads back as it was; the daemons come up again and meet; every LIFE kills the
cycle on the way ends, a good one follows, the vault verifies, a full of the past is restored and equal; all daemons end with
status 0, and nothing is left over: staging, temporary files, sockets, processes.

Three houses (a controller and an agent each) are worked on side by side; each has its own share of the cases.  A file's name is the
hash of its content, and files are only added: so whatever full is restored, it is known what must be in it.
"""
import datetime
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from campaign import Campaign  # noqa: E402
from host import wait_until  # noqa: E402
from pair import Pair  # noqa: E402

HOUSES, LIFE, LIVES = 3, 25, 4  # kills until all is looked at, and how often until a house is new
FIRST_GUESS = 0.5  # s that a cycle takes; then each house knows its own
RECOVERY = 10  # s from when all run again until a cycle must have been good
ending = threading.Event()
DAEMONS = ("agent", "priv", "controller")
VICTIMS = (["agent"], ["priv"], ["controller"], ["agent", "priv"], ["controller", "agent", "priv"])


class House(Pair):
    def __init__(self, programs, base, rng):
        self.born = {}  # file -> when it was there
        super().__init__(programs, base, rng, files=20)
        self.acknowledged, self.clients = {}, []
        self.cycle_takes = FIRST_GUESS

    def write(self, name, size=None):
        """A new file; the name is made of the content."""
        content = self.rng.randbytes(size or self.rng.randint(1, 40_000))
        name = hashlib.sha256(content).hexdigest()
        (self.base / "data" / name).write_bytes(content)
        self.born[name] = time.time()

    def order(self, *words):
        """Without waiting: the client lives until its controller dies."""
        self.clients.append(subprocess.Popen([f"{self.programs}/koffer", *words], env=self.env, stdin=subprocess.DEVNULL,
                                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def listed(self):
        return {full["full"]: full for full in self.json("full", "list", "--all", "--limit", "500")["fulls"]}

    def disturb(self, random):
        """One kill; was a cycle or a restore under way?"""
        self.rng = random
        for _ in range(random.randint(1, 3)):
            self.write(None)
        self.order("cycle", "start", "--wait")
        if self.acknowledged and random.random() < 0.3:
            full = random.choice(sorted(self.acknowledged))
            self.order("restore", "files", f"{full}:host.data", "--to", f"{self.base}/back", "--replace")
        time.sleep(random.random() * 1.2 * self.cycle_takes)  # the instant is what is random here
        self.acknowledged.update(self.listed())
        midway = any(client.poll() is None for client in self.clients)
        self.kill(random.choice(VICTIMS))
        for client in self.clients:
            client.terminate()
            client.wait(20)
        self.clients.clear()
        self.start()
        if lost := self.acknowledged.keys() - self.listed().keys():
            raise AssertionError(f"full {min(lost)} was acknowledged and is gone")
        return midway

    def last_day(self, random):
        """All that must hold after some kills; the daemons have ended then."""
        wait_until(lambda: self.json("cycle", "show")["final"], 60, "end of the last cycle", every=0.1)
        wait_until(self.good_cycle, RECOVERY, "good cycle")  # the halves of the agent need a moment to find each other again
        verified = self.json("vault", "verify")
        assert verified["state"] == "done", f"verify: {verified}"
        self.acknowledged.update(self.listed())
        self.compare(self.acknowledged[random.choice(sorted(self.acknowledged))])
        self.end_well()
        self.look_for_leftovers()

    def end_well(self):
        for name in DAEMONS:
            process = getattr(self, name)
            process.send_signal(signal.SIGTERM)
            status = process.wait(30)
            setattr(self, name, None)
            assert status == 0, f"{name} ended with {status}"

    def good_cycle(self):
        begun = time.monotonic()
        done = self.run("koffer", "cycle", "start", "--wait", check=False)
        self.cycle_takes = time.monotonic() - begun
        return done.returncode == 0

    def compare(self, full):
        back = self.base / "compared"
        self.run("koffer", "restore", "files", f"{full['full']}:host.data", "--to", str(back))
        found = set()
        for path in (p for p in back.rglob("*") if p.is_file()):
            found.add(path.name)
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name, f"full {full['full']}: {path.name} has another content"
        started = datetime.datetime.fromisoformat(full["started"]).timestamp()
        missing = {name for name, born in self.born.items() if born < started} - found
        assert found and not missing, f"full {full['full']} has {len(found)} files and lacks {sorted(missing)[:3]}"
        shutil.rmtree(back)

    def look_for_leftovers(self):
        left = [*(self.base / "staging").iterdir(), *(self.base / "vault" / "tmp").iterdir(),
                *(path for folder in (self.base, pathlib.Path(self.open.name)) for path in folder.rglob("*")
                  if path.is_socket() or path.suffix == ".new")]
        assert not left, f"left over: {', '.join(map(str, left))}"
        if alive := [pid for pid in os.listdir("/proc") if pid.isdigit() and f"{self.base}/" in command_of(pid)]:
            raise AssertionError(f"still running: {', '.join(command_of(pid) for pid in alive)}")

    def end(self):
        for process in filter(None, (*(getattr(self, name) for name in DAEMONS), *self.clients)):
            process.kill()
            process.wait()
        self.open.cleanup()


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


class Worker(threading.Thread):
    """Its own share of the cases, with one house at a time."""

    def __init__(self, campaign, cases, lock, base):
        super().__init__()
        self.campaign, self.cases, self.lock, self.base = campaign, cases, lock, base
        self.house, self.kills, self.midway, self.folder = None, 0, 0, None

    def next_case(self):
        with self.lock:
            return None if ending.is_set() else next(self.cases, None)

    def run(self):
        last = None
        while case := self.next_case():
            self.guarded(self.one, case)
            last = case
        if self.house:
            self.guarded(self.look, last)
        if self.house:
            self.house.end()

    def guarded(self, step, case):
        """Whatever goes wrong, a promise is broken.  The house stays as it is, for who looks into it; the others go on."""
        try:
            step(case)
        except Exception as wrong:
            if self.house:
                self.house.end()
            with self.lock:
                if not ending.is_set():
                    self.campaign.violation(f"{type(wrong).__name__}: {wrong} (see {self.folder})", case)
            self.house = None

    def one(self, case):
        if self.house is None:
            self.folder = self.base / f"house-{case.number}"
            self.folder.mkdir()
            self.house, self.kills = House(os.environ["KOFFER_PROGRAMS"], self.folder, case.random), 0
            self.house.start()
        self.midway += self.house.disturb(case.random)
        self.kills += 1
        if self.kills % LIFE == 0:
            self.look(case)

    def look(self, case):
        self.house.last_day(case.random)
        if self.kills < LIFE * LIVES:
            self.house.start()
        else:
            self.house.end()
            shutil.rmtree(self.house.base)
            self.house = None


def main():
    campaign = Campaign()
    base = pathlib.Path(tempfile.mkdtemp(prefix="koffer-kill."))
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    cases, lock = campaign.cases(), threading.Lock()
    workers = [Worker(campaign, cases, lock, base) for _ in range(HOUSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    campaign.figure("midway", sum(worker.midway for worker in workers))
    if campaign.violations == 0:
        shutil.rmtree(base)
    campaign.end()


if __name__ == "__main__":
    main()
