"""Nodes (docs/formats/node.md): directories and the contents of long files.

    node = Node(header, plain, id)
    node.kind, node.level; .entries of a leaf, .parts of an index, .pieces of a content list

References are (id, key) here, no longer indexes into the children.
"""
import collections

from cursor import Cursor, Unsupported, ascending

LEAF, INDEX, CONTENT = 1, 2, 3
FILE, DIRECTORY, SYMLINK, FIFO, SOCKET, CHARACTER, BLOCK = range(1, 8)
FUZZY, UNREADABLE, ATTRIBUTES, LINKED, MADE = 1, 2, 4, 8, 16
HOLE, DATA, LIST = 0, 1, 2
ITEMS_MAX, PIECES_INLINE, LEVEL_MAX = 4096, 16, 8
LENGTH_MAX = 2 ** 63 - 1
BLOB_MAX = 8 << 20

Reference = collections.namedtuple("Reference", "id key")
Piece = collections.namedtuple("Piece", "tag length reference offset")
Part = collections.namedtuple("Part", "first reference entries")
Entry = collections.namedtuple("Entry", "name type flags mode user group mtime link attributes size pieces child target device")
Owner = collections.namedtuple("Owner", "number name")


class Node:
    def __init__(self, header, plain, id):
        self.cursor = cursor = Cursor(plain, f"node {id.hex()}")
        cursor.known(cursor.u8(), (1,), "version")
        self.kind = cursor.known(cursor.u8(), (LEAF, INDEX, CONTENT), "kind")
        self.level = cursor.u8()
        low, high = {LEAF: (0, 0), INDEX: (1, LEVEL_MAX), CONTENT: (0, LEVEL_MAX)}[self.kind]
        cursor.need(low <= self.level <= high, f"level {self.level} of kind {self.kind}")
        cursor.zero(1)
        self.children = [Reference(child, cursor.take(32)) for child in header.children]
        self.used = set()
        {LEAF: self._leaf, INDEX: self._index, CONTENT: self._content_list}[self.kind]()
        cursor.end()
        cursor.need(len(self.used) == len(self.children), "a child that nothing refers to")

    def _child(self):
        index = self.cursor.varint(0, len(self.children) - 1)
        self.used.add(index)
        return self.children[index]

    # ---- directories

    def _leaf(self):
        cursor = self.cursor
        users, groups = self._owners(), self._owners()
        self.used_users, self.used_groups = set(), set()
        self.entries = [self._entry(users, groups) for _ in range(cursor.varint(0, ITEMS_MAX))]
        cursor.need(ascending([entry.name for entry in self.entries]), "names are not strictly ascending")
        cursor.need(len(self.used_users) == len(users) and len(self.used_groups) == len(groups), "an owner that nothing uses")

    def _owners(self):
        cursor = self.cursor
        owners = [Owner(cursor.varint(0, 2 ** 32 - 1), cursor.varbytes(0, 255)) for _ in range(cursor.varint(0, ITEMS_MAX))]
        cursor.need(ascending(owners), "owners are not strictly ascending")
        return owners

    def _owner(self, owners, used):
        index = self.cursor.varint(0, len(owners) - 1)
        used.add(index)
        return owners[index]

    def _entry(self, users, groups):
        cursor = self.cursor
        name = cursor.varbytes(1, 255)
        cursor.need(not {0, ord("/")} & set(name) and name not in (b".", b".."), f"{name!r} is no name")
        type = cursor.known(cursor.u8(), range(FILE, BLOCK + 1), "type of an entry")
        flags, mode = cursor.varint(0, 31), cursor.varint(0, 0o7777)
        user, group = self._owner(users, self.used_users), self._owner(groups, self.used_groups)
        seconds, nanoseconds = cursor.i64(), cursor.u32()
        cursor.need(nanoseconds < 10 ** 9, "more than a second of nanoseconds")
        link = cursor.u64() if flags & LINKED else 0
        cursor.need(link or not flags & LINKED, "hard link id 0")
        attributes = self._attributes() if flags & ATTRIBUTES else {}
        size, pieces, child, target, device = 0, [], None, None, None
        if type == FILE:
            size = cursor.varint(0, LENGTH_MAX)
            pieces = self._content(size, flags & UNREADABLE)
        elif type == DIRECTORY:
            child = self._child()
        elif type == SYMLINK:
            target = cursor.varbytes(1, 4096)
            cursor.need(0 not in target, "a NUL in a symbolic link's target")
        elif type in (CHARACTER, BLOCK):
            device = cursor.varint(0, 2 ** 32 - 1), cursor.varint(0, 2 ** 32 - 1)
        return Entry(name, type, flags, mode, user, group, seconds * 10 ** 9 + nanoseconds, link, attributes, size, pieces,
                     child, target, device)

    def _attributes(self):
        cursor = self.cursor
        pairs = [(cursor.varbytes(1, 255), cursor.varbytes(0, 65536)) for _ in range(cursor.varint(1, 1024))]
        cursor.need(ascending([name for name, _ in pairs]), "attributes are not strictly ascending")
        cursor.need(not any(0 in name for name, _ in pairs), "a NUL in an attribute's name")
        return dict(pairs)

    def _index(self):
        cursor = self.cursor
        self.parts = [Part(cursor.varbytes(1, 255), self._child(), cursor.varint(1)) for _ in
                      range(cursor.varint(1, ITEMS_MAX))]
        cursor.need(ascending([part.first for part in self.parts]), "first names are not strictly ascending")

    # ---- contents

    def _content(self, size, unreadable):
        cursor = self.cursor
        pieces = self._pieces(cursor.varint(0, PIECES_INLINE))
        cursor.need(len({piece.tag == LIST for piece in pieces}) < 2, "lists beside holes or data")
        covered = sum(piece.length for piece in pieces)
        cursor.need(covered <= size if unreadable else covered == size, f"pieces cover {covered} of {size} bytes")
        return pieces

    def _content_list(self):
        self.pieces = self._pieces(self.cursor.varint(1, ITEMS_MAX))
        self.cursor.need(all((piece.tag == LIST) == (self.level > 0) for piece in self.pieces),
                         f"pieces that do not belong in a list of level {self.level}")
        self.cursor.need(sum(piece.length for piece in self.pieces) <= LENGTH_MAX, "lengths add up to 2^63 or more")

    def _pieces(self, count):
        return [self._piece() for _ in range(count)]

    def _piece(self):
        cursor, reference, offset = self.cursor, None, 0
        tag = cursor.varint()
        if tag > LIST:
            raise Unsupported(f"{cursor.what}: unknown transform {tag} of a piece")
        if tag != HOLE:
            reference = self._child()
        if tag == DATA:
            offset = cursor.varint()
        length = cursor.varint(1, LENGTH_MAX)
        cursor.need(tag != DATA or offset + length <= BLOB_MAX, "a slice that ends behind 8 MiB")
        return Piece(tag, length, reference, offset)
