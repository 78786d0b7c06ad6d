"""Archive records and full records (docs/formats/record.md).

    full = Full(data)                   # decoded, its signature and those of its archives checked
    full.archives[0].open_root(key)     # -> node.Reference, by the record alone; vault.open_root() knows envelopes

That a signature is right says nothing about whose it is.
"""
import re

from cursor import Corrupt, Cursor
from keys import check_signature, sha256
from node import Reference

NAME = re.compile(rb"[a-z0-9][a-z0-9._-]{0,63}")
KINDS = (b"ldap", b"imap", b"mariadb", b"files")
RECORD_MAX, SOURCES_MAX, NUMBER_MAX = 4 << 20, 4096, 9_999_999_999
FACTS_MAX, FACTS_SIZE_MAX, UNKNOWN = 64, 4096, -2 ** 63
COUNTS = ("files", "directories", "others", "bytes", "unreadable", "fuzzy", "vanished")


def name(cursor):
    text = cursor.varbytes(1, 64)
    cursor.need(NAME.fullmatch(text), f"{text!r} is no name")
    return text.decode()


def facts(cursor):
    count = cursor.one_of(cursor.u16(), range(FACTS_MAX + 1), "number of facts")
    found = [(cursor.varbytes(1, 64), cursor.varbytes(0, 255)) for _ in range(count)]
    cursor.need(not any(0 in text for fact in found for text in fact), "a NUL in a fact")
    cursor.need(sum(len(text) for fact in found for text in fact) <= FACTS_SIZE_MAX, "facts are too long")
    return [tuple(text.decode(errors="backslashreplace") for text in fact) for fact in found]


def signed(cursor, context):
    public, end = cursor.take(32), cursor.at
    check_signature(public, context, cursor.data[:end], cursor.take(64), cursor.what)
    cursor.end()
    return public


class Archive:
    def __init__(self, data):
        cursor = Cursor(data, "archive record")
        self.hash = sha256(data)
        cursor.magic(b"KFAR")
        self.version = cursor.known(cursor.u16(), (1, 2), "version")
        cursor.zero(2)
        self.vault, self.host, self.source = cursor.take(16), name(cursor), name(cursor)
        cursor.what = f"archive record of {self.title}"
        self.kind = cursor.known(cursor.varbytes(), KINDS, "kind").decode()
        self.cycle, self.sequence, self.previous = cursor.u64(), cursor.u64(), cursor.id()
        cursor.need(self.sequence, "sequence 0")
        cursor.need((self.sequence == 1) == (not any(self.previous)), "a first record with a previous one, or the other way")
        self.started, self.finished = cursor.i64(), cursor.i64()
        self.cut_from, self.cut_until = (cursor.i64(), cursor.i64()) if self.version > 1 else (0, 0)
        cursor.need((self.cut_from == 0) == (self.cut_until == 0), "half a cut")
        self.state = cursor.one_of(cursor.u8(), (1, 2), "state")
        self.counts = {what: cursor.u64() for what in COUNTS}
        self.domain, self.root = cursor.take(16), cursor.id()
        self.facts = facts(cursor) if self.version > 1 else []
        count = cursor.u16()
        cursor.need(1 <= count <= 16, f"{count} recipients")
        self.recipients = [(cursor.id(), cursor.take(32), cursor.take(48)) for _ in range(count)]
        self.signer = signed(cursor, b"koffer/1/archive")

    @property
    def title(self):
        return f"{self.host}.{self.source}"

    def unseal(self, key, enc, sealed):
        return Reference(self.root, key.unseal(enc, sealed, b"koffer/1/root" + self.vault + self.root))

    def open_root(self, key):
        for fingerprint, enc, sealed in self.recipients:
            if fingerprint == key.fingerprint:
                return self.unseal(key, enc, sealed)
        raise Corrupt(f"archive record of {self.title}: not sealed to this key, but to "
                      + ", ".join(recipient[0].hex() for recipient in self.recipients))


class Full:
    def __init__(self, data):
        cursor = Cursor(data, "full record")
        self.hash = sha256(data)
        cursor.magic(b"KFFR")
        self.version = cursor.known(cursor.u16(), (1, 2), "version")
        cursor.zero(2)
        self.vault, self.number, self.previous = cursor.take(16), cursor.u64(), cursor.id()
        cursor.what = f"full record {self.number}"
        self.started, self.sealed = cursor.i64(), cursor.i64()
        self.state, self.skew = cursor.one_of(cursor.u8(), (1, 2), "state"), cursor.i64()
        cursor.need(self.skew >= -1, f"skew {self.skew}")
        cursor.need(1 <= self.number <= NUMBER_MAX and len(data) <= RECORD_MAX, "a number or size out of bounds")
        self.archives = [self._archive(cursor) for _ in range(self._count(cursor))]
        self.missing = [(name(cursor), name(cursor), self._reason(cursor)) for _ in range(self._count(cursor))]
        self.signer = signed(cursor, b"koffer/1/full")
        for archive in self.archives:
            cursor.need(archive.vault == self.vault, f"{archive.title} is of another vault")
            cursor.need(archive.cycle == self.number, f"{archive.title} is of cycle {archive.cycle}")

    def _archive(self, cursor):
        """With what the controller measured of its agent's clock: (offset, uncertainty), or None."""
        clock = (cursor.i64(), cursor.i64()) if self.version > 1 else (UNKNOWN, 0)
        cursor.need(clock[1] >= 0 and (clock[0] != UNKNOWN or clock[1] == 0), f"clock {clock}")
        archive = Archive(cursor.take(cursor.u32()))
        archive.clock = None if clock[0] == UNKNOWN else clock
        return archive

    @staticmethod
    def _count(cursor):
        return cursor.one_of(cursor.u16(), range(SOURCES_MAX + 1), "number of sources")

    @staticmethod
    def _reason(cursor):
        reason = cursor.varbytes(0, 1024)
        cursor.need(0 not in reason, "a NUL in a reason")
        return reason.decode(errors="backslashreplace")

    def archive(self, title):
        for archive in self.archives:
            if archive.title == title:
                return archive
        raise Corrupt(f"full {self.number} has no '{title}', but " + ", ".join(archive.title for archive in self.archives))
