"""The vault directory and its packs (docs/formats/pack.md).

    vault = Vault(path)
    vault.fulls()                       # -> [Full], by number
    vault.open_root(full, archive, key) # -> node.Reference, by its record or by an envelope
    vault.blob(id)                      # its bytes, wherever they lie
    list(walk_pack(data, ...)), table_of(data, ...)     # the two ways to find a pack's blobs

Never looks into index/, tmp/, quarantine/ or lock.
"""
import collections
import pathlib
import re

import blob as blobs
from cursor import Corrupt, Cursor, Missing, ascending
from envelope import Envelope
from keys import sha256
from record import Full

FORMAT = re.compile(rb"koffer-vault 1\nid ([0-9a-f]{32})\n")
PACK_NAME = re.compile(r"([0-9a-f]{64})\.pack")
ENVELOPE_NAME = re.compile(r"([0-9]{10})-([0-9a-f]{64})\.envelope")
FULL_NAME = re.compile(r"([0-9]{10})-([0-9a-f]{64})\.full")
HEAD, TAIL, ROW, PREFIX = 24, 48, 48, 36
PACK_MAX = 32 << 20
END = b"KFPTABLE"

Place = collections.namedtuple("Place", "id offset length plain children")


# ---- one pack

def pack_head(data, vault_id, what):
    cursor = Cursor(data, what)
    cursor.magic(b"KFP1")
    cursor.zero(4)
    cursor.need(cursor.take(16) == vault_id, "of another vault")


def table_of(data, vault_id, what):
    """The places of its blobs as the tail says; the blobs are not looked at."""
    pack_head(data, vault_id, what)
    cursor = Cursor(data[-TAIL:], f"{what}: tail")
    count, digest = cursor.u32(), cursor.take(32)
    cursor.zero(4)
    cursor.magic(END)
    cursor.end()
    begin = len(data) - TAIL - ROW * count
    cursor.need(count >= 1 and begin >= HEAD, f"{count} blobs")
    table = Cursor(data[begin:-TAIL], f"{what}: table")
    table.need(sha256(table.data) == digest, "its hash is wrong")
    places = [Place(table.id(), *(table.u32() for _ in range(4))) for _ in range(count)]
    check_places(places, begin, table)
    table.need(len(data) <= PACK_MAX, "larger than 32 MiB")
    return places


def check_places(places, end, cursor):
    at = HEAD
    for place in places:
        cursor.need(place.offset == at + PREFIX, f"blob {place.id.hex()} is not behind its predecessor")
        at = place.offset + place.length
    cursor.need(at == end, "its last blob does not end where the table begins")
    cursor.need(len({place.id for place in places}) == len(places), "a blob twice")


def walk_pack(data, vault_id, what):
    """The same from the front, without the tail: every place is one whose bytes have the hash that they must have."""
    pack_head(data, vault_id, what)
    at = HEAD
    while at + PREFIX <= len(data):
        cursor = Cursor(data[at:at + PREFIX], what)
        length, id = cursor.u32(), cursor.id()
        offset, at = at + PREFIX, at + PREFIX + length
        if length < blobs.FIXED + blobs.TAG or at > len(data):
            return
        try:
            header = blobs.check(data[offset:at], id)
        except Corrupt:
            continue  # the next one may be whole
        yield Place(id, offset, length, header.plain_length, len(header.children))


def check_pack(data, vault_id, what):
    """All that a pack without a key can be held to, its name excepted; returns (places, headers by id)."""
    places, headers = table_of(data, vault_id, what), {}
    for place in places:
        cursor = Cursor(data[place.offset - PREFIX:place.offset], what)
        cursor.need((cursor.u32(), cursor.id()) == (place.length, place.id), "entry and table differ")
        headers[place.id] = header = blobs.check(data[place.offset:place.offset + place.length], place.id)
        cursor.need((header.plain_length, len(header.children)) == (place.plain, place.children), "header and table differ")
    return places, headers


# ---- the directory

class Vault:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        found = FORMAT.fullmatch(self._format())
        if not found:
            raise Corrupt(f"{path}: its file 'format' does not say that it is a vault of version 1")
        self.id = bytes.fromhex(found[1].decode())
        self._places = None
        self._open = (None, None)

    def _format(self):
        try:
            with open(self.path / "format", "rb") as file:
                return file.read(257)
        except FileNotFoundError:
            raise Missing(f"{self.path} is no vault: it has no file 'format'") from None

    def packs(self):
        """[(path, id)]; other files there are no part of the vault."""
        found = [(path, PACK_NAME.fullmatch(path.name)) for path in sorted(self.path.glob("packs/*/*"))]
        return [(path, bytes.fromhex(name[1])) for path, name in found if name and path.parent.name == name[1][:2]]

    def read_fulls(self):
        """(path, Full or the Corrupt that it is)"""
        for path in sorted(self.path.glob("fulls/*")):
            if name := FULL_NAME.fullmatch(path.name):
                try:
                    yield path, self._full(path, name)
                except Corrupt as error:
                    yield path, error

    def _full(self, path, name):
        data = path.read_bytes()
        if sha256(data) != bytes.fromhex(name[2]):
            raise Corrupt(f"{path}: its bytes are not what its name says")
        full = Full(data)
        if full.number != int(name[1]) or full.vault != self.id:
            raise Corrupt(f"{path}: it is number {full.number} of vault {full.vault.hex()}")
        return full

    def fulls(self):
        found = [full for _, full in self.read_fulls()]
        for full in found:
            if isinstance(full, Corrupt):
                raise full
        return found

    def full(self, number):
        for full in self.fulls():
            if full.number == number:
                return full
        raise Missing(f"{self.path} has no full {number}")

    def read_envelopes(self):
        """(path, Envelope or the Corrupt that it is)"""
        for path in sorted(self.path.glob("envelopes/*")):
            if name := ENVELOPE_NAME.fullmatch(path.name):
                try:
                    yield path, self._envelope(path, name)
                except Corrupt as error:
                    yield path, error

    def _envelope(self, path, name):
        data = path.read_bytes()
        if sha256(data) != bytes.fromhex(name[2]):
            raise Corrupt(f"{path}: its bytes are not what its name says")
        envelope = Envelope(data)
        if envelope.number != int(name[1]) or envelope.vault != self.id:
            raise Corrupt(f"{path}: it is of full {envelope.number} of vault {envelope.vault.hex()}")
        return envelope

    def open_root(self, full, archive, key):
        """By the archive's record, else by an envelope; one that the full's own signer signed comes first."""
        if any(recipient[0] == key.fingerprint for recipient in archive.recipients):
            return archive.open_root(key)
        found = [envelope for _, envelope in self.read_envelopes() if not isinstance(envelope, Corrupt)
                 and (envelope.number, envelope.full, envelope.recipient) == (full.number, full.hash, key.fingerprint)
                 and archive.root in envelope.roots]
        for envelope in sorted(found, key=lambda envelope: envelope.signer != full.signer):
            return archive.unseal(key, *envelope.roots[archive.root])
        return archive.open_root(key)  # which says why not

    def places(self):
        """id -> (path, Place), from the tails; from the front where a tail is damaged."""
        if self._places is None:
            self._places = {}
            for path, _ in self.packs():
                data = path.read_bytes()
                try:
                    places = table_of(data, self.id, path)
                except Corrupt:
                    places = walk_pack(data, self.id, path)
                for place in places:
                    self._places.setdefault(place.id, []).append((path, place))
        return self._places

    def blob(self, id):
        """Its bytes, checked; from another pack if they are damaged in one."""
        error = Missing(f"blob {id.hex()} is in no pack")
        for path, place in self.places().get(id, []):
            data = self._pack(path)[place.offset:place.offset + place.length]
            try:
                blobs.check(data, id)
                return data
            except Corrupt as found:
                error = Corrupt(f"{path}: {found}")
        raise error

    def _pack(self, path):
        if self._open[0] != path:
            self._open = (path, path.read_bytes())
        return self._open[1]


def check_chains(fulls):
    """What is wrong with the order of fulls and of each host's archives: lines for people."""
    problems = []
    if not ascending([full.number for full in fulls]):
        problems.append("a full's number is there twice")
    for before, full in zip([None, *fulls], fulls):
        if full.previous != (before.hash if before else bytes(32)):
            problems.append(f"full {full.number}: its previous one is not {before.number if before else 'none'}")
    hosts = collections.defaultdict(list)
    for full in fulls:
        for archive in sorted(full.archives, key=lambda archive: archive.sequence):
            hosts[archive.host].append(archive)
    for host, archives in hosts.items():
        problems += _chain_problems(host, archives)
    return problems


def _chain_problems(host, archives):
    """A host that is new to its controller begins again at 1, which Archive has checked."""
    for before, archive in zip([None, *archives], archives):
        follows = before and (before.sequence + 1, before.hash) == (archive.sequence, archive.previous)
        if archive.sequence > 1 and not follows:
            yield f"{host}: archive {archive.sequence} ({archive.source}, cycle {archive.cycle}) does not follow the one before"
