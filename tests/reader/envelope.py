"""Envelopes: old fulls opened to new recipients (docs/formats/envelope.md).

    envelope = Envelope(data)           # decoded, its signature checked
    envelope.roots[root]                # -> (enc, sealed)
"""
from cursor import Cursor, ascending
from keys import sha256
from record import NUMBER_MAX, SOURCES_MAX, signed


class Envelope:
    def __init__(self, data):
        cursor = Cursor(data, "envelope")
        self.hash = sha256(data)
        cursor.magic(b"KFEV")
        cursor.known(cursor.u16(), (1,), "version")
        cursor.zero(2)
        self.vault, self.number, self.full = cursor.take(16), cursor.u64(), cursor.id()
        cursor.what = f"envelope of full {self.number}"
        cursor.need(1 <= self.number <= NUMBER_MAX, "a number out of bounds")
        self.made, self.recipient = cursor.i64(), cursor.id()
        count = cursor.u16()
        cursor.need(1 <= count <= SOURCES_MAX, f"{count} roots")
        roots = [(cursor.id(), (cursor.take(32), cursor.take(48))) for _ in range(count)]
        cursor.need(ascending([root for root, _ in roots]), "its roots do not ascend")
        self.roots = dict(roots)
        self.signer = signed(cursor, b"koffer/1/envelope")
