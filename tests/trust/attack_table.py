"""Verbs and identities: the whole table of docs/architecture/authority.md live, and certificates that do not count."""
import pathlib
import re
import socket
import ssl
import subprocess

from attack_world import ATTACKER, VICTIM, Succeeded, stopped
from peer import CONTROL_HEADER, Closed, Control, Data, Identity, Refused, schema

ROOT = pathlib.Path(__file__).resolve().parents[2]

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
    object_of = {"RESTORE_FILES": 1, "JOB_STATUS": 1, "JOB_CANCEL": 1, "CERTIFICATE_RENEW": 0}.get(verb, 2)
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
