"""An agent written by hand, with the keys of a real one: does what it is told, until a test tells it otherwise.

    agent = HandAgent(here, "mail1")                      # here: loopback.Loopback, where mail1 has enrolled
    agent.hello()
    number = here.start_cycle()
    agent.serve(lambda: here.cycle(number)["final"])      # answers orders until that is so
    agent.on["SEAL"] = lambda order: {...}                # -> fields of StepResult: what it says instead

Its archive is one blob without a meaning: the vault looks at hashes and clear headers only, and has no key to look further.
"""
import hashlib
import hmac
import struct
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from peer import Control, Data, Identity, schema, varint

VERBS = {number: name.removeprefix("STEP_") for name, number in schema.enums["StepVerb"].items()}


def blob(seed, children=()):
    """-> (name, bytes): docs/formats/blob.md, with a body that no key opens."""
    body = hashlib.sha256(repr(seed).encode()).digest() * 4
    data = b"KFB1" + bytes([1, 2 if children else 1, 0, 0]) + b"a test's domain\0" + struct.pack("<QQII", len(body), len(body),
                                                                                             len(children), 0)
    data += b"".join(sorted(children)) + body + bytes(16)
    return hashlib.sha256(data).digest(), data


def private(path):
    return serialization.load_pem_private_key(path.read_bytes(), None)


def raw_public(key):
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def hpke_seal(public, secret, info):
    """RFC 9180, base mode, X25519, HKDF-SHA256, AES-256-GCM -> enc, ciphertext: docs/formats/record.md."""
    kem, suite = b"KEM\0\x20", b"HPKE\0\x20\0\1\0\2"

    def extract(salt, suite_id, label, ikm):
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite_id + label + ikm, "sha256")

    def expand(prk, suite_id, label, context, size):
        return HKDFExpand(SHA256(), size, struct.pack(">H", size) + b"HPKE-v1" + suite_id + label + context).derive(prk)

    ephemeral = X25519PrivateKey.generate()
    enc = raw_public(ephemeral)
    shared = expand(extract(b"", kem, b"eae_prk", ephemeral.exchange(X25519PublicKey.from_public_bytes(public))), kem,
                    b"shared_secret", enc + public, 32)
    context = b"\0" + extract(b"", suite, b"psk_id_hash", b"") + extract(b"", suite, b"info_hash", info)
    key_of = extract(shared, suite, b"secret", b"")
    key, nonce = expand(key_of, suite, b"key", context, 32), expand(key_of, suite, b"base_nonce", context, 12)
    return enc, AESGCM(key).encrypt(nonce, secret, None)


def archive_record(vault, host, source, cycle, sequence, previous, root, signer, recipients, kind="files", started=None,
                   finished=None, counts=(1, 1, 0, 100, 0, 0, 0), state=1, cut=None, facts=()):
    """docs/formats/record.md; of version 1 when it has no cut: (from, until).  The root's key is nonsense, but sealed as it should be: a restore comes as far as the root."""
    now = time.time_ns()
    text = b"".join(varint(len(one)) + one for one in (host.encode(), source.encode(), kind.encode()))
    data = b"KFAR" + struct.pack("<HH", 2 if cut else 1, 0) + vault + text + struct.pack("<QQ", cycle, sequence) + previous
    data += struct.pack("<qq", now if started is None else started, now if finished is None else finished)
    data += struct.pack("<qq", *cut) if cut else b""
    data += struct.pack("<B7Q", state, *counts) + b"a test's domain\0" + root
    if cut:
        data += struct.pack("<H", len(facts)) + b"".join(varint(len(text.encode())) + text.encode()
                                                        for fact in facts for text in fact)
    data += struct.pack("<H", len(recipients))
    info = b"koffer/1/root" + vault + root
    data += b"".join(hashlib.sha256(key).digest() + b"".join(hpke_seal(key, bytes(32), info)) for key in recipients)
    data += raw_public(signer)
    return data + signer.sign(b"koffer/1/archive" + hashlib.sha256(data).digest())


class HandAgent:
    def __init__(self, here, name, sources=("data",), identity=None):
        self.here, self.name, self.sources = here, name, sources
        self.identity = identity or Identity.of_agent(here.agent(name))
        self.signing = private(here.secrets(name) / "keys/signing.key")
        self.control = Control.dial(here.control, self.identity)
        self.on, self.orders = {}, []
        self.clock = 0  # ahead of the machine's, in ns
        self.root, self.blob = blob(name)

    def close(self):
        self.control.close()

    def hello(self, jobs=(), **more):
        sources = [{"name": name, "kind": "files", "required": True} for name in self.sources]
        self.welcome = self.control.ask("AGENT_HELLO", {"protocol_min": 1, "protocol_max": 1, "version": "by hand", "system": "",
                                                        "clock": time.time_ns(), "session": 1, "sources": sources,
                                                        "jobs": list(jobs), **more})
        return self

    # ---- orders

    def next_order(self):
        while True:
            frame = self.control.receive()
            if frame.name == "STEP":
                self.control.answer(frame)
                return frame.message("StepOrder")
            if frame.name == "CLOCK":
                now = time.time_ns() + self.clock
                self.control.answer(frame, {"received": now, "sent": now}, "ClockReading")
            if frame.name == "STEP_CANCEL":
                job = frame.message("JobRef")["job"]
                self.result(job, code=2, text="cancelled")

    def result(self, job, **fields):
        return self.control.send("STEP_RESULT", {"job": job, "code": 0, **fields})

    def obey(self, order):
        self.orders.append(order)
        verb = VERBS[order["verb"]]
        self.result(order["job"], **self.on.get(verb, getattr(self, verb.lower()))(order))

    def serve(self, done, seconds=30):
        """Orders until done() is true."""
        end = time.monotonic() + seconds
        self.control.socket.settimeout(0.2)
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name}: not done after {seconds} s")
            try:
                self.obey(self.next_order())
            except TimeoutError:
                continue
        self.control.socket.settimeout(10)

    # ---- what a good agent does

    def check(self, _):
        return {}

    def ready(self, _):
        return {}

    def cut(self, _):
        return {}

    def capture(self, order):
        with Data.dial(self.here.data, self.identity) as data:
            data.hello(order["job"], order["token"])
            if not data.have([self.root])[0]:
                data.put(self.root, self.blob)
            data.finish()
        return {"root_id": self.root, "totals": {"files": 1, "directories": 1, "bytes": 100}}

    def record(self, order, **other):
        fields = {"vault": self.welcome["vault_id"], "host": self.name, "source": order["source"], "cycle": order["cycle"],
                  "sequence": order["sequence"], "previous": order["previous"], "root": self.root, "signer": self.signing,
                  "recipients": self.welcome["recipients"]}
        return archive_record(**{**fields, **other})

    def seal(self, order):
        self.sealed = self.record(order)
        return {"record": self.sealed}

    def release(self, _):
        return {}
