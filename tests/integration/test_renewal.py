"""Certificates renew by themselves before they end, and whoever is killed at any moment still gets in.

Lives of seconds by configuration; a controller and an agent on the loopback.
"""
import random
import subprocess
import time

import pytest
from host import wait_until
from pair import Pair
from peer import Control, Identity

pytestmark = pytest.mark.apart  # each waits, for its own pair
LIFE = 24


@pytest.fixture
def pair(programs, tmp_path):
    made = Pair(programs, tmp_path, random.Random(1), files=5, controller_keys=f'certificate-lifetime = "{LIFE}s"')
    made.start()
    yield made
    made.stop()


def until(pair, kind="agent"):
    return pair.json(kind, "list")[f"{kind}s"][0]["certificate_until"]


def log(pair):
    return pair.log("koffer-controller").read_text()


def uses(pair):
    return log(pair).count("a renewed certificate is used")


@pytest.mark.limit(150)
def test_an_agent_outlives_its_first_certificate(pair):
    first = until(pair)
    wait_until(lambda: uses(pair) >= 3, 4 * LIFE, "three renewals", every=0.3)
    wait_until(pair.connected, 10, "the agent", every=0.1)
    assert until(pair) > first
    pair.run("koffer", "cycle", "start", "--wait")
    assert not any("certificate" in problem for problem in pair.json("status")["problems"])


@pytest.mark.limit(240)
def test_whoever_is_killed_around_a_renewal_gets_in_again(pair):
    """The agent's network side and the controller, at random moments from the request for a certificate to its first use."""
    chance = random.Random(7)
    for victim in ("agent", "controller", "agent", "controller"):
        before = log(pair).count("certificate renewed")
        wait_until(lambda: log(pair).count("certificate renewed") > before, 2 * LIFE, "a renewal", every=0.01)
        time.sleep(chance.random() * 0.7)  # the instant is what is random here
        pair.kill([victim])
        pair.start()
        pair.wait_for_agent(20)
    pair.run("koffer", "cycle", "start", "--wait")


def operator(pair, *words):
    env = dict(pair.env, KOFFER_OPERATOR=str(pair.base / "anna"), KOFFER_CONTROLLER=f"tls+tcp://127.0.0.1:{pair.control_port}")
    return subprocess.run([f"{pair.programs}/koffer", *words], env=env, text=True, capture_output=True, timeout=30)


@pytest.mark.limit(150)
def test_an_operators_certificate_is_renewed_when_it_is_used(pair):
    token = pair.json("operator", "add", "anna", "--role", "viewer")["token"]
    env = dict(pair.env, KOFFER_OPERATOR=str(pair.base / "anna"))
    subprocess.run([f"{pair.programs}/koffer", "operator", "enroll"], env=env, input=token + "\n", text=True, check=True,
                   capture_output=True)
    identity = pair.base / "anna/identity.pem"
    end = time.monotonic() + 2 * LIFE
    while time.monotonic() < end:
        done = operator(pair, "status")
        assert done.returncode == 0, done.stderr
        time.sleep(1)  # an operator who looks now and then
    assert identity.stat().st_mode & 0o777 == 0o600


@pytest.mark.limit(150)
def test_what_an_operator_has_open_goes_on_when_another_of_his_programs_renews(pair):
    token = pair.json("operator", "add", "anna", "--role", "viewer")["token"]
    env = dict(pair.env, KOFFER_OPERATOR=str(pair.base / "anna"))
    subprocess.run([f"{pair.programs}/koffer", "operator", "enroll"], env=env, input=token + "\n", text=True, check=True,
                   capture_output=True)
    with Control.dial(("127.0.0.1", pair.control_port), Identity.of_operator(pair.base / "anna")) as before:
        def used():
            before.ask("STATUS")
            assert operator(pair, "status").returncode == 0
            return "a renewed certificate is used role=operator" in log(pair)
        wait_until(used, 2 * LIFE, "the new certificate's first use", every=0.5)
        before.ask("STATUS")


@pytest.mark.limit(120)
def test_one_that_has_expired_says_what_to_do(pair):
    pair.kill(["agent"])
    def said():
        return any("has expired" in problem and "koffer agent add host --replace" in problem
                   for problem in pair.json("status")["problems"])
    wait_until(said, 2 * LIFE, "the problem in status", every=0.5)
    pair.agent = pair.daemon("koffer-agent", "agent.conf")
    wait_until(lambda: "koffer-agent enroll" in pair.log("koffer-agent").read_text(), 30, "the remedy in the agent's log", every=0.2)
    assert not pair.connected()
