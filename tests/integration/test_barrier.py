"""Nobody is cut before all are ready, all are cut at once, and the full says when that was.

The agents are written by hand, so that one can be late, lost or have a false clock; real cuts are in test_cut.py.
"""
import calendar
import pathlib
import sys
import time

import pytest

from hand_agent import VERBS, HandAgent
from loopback import Loopback

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "reader"))

from vault import Vault  # noqa: E402

MS = 1_000_000
HOUR = 3600 * 1000 * MS
FACTS = (("cut.driver", "lvm"), ("cut.volumes", "1"), ("lock.kind", "BACKUP STAGE"), ("lock.wait_us", "1500"),
         ("lock.hold_us", "2250"), ("lock.stall_us", "3750"))


class Cutter(HandAgent):
    """Knows the barrier.  What it does not answer is in `silent`."""

    def __init__(self, here, name, ahead=0):
        super().__init__(here, name)
        self.clock, self.silent = ahead, set()
        self.on["CUT"] = self.cut_now
        self.on["SEAL"] = lambda order: {"record": self.record(order, cut=self.cut_at, facts=FACTS)}

    def hello(self, **more):
        return super().hello(features=["clock", "cut"], **more)

    def cut_now(self, _):
        now = time.time_ns() + self.clock
        self.cut_at = (now, now + 2 * MS)
        return {"cut_from": self.cut_at[0], "cut_until": self.cut_at[1]}

    def obey(self, order):
        if VERBS[order["verb"]] in self.silent:
            self.orders.append(order)
        else:
            super().obey(order)

    def got(self, verb):
        return sum(VERBS[order["verb"]] == verb for order in self.orders)


@pytest.fixture()
def here(programs):
    with Loopback(programs, settings="ready-deadline = 3\n") as running:
        for name in ("db1", "imap1"):
            running.enroll_agent(name)
        yield running


@pytest.fixture()
def two(here):
    return Cutter(here, "db1", ahead=HOUR).hello(), Cutter(here, "imap1").hello()


def serve(agents, done, seconds=50):
    end = time.monotonic() + seconds
    for agent in agents:
        agent.control.socket.settimeout(0.02)
    while not done():
        assert time.monotonic() < end
        for agent in agents:
            try:
                agent.obey(agent.next_order())
            except TimeoutError:
                continue


def run(here, *agents):
    number = here.start_cycle()
    serve(agents, lambda: here.cycle(number)["final"])
    return here.cycle(number)


def ns(instant):
    """Of the time that --json shows."""
    whole, fraction = instant.rstrip("Z").split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 1000 * MS + int(fraction)


def source(shown, agent):
    return next(one for one in shown.get("sources", shown.get("archives")) if one["agent"] == agent)


def test_instants_skew_clocks_and_locks_are_in_the_full_and_shown(here, two):
    began = time.time_ns()
    cycle = run(here, *two)
    assert cycle["state"] == "full", cycle
    full = here.json("full", "show", cycle["cycle"])
    for shown in (cycle, full):
        for agent in two:
            cut = source(shown, agent.name)["cut"]
            assert cut["snapshot"] and cut["measured"], cut
            off, within = cut["offset"], cut["uncertainty"]
            assert abs(off - agent.clock) <= within < 1000 * MS
            assert ns(cut["until"]) == agent.cut_at[1] - off           # by the controller's clock
            assert began - within <= ns(cut["from"]) <= time.time_ns() + within
        true = [agent.cut_at[1] - source(shown, agent.name)["cut"]["offset"] for agent in two]
        assert shown["skew"] == abs(true[0] - true[1])
    words = here.cli("full", "show", cycle["cycle"])
    for text in ("lvm", "BACKUP STAGE", "1.500 ms", "2.250 ms", "3.750 ms", "+36000", f"{full['skew'] // MS}."):
        assert text in words, words
    assert "skew of the snapshots" in here.cli("cycle", "show", cycle["cycle"])
    assert any("off by 3600.0" in warning for warning in source(cycle, "db1")["warnings"])
    assert not source(cycle, "imap1").get("warnings")


def test_the_other_reader_finds_them_in_the_record_and_a_new_catalogue_too(here, two):
    cycle = run(here, *two)
    record = Vault(here.vault).fulls()[-1]
    for agent in two:
        archive = record.archive(f"{agent.name}.data")
        assert (archive.cut_from, archive.cut_until) == agent.cut_at
        assert tuple(archive.facts) == FACTS
        assert abs(archive.clock[0] - agent.clock) <= archive.clock[1]
    assert record.skew == cycle["skew"]
    before = here.json("full", "show", cycle["cycle"])
    here.stop()
    for path in here.state.glob("catalogue.db*"):
        path.unlink()
    here.start()
    after = here.json("full", "show", cycle["cycle"])
    assert after["skew"] == before["skew"]
    for agent in two:
        assert source(after, agent.name)["cut"] == source(before, agent.name)["cut"]
        assert {(fact["name"], fact["value"]) for fact in source(after, agent.name)["facts"]} >= set(FACTS)


def test_an_agent_from_before_is_read_live_beside_one_that_is_cut(here):
    old, new = HandAgent(here, "imap1").hello(), Cutter(here, "db1").hello()
    cycle = run(here, old, new)
    assert cycle["state"] == "full", cycle
    assert not {"READY", "CUT"} & {VERBS[order["verb"]] for order in old.orders}
    assert cycle["skew"] == 0                                      # one was cut by a snapshot
    assert source(cycle, "imap1")["cut"]["until"] is None
    assert not source(cycle, "imap1")["cut"]["measured"]


def test_a_required_straggler_is_named_and_nobody_is_cut(here, two):
    slow, good = two
    slow.silent = {"READY"}
    cycle = run(here, *two)
    assert cycle["state"] == "failed"
    assert cycle["problem"] == "not ready within 3 s: db1.data"
    assert "not ready within 3 s" in source(cycle, "db1")["problem"]
    assert slow.got("CUT") == good.got("CUT") == 0
    assert slow.got("RELEASE") == good.got("RELEASE") == 1
    assert "db1.data" in here.cli("cycle", "show")
    slow.silent = set()
    assert run(here, *two)["state"] == "full"


@pytest.mark.parametrize("verb", ["READY", "CUT"])
def test_a_controller_that_is_killed_at_the_barrier_has_failed_and_begins_anew(here, two, verb):
    for agent in two:
        agent.silent = {verb}
    number = here.start_cycle()
    serve(two, lambda: all(agent.got(verb) for agent in two))
    here.process.kill()
    here.process.wait()
    here.start()
    cycle = here.cycle(number)
    assert cycle["state"] == "failed" and cycle["final"]
    assert "stopped in the middle" in cycle["problem"]
    again = [Cutter(here, agent.name).hello() for agent in two]
    assert run(here, *again)["state"] == "full"


@pytest.mark.parametrize("verb", ["READY", "CUT"])
def test_a_cancel_at_the_barrier_lets_all_go(here, two, verb):
    for agent in two:
        agent.silent = {verb}
    number = here.start_cycle()
    serve(two, lambda: all(agent.got(verb) for agent in two))
    here.cli("cycle", "cancel")
    serve(two, lambda: here.cycle(number)["final"])
    assert here.cycle(number)["state"] == "cancelled"
    assert [agent.got("RELEASE") for agent in two] == [1, 1]
    assert [agent.got("CAPTURE") for agent in two] == [0, 0]
