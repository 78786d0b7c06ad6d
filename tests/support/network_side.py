"""A network side of an agent, taken over: speaks to koffer-priv with the rights and the words that koffer-agent has.

    with NetworkSide(socket, user="nobody") as side:      # connected; the kernel says it is that user
        side.greet()                                      # -> [names of the sources]
        side.send(order(job=1, verb=CHECK, source="data"))
        side.until(ANSWER)                                # -> (type, fields' bytes, descriptor or None)

docs/formats/priv.md is all that this knows.  Closed: koffer-priv has hung up.
"""
import array
import contextlib
import os
import pwd
import socket
import struct

HELLO, VAULT, ORDER, CANCEL, DROP, ALIVE = range(1, 7)
WELCOME, SOURCE, READY, ANSWER, STREAM, PROGRESS, RESULT, REMARK, RECORD, END = range(64, 74)
CHECK, STEP_READY, CUT, NO_VERB, CAPTURE, SEAL, RELEASE, RESTORE = range(1, 9)
OPENED, HAVE, HAVE_REPLY, PUT, FINISH, FINISHED, GET, BLOB, FAILURE = range(1, 10)
PACKET_MAX = 12288


class Closed(Exception):
    pass


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<H", len(value)) + value


def hello(version=1):
    return struct.pack("<BI", HELLO, version)


def alive(connected=True):
    return bytes([ALIVE, connected])


def vault(vault_id, recipients, signature=bytes(64), epoch=1):
    return bytes([VAULT]) + vault_id + struct.pack("<QB", epoch, len(recipients)) + b"".join(recipients) + signature


def order(job, verb, source="", *, cycle=1, flags=0, deadline=30, sequence=0, receipt=bytes(32), path="", target="", root=bytes(32),
          sealed=bytes(80), signature=bytes(64)):
    packet = struct.pack("<BQQBBIQ", ORDER, job, cycle, verb, flags, deadline, sequence) + bytes(64) + receipt + text(source)
    return packet + root + sealed + text(path) + text(target) + signature if verb == RESTORE else packet


def about(number, verb):
    return struct.pack("<BQ", verb, number)


@contextlib.contextmanager
def as_user(name):
    """Connects as another user: what SO_PEERCRED tells is who called connect()."""
    account, before, groups = pwd.getpwnam(name), (os.geteuid(), os.getegid()), os.getgroups()
    os.setgroups([])
    os.setegid(account.pw_gid)
    os.seteuid(account.pw_uid)
    try:
        yield
    finally:
        os.seteuid(before[0])
        os.setegid(before[1])
        os.setgroups(groups)


class NetworkSide:
    def __init__(self, path, user="nobody", seconds=20):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(seconds)
        self.streams = []
        with as_user(user):
            self.socket.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        for _, fd in self.streams:
            os.close(fd)

    def send(self, packet, descriptors=()):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        try:
            self.socket.sendmsg([packet], rights)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def receive(self):
        try:
            packet, rights, _, _ = self.socket.recvmsg(PACKET_MAX, socket.CMSG_SPACE(4))
        except ConnectionResetError:
            raise Closed from None
        if not packet:
            raise Closed
        fds = [fd for _, _, data in rights for fd in array.array("i", data[:4])]
        return packet[0], packet[1:], fds[0] if fds else None

    def until(self, wanted):
        if wanted == STREAM and self.streams:  # a job's thread may be faster than the answer to its order
            return self.streams.pop(0)
        while True:
            kind, rest, fd = self.receive()
            if kind == wanted:
                return rest, fd
            if kind == STREAM:
                self.streams.append((rest, fd))

    def greet(self):
        self.send(hello())
        self.until(WELCOME)
        names = []
        while True:
            kind, rest, _ = self.receive()
            if kind == READY:
                return names
            assert kind == SOURCE, kind
            size = struct.unpack_from("<H", rest, 1)[0]
            names.append(rest[3:3 + size].decode())

    def answer(self, packet):
        """(code, why) of an order."""
        self.send(packet)
        rest, _ = self.until(ANSWER)
        return rest[8], rest[11:].decode()

    def result(self, job):
        """Code of a job's end, and every byte told about it."""
        told = b""
        while True:
            kind, rest, _ = self.receive()
            if kind in (RESULT, REMARK, RECORD, END) and struct.unpack_from("<Q", rest)[0] == job:
                told += rest
                if kind == END:
                    return told
            elif kind == RESULT:
                continue


class Channel:
    """A job's: frames as koffer-priv sends them."""

    def __init__(self, fd, seconds=20):
        self.socket = socket.socket(fileno=fd)
        self.socket.settimeout(seconds)

    def send(self, kind, payload=b"", length=None):
        self.socket.sendall(struct.pack("<IB3x", len(payload) if length is None else length, kind) + payload)

    def exactly(self, size):
        out = b""
        while len(out) < size:
            some = self.socket.recv(size - len(out))
            if not some:
                raise Closed
            out += some
        return out

    def receive(self):
        size, kind = struct.unpack("<IB3x", self.exactly(8))
        return kind, self.exactly(size)

    def close(self):
        self.socket.close()
