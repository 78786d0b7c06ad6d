"""Campaign: peers that mean harm, while a well-behaved operator asks and small cycles run.

A case is one attack on one listener: without keys, or with the real keys of one agent (mallory) or one operator (eve).  What is
silent for seconds goes on at the same time as the rest of its kind.  Demanded of each:

* the operator's questions take no longer than twice of what they take in the quiet times before and after (medians, in turns);
* a cycle that runs meanwhile becomes a full;
* every hostile connection is closed within CLOSED_S, every wrong order refused;
* the controller grows by no more than GROWTH_KIB, lives, and has let go of every descriptor afterwards.
"""
import collections
import contextlib
import datetime
import itertools
import multiprocessing
import os
import pathlib
import random
import resource
import select
import socket
import ssl
import statistics
import struct
import subprocess
import tempfile
import threading
import time

from campaign import Campaign
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from host import Failed, wait_until
from pair import NOBODY, Pair
from peer import CONTROL_HEADER, DATA_HEADER, Closed, Connection, Control, Data, Identity, Refused, dial, schema, varint

CLOSED_S = 15
SLOWER, TRIES = 2, 4
GROWTH_KIB = 64 * 1024
LATENCY_FLOOR_MS = 10  # two scheduler slices: what is faster is not told from noise
CROWD, FEW = 1000, 20  # connections
SHORT_S = 0.5  # an attack that ends at once is repeated for so long
ATTACKER = "127.0.0.66"  # where crowds come from
NICE = 10  # of the attackers: they are on other machines, and do not take the controller's processor


# ---- the place

class Place:
    """A controller, an agent that does its work, an operator that asks; and keys for those who mean harm."""

    def __init__(self, base, seed):
        self.base, self.random = base, random.Random(seed)
        self.pair = Pair(os.environ["KOFFER_PROGRAMS"], base, self.random, files=20)
        self.pair.write("file0", 100_000)
        self.pair.start()
        self.addresses = {"control": ("127.0.0.1", self.pair.control_port), "data": ("127.0.0.1", self.pair.data_port),
                          "enroll": ("127.0.0.1", self.pair.enroll_port)}
        self.jane, self.eve = self.operator("jane", "viewer"), self.operator("eve", "restore")
        self.mallory = self.agent("mallory")
        self.pair.run("koffer", "agent", "add", "nobody")  # an open token keeps the enrolment open
        with Control.dial(self.addresses["control"], self.mallory) as control:
            control.ask("AGENT_HELLO", hello())

    def operator(self, name, role):
        token = self.pair.json("operator", "add", name, "--role", role)["token"]
        env = dict(self.pair.env, KOFFER_OPERATOR=f"{self.base}/{name}")
        subprocess.run([f"{self.pair.programs}/koffer", "operator", "enroll"], env=env, input=token + "\n", text=True, check=True,
                       stdout=subprocess.DEVNULL)
        return Identity.of_operator(self.base / name)

    def agent(self, name):
        state = f"{self.pair.open.name}/{name}"
        self.pair.configure(f"{name}.conf", f'user = "{NOBODY}"\nstate-directory = "{state}"\n'
                            f'private-directory = "{self.base}/{name}"\n')
        token = self.pair.json("agent", "add", name)["token"]
        self.pair.run("koffer-agent", "enroll", "--config", f"{self.base}/{name}.conf", input=token + "\n")
        return Identity.of_agent(state)

    def status(self, key):
        for line in pathlib.Path(f"/proc/{self.pair.controller.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        return 0

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.pair.controller.pid}/clear_refs").write_text("5")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pair.controller.pid}/fd"))


def hello():
    return {"protocol_min": 1, "protocol_max": 1, "version": "0", "system": "none", "clock": time.time_ns(), "session": 1,
            "sources": [{"name": f"s{n}", "kind": "files", "required": False, "description": "x" * 150} for n in range(8)]}


# ---- the witness

def witness(address, identity, out):
    """What an operator's question takes, over and over: connection, handshake, question, answer."""
    context = identity.context()
    while True:
        begun = time.monotonic()
        try:
            plain = socket.create_connection(address, timeout=20)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with Control(context.wrap_socket(plain), 20) as control:
                control.ask("STATUS")
            out.send((begun, 1000 * (time.monotonic() - begun), None))
        except (OSError, Closed, Refused) as failed:
            out.send((begun, 1000 * (time.monotonic() - begun), f"{type(failed).__name__}: {failed}"))
        time.sleep(0.02)


class Witness:
    def __init__(self, place):
        self.reader, writer = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.Process(target=witness, args=(place.addresses["control"], place.jane, writer), daemon=True)
        self.process.start()

    def since(self, begun):
        """(milliseconds, failures) of the questions asked since then."""
        taken, failures = [], []
        while self.reader.poll():
            at, ms, failure = self.reader.recv()
            if at >= begun:
                taken.append(ms)
                failures += [failure] if failure else []
        return taken, failures

    def close(self):
        self.process.terminate()
        self.process.join()


# ---- what attackers have

def authority(name):
    key = ec.generate_private_key(ec.SECP256R1())
    return key, x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def certificate(folder, uri, signer=None, issuer=None, days=(-1, 30), usage=x509.ExtendedKeyUsageOID.CLIENT_AUTH):
    """Of our own making, as the real ones are but for what is said here."""
    key, subject = authority(uri.rpartition("/")[2])
    now = datetime.datetime.utcnow()
    built = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject).public_key(key.public_key())
             .serial_number(x509.random_serial_number()).not_valid_before(now + datetime.timedelta(days=days[0]))
             .not_valid_after(now + datetime.timedelta(days=days[1]))
             .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), False)
             .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
             .add_extension(x509.ExtendedKeyUsage([usage]), False))
    digest = None if signer and "Ed25519" in type(signer).__name__ else hashes.SHA256()
    done = built.sign(signer or key, digest)
    folder.mkdir()
    (folder / "certificate.pem").write_bytes(done.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                       serialization.NoEncryption()))
    return Identity(None, str(folder / "certificate.pem"), str(folder / "key.pem"))


def own_authority(place, folder, uri):
    ca = x509.load_pem_x509_certificate((place.base / "controller" / "ca.pem").read_bytes())
    return certificate(folder, uri, ec.generate_private_key(ec.SECP256R1()), ca.subject)  # the right name, another key


def expired(place, folder, uri):
    """By the real authority: an old one that was stolen."""
    ca = x509.load_pem_x509_certificate((place.base / "controller" / "ca.pem").read_bytes())
    key = serialization.load_pem_private_key((place.base / "controller" / "keys" / "ca.key").read_bytes(), None)
    return certificate(folder, uri, key, ca.subject, days=(-40, -2))


def unknown(place, folder, uri):
    """By the real authority, valid, and not the newest of its bearer."""
    ca = x509.load_pem_x509_certificate((place.base / "controller" / "ca.pem").read_bytes())
    key = serialization.load_pem_private_key((place.base / "controller" / "keys" / "ca.key").read_bytes(), None)
    return certificate(folder, uri, key, ca.subject)


def client_hello():
    context = Identity().context()
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


# ---- connections that must end

class Crowd:
    """Sockets that say little or nothing; when did the other side end them?"""

    def __init__(self):
        self.poll, self.open, self.ended = select.epoll(), {}, []

    def add(self, sock):
        sock.setblocking(False)
        self.open[sock.fileno()] = (sock, time.monotonic())
        self.poll.register(sock.fileno(), select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR)

    def watch(self, seconds):
        """Until all have ended, or that long."""
        until = time.monotonic() + seconds
        while self.open and (left := until - time.monotonic()) > 0:
            for number, _ in self.poll.poll(min(left, 0.5)):
                self.look(number)

    def look(self, number):
        sock, begun = self.open[number]
        try:
            over = sock.recv(65536) == b""
        except (BlockingIOError, ssl.SSLWantReadError):
            over = False
        except OSError:
            over = True
        if over:
            self.poll.unregister(number)
            self.ended.append(time.monotonic() - begun)
            del self.open[number]
            sock.close()

    def close(self):
        left = len(self.open)
        for sock, _ in self.open.values():
            sock.close()
        self.poll.close()
        return f"{left} of {left + len(self.ended)} connections are open after {CLOSED_S} s" if left else None


def plain(address):
    if isinstance(address, tuple):
        return socket.create_connection(address, timeout=20, source_address=(ATTACKER, 0))
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(address))
    return sock


def silent(place, make, count, meanwhile=None):
    """That many connections, left alone or nearly; None when all of them are ended in time."""
    crowd = Crowd()
    for _ in range(count):
        with contextlib.suppress(OSError, Closed):  # refused at once: that is an end, too
            crowd.add(make())
    until = time.monotonic() + CLOSED_S
    while crowd.open and time.monotonic() < until:
        for sock, _ in crowd.open.values() if meanwhile else ():
            meanwhile(sock)
        crowd.watch(0.5)
    return crowd.close()


def idle(place, listener):
    return silent(place, lambda: plain(place.addresses[listener]), CROWD)


def half_a_handshake(place, listener):
    words = client_hello()

    def make():
        sock = plain(place.addresses[listener])
        sock.sendall(words)
        return sock
    return silent(place, make, CROWD)


def shaken_and_silent(place, listener):
    identity = {"control": place.mallory, "data": place.mallory, "enroll": Identity()}[listener]
    return silent(place, lambda: dial(place.addresses[listener], identity), FEW)


def begun_frame(place, listener, size):
    """A socket on which the peer is known, and a frame of that size has begun."""
    if listener == "control":
        sock = Control.dial(place.addresses[listener], place.eve).socket
        sock.sendall(CONTROL_HEADER.pack(1, 0, schema.types["STATUS"], size, 1) + b"x" * 10)
    else:
        sock = dial(place.addresses[listener], place.mallory if listener == "data" else Identity())
        sock.sendall(DATA_HEADER.pack(size, 1 if listener == "data" else 12) + b"x" * 10)
    return sock


def half_a_frame(place, listener):
    return silent(place, lambda: begun_frame(place, listener, 44), FEW)


def drip(place, listener):
    """A byte now and then, of a frame that is never whole: is it ended although it is never silent?"""
    def say_a_little(sock):
        with contextlib.suppress(OSError):
            sock.send(b"x")
    return silent(place, lambda: begun_frame(place, listener, 100_000), FEW, say_a_little)


def deaf(place, listener):
    """Asks for much and reads nothing, but says that it lives."""
    talkers = []
    for _ in range(4):
        with contextlib.suppress(OSError, Closed):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before the window is told
            sock.connect(place.addresses["control"])
            control = Control(place.eve.context().wrap_socket(sock))
            talkers.append(control)
            for _ in range(32):
                control.send("FULL_CAT", {"source": "host.data", "path": f"fs{place.pair.base}/data/file0", "length": 100_000})
    until = time.monotonic() + CLOSED_S
    while talkers and time.monotonic() < until:
        for control in list(talkers):
            try:
                control.beat()
            except (Closed, OSError):
                talkers.remove(control)
        time.sleep(0.5)  # it lives at this pace
    for control in talkers:
        control.close()
    return f"{len(talkers)} that read nothing are connected after {CLOSED_S} s" if talkers else None


# ---- attacks that are over at once

def ends(sock, seconds=CLOSED_S):
    """None when the other side ends it in time."""
    connection = Connection(sock, seconds)
    try:
        connection.wait_closed(seconds)
    except TimeoutError:
        return f"open after {seconds} s"
    finally:
        connection.close()
    return None


def hello_and_reset(place, listener):
    words = client_hello()
    for _ in range(100):
        sock = plain(place.addresses[listener])
        sock.sendall(words)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


def shown(make_identity, role):
    """A certificate that must not be believed."""
    def attack(place, listener):
        folder = place.base / f"forged{next(place.forged)}"
        try:
            sock = dial(place.addresses[listener], make_identity(place, folder, f"koffer://{role}/jane"))
            if listener == "control":
                control = Control(sock)
                control.ask("STATUS")
                return "it was answered"
            return ends(sock)
        except (Closed, ConnectionError, ssl.SSLError):
            return None
        except Refused as refused:
            return None if refused.code == "denied" else f"refused as {refused.code}: {refused}"
    return attack


def no_certificate(place, listener):
    try:
        return ends(dial(place.addresses[listener], Identity()))
    except (Closed, OSError):
        return None


def old_tls(place, listener):
    context = Identity().context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with plain(place.addresses[listener]) as sock, context.wrap_socket(sock):
            return "TLS 1.2 was accepted"
    except (OSError, ssl.SSLError):
        return None


def greeted(place, listener):
    """A connection on which the peer is known already, ready for bytes."""
    if listener == "control":
        return Control.dial(place.addresses["control"], place.mallory)
    if listener == "local":
        return Control.local(place.addresses["local"])
    return Data.dial(place.addresses[listener], place.mallory if listener == "data" else Identity())


def bytes_that_end_it(make):
    def attack(place, listener):
        try:
            with greeted(place, listener) as connection:
                connection.write(make(place, listener))
                return ends(connection.socket)
        except Closed:  # in the middle of it, or at once: too many of our kind
            return None
    return attack


def garbage(place, listener):
    return place.random.randbytes(20_000)


def garbage_before_tls(place, listener):
    with plain(place.addresses[listener]) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(place.random.randbytes(2000))
        return ends(sock)


def longest(place, listener):
    """As long as a length can be."""
    if listener in ("control", "local"):
        return CONTROL_HEADER.pack(1, 0, schema.types["AGENT_HELLO"], 0xFFFFFFFF, 1) + bytes(1000)
    return DATA_HEADER.pack(0xFFFFFFFF, 1 if listener == "data" else 12) + bytes(1000)


def wrong_frames(place, listener):
    """Versions and flags that do not exist."""
    if listener in ("control", "local"):
        return CONTROL_HEADER.pack(9, 0xFF, 0xFFFF, 0, 1)
    return struct.pack("<IBBBB", 0, 99, 1, 2, 3)


def bodies():
    """Of AGENT_HELLO: what protobuf makes large, deep or endless."""
    number = schema.messages["AgentHello"]["sources"][0]
    yield bytes([number << 3 | 2, 0]) * 120_000  # empty messages: each becomes an allocation
    text = schema.messages["AgentHello"]["version"][0]
    yield varint(text << 3 | 2) + varint(16 << 30)  # 16 GiB announced
    deep = b""
    for _ in range(20_000):
        deep = varint(number << 3 | 2) + varint(len(deep)) + deep if len(deep) < 200_000 else deep
    yield deep
    yield b"\x0b" * 200_000  # groups that never end
    yield b"\xff" * 200_000
    jobs = schema.messages["AgentHello"]["jobs"][0]
    yield varint(jobs << 3 | 2) + varint(200_000) + bytes(200_000)  # packed


def body(number):
    def attack(place, listener):
        data = next(itertools.islice(bodies(), number, None))
        with greeted(place, listener) as control:
            try:
                control.ask("AGENT_HELLO", body=data)
            except Refused:
                return None
            except Closed:
                return None
            return "it was taken"
    return attack


def wrong_role(place, listener):
    """Every order of the others, and of the controller itself."""
    of_operators = [name for name in schema.types if 40 <= schema.types[name] < 80]
    of_agents = ["AGENT_HELLO", "STEP_RESULT", "STEP", "STEP_CANCEL", "ENROLL"]
    who, orders = {"control": (place.mallory, of_operators), "eve": (place.eve, of_agents)}[listener]
    for order in orders:
        try:
            with Control.dial(place.addresses["control"], who) as control:
                control.ask(order, message="Empty")
                return f"{order} was obeyed"
        except Refused as refused:
            if refused.code not in ("denied", "unsupported", "protocol", "invalid"):
                return f"{order} was refused as {refused.code}: {refused}"
        except Closed:
            pass
    return None


def results_of_others(place, listener):
    """Ends of jobs that are not its own, while such jobs run."""
    with Control.dial(place.addresses["control"], place.mallory) as control:
        control.ask("AGENT_HELLO", hello())
        for job in [*range(1, 20), *(place.random.getrandbits(53) for _ in range(20))]:
            with contextlib.suppress(Refused):
                control.ask("STEP_RESULT", {"job": job, "code": 0, "root_id": bytes(32)}, "StepResult")
            control.send("STEP_PROGRESS", {"job": job, "phase": "done"}, correlation=0)
        with contextlib.suppress(Refused):
            control.ask("STEP_RESULT", {"job": 1, "text": "x" * 200_000})
    return None


def data_of_others(place, listener):
    for job in [0, 1, 2, place.random.getrandbits(53)]:
        try:
            with Data.dial(place.addresses["data"], place.mallory) as data:
                data.hello(job, place.random.randbytes(32))
                return f"job {job} was opened with a token that was guessed"
        except (Refused, Closed):
            pass
        with Data.dial(place.addresses["data"], place.mallory) as data:  # and without a hello
            data.send("GET", bytes(32))
            if found := ends(data.socket):
                return found
    return None


def all_places_for_data(place, listener):
    """As many as there are threads for, each busy with a hello that is refused, while a capture wants one."""
    until = time.monotonic() + SHORT_S
    with contextlib.ExitStack() as stack:
        while time.monotonic() < until:
            with contextlib.suppress(Closed, OSError):
                data = stack.enter_context(Data.dial(place.addresses["data"], place.mallory))
                data.send("HELLO", struct.pack("<IQ", 1, 7) + bytes(32))


def hello_again(place, listener):
    with Control.dial(place.addresses["control"], place.mallory) as control:
        for _ in range(50):
            with contextlib.suppress(Refused):
                control.ask("AGENT_HELLO", hello())


def replay(place, listener):
    """All bytes of a good conversation, sent again on a new connection."""
    context, incoming, outgoing, said = place.mallory.context(), ssl.MemoryBIO(), ssl.MemoryBIO(), b""
    tls = context.wrap_bio(incoming, outgoing)
    with plain(place.addresses[listener]) as sock:
        sock.settimeout(CLOSED_S)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                said += (words := outgoing.read())
                sock.sendall(words)
                incoming.write(sock.recv(65536))
        tls.write(CONTROL_HEADER.pack(1, 0, schema.types["HEARTBEAT"], 0, 0))
        said += (words := outgoing.read())
        sock.sendall(words)
        sock.recv(65536)
    with plain(place.addresses[listener]) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(said)
        return ends(sock)


def questions(place, listener):
    """As many as it can ask, and all answers read."""
    until = time.monotonic() + SHORT_S
    with Control.dial(place.addresses["control"], place.eve) as control:
        while time.monotonic() < until:
            asked = [control.send("STATUS") for _ in range(16)]
            for correlation in asked:
                control.reply_to(correlation)


def questions_unread(place, listener):
    """More than may be on the way."""
    with Control.dial(place.addresses["control"], place.eve) as control:
        with contextlib.suppress(Closed):
            for _ in range(20_000):
                control.send("AGENT_LIST")
        return ends(control.socket)


def one_certificate(place, listener):
    who = {"control": place.mallory, "eve": place.eve}[listener]
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            with contextlib.suppress(Closed, OSError):
                control = stack.enter_context(Control.dial(place.addresses["control"], who))
                control.send("STATUS")


def enroll_nonsense(place, listener):
    request = {"role": "agent", "name": "host", "request": "x", "signing_key": bytes(32), "receiving_key": bytes(32),
               "proof": bytes(32), "signature": bytes(64)}
    message = schema.encode("EnrollRequest", request)
    with Data.dial(place.addresses["enroll"], Identity()) as data:
        data.send("MESSAGE", CONTROL_HEADER.pack(1, 0, schema.types["ENROLL"], len(message), 1) + message)
        return ends(data.socket)


Attack = collections.namedtuple("Attack", "name listener run silent")
TLS = ("control", "data", "enroll")
MEMBERS = ("control", "data")


def attacks():
    def several(name, run, listeners, quiet=False):
        return [Attack(name, listener, run, quiet) for listener in listeners]
    return [
        *several("1000 idle sockets", idle, TLS, True),
        *several("1000 half handshakes", half_a_handshake, TLS, True),
        *several("handshake and silence", shaken_and_silent, TLS, True),
        *several("half a frame", half_a_frame, TLS, True),
        *several("a byte now and then", drip, TLS, True),
        *several("reads nothing", deaf, ("control",), True),
        *several("hello and reset", hello_and_reset, TLS),
        *several("TLS 1.2", old_tls, TLS),
        *several("garbage instead of TLS", garbage_before_tls, TLS),
        *several("garbage after the handshake", bytes_that_end_it(garbage), (*TLS, "local")),
        *several("the longest length", bytes_that_end_it(longest), (*TLS, "local")),
        *several("frames that do not exist", bytes_that_end_it(wrong_frames), (*TLS, "local")),
        *several("no certificate", no_certificate, MEMBERS),
        *several("self-signed with a known name", shown(lambda p, f, u: certificate(f, u), "operator"), MEMBERS),
        *several("another authority of the same name", shown(own_authority, "operator"), MEMBERS),
        *several("expired", shown(expired, "operator"), MEMBERS),
        *several("not the newest", shown(unknown, "operator"), ("control",)),
        *(Attack(f"body {n}", listener, body(n), False) for n in range(6) for listener in ("control", "local")),
        *several("orders of another role", wrong_role, ("control", "eve")),
        *several("results of other's jobs", results_of_others, ("control",)),
        *several("data of other's jobs", data_of_others, ("data",)),
        *several("all places for data", all_places_for_data, ("data",)),
        *several("hello, over and over", hello_again, ("control",)),
        *several("a conversation replayed", replay, MEMBERS),
        *several("questions", questions, ("control",)),
        *several("questions, answers unread", questions_unread, ("control",)),
        *several("one certificate, many connections", one_certificate, ("control", "eve")),
        *several("enrolment with a wrong proof", enroll_nonsense, ("enroll",)),
    ]


# ---- the run

class Run:
    def __init__(self, campaign, place):
        self.campaign, self.place, self.witness = campaign, place, Witness(place)
        self.worst = {"latency": 0.0, "growth": 0}
        self.descriptors = None

    def cycle(self):
        self.place.pair.write("changing", 30_000)
        done = self.place.pair.run("koffer", "cycle", "start", "--wait", check=False)
        return None if done.returncode == 0 else f"the cycle meanwhile: {done.stdout[-400:]}"

    def quiet(self):
        """A cycle without harm: the milliseconds of a question, and what the controller has."""
        begun = time.monotonic()
        if found := self.cycle():
            raise Failed(found)
        wait_until(lambda: time.monotonic() - begun > SHORT_S, 60, "quiet time")
        self.descriptors = self.place.descriptors()
        taken, failures = self.witness.since(begun)
        return statistics.median(taken)

    def attack(self, attacks, violation):
        """All of these at the same time.  What seems to slow us down is tried again: on a busy machine it may have been another."""
        for _ in range(TRIES):
            quiet, meanwhile = self.once(attacks, violation)
            if meanwhile > SLOWER * max(quiet, LATENCY_FLOOR_MS):
                quiet = max(quiet, self.quiet())  # or has the machine become slow?
            ratio = meanwhile / max(quiet, LATENCY_FLOOR_MS)
            if ratio <= SLOWER:
                break
        else:
            violation(attacks[0], f"a question took {meanwhile:.1f} ms, and {quiet:.1f} ms in quiet times")
        self.worst["latency"] = max(self.worst["latency"], ratio)

    def once(self, attacks, violation):
        quiet = self.quiet()
        before = self.place.status("VmRSS")
        self.place.forget_peak()
        begun = time.monotonic()
        threads = [threading.Thread(target=self.harm, args=(attack, violation)) for attack in attacks]
        for thread in threads:
            thread.start()
        if found := self.cycle():
            violation(attacks[0], found)
        while any(thread.is_alive() for thread in threads):
            threads[0].join(0.05)
            for thread in threads:
                thread.join(0.05)
        taken, failures = self.witness.since(begun)
        self.judge(attacks[0], violation, self.place.status("VmHWM") - before, taken, failures)
        meanwhile = statistics.median(taken)
        print(f"{attacks[0].name}, {attacks[0].listener}: quiet {quiet:.1f} ms, then {meanwhile:.1f} ms ({len(taken)} questions)")
        return quiet, meanwhile

    def judge(self, attack, violation, growth, taken, failures):
        self.worst["growth"] = max(self.worst["growth"], growth)
        if failures:
            violation(attack, f"{len(failures)} of {len(taken)} questions were not answered: {failures[0]}")
        if growth > GROWTH_KIB:
            violation(attack, f"the controller grew by {growth} KiB")
        if self.place.pair.controller.poll() is not None:
            raise Failed(f"the controller ended with {self.place.pair.controller.returncode}")
        try:
            wait_until(lambda: self.place.descriptors() <= self.descriptors + 3, CLOSED_S, "descriptors", every=0.1)
        except Failed:
            violation(attack, f"{self.place.descriptors()} descriptors, {self.descriptors} before")

    def harm(self, attack, violation):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        begun, times = time.monotonic(), 0
        try:
            while times == 0 or (not attack.silent and time.monotonic() - begun < SHORT_S):
                times += 1
                if found := attack.run(self.place, attack.listener):
                    violation(attack, found)
                    break
        except Exception as failed:
            violation(attack, f"{type(failed).__name__}: {failed}")


def run_all(campaign, place):
    table = attacks()
    run = Run(campaign, place)
    silent_ones = [attack for attack in table if attack.silent]

    def violation(attack, text):
        campaign.violation(f"{attack.name}, {attack.listener}: {text}")

    done = False
    for case in campaign.cases(len(table)):
        attack = table[case.number]
        if not attack.silent:
            run.attack([attack], violation)
        elif not done:
            run.attack(silent_ones, violation)
            done = True
    run.witness.close()
    campaign.figure("latency", f"x{run.worst['latency']:.2f}")
    campaign.figure("growth_KiB", run.worst["growth"])


def main():
    campaign = Campaign()
    resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))
    with tempfile.TemporaryDirectory(prefix="koffer-hostile.") as folder:
        place = Place(pathlib.Path(folder), campaign.seed)
        place.forged = itertools.count()
        place.addresses["local"] = f"{folder}/run/control"
        try:
            run_all(campaign, place)
        finally:
            ends = place.pair.stop()
        if ends != [0, 0]:
            campaign.violation(f"exit statuses of agent and controller: {ends}")
    campaign.end()


if __name__ == "__main__":
    main()
