"""The vault's storage in other hands, and a false controller with the true controller's keys."""
import hashlib
import shutil
import socket
import ssl
import struct
import subprocess
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attack_world import VICTIM, Succeeded
from hand_agent import raw_public
from peer import Control, schema

# ---- the vault's storage

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
    def attack(vault):
        newest = records(vault)[-1]
        data = newest.read_bytes()
        number = forged_number
        agent = world.agents[VICTIM]
        archive = agent.record({"source": "data", "cycle": number, "sequence": 9, "previous": b"p" * 32})
        forged = forged_full(number, hashlib.sha256(data).digest(), agent.welcome["vault_id"], [archive], Ed25519PrivateKey.generate())
        (vault / "fulls" / f"{number:010}-{hashlib.sha256(forged).hexdigest()}.full").write_bytes(forged)

    def look():
        words = said_by_status(world, "another key than this controller's")
        if forged_number in [full["full"] for full in world.here.json("full", "list", "--all")["fulls"]]:
            raise Succeeded("the forged full is listed")
        return words
    forged_number = int(records(world.here.vault)[-1].name[:10]) + 1
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
