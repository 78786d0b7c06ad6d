"""Who may do what, over real connections: roles, and certificates that are taken away while they are in use."""
import contextlib
import itertools
import subprocess

import pytest

from hand_agent import HandAgent
from loopback import Loopback
from peer import Closed, Control, Data, Identity, Refused

DENIED = 5


@pytest.fixture(scope="module")
def here(programs):
    with Loopback(programs) as running:
        for role in ("viewer", "operator", "restore", "admin"):
            running.enroll_operator(f"{role}-1", role)
        yield running


def agent_of(here, name):
    here.enroll_agent(name, replace=["--replace"])
    return HandAgent(here, name).hello()


def refused(here, operator, *words):
    done = here.try_cli(*words, operator=operator)
    assert done.returncode == DENIED, (words, done)
    return done.stderr


def test_each_role_may_do_its_own_and_is_told_what_it_lacks(here):
    assert "loopback" in here.cli("status", operator="viewer-1")
    assert "koffer operator role viewer-1 operator" in refused(here, "viewer-1", "vault", "verify")
    assert "koffer operator role operator-1 restore" in refused(here, "operator-1", "full", "ls", "latest:a.b/")
    assert "koffer operator role restore-1 admin" in refused(here, "restore-1", "agent", "add", "x")
    assert here.json("agent", "add", "never-came", operator="admin-1")["token"]


def test_another_role_counts_from_the_next_request_on(here):
    here.enroll_operator("changing", "viewer")
    with Control.dial(here.control, Identity.of_operator(here.operator("changing"))) as control:
        with pytest.raises(Refused):
            control.ask("VAULT_VERIFY")
        here.cli("operator", "role", "changing", "operator")
        assert control.ask("VAULT_VERIFY")["job"]
        here.cli("operator", "role", "changing", "viewer")
        with pytest.raises(Refused):
            control.ask("VAULT_VERIFY")
    roles = {one["name"]: one["role"] for one in here.json("operator", "list")["operators"]}
    assert roles["changing"] == "viewer" and roles["admin-1"] == "admin"


def test_nobody_becomes_an_operator_without_a_role(here):
    done = here.try_cli("operator", "add", "roleless")
    assert done.returncode != 0 and "--role" in done.stderr
    assert "no role" in here.try_cli("operator", "add", "roleless", "--role", "root").stderr


def test_a_role_meant_for_a_new_certificate_is_not_the_old_ones(here):
    def role():
        return {one["name"]: one["role"] for one in here.json("operator", "list")["operators"]}["climbing"]

    here.enroll_operator("climbing", "viewer")
    with Control.dial(here.control, Identity.of_operator(here.operator("climbing"))) as control:
        here.cli("operator", "add", "climbing", "--role", "admin", "--replace")
        assert role() == "viewer"
        with pytest.raises(Refused):
            control.ask("VAULT_VERIFY")
    here.enroll_operator("climbing", "admin", replace=["--replace"])
    assert role() == "admin"


def test_nobody_is_named_like_root_or_the_controller(here):
    for name in ("root", "controller"):
        for words in (("operator", "add", name, "--role", "viewer"), ("agent", "add", name)):
            done = here.try_cli(*words)
            assert done.returncode != 0 and "are called" in done.stderr


def test_a_revoked_operator_is_cut_off_in_the_middle(here):
    here.enroll_operator("leaving", "admin")
    me = Identity.of_operator(here.operator("leaving"))
    with Control.dial(here.control, me) as control:
        control.ask("STATUS")
        here.cli("operator", "revoke", "leaving")
        control.wait_closed()
    with Control.dial(here.control, me) as control, pytest.raises((Refused, Closed)):
        control.ask("STATUS")


def test_a_revoked_agent_is_cut_off_with_its_data_stream(here):
    agent = agent_of(here, "leaver")
    here.start_cycle()
    here.cli("cycle", "list")
    order = agent.next_order()
    agent.result(order["job"])                       # CHECK
    order = agent.next_order()                       # CAPTURE
    with Data.dial(here.data, agent.identity) as data:
        data.hello(order["job"], order["token"])
        assert data.have([bytes(32)]) == [False]
        here.cli("agent", "revoke", "leaver")
        with pytest.raises((Closed, Refused)):
            data.receive()
        agent.control.wait_closed()
    with Data.dial(here.data, agent.identity) as data, pytest.raises((Closed, Refused)):
        data.hello(order["job"], order["token"])
    with pytest.raises((Closed, Refused)):
        HandAgent(here, "leaver").hello()
    states = {one["name"]: one["state"] for one in here.json("agent", "list")["agents"]}
    assert states["leaver"] == "revoked"
    here.cli("cycle", "cancel")
    here.wait(lambda: here.cycle()["final"], "the end of the cycle")


def test_the_old_certificate_ends_when_a_new_one_is_given(here):
    old = agent_of(here, "renewing")
    new = agent_of(here, "renewing")
    old.control.wait_closed()
    assert here.json("agent", "list")
    new.close()
    here.cli("agent", "revoke", "renewing")


@pytest.mark.parametrize("verb, payload", [("FINISH", b""), ("HAVE", bytes(32)), ("PUT", bytes(64))])
def test_nothing_comes_after_the_end_of_a_capture(programs, verb, payload):
    with Loopback(programs) as here:
        agent = agent_of(here, "finishing")

        def capture(order):
            with Data.dial(here.data, agent.identity) as data:
                data.hello(order["job"], order["token"])
                data.put(agent.root, agent.blob)
                data.finish()
                data.send(verb, payload)
                with pytest.raises(Refused, match="after FINISH"):
                    data.receive()
            return {"root_id": agent.root, "totals": {"files": 1, "directories": 1, "bytes": 100}}
        agent.on["CAPTURE"] = capture
        number = here.start_cycle()
        agent.serve(lambda: here.cycle(number)["final"])
        assert here.cycle(number)["state"] == "full"


def test_a_source_called_like_anothers_archive_cannot_be_declared(here):
    here.enroll_agent("pretender")
    with pytest.raises((Closed, Refused)):
        HandAgent(here, "pretender", sources=("mine.data",)).hello()
    assert "mine.data" in here.log() and not here.json("source", "list")["sources"]


def test_an_agent_cannot_speak_for_anothers_job(here):
    mine, other = agent_of(here, "mine"), agent_of(here, "other")
    here.start_cycle()
    order = mine.next_order()
    other.next_order()
    other.result(order["job"], code=5, text="it failed, believe me")
    other.control.wait_closed()
    states = {one["agent"]: one["state"] for one in here.cycle()["sources"]}
    assert states["mine"] == "check", states
    mine.close()
    here.cli("cycle", "cancel")
    here.cli("agent", "revoke", "mine")
    here.cli("agent", "revoke", "other")


def entries(here, *words):
    return here.json("audit", "show", *words)["entries"]


def test_what_was_done_and_refused_is_in_the_audit_log(here):
    here.enroll_operator("audited", "viewer")
    refused(here, "audited", "agent", "add", "evil")
    here.cli("operator", "revoke", "audited")
    newest = [(one["who"], one["verb"], one["result"]) for one in entries(here, "--limit", "4")]
    assert newest == [("root", "OPERATOR_REVOKE", "allowed"), ("audited", "AGENT_ADD", "refused"),
                      ("audited", "ENROLL", "allowed"), ("root", "OPERATOR_ADD", "allowed")]
    refusal = entries(here, "--limit", "2")[1]
    assert refusal["object"] == "evil" and len(refusal["certificate"]) == 64 and "needs admin" in refusal["why"]
    assert "audited" in here.cli("audit", "show", "--since", "1h", operator="admin-1")
    refused(here, "viewer-1", "audit", "show")


def test_an_agent_that_asks_for_more_is_in_the_audit_log(here):
    agent = agent_of(here, "curious")
    with pytest.raises((Refused, Closed)):
        agent.control.ask("FULL_LIST")
    newest = entries(here, "--limit", "1")[0]
    assert (newest["who"], newest["role"], newest["verb"], newest["result"]) == ("curious", "agent", "FULL_LIST", "refused")
    here.cli("agent", "revoke", "curious")


def test_the_audit_log_is_whole_over_restarts_and_says_when_it_was_cut(here):
    assert here.json("audit", "verify")["whole"]
    here.stop()
    offline = here.result("koffer-controller", "audit", "verify", "--config", here.config)
    assert offline.returncode == 0 and "whole" in offline.stdout, offline
    files = sorted((here.state / "audit").glob("*.log"))
    whole = files[-1].read_bytes()
    files[-1].write_bytes(whole[:-400])                  # the newest records are gone
    offline = here.result("koffer-controller", "audit", "verify", "--config", here.config)
    assert offline.returncode == 1 and "first break" in offline.stdout, offline
    here.start()
    assert "audit log was cut" in here.cli("status")
    report = here.try_cli("--json", "audit", "verify")
    assert report.returncode == 1 and '"whole": false' in report.stdout
    here.stop()
    for one in (here.state / "audit").glob("*"):
        one.unlink()
    files[-1].write_bytes(whole)                         # put back as it was
    here.start()
    assert "audit log was cut" in here.cli("status"), "the catalogue knows the CUT's head"


@pytest.fixture
def small_disk(programs):
    """A controller whose audit log lies on a file system of 64 KiB."""
    with Loopback(programs) as running:
        folder = running.state / "audit"
        running.stop()
        for one in folder.glob("*"):
            one.unlink()
        (running.state / "catalogue.db").unlink()            # it knows the head of the log that is gone
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", folder], check=True)
        try:
            running.start()
            yield running
        finally:
            running.stop()
            subprocess.run(["umount", folder], check=True)


def test_without_room_for_the_audit_log_nothing_weighty_is_done(small_disk):
    filler = small_disk.state / "audit/filler"
    small_disk.enroll_operator("before", "viewer")
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * 512):
            pass
    # The log's last page has room for some records yet.
    for role in itertools.islice(itertools.cycle(["restore", "operator"]), 40):
        done = small_disk.try_cli("operator", "role", "before", role)
        if done.returncode != 0:
            break
        acknowledged = role
    assert done.returncode != 0 and "make room" in done.stderr, done
    assert small_disk.json("operator", "list")["operators"][0]["role"] == acknowledged
    assert small_disk.try_cli("operator", "add", "after", "--role", "admin").returncode != 0
    assert "loopback" in small_disk.cli("status")            # looking is not refused
    filler.unlink()
    small_disk.cli("operator", "role", "before", "admin")
    assert small_disk.json("audit", "verify")["whole"]
