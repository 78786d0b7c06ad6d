"""What one agent's record lacks is left out of the full: nobody else's archive is."""
import time

import pytest

from hand_agent import VERBS, HandAgent, blob
from loopback import Loopback


@pytest.fixture()
def pair(programs):
    with Loopback(programs) as here:
        for name in ("mail1", "web1"):
            here.enroll_agent(name)
        yield here, HandAgent(here, "mail1").hello(), HandAgent(here, "web1", sources=("data", "more")).hello()


def run(here, *agents):
    """A cycle to its end -> how it is shown."""
    number, end = here.start_cycle(), time.monotonic() + 60
    for agent in agents:
        agent.control.socket.settimeout(0.02)
    while not here.cycle(number)["final"]:
        assert time.monotonic() < end, here.cycle(number)
        for agent in agents:
            try:
                agent.obey(agent.next_order())
            except TimeoutError:
                continue
    return here.cycle(number)


def states(cycle):
    return {f"{s['agent']}.{s['source']}": s["state"] for s in cycle["sources"]}


def lie(agent, source):
    """Of this source, a record of a root that was never uploaded."""
    agent.on["SEAL"] = lambda order: {"record": agent.record(order, root=blob("never sent")[0])} \
        if order["source"] == source else agent.seal(order)


def test_a_root_that_is_not_there_costs_only_the_source_that_signed_it(pair):
    here, good, liar = pair
    lie(liar, "data")
    done = run(here, good, liar)
    assert done["state"] == "incomplete", done
    assert states(done) == {"mail1.data": "done", "web1.data": "failed", "web1.more": "done"}
    problem = next(s["problem"] for s in done["sources"] if s["state"] == "failed")
    assert "not in the vault" in problem
    assert here.json("vault", "verify")["state"] == "done"


def test_what_the_host_signed_behind_it_is_signed_again(pair):
    here, good, liar = pair
    lie(liar, "data")
    run(here, good, liar)
    seals = [o for o in liar.orders if VERBS[o["verb"]] == "SEAL"]
    assert [(o["source"], o["sequence"]) for o in seals] == [("data", 1), ("more", 2), ("more", 1)]


def test_only_its_agent_is_told_to_forget(pair):
    here, good, liar = pair
    lie(liar, "data")
    run(here, good, liar)
    forgot = {(a.name, o["source"]) for a in (good, liar) for o in a.orders if o.get("forget")}
    assert forgot == {("web1", "data")}


def test_the_next_cycle_is_a_full(pair):
    here, good, liar = pair
    lie(liar, "data")
    run(here, good, liar)
    liar.on.clear()
    assert run(here, good, liar)["state"] == "full"
