"""kill -9 of either half of an agent, of the controller, or of several, at random instants of real cycles: nothing acknowledged is lost, nothing is left over.

The seed is printed; KILL_SEED=... repeats a run, KILL_ROUNDS=... makes it longer (a campaign takes some hundred).
"""
import os
import random
import time

import pytest
from host import wait_until
from pair import Pair

VICTIMS = (["agent"], ["priv"], ["controller"], ["agent", "priv"], ["controller", "agent", "priv"])
ROUNDS = int(os.environ.get("KILL_ROUNDS", "15"))


@pytest.mark.limit(60 + 6 * ROUNDS)
def test_killed_daemons_lose_nothing_that_was_acknowledged(programs, tmp_path):
    seed = int(os.environ.get("KILL_SEED", time.time_ns() % 1_000_000))
    print(f"KILL_SEED={seed}")
    rng = random.Random(seed)
    pair = Pair(programs, tmp_path, rng, sources='source "etc" { kind = files  paths = {"/etc"} }')
    acknowledged = set()
    try:
        pair.start()
        for n in range(ROUNDS):
            pair.write(f"new{n}")
            pair.run("koffer", "cycle", "start", check=False)  # an earlier one may still be on its way
            time.sleep(rng.random() * 0.8)  # the instant is what is random here
            acknowledged |= pair.fulls()
            pair.kill(rng.choice(VICTIMS))
            pair.start()
            assert acknowledged <= pair.fulls()
        wait_until(lambda: pair.json("cycle", "show")["final"], 120, "end of the last cycle", every=0.1)
        pair.run("koffer", "cycle", "start", "--wait")
        verified = pair.json("vault", "verify")
        assert verified["state"] == "done", verified
    finally:
        ends = pair.stop()
    assert ends == [0, 0]
    assert list((tmp_path / "staging").iterdir()) == []
