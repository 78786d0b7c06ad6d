"""Campaign: the network between agent and controller is cut in the middle of a capture, in both directions or in one.

A case is a length and a direction of the cut; agent and controller are in network namespaces of their own, and all cases run at
the same time, because they mostly wait.  The programs' time is hurried (tests/support/preload/hurry.c); lengths are in theirs.
LET_GO is when an agent has to have let go by itself: its connection counts as dead, and then its lease is over.  Where only its
own words are lost, it hears the controller until that gives up.  Demanded:

* what is cut for longer than LET_GO: the agent holds nothing any more while the controller is still away;
* the cycle ends, and says why when it is no full; a short cut costs no full;
* afterwards the agent is back, the next cycle is a full, nothing is left in staging, every full verifies.
"""
import collections
import concurrent.futures
import contextlib
import os
import pathlib
import random
import subprocess
import tempfile
import time

from campaign import Campaign  # first: it says where the next ones are
import hurry
from host import Failed, wait_until
from pair import Pair

HURRY = 5
SILENCE, LEASE, MARGIN = 25, 10, 12  # seconds of the programs: hub.h, our configuration, what a busy machine needs
LET_GO = {"link": SILENCE + LEASE, "to the agent": SILENCE + LEASE, "to the controller": 2 * SILENCE + LEASE}
LIMIT = 400  # seconds of the programs until anything ends
BYTES = 6_000_000
RATE = "8mbit"  # so that the capture takes some seconds
CONTROLLER, AGENT = "10.9.0.1", "10.9.0.2"
Cut = collections.namedtuple("Cut", "way seconds")
CUTS = [Cut(way, seconds) for way, let_go in LET_GO.items() for seconds in (4, let_go - MARGIN, let_go + MARGIN, 2 * let_go)]


class Wire:
    """Two network namespaces and a slow wire between them; they end with their first process."""

    def __init__(self):
        self.holders = [subprocess.Popen(["unshare", "--net", "--", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                         start_new_session=True) for _ in range(2)]
        self.controller, self.agent = (["nsenter", f"--target={holder.pid}", "--net", "--"] for holder in self.holders)
        for holder in self.holders:
            wait_until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"), 10, "namespace")
        self.do(self.controller, f"link add wire type veth peer name wire netns {self.holders[1].pid}")
        for inside, address in ((self.controller, CONTROLLER), (self.agent, AGENT)):
            self.do(inside, "link set lo up")
            self.do(inside, f"address add {address}/24 dev wire")
            self.do(inside, "link set wire up")
        subprocess.run([*self.agent, "tc", "qdisc", "add", "dev", "wire", "root", "tbf", "rate", RATE, "burst", "32k", "latency",
                        "200ms"], check=True)

    @staticmethod
    def do(inside, words):
        subprocess.run([*inside, "ip", *words.split()], check=True)

    def cut(self, way):
        if way == "link":
            self.do(self.agent, "link set wire down")
        elif way == "to the controller":
            self.do(self.agent, f"route add blackhole {CONTROLLER}/32")
        else:
            self.do(self.controller, f"route add blackhole {AGENT}/32")

    def mend(self, way):
        if way == "link":
            self.do(self.agent, "link set wire up")
        elif way == "to the controller":
            self.do(self.agent, f"route del blackhole {CONTROLLER}/32")
        else:
            self.do(self.controller, f"route del blackhole {AGENT}/32")

    def close(self):
        for holder in self.holders:
            holder.stdin.close()
            holder.wait()


def sleep_until(instant):
    """The length of a cut is a time: there is no event to wait for."""
    time.sleep(max(0, instant - time.monotonic()))


class Trial:
    def __init__(self, base, seed):
        self.wire = Wire()
        inside = {"koffer-agent": self.wire.agent, "koffer-controller": self.wire.controller}
        self.pair = Pair(os.environ["KOFFER_PROGRAMS"], base, random.Random(seed), files=4, address=CONTROLLER,
                         advertise=CONTROLLER, lease=f"{LEASE}s", inside=inside)
        self.staging = base / "staging"

    def run(self, cut):
        self.pair.start()
        self.pair.run("koffer", "cycle", "start", "--wait")
        self.pair.write("large", BYTES)
        self.pair.run("koffer", "cycle", "start")
        wait_until(lambda: self.sent() > 0, LIMIT / HURRY, "the middle of a capture", every=0.02)
        begun = time.monotonic()
        self.wire.cut(cut.way)
        sleep_until(begun + cut.seconds / HURRY)
        held = list(self.staging.iterdir())
        still = self.pair.json("cycle", "show")
        self.wire.mend(cut.way)
        if cut.seconds > LET_GO[cut.way] and held:
            yield f"after {cut.seconds} s without a controller the agent holds {held}"
        last = wait_until(self.final, LIMIT / HURRY, f"end of the cycle {still}", every=0.1)
        reasons = [last["problem"], *(s["problem"] for s in last["sources"])]
        print(f"cut {cut.way} for {cut.seconds} s: {last['state']} {max(reasons, key=len)}")
        if cut.seconds < SILENCE / 2 and last["state"] != "full":
            yield f"a cut of {cut.seconds} s made the cycle {last['state']}: {reasons}"
        if last["state"] not in ("full", "incomplete", "failed") or (last["state"] != "full" and not self.are_clear(reasons)):
            yield f"the cycle ended as {last['state']}: {reasons}"
        yield from self.afterwards()

    @staticmethod
    def are_clear(reasons):
        return any(reason not in ("", "cancelled") for reason in reasons)

    def sent(self):
        cycle = self.pair.json("cycle", "show")
        return cycle["sources"][0]["progress"]["bytes_sent"] if cycle["sources"][0]["state"] == "capture" else 0

    def final(self):
        cycle = self.pair.json("cycle", "show")
        return cycle if cycle["final"] else None

    def afterwards(self):
        self.pair.wait_for_agent(LIMIT / HURRY)
        before = self.pair.fulls()
        done = self.pair.run("koffer", "cycle", "start", "--wait", check=False)
        if done.returncode != 0:
            yield f"the next cycle: {done.stdout[-400:]}"
        if len(self.pair.fulls() - before) != 1:
            yield f"one cycle, and new fulls are {sorted(self.pair.fulls() - before)}"
        if held := list(self.staging.iterdir()):
            yield f"left over: {held}"
        done = self.pair.run("koffer", "vault", "verify", check=False)
        if done.returncode != 0:
            yield f"the vault does not verify: {done.stdout[-400:]}"

    def end(self):
        with contextlib.suppress(Exception):
            self.wire.mend("link")
        ends = self.pair.stop()
        self.wire.close()
        return ends


def try_cut(campaign, base, case):
    cut = CUTS[case.number]
    folder = base / str(case.number)
    folder.mkdir()
    trial = Trial(folder, f"{campaign.seed}/{case.number}")
    found = []
    try:
        found += trial.run(cut)
    except (Failed, AssertionError) as failed:
        found.append(failed)
    finally:
        ends = trial.end()
    if ends != [0, 0]:
        found.append(f"exit statuses of agent and controller: {ends}")
    for text in found:
        campaign.violation(f"cut {cut.way} for {cut.seconds} s: {text}", case)


def main():
    campaign = Campaign()
    with tempfile.TemporaryDirectory(prefix="koffer-cuts.") as folder:
        os.environ["LD_PRELOAD"] = hurry.library(folder, HURRY)
        base = pathlib.Path(folder)
        campaign.each([lambda case: try_cut(campaign, base, case)] * len(CUTS), len(CUTS))
    campaign.end()


if __name__ == "__main__":
    main()
