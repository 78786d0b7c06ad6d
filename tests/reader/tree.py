"""The tree of an archive, for who holds its root.

    tree = Tree(vault, vault.open_root(full, archive, key))
    for path, entry in tree.walk(): ...         # path: bytes, names joined by '/'; a directory before its content
    tree.find(b"fs/etc/hosts")                  # -> Entry
    for offset, data in tree.content(entry): ...        # holes are left out
"""
import collections

import blob as blobs
from cursor import Corrupt, Missing
from node import CONTENT, DATA, DIRECTORY, INDEX, LEAF, LIST, Node

DEPTH_MAX = 256
CACHED = 8  # plain texts; neighbours share bundles


class Tree:
    def __init__(self, vault, root):
        self.vault, self.root, self._plain = vault, root, collections.OrderedDict()

    def open(self, reference, type):
        """(header, plain text); type: blob.DATA or blob.NODE."""
        if reference.id not in self._plain:
            self._plain[reference.id] = blobs.open_blob(self.vault.blob(reference.id), *reference)
            if len(self._plain) > CACHED:
                self._plain.popitem(last=False)
        self._plain.move_to_end(reference.id)
        header, plain = self._plain[reference.id]
        if header.type != type:
            raise Corrupt(f"blob {reference.id.hex()}: of type {header.type}, where {type} is meant")
        return header, plain

    def node(self, reference, kinds, level=None):
        node = Node(*self.open(reference, blobs.NODE), reference.id)
        if node.kind not in kinds or level not in (None, node.level):
            raise Corrupt(f"node {reference.id.hex()}: kind {node.kind}, level {node.level} does not belong here")
        return node

    # ---- directories

    def entries(self, reference):
        """Of one directory, over all its leaves."""
        before = None
        for entry in self._below(self.node(reference, (LEAF, INDEX))):
            if before is not None and entry.name <= before:
                raise Corrupt(f"directory {reference.id.hex()}: {entry.name!r} does not follow {before!r}")
            before = entry.name
            yield entry

    def _below(self, node):
        if node.kind == LEAF:
            yield from node.entries
            return
        for part in node.parts:
            kinds = (LEAF,) if node.level == 1 else (INDEX,)
            found = list(self._below(self.node(part.reference, kinds, node.level - 1)))
            if len(found) != part.entries or found[0].name != part.first:
                raise Corrupt(f"{node.cursor.what}: says {part.entries} entries from {part.first!r}, there are {len(found)}")
            yield from found

    def walk(self, reference=None, above=b""):
        if above.count(b"/") > DEPTH_MAX:
            raise Corrupt(f"directories are nested deeper than {DEPTH_MAX}")
        for entry in self.entries(reference or self.root):
            path = above + entry.name
            yield path, entry
            if entry.type == DIRECTORY:
                yield from self.walk(entry.child, path + b"/")

    def list(self, path):
        """The entries of a directory; of the root when path is empty."""
        if not path:
            return list(self.entries(self.root))
        entry = self.find(path)
        return list(self.entries(entry.child)) if entry.type == DIRECTORY else [entry]

    def find(self, path):
        reference, entry = self.root, None
        for name in path.split(b"/"):
            if reference is None:
                raise Missing(f"{path!r}: {entry.name!r} is no directory")
            entry = next((entry for entry in self.entries(reference) if entry.name == name), None)
            if entry is None:
                raise Missing(f"{path!r}: there is no {name!r}")
            reference = entry.child
        return entry

    # ---- contents

    def content(self, entry):
        yield from self._pieces(entry.pieces, 0, None)

    def _pieces(self, pieces, offset, level):
        for piece in pieces:
            if piece.tag == DATA:
                yield offset, self._slice(piece)
            elif piece.tag == LIST:
                node = self.node(piece.reference, (CONTENT,), level)
                if sum(below.length for below in node.pieces) != piece.length:
                    raise Corrupt(f"{node.cursor.what}: does not cover {piece.length} bytes")
                yield from self._pieces(node.pieces, offset, node.level - 1)
            offset += piece.length

    def _slice(self, piece):
        _, plain = self.open(piece.reference, blobs.DATA)
        if piece.offset + piece.length > len(plain):
            raise Corrupt(f"blob {piece.reference.id.hex()}: a slice that ends behind its plain text")
        return plain[piece.offset:piece.offset + piece.length]
