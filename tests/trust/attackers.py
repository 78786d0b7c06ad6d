#!/usr/bin/python3
"""Attacker drills: with the real keys of one compromised party, everything that the party must not be able to do.

A case is one attack.  It is stopped when it was refused, or detected by what an administrator looks at (status, verify, the audit log,
the cycle's state); else it is a violation.  The world's fulls, peers and roles must be the same after every case.
Parties: the network, an agent, another agent's neighbour, an operator of each role, the controller, the vault's storage.
docs/architecture/authority.md has the table that the first group goes through.
"""
import hashlib
import os
import pathlib
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from campaign import Campaign  # noqa: E402  (it finds tests/support)

from hand_agent import HandAgent, blob, private, raw_public  # noqa: E402
from loopback import Loopback  # noqa: E402
from peer import CONTROL_HEADER, Closed, Control, Data, Identity, Refused, dial, schema  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROLES = ("viewer", "operator", "restore", "admin")
VICTIM, ATTACKER = "mail1", "web1"


class Succeeded(Exception):
    """The attack did."""


# ---- the world

class World:
    def __init__(self):
        self.here = Loopback()
        self.here.__enter__()
        for name in (VICTIM, ATTACKER):
            self.here.enroll_agent(name)
        for role in ROLES:
            self.here.enroll_operator(f"op-{role}", role)
        self.connect()
        self.cycle()
        self.cycle()
        self.last_record = {name: agent.sealed for name, agent in self.agents.items()}
        self.before = self.snapshot()

    def close(self):
        self.here.__exit__()

    def connect(self):
        self.agents = {name: HandAgent(self.here, name).hello() for name in (VICTIM, ATTACKER)}

    def again(self):
        """Both agents as they are meant to be, whatever an attack did to their connections."""
        for agent in self.agents.values():
            agent.close()
        self.connect()

    def agent(self, name):
        return self.agents[name]

    def identity(self, name):
        return Identity.of_agent(self.here.agent(name))

    def serve(self, number, seconds=30):
        """Both agents at once, until the cycle is over."""
        end = time.monotonic() + seconds
        for agent in self.agents.values():
            agent.control.socket.settimeout(0.02)
        while not self.here.cycle(number)["final"]:
            if time.monotonic() > end:
                raise TimeoutError(f"cycle {number} is not over after {seconds} s")
            for agent in self.agents.values():
                try:
                    agent.obey(agent.next_order())
                except (TimeoutError, Closed, Refused):
                    continue
        for agent in self.agents.values():
            agent.control.socket.settimeout(10)
        return self.here.cycle(number)

    def cycle(self):
        done = self.serve(self.here.start_cycle())
        if done["state"] != "full":
            raise RuntimeError(f"a good cycle became {done['state']}: {done['problem']} {done['sources']}")
        return done

    def order(self, name, verb):
        """The next order of that verb in a new cycle: CHECK, or CAPTURE, for which both agents have checked."""
        self.here.start_cycle()
        if verb == "CAPTURE":
            for agent in self.agents.values():
                agent.obey(agent.next_order())
        return self.agent(name).next_order()

    def snapshot(self):
        """What no refused attack may change."""
        h = self.here
        fulls = [(f["full"], f["state"], f["record"]) for f in h.json("full", "list", "--all")["fulls"]]
        agents = [(a["name"], a["signing_key"]) for a in h.json("agent", "list")["agents"] if a["signing_key"]]
        operators = [(o["name"], o["role"]) for o in h.json("operator", "list")["operators"] if o["enrolled"]]
        sources = [(s["agent"], s["source"]["name"]) for s in h.json("source", "list")["sources"]]
        return {"fulls": fulls, "agents": agents, "operators": operators, "sources": sources}

    def settle(self):
        """No cycle runs."""
        if self.here.json("status")["running_cycle"]:
            self.here.try_cli("cycle", "cancel")
            self.again()
            self.serve(0, 70)


def stopped(attack, *accepted):
    """Runs it; what stopped it, in words."""
    try:
        result = attack()
    except Refused as refusal:
        if accepted and refusal.code not in accepted:
            raise Succeeded(f"refused for another reason: {refusal.code}: {refusal}") from None
        return f"refused ({refusal.code})"
    except Closed:
        return "refused (connection closed)"
    raise Succeeded(f"it was answered: {str(result)[:200]}")


# ---- the whole table, live

def the_table():
    page = (ROOT / "docs/architecture/authority.md").read_text()
    for verb, *cells in re.findall(r"^\| request \| (\w+) \| (.*?) \| (.*?) \| (.*?) \|$", page, re.M):
        yield verb, [cell.split(", ") if cell != "–" else [] for cell in cells]


GHOST = {"NameRequest": {"name": "ghost", "role": "viewer"}, "FullRef": {"full": 999}, "CycleRef": {"cycle": 999},
         "CycleStart": {"sources": ["ghost.none"]}, "JobRef": {"job": 999}, "ListRequest": {"limit": 1},
         "LsRequest": {"full": 999, "source": "ghost"}, "CatRequest": {"full": 999, "source": "ghost"}, "AuditRequest": {"limit": 1},
         "RestoreRequest": {"full": 999, "source": "ghost", "agent": "ghost", "target": "/nowhere"}}


def ask_ghost(control, verb, **more):
    """The request about something that does not exist: who may ask gets another answer than "denied"."""
    kind = schema.requests.get(verb, "")
    values = {**GHOST.get(kind, {}), **more}
    return control.ask(verb, values, message=kind) if values else control.ask(verb)


def role_on_verb(world, role, verb, cells):
    me = Identity.of_operator(world.here.operator(f"op-{role}"))
    object_of = {"RESTORE_FILES": 1, "JOB_STATUS": 1, "JOB_CANCEL": 1}.get(verb, 2)
    allowed = role in cells[object_of]
    with Control.dial(world.here.control, me) as control:
        try:
            ask_ghost(control, verb)
            code = "ok"
        except Refused as refusal:
            code = refusal.code
    if (code != "denied") != allowed:
        raise Succeeded(f"{role} asked {verb} and got {code}; the table says {'yes' if allowed else 'no'}")
    return "refused (denied)" if not allowed else "allowed, as the table says"


def agent_on_verb(world, verb):
    def attack():
        with Control.dial(world.here.control, world.identity(ATTACKER)) as control:
            return ask_ghost(control, verb)
    words = stopped(attack, "denied")
    return words


def agent_on_number(world, number):
    def attack():
        with Control.dial(world.here.control, world.identity(ATTACKER)) as control:
            return control.ask(number, body=b"\x0a\x05ghost")
    return stopped(attack)


# ---- the network, and certificates that do not count

def own_ca(world, name):
    """A CA of our own, and a certificate with a good name in it."""
    folder = world.here.top / "own-ca"
    folder.mkdir(exist_ok=True)
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj",
                    f"/CN={name}", "-addext", f"subjectAltName=URI:koffer://agent/{name}", "-addext",
                    "extendedKeyUsage=clientAuth"], check=True, capture_output=True)
    return Identity(ca=str(world.here.state / "ca.pem"), certificate=str(cert), key=str(key))


def hello_as(world, identity, address=None):
    def attack():
        with Control.dial(address or world.here.control, identity) as control:
            return control.ask("AGENT_HELLO", {"protocol_min": 1, "protocol_max": 1})
    return stopped(attack)


def nobody_connects(world):
    return hello_as(world, Identity(ca=str(world.here.state / "ca.pem")))


def another_ca_connects(world):
    return hello_as(world, own_ca(world, VICTIM))


def the_controllers_own_certificate_as_a_client(world):
    state = world.here.state
    return hello_as(world, Identity(str(state / "ca.pem"), str(state / "controller.pem"), str(state / "keys/tls.key")))


def an_older_tls(world):
    context = world.identity(ATTACKER).context()
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2

    def attack():
        with socket.create_connection(world.here.control, 10) as plain, context.wrap_socket(plain) as tls:
            tls.sendall(CONTROL_HEADER.pack(1, 0, 1, 0, 0))
            if not (data := tls.recv(1)):
                raise Closed("")
            return data
    try:
        return stopped(attack)
    except (ssl.SSLError, ConnectionError):
        return "refused (handshake)"


def no_tls_at_all(world):
    def attack():
        with socket.create_connection(world.here.control, 10) as plain:
            plain.settimeout(15)
            plain.sendall(CONTROL_HEADER.pack(1, 0, schema.types["STATUS"], 0, 1))
            data = plain.recv(4096)
            if not data or data[:1] == b"\x15":  # a TLS alert
                raise Closed("")
            return data
    return stopped(attack)


def data_without_certificate(world):
    def attack():
        with Data.dial(world.here.data, Identity(ca=str(world.here.state / "ca.pem"))) as data:
            return data.hello(1, bytes(32))
    return stopped(attack)


def an_operators_certificate_on_the_data_port(world):
    order = world.order(ATTACKER, "CAPTURE")

    def attack():
        with Data.dial(world.here.data, Identity.of_operator(world.here.operator("op-admin"))) as data:
            return data.hello(order["job"], order["token"])
    return stopped(attack, "denied")


def a_token_is_used_twice_to_enrol(world):
    token = world.here.enroll_agent("twice")
    thief = world.here.configure_agent("thief")
    done = world.here.result("koffer-agent", "enroll", "--config", thief, input=token + "\n")
    world.here.cli("agent", "revoke", "twice")
    if done.returncode == 0:
        raise Succeeded("a second host enrolled with the same token")
    return "refused (token is used)"


# ---- an operator's certificate as an agent

def operator_as_agent(world, role, verb):
    me = Identity.of_operator(world.here.operator(f"op-{role}"))

    def attack():
        with Control.dial(world.here.control, me) as control:
            return control.ask(verb, {"AGENT_HELLO": {"protocol_min": 1, "protocol_max": 1}, "STEP_RESULT": {"job": 1},
                                      "STEP_PROGRESS": {"job": 1}}.get(verb, {}) or None)
    return stopped(attack, "denied")


# ---- data streams of a compromised agent

def stream_of(world, job, token, name=ATTACKER):
    data = Data.dial(world.here.data, world.identity(name))
    data.hello(job, token)
    return data


def a_guessed_token(world):
    order = world.order(ATTACKER, "CAPTURE")
    return stopped(lambda: stream_of(world, order["job"], bytes(32)), "denied")


def anothers_token(world):
    order = world.order(VICTIM, "CAPTURE")
    return stopped(lambda: stream_of(world, order["job"], order["token"]), "denied")


def a_token_used_twice(world):
    order = world.order(ATTACKER, "CAPTURE")
    with stream_of(world, order["job"], order["token"]):
        return stopped(lambda: stream_of(world, order["job"], order["token"]), "denied")


def a_token_of_a_job_that_is_over(world):
    order = world.order(ATTACKER, "CAPTURE")
    world.here.cli("cycle", "cancel")
    world.agent(ATTACKER).result(order["job"], code=2, text="cancelled")
    world.serve(0)
    return stopped(lambda: stream_of(world, order["job"], order["token"]), "denied")


def reading_in_a_capture(world):
    order = world.order(ATTACKER, "CAPTURE")
    with stream_of(world, order["job"], order["token"]) as data:
        return stopped(lambda: data.get(world.agent(ATTACKER).root), "denied")


def reading_anothers_in_a_capture(world):
    order = world.order(ATTACKER, "CAPTURE")
    with stream_of(world, order["job"], order["token"]) as data:
        return stopped(lambda: data.get(world.agent(VICTIM).root), "denied")


def unknown_data_frame(world, number):
    order = world.order(ATTACKER, "CAPTURE")
    with stream_of(world, order["job"], order["token"]) as data:
        def attack():
            data.send(number, b"x" * 32)
            return data.receive()
        return stopped(attack)


def poisoning(world):
    """Other bytes under the name of a blob that the victim believes stored."""
    order = world.order(ATTACKER, "CAPTURE")
    root = world.agent(VICTIM).root
    with stream_of(world, order["job"], order["token"]) as data:
        def attack():
            data.put(root, blob("poison")[1])
            return data.finish()
        words = stopped(attack)
    verify_is_whole(world)
    return words


def overwriting(world):
    """A blob of one's own again, with another body: it has another name, so nothing is overwritten."""
    order = world.order(ATTACKER, "CAPTURE")
    name, data_of = world.agent(ATTACKER).root, bytearray(world.agent(ATTACKER).blob)
    data_of[-1] ^= 1
    with stream_of(world, order["job"], order["token"]) as data:
        def attack():
            data.put(name, bytes(data_of))
            return data.finish()
        words = stopped(attack)
    verify_is_whole(world)
    return words


def restore_order(world):
    """A restore through the attacker, of its own archive: the order with its token."""
    agent = world.agent(ATTACKER)
    asked = world.here.json("full", "list")["fulls"][0]["full"]
    with Control.local(world.here.top / "run/control") as root:
        job = root.ask("RESTORE_FILES", {"full": asked, "source": f"{ATTACKER}.data", "agent": ATTACKER, "path": "",
                                         "target": str(world.here.top / "restored")})["job"]
    return agent.next_order(), job


def in_a_restore(world, attack):
    order, job = restore_order(world)
    try:
        with stream_of(world, order["job"], order["token"]) as data:
            data.get(world.agent(ATTACKER).root)  # what was ordered is served
            return stopped(lambda: attack(data), "denied")
    finally:
        world.agent(ATTACKER).result(order["job"], code=2, text="over")


def fetching_anothers_blob_in_a_restore(world):
    return in_a_restore(world, lambda data: data.get(world.agent(VICTIM).root))


def writing_in_a_restore(world):
    def attack(data):
        data.put(*blob("new"))
        return data.finish()
    return in_a_restore(world, attack)


def asking_in_a_restore(world):
    return in_a_restore(world, lambda data: data.have([world.agent(VICTIM).root]))


# ---- records of a compromised agent

def lying_record(world, expected_words, **lie):
    """A cycle in which the attacker signs something else than it was asked for."""
    agent, number = world.agent(ATTACKER), world.here.start_cycle()
    if callable(lie.get("root")):
        lie["root"] = lie["root"](world)
    agent.on["SEAL"] = lambda order: {"record": agent.record(order, **{key: value(world, order) if callable(value) else value
                                                                      for key, value in lie.items()})}
    return judge_cycle(world, number, expected_words)


def judge_cycle(world, number, expected_words):
    done = world.serve(number)
    own = next(s for s in done["sources"] if s["agent"] == ATTACKER)
    other = next(s for s in done["sources"] if s["agent"] == VICTIM)
    if done["state"] == "full":
        raise Succeeded(f"the cycle became a full: {own}")
    if expected_words not in own["problem"] + done["problem"]:
        raise Succeeded(f"ended otherwise: {own['problem']!r} {done['problem']!r}")
    kept = "; the other host's archive was kept" if other["state"] == "done" else ""
    return f"detected (cycle {done['state']}{kept})"


def spliced_record(world):
    """The victim's own record of the last full, handed in by the attacker."""
    number = world.here.start_cycle()
    world.agent(ATTACKER).on["SEAL"] = lambda order: {"record": world.last_record[VICTIM]}
    return judge_cycle(world, number, "not the one that was asked for")


def replayed_record(world):
    number = world.here.start_cycle()
    world.agent(ATTACKER).on["SEAL"] = lambda order: {"record": world.last_record[ATTACKER]}
    return judge_cycle(world, number, "not the one that was asked for")


def a_root_that_was_never_uploaded(world):
    number = world.here.start_cycle()
    agent = world.agent(ATTACKER)
    agent.on["SEAL"] = lambda order: {"record": agent.record(order, root=blob("never sent")[0])}
    done = world.serve(number)
    if done["state"] in ("full", "incomplete"):
        raise Succeeded(f"committed with a missing root: {done['state']}")
    return "refused (the commit)"


def times_of_its_own(world, offset_years):
    """The forget attack: a capture that claims another time must not push others out, or be newer than it is."""
    agent, number = world.agent(ATTACKER), world.here.start_cycle()
    shift = offset_years * 365 * 86400 * 10**9
    agent.on["SEAL"] = lambda order: {"record": agent.record(order, started=time.time_ns() + shift,
                                                             finished=time.time_ns() + shift)}
    done = world.serve(number)
    if done["state"] != "full":
        return f"detected (cycle {done['state']})"
    newest = world.here.json("full", "list")["fulls"][0]
    sealed = newest["sealed"][:4]
    if newest["full"] != number or sealed != time.strftime("%Y", time.gmtime()):
        raise Succeeded(f"the agent's time counts: {newest}")
    world.before = world.snapshot()
    return "without effect (the controller's number and time order fulls)"


def shrunken_archive(world):
    agent, number = world.agent(ATTACKER), world.here.start_cycle()
    agent.on["CAPTURE"] = lambda order: {**agent.capture(order), "totals": {"files": 1, "bytes": 1}}
    done = world.serve(number)
    own = next(s for s in done["sources"] if s["agent"] == ATTACKER)
    world.before = world.snapshot()
    if not any(w.startswith("suspect") for w in own["warnings"]):
        raise Succeeded(f"an archive of a hundredth of its size is not suspected: {own}")
    return "detected (suspect)"


# ---- an agent against other agents

def result_for_anothers_job(world):
    order = world.order(VICTIM, "CHECK")
    agent = world.agent(ATTACKER)
    agent.result(order["job"], code=11, text="the disk is broken, believe me")
    agent.control.wait_closed()
    state = next(s["state"] for s in world.here.cycle()["sources"] if s["agent"] == VICTIM)
    if state != "check":
        raise Succeeded(f"the victim's source is {state}")
    return "refused (connection closed)"


def hello_with_anothers_jobs(world):
    order = world.order(VICTIM, "CHECK")
    world.agent(ATTACKER).hello(jobs=[order["job"]])
    world.agent(ATTACKER).control.send("STEP_PROGRESS", {"job": order["job"], "phase": "mine now"})
    world.agent(ATTACKER).control.wait_closed()
    state = next(s["state"] for s in world.here.cycle()["sources"] if s["agent"] == VICTIM)
    if state != "check":
        raise Succeeded(f"the victim's source is {state}")
    return "refused (connection closed)"


def a_hello_that_is_replayed(world):
    """The same words once more, on another connection: they say nothing about who speaks."""
    sources = [{"name": "data", "kind": "files", "required": True}]
    hello = schema.encode("AgentHello", {"protocol_min": 1, "protocol_max": 1, "session": 1, "sources": sources})
    with Control.dial(world.here.control, world.identity(ATTACKER)) as control:
        control.ask("AGENT_HELLO", body=hello)
        if world.here.json("agent", "list")["agents"][0]["name"] != VICTIM:
            raise RuntimeError("the list is ordered otherwise")
        world.agent(VICTIM).hello()  # the victim's connection is untouched
    return "without effect (who speaks is what the certificate says)"


def standing_in_the_way(world):
    """The attacker never answers; the others' archives are committed all the same, and the cycle says what is missing."""
    agent, number = world.agent(ATTACKER), world.here.start_cycle()
    agent.on["CAPTURE"] = lambda order: {"code": 11, "text": "no"}
    done = world.serve(number)
    states = {s["agent"]: s["state"] for s in done["sources"]}
    if states[VICTIM] != "done" or done["state"] == "full":
        raise Succeeded(f"{done['state']}: {states}")
    return "detected (cycle incomplete; the other host's archive was kept)"


def ten_thousand_sources(world):
    sources = [{"name": f"s{n}", "kind": "files"} for n in range(3000)]
    agent = world.agent(ATTACKER)
    agent.control.send("AGENT_SOURCES", {"sources": sources})
    agent.control.wait_closed()
    return "refused (connection closed)"


# ---- the vault's storage

def verify_is_whole(world):
    done = world.here.try_cli("vault", "verify")
    if done.returncode != 0:
        raise Succeeded(f"the vault is damaged: {done.stdout}{done.stderr}")


def with_vault(world, attack, look):
    """Stops the controller, changes the vault behind its back, starts it, looks, and puts everything back."""
    here = world.here
    for agent in world.agents.values():
        agent.close()
    here.stop()
    kept = here.top / "kept"
    for part in ("vault", "state"):
        shutil.copytree(here.top / part, kept / part, symlinks=True)
    try:
        attack(here.vault)
        here.start()
        return look()
    finally:
        here.stop()
        for part in ("vault", "state"):
            shutil.rmtree(here.top / part)
            shutil.copytree(kept / part, here.top / part, symlinks=True)
        shutil.rmtree(kept)
        here.start()
        world.connect()


def packs(vault):
    return sorted(p for p in (vault / "packs").rglob("*") if p.is_file())


def records(vault):
    return sorted((vault / "fulls").glob("*.full"))


def found_by_verify(world):
    done = world.here.try_cli("vault", "verify")
    if done.returncode == 0:
        raise Succeeded("vault verify found nothing")
    return "detected (vault verify)"


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.chmod(0o600)
    path.write_bytes(data)


def storage_changes_a_pack(world):
    return with_vault(world, lambda vault: flip(packs(vault)[0]), lambda: found_by_verify(world))


def storage_deletes_a_pack(world):
    return with_vault(world, lambda vault: packs(vault)[0].unlink(), lambda: found_by_verify(world))


def storage_changes_a_record(world):
    return with_vault(world, lambda vault: flip(records(vault)[-1]), lambda: found_by_verify(world))


def storage_swaps_two_records(world):
    def attack(vault):
        one, two = records(vault)[:2]
        one_bytes, two_bytes = one.read_bytes(), two.read_bytes()
        for path, data in ((one, two_bytes), (two, one_bytes)):
            path.chmod(0o600)
            path.write_bytes(data)
    return with_vault(world, attack, lambda: found_by_verify(world))


def said_by_status(world, words):
    status = world.here.cli("status")
    if words not in status:
        raise Succeeded(f"status says nothing of it: {status}")
    if not any(words in e["why"] for e in world.here.json("audit", "show", "--limit", "50")["entries"]):
        raise Succeeded("the audit log does not keep it")
    return "detected (status, audit log)"


def storage_sets_the_vault_back(world):
    """The newest full record goes, as when an old copy of the directory is put back."""
    return with_vault(world, lambda vault: records(vault)[-1].unlink(),
                      lambda: said_by_status(world, "not in the vault any more"))


def forged_full(number, previous, vault_id, archives, signer):
    now = time.time_ns()
    data = b"KFFR" + struct.pack("<HH", 1, 0) + vault_id + struct.pack("<Q", number) + previous
    data += struct.pack("<qqBqH", now, now, 1, -1, len(archives))
    data += b"".join(struct.pack("<I", len(a)) + a for a in archives) + struct.pack("<H", 0) + raw_public(signer)
    return data + signer.sign(b"koffer/1/full" + hashlib.sha256(data).digest())


def storage_forges_a_full(world):
    """A record of its own, well-formed and signed, by a key of its own; with the victim's signed archive in it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    def attack(vault):
        newest = records(vault)[-1]
        data = newest.read_bytes()
        number = int(newest.name[:10]) + 1
        agent = world.agents[VICTIM]
        archive = agent.record({"source": "data", "cycle": number, "sequence": 9, "previous": b"p" * 32})
        forged = forged_full(number, hashlib.sha256(data).digest(), agent.welcome["vault_id"], [archive], Ed25519PrivateKey.generate())
        (vault / "fulls" / f"{number:010}-{hashlib.sha256(forged).hexdigest()}.full").write_bytes(forged)

    def look():
        words = said_by_status(world, "another key than this controller's")
        if world.snapshot()["fulls"] != world.before["fulls"]:
            raise Succeeded("the forged full is listed")
        return words
    return with_vault(world, attack, look)


# ---- the controller, with its own keys, against a real agent

class FalseController:
    """Listens with the controller's certificate and key, and gives the orders of an attacker."""

    def __init__(self, world):
        state = world.here.state
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(state / "controller.pem", state / "keys/tls.key")
        context.load_verify_locations(state / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        self.context, self.listener = context, socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        self.url = f"tls+tcp://127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self, world):
        plain, _ = self.listener.accept()
        control = Control(self.context.wrap_socket(plain, server_side=True), 20)
        hello = control.receive()
        welcome = world.agents[VICTIM].welcome
        control.answer(hello, {**{k: welcome[k] for k in ("protocol", "version", "vault_id", "vault_epoch", "recipients")},
                               "clock": time.time_ns(), "data_url": self.url}, "Welcome")
        return control


def orders_of_a_false_controller(world):
    """A path outside the restore roots, sources that are not configured, verbs that do not exist: nothing of it is done."""
    here, target = world.here, world.here.top / "planted"
    false = FalseController(world)
    here.enroll_agent("real")
    config = here.agent_config("real")
    config.write_text(config.read_text() + f'controller = "{false.url}"\n')
    log = (here.top / "real.log").open("wb")
    halves = [subprocess.Popen([here.programs / program, "run", "--config", config], stdout=log, stderr=log)
              for program in ("koffer-priv", "koffer-agent")]
    verbs = schema.enums["StepVerb"]
    restore = {"root_id": bytes(32), "root_sealed": bytes(80), "path": "x", "target": str(target)}
    attacks = [
        {"verb": verbs["STEP_RESTORE"], "token": bytes(32), "restore": restore},
        {"verb": verbs["STEP_RESTORE"], "token": bytes(32), "restore": {**restore, "target": f"{here.top}/restored-real/../planted"}},
        {"verb": verbs["STEP_RESTORE"], "token": bytes(32)},
        {"verb": verbs["STEP_CHECK"], "source": "../../etc"},
        {"verb": verbs["STEP_CHECK"], "source": "data; touch " + str(target)},
        {"verb": verbs["STEP_CAPTURE"], "source": "mail"},
        {"verb": verbs["STEP_SEAL"], "source": "data", "sequence": 1, "previous": bytes(32)},
        {"verb": 77, "source": "data"}, {"verb": 0, "source": "data"},
    ]
    try:
        with false.accept(world) as control:
            for job, attack in enumerate(attacks, 1):
                control.send("STEP", {"job": job, "cycle": 1, "deadline_seconds": 5, **attack}, "StepOrder", correlation=job)
            outcome = wait_for_results(control, len(attacks))
            for number in range(23, 40):  # a type that no agent knows is not answered, or with a failure
                control.send(number, body=b"\x0a\x02/x")
    finally:
        for half in halves:
            half.terminate()
            half.wait()
        log.close()
        here.cli("agent", "revoke", "real")
    if target.exists():
        raise Succeeded("something was written outside the restore roots")
    done = [attacks[job - 1] for job, code in outcome.items() if code == 0]
    if done:
        raise Succeeded(f"these were done: {done}")
    return f"refused (all {len(attacks)} by the agent)"


def wait_for_results(control, count):
    """Job -> code, from refusals and results alike."""
    codes = {}
    while len(codes) < count:
        frame = control.receive()
        if frame.name == "STEP" and frame.flags & 2:
            codes[frame.correlation] = frame.message("Failure")["code"]
        elif frame.name == "STEP_RESULT":
            result = frame.message("StepResult")
            codes[result["job"]] = result["code"]
            control.answer(frame)
    return codes


# ---- all of them

def all_drills():
    table = list(the_table())
    agents_own = {"AGENT_HELLO", "AGENT_SOURCES", "STEP_PROGRESS", "STEP_RESULT"}
    for verb, cells in table:
        if verb in agents_own:
            continue
        for role in ROLES:
            yield f"{role} asks {verb}", lambda w, r=role, v=verb, c=cells: role_on_verb(w, r, v, c)
        yield f"agent asks {verb}", lambda w, v=verb: agent_on_verb(w, v)
    known = set(schema.types.values())
    for number in [n for n in range(2, 130) if n not in known] + [65535]:
        yield f"agent sends number {number}", lambda w, n=number: agent_on_number(w, n)
    for verb in sorted(agents_own):
        for role in ROLES:
            yield f"{role} as agent: {verb}", lambda w, r=role, v=verb: operator_as_agent(w, r, v)
    for number in (9, 10, 12, 13, 77, 255):
        yield f"data frame {number}", lambda w, n=number: unknown_data_frame(w, n)
    wrong = "not the one that was asked for"
    for what, words, lie in [
            ("host", wrong, {"host": VICTIM}), ("source", wrong, {"source": "other"}), ("vault", wrong, {"vault": bytes(16)}),
            ("cycle", wrong, {"cycle": lambda w, o: o["cycle"] + 1}), ("sequence", wrong, {"sequence": lambda w, o: o["sequence"] + 1}),
            ("chain", wrong, {"previous": lambda w, o: b"\1" * 32}),
            ("victim's key", "unknown key", {"signer": lambda w, o: w.agent(VICTIM).signing})]:
        yield f"a record with another {what}", lambda w, t=words, k=lie: lying_record(w, t, **k)
    for years in (-10, 10):
        yield f"a capture {years} years off", lambda w, y=years: times_of_its_own(w, y)
    for drill in (nobody_connects, another_ca_connects, the_controllers_own_certificate_as_a_client, an_older_tls, no_tls_at_all,
                  data_without_certificate, an_operators_certificate_on_the_data_port, a_token_is_used_twice_to_enrol,
                  a_guessed_token, anothers_token, a_token_used_twice, a_token_of_a_job_that_is_over, reading_in_a_capture,
                  reading_anothers_in_a_capture, poisoning, overwriting, fetching_anothers_blob_in_a_restore,
                  writing_in_a_restore, asking_in_a_restore, spliced_record, replayed_record, a_root_that_was_never_uploaded,
                  shrunken_archive, result_for_anothers_job, hello_with_anothers_jobs, a_hello_that_is_replayed,
                  standing_in_the_way, ten_thousand_sources, storage_changes_a_pack, storage_deletes_a_pack,
                  storage_changes_a_record, storage_swaps_two_records, storage_sets_the_vault_back, storage_forges_a_full,
                  orders_of_a_false_controller):
        yield drill.__name__.replace("_", " "), drill


def main():
    campaign, drills, world = Campaign(), list(all_drills()), None
    only = os.environ.get("ATTACKERS_ONLY", "")
    told = {}
    try:
        world = World()
        for case in campaign.cases(len(drills)):
            name, drill = drills[case.number]
            if only not in name:
                continue
            try:
                verdict = drill(world)
            except Succeeded as success:
                campaign.violation(f"{name}: {success}")
                verdict = "NOT STOPPED"
            except (Closed, Refused, TimeoutError, RuntimeError) as error:
                campaign.violation(f"{name}: the drill itself failed: {type(error).__name__}: {error}")
                verdict = "NOT DONE"
            if " asks " in name or " sends " in name:  # one request: looked at together
                if case.number % 25:
                    print(f"{name}: {verdict}")
                    told[verdict.split(" (")[0]] = told.get(verdict.split(" (")[0], 0) + 1
                    continue
            for agent in world.agents.values():
                agent.on.clear()
            world.settle()
            world.again()
            after = world.snapshot()
            good = [f for f in after["fulls"] if f[1] == "full"]
            if good != [f for f in world.before["fulls"] if f[1] == "full"] or any(
                    after[k] != world.before[k] for k in ("agents", "operators", "sources")):
                campaign.violation(f"{name}: it left the world changed: {after} instead of {world.before}")
                world.before = after
            print(f"{name}: {verdict}")
            told[verdict.split(" (")[0]] = told.get(verdict.split(" (")[0], 0) + 1
        if not world.here.json("audit", "verify")["whole"]:
            campaign.violation("the audit log is broken after all that")
    finally:
        if world is not None:
            world.close()
    for verdict, count in sorted(told.items()):
        campaign.figure(verdict.replace(" ", "-").replace(",", ""), count)
    campaign.end()


if __name__ == "__main__":
    main()
