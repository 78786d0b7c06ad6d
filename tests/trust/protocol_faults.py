"""Campaign: harm to every message of a whole life, by a proxy between agent, operator and controller.

A case is one kind of harm (tests/support/proxy.py) to one TLS record of one conversation: what the messages are is found by a
recording of good conversations.  The programs run on hurried time (tests/support/preload/hurry.c), so that their real
deadlines pass within a case.  Demanded of each:

* what the harm met ends within its deadline, as full, incomplete, failed or refused, with a problem that says why;
* no cycle commits twice, and what was acknowledged stays; every full of the case belongs to a cycle of the case;
* without harm the next try succeeds, whatever the last one left behind; staging is empty then;
* in the end every full of the vault verifies.
"""
import collections
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

from campaign import Campaign  # first: it says where the next ones are
import hurry
from host import Failed, wait_until
from pair import Pair
from proxy import HARMS, Harm, ProxyThread

BUSY = os.getloadavg()[0] > 2 * os.cpu_count()  # then hurried handshakes are too slow for their deadlines
HURRY = 5 if BUSY else 15
LIVES = 8 if BUSY else 6  # at the same time: most of a harmed one is waiting
LIMIT = 240 / HURRY  # seconds for anything harmed to end: silence, coming back and grace take 115 of the programs
TRIES = 3  # of what shall succeed: the machine may become busy later
VERIFY_EVERY = 20
Position = collections.namedtuple("Position", "lane direction record harm")


class Life:
    """One pair behind proxies, used for one case after the other."""

    def __init__(self, programs, base, seed, network):
        self.base, self.cases, self.again = base, 0, 0
        (base / "back").mkdir(mode=0o700)
        self.pair = Pair(programs, base, random.Random(seed), files=4, advertise="127.0.0.2",
                         agent_keys=f'restore-roots = {{"{base}/back"}}')
        ports = {"control": self.pair.control_port, "data": self.pair.data_port, "enroll": self.pair.enroll_port}
        self.proxies = {name: network.proxy(("127.0.0.2", port), ("127.0.0.1", port)) for name, port in ports.items()}
        self.afar = dict(self.pair.env, KOFFER_OPERATOR=f"{base}/operator",
                         KOFFER_CONTROLLER=f"tls+tcp://127.0.0.2:{self.pair.control_port}")

    def begin(self):
        self.pair.start()
        self.enroll_operator()
        found = self.good_cycle()
        assert not found, found

    # ---- good things to do

    def koffer(self, *words, env=None, input=None):
        """What one may say: (exit status, output); None for the status: it did not end."""
        try:
            done = subprocess.run([f"{self.pair.programs}/koffer", *words], env=env or self.pair.env, text=True, input=input,
                                  timeout=LIMIT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            return done.returncode, done.stdout
        except subprocess.TimeoutExpired:
            return None, "it did not end"

    def enroll_operator(self):
        token = self.pair.json("operator", "add", "jane", "--role", "operator")["token"]
        status, words = self.koffer("operator", "enroll", env=self.afar, input=token + "\n")
        assert status == 0, words

    def newest_cycle(self):
        return self.pair.json("cycle", "show")

    def good_cycle(self, tries=TRIES):
        """One that must become a full."""
        try:
            self.pair.wait_for_agent(LIMIT)
        except Failed as failed:
            return f"afterwards: {failed}"
        self.pair.write("changing", 30_000)
        status, words = self.koffer("cycle", "start", "--wait")
        if status == 0:
            return None
        print(f"a cycle without harm: {words[-400:]}")
        self.again += 1
        return self.good_cycle(tries - 1) if tries > 1 else f"a cycle without harm: {words[-400:]}"

    # ---- conversations: what to arm, how to make it happen, what came of it

    def arm(self, proxy, harm):
        if harm:
            self.proxies[proxy].arm(harm)

    def cycle_by(self, env=None):
        """A cycle that may fail, and must end with reasons."""
        before = self.newest_cycle()["cycle"]
        self.pair.write("changing", 30_000)
        status, words = self.koffer("cycle", "start", "--wait", env=env)
        if status is None:
            return f"koffer cycle start --wait did not end within {LIMIT} s"
        if status != 0 and not words.strip():
            return f"koffer cycle start: exit status {status} without a word"
        try:
            last = wait_until(lambda: self.final_cycle(), LIMIT, "end of the cycle", every=0.05)
        except Failed as failed:
            return f"{failed}: {json.dumps(self.newest_cycle())[:600]}"
        if last["cycle"] > before + 1:
            return f"one order made cycles {before + 1} to {last['cycle']}"
        if last["cycle"] == before:
            return "no cycle was started" if status == 0 else None
        return self.judge_cycle(last, status, env)

    def final_cycle(self):
        cycle = self.newest_cycle()
        return cycle if cycle["final"] else None

    @staticmethod
    def judge_cycle(last, status, env):
        reasons = [last["problem"], *(s["problem"] for s in last["sources"])]
        if last["state"] not in ("full", "incomplete", "failed"):
            return f"the cycle ended as {last['state']}"
        if last["state"] != "full" and not any(reasons):
            return f"the cycle ended as {last['state']} without a reason"
        if status == 0 and last["state"] != "full":
            return f"koffer said that it was good, and it was {last['state']}"
        return f"the cycle is full, and koffer said {status}" if status != 0 and last["state"] == "full" and not env else None

    def agent_talks(self, harm):
        """The agent is cut off, and comes back through the harm."""
        self.arm("control", harm)
        found = self.reconnect() or self.cycle_by()
        if harm and harm.hit.is_set():  # what is still silent must not do harm to the next cycle
            self.proxies["control"].disarm()
            found = found or self.reconnect()
        return found

    def reconnect(self):
        proxy = self.proxies["control"]
        came = len(proxy.connections)
        proxy.cut()
        try:
            wait_until(lambda: len(proxy.connections) > came and self.pair.connected(), LIMIT, "return of the agent", every=0.1)
        except Failed as failed:
            return str(failed)
        return None

    def agent_captures(self, harm):
        self.arm("data", harm)
        return self.cycle_by()

    def agent_restores(self, harm):
        target = self.base / "back" / "here"
        shutil.rmtree(target, ignore_errors=True)
        self.arm("data", harm)
        status, words = self.koffer("restore", "files", "latest:host.data", "--to", str(target), "--on", "host")
        if status is None:
            return f"koffer restore did not end within {LIMIT} s"
        if status == 0:
            return self.differs(target)
        return None if words.strip() else f"koffer restore: exit status {status} without a word"

    def differs(self, target):
        got = target / "fs" / str(self.base / "data").lstrip("/")
        for file in (self.base / "data").iterdir():
            if not (got / file.name).exists() or (got / file.name).read_bytes() != file.read_bytes():
                return f"a restore said that it was good, and {file.name} is not"
        return None

    def agent_enrolls(self, harm):
        """Anew, with a new certificate and the keys it had: what it knows of the vault stays."""
        for half in (self.pair.agent, self.pair.priv):  # both: what signs has its key in memory
            half.terminate()
            if status := half.wait(LIMIT):
                return f"a half of the agent ended with {status}"
        self.arm("enroll", harm)
        status, words = self.join()
        self.proxies["enroll"].disarm()
        again, more = (0, "") if status == 0 else self.join()
        self.pair.priv = self.pair.daemon("koffer-priv", "agent.conf")
        self.pair.agent = self.pair.daemon("koffer-agent", "agent.conf")
        if status is None:
            return f"koffer-agent enroll did not end within {LIMIT} s"
        if again != 0:
            return f"koffer-agent enroll, afterwards, without harm: {more[-400:]}"
        return None if words.strip() else f"koffer-agent enroll: exit status {status} without a word"

    def join(self):
        token = self.pair.json("agent", "add", "host", "--replace")["token"]
        try:
            done = subprocess.run([f"{self.pair.programs}/koffer-agent", "enroll", "--config", f"{self.base}/agent.conf"],
                                  env=self.pair.env, text=True, input=token + "\n", timeout=LIMIT, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            return done.returncode, done.stdout
        except subprocess.TimeoutExpired:
            return None, ""

    def operator_orders(self, harm):
        self.arm("control", harm)
        return self.cycle_by(self.afar)

    LANES = {"agent": ("control", agent_talks), "capture": ("data", agent_captures), "restore": ("data", agent_restores),
             "enroll": ("enroll", agent_enrolls), "operator": ("control", operator_orders)}

    # ---- what a case is

    def record(self, lane):
        """How many records a good conversation has: {"up": n, "down": n}."""
        proxy, talk = self.LANES[lane]
        watched = self.proxies[proxy]
        del watched.connections[:]
        if found := talk(self, None):
            raise RuntimeError(f"without harm, {lane}: {found}")
        return {direction: len(types) for direction, types in watched.connections[-1].counts().items()}

    def run(self, position, harm):
        """Lines that say what was demanded and does not hold."""
        proxy, talk = self.LANES[position.lane]
        before, first = self.pair.fulls(), self.newest_cycle()["cycle"]
        found = [talk(self, harm)]
        self.proxies[proxy].disarm()
        found += [self.without_harm(position.lane), self.good_cycle(), *self.fulls_are_right(before, first), self.left_over()]
        self.cases += 1
        if self.cases % VERIFY_EVERY == 0:
            found.append(self.verify())
        return [line for line in found if line]

    def without_harm(self, lane):
        """What a good cycle does not show by itself."""
        found = self.agent_restores(None) if lane == "restore" else None
        return found and f"afterwards, without harm: {found}"

    def fulls_are_right(self, before, first):
        """No full of an acknowledged cycle is missing, none is there without its cycle."""
        cycles = {c["cycle"]: c for c in self.pair.json("cycle", "list", "--limit", "10")["cycles"] if c["cycle"] > first}
        committed = {number for number, c in cycles.items() if c["state"] in ("full", "incomplete")}
        now = self.pair.fulls()
        if not before <= now:
            yield f"fulls {sorted(before - now)} have gone"
        if now - before != committed:
            yield f"cycles {sorted(committed)} say that they were committed, new fulls are {sorted(now - before)}"

    def left_over(self):
        staging = list((self.base / "staging").iterdir())
        return f"left over in staging: {staging}" if staging else None

    def verify(self):
        status, words = self.koffer("vault", "verify")
        return None if status == 0 else f"the vault does not verify: {words[-400:]}"

    def end(self):
        ends = self.pair.stop()
        return None if ends == [0, 0] else f"exit statuses of agent and controller: {ends}"


def positions(counts, seed):
    """All cases: in each round every record of every conversation once, with another harm; which one first, the seed says."""
    steps = [(lane, direction, record) for lane in counts for direction in ("up", "down")
             for record in range(counts[lane][direction])]
    return [Position(*step, HARMS[(7 * n + turn + seed) % len(HARMS)]) for turn in range(len(HARMS))
            for n, step in enumerate(steps)]


class Workshop:
    """Makes lives, runs cases in them, replaces those that broke."""

    def __init__(self, campaign, base, network):
        self.campaign, self.base, self.network, self.made = campaign, base, network, itertools.count()
        self.programs, self.lives = os.environ["KOFFER_PROGRAMS"], []
        self.figures = collections.Counter()

    def life(self, tries=TRIES):
        base = self.base / str(next(self.made))
        base.mkdir()
        life = Life(self.programs, base, f"{self.campaign.seed}/{base.name}", self.network)
        self.lives.append(life)
        try:
            life.begin()
        except AssertionError as failed:
            print(f"a life did not begin: {failed}")
            self.end(life)
            return self.life(tries - 1) if tries > 1 else sys.exit("no life begins here")
        return life

    def worker(self, cases):
        held = [self.life()]

        def run(case):
            position = cases[case.number]
            harm = Harm(position.harm, position.direction, position.record)
            try:
                found = held[0].run(position, harm)
            except Exception as failed:
                found = [f"{type(failed).__name__}: {failed}"]
            if found:  # the next case shall not suffer for it
                found += self.end(held[0])
                held[0] = self.life()
            for line in found:
                self.campaign.violation(f"{position.lane}, {harm}: {line}", case)
            self.figures["again"] += held[0].again
            held[0].again = 0
            self.figures["met" if harm.hit.is_set() else "unmet"] += 1
        return run

    def end(self, life):
        """Its fulls must verify and its daemons end well, whatever happened."""
        self.lives.remove(life)
        try:
            found = [life.verify(), life.end()]
        except Exception as failed:
            found = [f"{type(failed).__name__}: {failed}"]
        return [line for line in found if line]


def run_all(campaign, shop):
    first = shop.life()
    counts = {lane: first.record(lane) for lane in Life.LANES}
    print(f"records of good conversations: {counts}")
    cases = positions(counts, campaign.seed)
    campaign.each([shop.worker(cases) for _ in range(LIVES)], len(cases))
    for life in list(shop.lives):
        for line in shop.end(life):
            campaign.violation(f"at the end: {line}")
    for name, value in shop.figures.items():
        campaign.figure(name, value)


def main():
    campaign = Campaign()
    with tempfile.TemporaryDirectory(prefix="koffer-faults.") as folder:
        base = pathlib.Path(folder)
        os.environ["LD_PRELOAD"] = hurry.library(base, HURRY)
        shop = Workshop(campaign, base, ProxyThread())
        try:
            run_all(campaign, shop)
        finally:
            for life in list(shop.lives):
                shop.end(life)
    campaign.end()


if __name__ == "__main__":
    main()
