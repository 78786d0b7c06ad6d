"""Keys: the paper form, HKDF, HPKE, signatures (docs/formats/keys.md; RFC 5869, RFC 9180).

    key = RecoveryKey.from_paper("KFR1-...")
    root_key = key.unseal(enc, sealed, info)
    check_signature(public, context, message, signature, "what")
"""
import hashlib
import hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from cursor import Corrupt, Unsupported

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
READ_AS = {**{letter: number for number, letter in enumerate(ALPHABET)}, "O": 0, "I": 1, "L": 1}
PREFIX = "KFR1"


def sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def hkdf_expand(prk, info, size):
    return HKDFExpand(hashes.SHA256(), size, info).derive(prk)


def base32_decode(text):
    """Crockford's; dashes and white space do not count, the filling bits are zero."""
    value, bits = 0, 0
    for letter in text.upper():
        if letter in "- \t\r\n":
            continue
        if letter not in READ_AS:
            raise Corrupt(f"{letter!r} is no character of base 32")
        value, bits = value << 5 | READ_AS[letter], bits + 5
    spare = bits % 8
    if spare >= 5 or value & ((1 << spare) - 1):
        raise Corrupt("base 32: its last character says more than the bytes need")
    return (value >> spare).to_bytes(bits // 8, "big")


class RecoveryKey:
    """The X25519 key that opens the roots of fulls."""

    def __init__(self, private):
        self.private = X25519PrivateKey.from_private_bytes(private)
        self.public = raw(self.private.public_key())
        self.fingerprint = sha256(self.public)

    @classmethod
    def from_paper(cls, text):
        text = text.strip()
        if text[:4].upper().replace("I", "1").replace("L", "1") != PREFIX:
            raise Corrupt(f"a recovery key begins with {PREFIX}")
        data = base32_decode(text[4:])
        if len(data) != 37:
            raise Corrupt(f"a recovery key has 37 bytes and this one {len(data)}")
        if sha256(data[:33])[:4] != data[33:]:
            raise Corrupt("recovery key: its check is wrong; a character was misread")
        if data[0] != 1:
            raise Unsupported(f"recovery key: unknown version {data[0]}")
        return cls(data[1:33])

    def unseal(self, enc, sealed, info):
        return hpke_open(self.private, enc, sealed, info)


def raw(public):
    return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


# ---- HPKE, base mode, the first and only message of its context

KEM = b"KEM" + bytes.fromhex("0020")
HPKE = b"HPKE" + bytes.fromhex("0020 0001 0002")


def _extract(salt, suite, label, ikm):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def _expand(prk, suite, label, info, size):
    return hkdf_expand(prk, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, size)


def hpke_open(private, enc, sealed, info):
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(enc))
    except ValueError:
        raise Corrupt("HPKE: the encapsulated key is no point of use") from None
    prk = _extract(b"", KEM, b"eae_prk", shared)
    secret = _expand(prk, KEM, b"shared_secret", enc + raw(private.public_key()), 32)
    context = b"\0" + _extract(b"", HPKE, b"psk_id_hash", b"") + _extract(b"", HPKE, b"info_hash", info)
    secret = _extract(secret, HPKE, b"secret", b"")
    key, nonce = _expand(secret, HPKE, b"key", context, 32), _expand(secret, HPKE, b"base_nonce", context, 12)
    return gcm_open(key, nonce, sealed, None, "HPKE")


def gcm_open(key, nonce, sealed, aad, what):
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        raise Corrupt(f"{what}: the key does not open it") from None


# ---- signatures

def check_signature(public, context, message, signature, what):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, context + sha256(message))
    except (InvalidSignature, ValueError):
        raise Corrupt(f"{what}: its signature is wrong") from None
