"""A peer written by hand: real TLS 1.3 with real keys, and none of Koffer's own code behind it.

For tests that must say what a well-behaved program never says.  Written from docs/formats/frame.md and proto/koffer.proto (which is
read when the module is loaded, so new messages need no edit here).

    me = Identity.of_agent("/var/lib/koffer/agent")          # or of_operator(DIR), or Identity(ca=, certificate=, key=)
    with Control.dial(("127.0.0.1", 7420), me) as control:
        control.ask("STATUS")                                # -> {"version": ..., ...}, or raises Refused
        control.send("STEP_PROGRESS", {"job": 7})            # no reply is waited for
        control.receive()                                    # -> Frame; heartbeats are taken and answered meanwhile
    with Data.dial(("127.0.0.1", 7421), me) as data:
        data.hello(job, token); data.have([id]); data.put(id, blob); data.finish(); data.get(id)

    Control.local("/run/koffer/control")                     # root's socket
    dial(address, me) -> a TLS socket, for bytes that are no frames at all

Closed by the other side: Closed.  Nothing came in time: TimeoutError.  Who is refused during the handshake learns it from the
first read (TLS 1.3), so it is Closed too.  Not safe for threads.
"""
import dataclasses
import hashlib
import pathlib
import re
import socket
import ssl
import struct

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto/koffer.proto"
SECONDS = 10  # without a word before we give up; longer than anything that is promised to come
CONTROL_HEADER, DATA_HEADER = struct.Struct(">BBHIQ"), struct.Struct("<IB3x")
REPLY, FAILURE = 1, 2
HEARTBEAT_EVERY = 8  # frames taken
DATA_TYPES = {name: number for number, name in enumerate(
    "HELLO WELCOME HAVE HAVE_REPLY PUT FINISH FINISHED GET BLOB FAILURE PING MESSAGE".split(), 1)}
CODES = ("ok again cancelled timeout not-found exists denied invalid unsupported protocol corrupt io no-space"
         " no-memory").split()


class Closed(Exception):
    """The other side ended the connection."""


class Refused(Exception):
    """A failure in the words of the other side."""

    def __init__(self, code, text, remedy=""):
        super().__init__(text)
        self.code, self.text, self.remedy = CODES[code] if code < len(CODES) else str(code), text, remedy


# ---- messages


class Schema:
    """koffer.proto, as far as encoding needs it."""
    VARINT = {"uint32", "uint64", "int64", "bool"}

    def __init__(self, path=PROTO):
        text = re.sub(r"//[^\n]*", "", path.read_text())
        self.enums = {name: {key: int(value) for key, value in re.findall(r"(\w+)\s*=\s*(\d+)\s*;", body)}
                      for name, body in re.findall(r"enum (\w+)\s*\{([^}]*)\}", text)}
        self.messages = {}
        for name, body in re.findall(r"message (\w+)\s*\{([^}]*)\}", text):
            fields = re.findall(r"(repeated )?(\w+) (\w+)\s*=\s*(\d+)\s*;", body)
            self.messages[name] = {field: (int(number), kind, bool(repeated)) for repeated, kind, field, number in fields}
        self.types = self.enums["MessageType"]
        self.requests, self.replies = self._pairs(path.read_text())

    @staticmethod
    def _pairs(text):
        """What the comments behind the types promise: "NAME = 41; // NameRequest -> Token"."""
        lines = re.findall(r"^\s*(\w+) = \d+;\s*// (\w+)[^>\n]*?(?:-> (\w+).*)?$", text, re.M)
        requests, replies = {name: request for name, request, _ in lines}, {name: reply for name, _, reply in lines}
        return requests, replies

    def encode(self, message, values):
        out = b""
        for field, value in values.items():
            number, kind, repeated = self.messages[message][field]
            for one in value if repeated else [value]:
                out += self._field(number, kind, one)
        return out

    def _field(self, number, kind, value):
        if kind in self.VARINT or kind in self.enums:
            value = self.enums[kind][value] if isinstance(value, str) else int(value)
            return varint(number << 3) + varint(value % (1 << 64))
        data = value.encode() if kind == "string" else value if kind == "bytes" else self.encode(kind, value)
        return varint(number << 3 | 2) + varint(len(data)) + data

    def decode(self, message, data):
        fields = self.messages[message]
        out = {name: [] if repeated else self._nothing(kind) for name, (_, kind, repeated) in fields.items()}
        names = {number: (name, kind, repeated) for name, (number, kind, repeated) in fields.items()}
        for number, value in items(data):
            if number not in names:
                continue
            name, kind, repeated = names[number]
            for one in self._values(kind, value, repeated):
                if repeated:
                    out[name].append(one)
                else:
                    out[name] = one
        return out

    def _nothing(self, kind):
        return {"string": "", "bytes": b"", "bool": False}.get(kind, None if kind in self.messages else 0)

    def _values(self, kind, value, repeated):
        if kind in self.messages:
            return [self.decode(kind, value)]
        if kind == "string":
            return [value.decode(errors="backslashreplace")]
        if kind == "bytes":
            return [value]
        if repeated and isinstance(value, bytes):  # packed
            return [self._number(kind, one) for one in packed(value)]
        return [self._number(kind, value)]

    @staticmethod
    def _number(kind, value):
        return bool(value) if kind == "bool" else value - (1 << 64) if kind == "int64" and value >> 63 else value


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def take_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def packed(data):
    at = 0
    while at < len(data):
        value, at = take_varint(data, at)
        yield value


def items(data):
    at = 0
    while at < len(data):
        key, at = take_varint(data, at)
        if key & 7 == 0:
            value, at = take_varint(data, at)
        else:
            size, at = take_varint(data, at)
            value, at = data[at:at + size], at + size
        yield key >> 3, value


schema = Schema()


# ---- TLS


@dataclasses.dataclass
class Identity:
    """Paths of PEM files.  certificate None: none is shown.  ca None: whoever answers is believed."""
    ca: str = None
    certificate: str = None
    key: str = None

    @classmethod
    def of_agent(cls, state):
        state = pathlib.Path(state)
        return cls(str(state / "ca.pem"), str(state / "agent.pem"), str(state / "keys/tls.key"))

    @classmethod
    def of_operator(cls, directory):
        directory = pathlib.Path(directory)
        return cls(*(str(directory / name) for name in ("ca.pem", "certificate.pem", "key.pem")))

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # the controller's name is a URI; these tests do not doubt it
        context.verify_mode = ssl.CERT_REQUIRED if self.ca else ssl.CERT_NONE
        if self.ca:
            context.load_verify_locations(self.ca)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context


def address_of(url):
    """"tls+tcp://127.0.0.1:7420" -> ("127.0.0.1", 7420)."""
    host, _, port = url.removeprefix("tls+tcp://").rpartition(":")
    return host.strip("[]"), int(port)


def dial(address, identity, seconds=SECONDS):
    plain = socket.create_connection(address_of(address) if isinstance(address, str) else address, timeout=seconds)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return identity.context().wrap_socket(plain)
    except (ConnectionError, ssl.SSLError) as error:
        plain.close()
        raise Closed(str(error)) from error


class Connection:
    def __init__(self, sock, seconds=SECONDS):
        self.socket = sock
        sock.settimeout(seconds)

    @classmethod
    def dial(cls, address, identity, seconds=SECONDS):
        return cls(dial(address, identity, seconds), seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def write(self, data):
        try:
            self.socket.sendall(data)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(str(error)) from error

    def read(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                piece = self.socket.recv(min(size - len(data), 1 << 20))
            except TimeoutError:
                raise
            except (ConnectionError, ssl.SSLError) as error:
                raise Closed(str(error)) from error
            if not piece:
                raise Closed("the end, in good order")
            data += piece
        return bytes(data)

    def wait_closed(self, seconds=SECONDS):
        """Reads whatever comes until the other side ends the connection; TimeoutError when it does not."""
        self.socket.settimeout(seconds)
        try:
            while True:
                self.read(1)
        except Closed:
            return


# ---- control


@dataclasses.dataclass
class Frame:
    type: int
    flags: int
    correlation: int
    body: bytes

    @property
    def name(self):
        return next((name for name, number in schema.types.items() if number == self.type), str(self.type))

    def message(self, kind):
        return schema.decode(kind, self.body)


class Control(Connection):
    def __init__(self, sock, seconds=SECONDS):
        super().__init__(sock, seconds)
        self.correlation, self.taken = 0, 0
        self.kept = []  # frames that came while a reply was waited for
        self.beat()

    @classmethod
    def local(cls, path, seconds=SECONDS):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(seconds)
        sock.connect(str(path))
        return cls(sock, seconds)

    def beat(self):
        self.write(CONTROL_HEADER.pack(1, 0, schema.types["HEARTBEAT"], 0, self.taken))

    def send(self, kind, values=None, message=None, flags=0, correlation=None, body=None):
        """`kind`: a name of MessageType or a number.  Returns the correlation."""
        if correlation is None:
            self.correlation += 1
            correlation = self.correlation
        if body is None:
            body = schema.encode(message or schema.requests[kind], values) if values else b""
        number = schema.types[kind] if isinstance(kind, str) else kind
        self.write(CONTROL_HEADER.pack(1, flags, number, len(body), correlation) + body)
        return correlation

    def receive(self):
        """The next frame that is no heartbeat."""
        if self.kept:
            return self.kept.pop(0)
        while True:
            _, flags, number, size, correlation = CONTROL_HEADER.unpack(self.read(CONTROL_HEADER.size))
            frame = Frame(number, flags, correlation, self.read(size))
            if number == schema.types["HEARTBEAT"]:
                continue
            self.taken += 1
            if self.taken % HEARTBEAT_EVERY == 0:
                self.beat()
            return frame

    def reply_to(self, correlation):
        others = []
        while True:
            frame = self.receive()
            if frame.flags & REPLY and frame.correlation == correlation:
                self.kept = others + self.kept
                return frame
            others.append(frame)

    def ask(self, kind, values=None, reply=None, **how):
        """The decoded answer (by the type's own reply message); Refused when it is a failure."""
        frame = self.reply_to(self.send(kind, values, **how))
        if frame.flags & FAILURE:
            failure = frame.message("Failure")
            raise Refused(failure["code"], failure["text"], failure["remedy"])
        reply = reply or schema.replies.get(kind, "empty")
        return frame.message(reply) if reply in schema.messages else {}

    def answer(self, frame, values=None, message="Empty"):
        self.send(frame.type, values, message, flags=REPLY, correlation=frame.correlation)


# ---- data


class Data(Connection):
    def send(self, kind, payload=b"", size=None):
        number = DATA_TYPES[kind] if isinstance(kind, str) else kind
        self.write(DATA_HEADER.pack(len(payload) if size is None else size, number) + payload)

    def receive(self):
        """-> (name, payload); a FAILURE is raised as Refused."""
        while True:
            size, number = DATA_HEADER.unpack(self.read(DATA_HEADER.size))
            payload = self.read(size)
            name = next((name for name, other in DATA_TYPES.items() if other == number), str(number))
            if name == "FAILURE":
                raise Refused(struct.unpack("<H", payload[:2])[0], payload[2:].decode(errors="backslashreplace"))
            if name != "PING":
                return name, payload

    def question(self, kind, payload, answer):
        self.send(kind, payload)
        name, reply = self.receive()
        if name != answer:
            raise Closed(f"{name} instead of {answer}")
        return reply

    def hello(self, job, token, version=1):
        return self.question("HELLO", struct.pack("<IQ", version, job) + token, "WELCOME")

    def have(self, ids):
        return [bool(known) for known in self.question("HAVE", b"".join(ids), "HAVE_REPLY")]

    def put(self, name, blob):
        self.send("PUT", name + blob)

    def finish(self):
        return dict(zip(("stored", "bytes", "known"), struct.unpack("<QQQ", self.question("FINISH", b"", "FINISHED"))))

    def get(self, name):
        reply = self.question("GET", name, "BLOB")
        if reply[:32] != name or hashlib.sha256(reply[32:]).digest() != name:
            raise Closed("another blob than the one that was asked for")
        return reply[32:]
