"""Blobs (docs/formats/blob.md): what the clear header says, and the plain text for who holds the key.

    header = Header(first_bytes, id)            # at least HEADER_MAX bytes of the blob, or all of it
    plain = open_blob(blob, id, key)
"""
import zstandard

from cursor import Corrupt, Cursor
from keys import gcm_open, hkdf_expand, sha256

MAGIC = b"KFB1"
DATA, NODE = 1, 2
PLAIN_MAX = 8 << 20
CHILDREN_MAX = 16384
FIXED, TAG = 48, 16


class Header:
    def __init__(self, data, id):
        cursor = Cursor(data, f"blob {id.hex()}")
        cursor.magic(MAGIC)
        cursor.known(cursor.u8(), (1,), "suite")
        self.type = cursor.known(cursor.u8(), (DATA, NODE), "type")
        self.compression = cursor.known(cursor.u8(), (0, 1), "compression")
        cursor.zero(1)
        self.domain = cursor.take(16)
        self.plain_length, self.body_length = cursor.u64(), cursor.u64()
        count = cursor.u32()
        cursor.zero(4)
        cursor.need(self.plain_length <= PLAIN_MAX, "more than 8 MiB of plain text")
        if self.compression:
            cursor.need(0 < self.body_length < self.plain_length, "compressed to nothing, or not shorter")
        else:
            cursor.need(self.body_length == self.plain_length, "lengths differ without compression")
        cursor.need(count <= CHILDREN_MAX, f"{count} children")
        cursor.known(count, range(CHILDREN_MAX + 1) if self.type == NODE else (0,), "number of a data blob's children")
        self.children = [cursor.id() for _ in range(count)]
        cursor.need(all(a < b for a, b in zip(self.children, self.children[1:])), "children are not strictly ascending")
        self.length = cursor.at
        self.blob_length = self.length + self.body_length + TAG


def check(blob, id):
    """Everything that can be known without a key."""
    if sha256(blob) != id:
        raise Corrupt(f"blob {id.hex()}: its bytes are not what its name says")
    header = Header(blob, id)
    if header.blob_length != len(blob):
        raise Corrupt(f"blob {id.hex()}: {len(blob)} bytes instead of {header.blob_length}")
    return header


def open_blob(blob, id, key):
    """(header, plain text)"""
    header = check(blob, id)
    material = hkdf_expand(key, b"koffer/1/chunk", 44)
    body = gcm_open(material[:32], material[32:], blob[header.length:], blob[:header.length], f"blob {id.hex()}")
    plain = decompress(body, header.plain_length, id) if header.compression else body
    if len(plain) != header.plain_length:
        raise Corrupt(f"blob {id.hex()}: {len(plain)} bytes of plain text instead of {header.plain_length}")
    return header, plain


def decompress(body, plain_length, id):
    try:
        if frame_length(body) != len(body):
            raise Corrupt(f"blob {id.hex()}: its body is not one zstd frame")
        size = zstandard.frame_content_size(body)
        if size not in (-1, plain_length):
            raise Corrupt(f"blob {id.hex()}: its zstd frame says {size} bytes instead of {plain_length}")
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=plain_length)
    except (zstandard.ZstdError, IndexError) as error:
        raise Corrupt(f"blob {id.hex()}: zstd: {error}") from None


def frame_length(data):
    """Of the zstd frame at the beginning (RFC 8878, 3.1.1): the library would not mind what follows it."""
    at = zstandard.frame_header_size(data)
    last = False
    while not last:
        word = int.from_bytes(data[at:at + 3], "little")
        if at + 3 > len(data):
            raise IndexError("the frame ends in a block's header")
        last, kind, size = word & 1, word >> 1 & 3, word >> 3
        at += 3 + (1 if kind == 1 else size)
    return at + (4 if zstandard.get_frame_parameters(data).has_checksum else 0)
