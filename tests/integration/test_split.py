"""The two halves of an agent: who has which rights, and what a network side that was taken over can do with koffer-priv.

koffer-priv must neither end, nor tell a secret, nor touch anything outside its staging and restore roots, whatever it hears.
"""
import contextlib
import os
import pathlib
import pwd
import random
import resource
import signal
import socket
import stat
import subprocess
import tempfile
import time

import network_side as n
import pytest
from host import wait_until
from network_side import NetworkSide
from pair import NOBODY, Pair

PLAIN = b"nobody outside this host may read this line\n" * 20
RC_OK, RC_NOT_FOUND, RC_DENIED, RC_UNSUPPORTED = 0, 4, 6, 8


@pytest.fixture
def pair(programs, tmp_path):
    pair = Pair(programs, tmp_path, random.Random(1), files=20, agent_keys=f'restore-roots = {{"{tmp_path}/restored"}}')
    (tmp_path / "data/secret").write_bytes(PLAIN)
    pair.start()
    try:
        yield pair
    finally:
        ends = pair.stop()
    assert ends == [0, 0]


@pytest.fixture
def two_sources(programs, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more/file").write_bytes(PLAIN)
    pair = Pair(programs, tmp_path, random.Random(1), files=5, sources=f'source "more" {{ kind = files  paths = {{"{tmp_path}/more"}} }}')
    pair.start()
    try:
        yield pair
    finally:
        ends = pair.stop()
    assert ends == [0, 0]


@pytest.fixture
def alone(pair):
    """koffer-priv without its network side: the test is that."""
    pair.agent.send_signal(signal.SIGTERM)
    pair.agent.wait(20)
    pair.agent = None
    yield pair
    assert pair.priv.poll() is None, f"koffer-priv ended with {pair.priv.returncode}"
    pair.start()
    pair.run("koffer", "cycle", "start", "--wait")  # what was done to it has left nothing behind


def socket_of(pair):
    return pathlib.Path(pair.open.name) / "run/socket"


def status(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def descriptors(pid):
    return {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}


def inodes(kind):
    lines = pathlib.Path(f"/proc/net/{kind}").read_text().splitlines()[1:]
    return {f"socket:[{line.split()[9]}]" for line in lines}


def secrets(pair):
    """What must never be told: private keys and the domain's secret, raw."""
    from cryptography.hazmat.primitives import serialization as s
    keys = pair.base / "priv/keys"
    raw = [s.load_pem_private_key((keys / name).read_bytes(), None).private_bytes(s.Encoding.Raw, s.PrivateFormat.Raw,
                                                                               s.NoEncryption())
           for name in ("signing.key", "receiving.key")]
    return [*raw, bytes.fromhex((keys / "domain").read_text().strip())]


# ---- rights

def test_the_network_side_has_no_rights(pair):
    mine = status(pair.agent.pid)
    assert set(mine["Uid"].split()) == {str(os.stat(pair.base / "agent").st_uid)} != {"0"}
    assert {mine[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert mine["NoNewPrivs"] == "1"


def test_nobody_else_reads_the_secrets(pair):
    pair.run("koffer", "cycle", "start", "--wait")
    for path in [pair.base / "priv", *(pair.base / "priv").rglob("*")]:
        about = path.lstat()
        assert about.st_uid == 0 and stat.S_IMODE(about.st_mode) & 0o077 == 0, f"{path}: {oct(about.st_mode)}"
    assert not list((pair.base / "agent").resolve().rglob("signing.key"))
    refused = subprocess.run(["setpriv", f"--reuid={NOBODY}", "--clear-groups", "--regid=nogroup", "cat",
                              pair.base / "priv/keys/signing.key"], capture_output=True, text=True)
    assert refused.returncode != 0 and "denied" in refused.stderr


def test_the_privileged_half_has_no_network(pair):
    pair.run("koffer", "cycle", "start", "--wait")
    used = descriptors(pair.priv.pid)
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw"):
        assert not used & inodes(kind)
    mapped = pathlib.Path(f"/proc/{pair.priv.pid}/maps").read_text()
    assert "libnng" not in mapped and "libprotobuf" not in mapped
    mapped = pathlib.Path(f"/proc/{pair.agent.pid}/maps").read_text()
    assert "libmariadb" not in mapped and "libldap" not in mapped


def test_strangers_are_turned_away(alone):
    os.chmod(alone.open.name + "/run", 0o755)
    os.chmod(socket_of(alone), 0o666)
    with NetworkSide(socket_of(alone), user="daemon") as side, pytest.raises(n.Closed):
        side.greet()


# ---- words

def sockets_of_garbage(rng):
    for size in (0, 1, 2, 5, 100, 4096, n.PACKET_MAX):
        yield rng.randbytes(size) if size else b"\0"
    for kind in range(256):
        yield bytes([kind]) + rng.randbytes(rng.randrange(200))
    whole = n.order(1, n.RESTORE, path="fs", target="/srv")
    for _ in range(200):
        yield whole[:rng.randrange(len(whole))]
    yield whole + b"x"
    yield n.order(1, n.CHECK, "data")[:-4] + n.text(b"da\0a")
    yield n.order(1, 0, "data")
    yield n.order(1, 9, "data")
    yield n.order(1, n.CHECK, "data", flags=8)
    yield n.order(1, n.CHECK, "x" * 65)
    yield n.vault(bytes(16), [])
    yield n.vault(bytes(16), [bytes(32)] * 17)
    yield n.alive(2)


def speak(alone, packet, greeted):
    """Is the connection still there afterwards?"""
    with NetworkSide(socket_of(alone)) as side:
        try:
            if greeted:
                side.greet()
            side.send(packet)
            side.send(n.hello())
            side.until(n.READY)
            return True
        except n.Closed:
            return False


def test_garbage_ends_the_connection_and_nothing_else(alone):
    rng = random.Random(7)
    harmless = {n.HELLO, n.CANCEL, n.DROP, n.ALIVE}
    for packet in sockets_of_garbage(rng):
        assert not speak(alone, packet, True) or packet[0] in harmless, packet[:40]
    assert not speak(alone, n.alive(), False)
    assert not speak(alone, n.order(1, n.CHECK, "data"), False)
    assert not speak(alone, n.hello(2), True)


def test_packets_too_large_and_descriptors_are_refused(alone):
    assert not speak(alone, n.order(1, n.CHECK, "data") + bytes(n.PACKET_MAX), True)
    with NetworkSide(socket_of(alone)) as side, open("/dev/null") as file:
        side.greet()
        before = len(descriptors(alone.priv.pid))
        with contextlib.suppress(PermissionError):  # from Linux 6.16 on the kernel does not even send them
            side.send(n.alive(), [file.fileno()] * 3)
            with pytest.raises(n.Closed):
                side.until(n.READY)
    wait_until(lambda: len(descriptors(alone.priv.pid)) <= before, 5, "descriptors closed")


def test_without_free_descriptors_it_rests_between_tries(alone):
    pid, log = alone.priv.pid, alone.log("koffer-priv")
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    told = log.read_text().count("accept the network side")
    begin = time.monotonic()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(set(range(len(used) + 1)) - used), before[1]))
    with NetworkSide(socket_of(alone)) as side:
        tries = wait_until(lambda: max(0, log.read_text().count("accept the network side") - told - 2), 20, "three tries") + 2
        assert tries <= 2 + (time.monotonic() - begin) / 0.5
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        side.greet()


def test_only_one_at_a_time(alone):
    with NetworkSide(socket_of(alone)) as first:
        first.greet()
        with NetworkSide(socket_of(alone)) as second, pytest.raises(n.Closed):
            second.greet()
        first.send(n.alive())


def test_a_flood_is_read_slowly_and_bounded(alone):
    with NetworkSide(socket_of(alone)) as side:
        side.greet()
        with contextlib.suppress(n.Closed):  # who does not read what it asked for is cut off
            for job in range(400):
                side.send(n.order(job, n.CHECK, "data", cycle=job))
        assert int(status(alone.priv.pid)["Threads"]) < 80


# ---- orders

def record_vault(pair):
    """A real VAULT packet: the network side is stopped, and another one puts itself between it and koffer-priv."""
    path, real = socket_of(pair), socket_of(pair).with_name("real")
    path.rename(real)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    path.chmod(0o666)
    listener.listen(1)
    pair.agent = pair.daemon("koffer-agent", "agent.conf")
    listener.settimeout(20)
    theirs, _ = listener.accept()
    theirs.settimeout(20)
    with NetworkSide(real) as side:
        found = None
        while found is None:
            packet = theirs.recv(n.PACKET_MAX)
            if packet[0] == n.VAULT:
                found = packet
            side.send(packet)
            if packet[0] == n.HELLO:
                kind = None
                while kind != n.READY:
                    kind, rest, _ = side.receive()
                    theirs.send(bytes([kind]) + rest)
    pair.agent.kill()
    pair.agent.wait()
    pair.agent = None
    theirs.close()
    listener.close()
    path.unlink()
    real.rename(path)
    return found


def test_no_recipients_of_its_own(alone):
    good = record_vault(alone)
    with NetworkSide(socket_of(alone)) as side:
        side.greet()
        side.send(good)
        assert side.answer(n.order(1, n.CHECK, "data"))[0] == RC_OK
    mine = os.urandom(32)
    forged = good[:25] + b"\2" + good[26:58] + mine + good[58:]
    swapped = good[:26] + mine + good[58:]
    for packet in (forged, swapped, n.vault(os.urandom(16), [mine])):
        assert not speak(alone, packet, True)


def test_no_restore_of_its_own(alone):
    good = record_vault(alone)
    outside = alone.base / "outside"
    outside.mkdir()
    root = alone.base / "restored"
    targets = [f"{outside}/x", f"{root}/../outside/x", f"{root}/./x", "/etc/cron.d", "relative", f"{root}evil/x", f"{root}/ok"]
    with NetworkSide(socket_of(alone)) as side:
        side.greet()
        side.send(good)
        for job, target in enumerate(targets):
            code, why = side.answer(n.order(100 + job, n.RESTORE, path="fs", target=target))
            assert code == RC_DENIED, (target, code, why)
    assert not list(outside.iterdir()) and not root.exists()


def test_only_configured_sources_and_known_verbs(alone):
    good = record_vault(alone)
    with NetworkSide(socket_of(alone)) as side:
        assert side.greet() == ["data"]
        side.send(good)
        for name in ("", "etc", "../data", "/etc/shadow", "data; id", "data/", "DATA"):
            assert side.answer(n.order(1, n.CHECK, name))[0] == RC_NOT_FOUND, name
        assert side.answer(n.order(2, n.NO_VERB, "data"))[0] == RC_UNSUPPORTED
        assert side.answer(n.order(3, n.SEAL, "data", cycle=77))[0] == RC_NOT_FOUND


def capture(side, job, on_frame):
    """Orders one and plays the controller with `on_frame(channel, kind, payload)`; returns all bytes that came out of koffer-priv."""
    side.send(n.alive())
    assert side.answer(n.order(job, n.CHECK, "data", cycle=job))[0] == RC_OK
    told = side.result(job)
    side.send(n.about(job, n.DROP))
    assert side.answer(n.order(job + 1, n.CAPTURE, "data", cycle=job))[0] == RC_OK
    _, fd = side.until(n.STREAM)
    channel = n.Channel(fd)
    seen = []
    try:
        channel.send(n.OPENED)
        while True:
            kind, payload = channel.receive()
            seen.append(payload)
            if not on_frame(channel, kind, payload):
                break
    except (n.Closed, BrokenPipeError, ConnectionResetError):
        pass
    channel.close()
    return told + side.result(job + 1) + b"".join(seen)


def honest(channel, kind, payload):
    if kind == n.HAVE:
        channel.send(n.HAVE_REPLY, bytes(len(payload) // 32))
    elif kind == n.FINISH:
        channel.send(n.FINISHED)
        return False
    return True


def test_what_comes_out_is_sealed(alone):
    good = record_vault(alone)
    with NetworkSide(socket_of(alone)) as side:
        side.greet()
        side.send(good)
        out = capture(side, 1000, honest)
        assert side.answer(n.order(1002, n.SEAL, "data", cycle=1000, sequence=1 << 40))[0] == RC_OK
        out += side.result(1002)
    assert len(out) > 100_000
    for secret in [PLAIN[:40], *secrets(alone)]:
        assert secret not in out and secret.hex().encode() not in out


@pytest.mark.parametrize("reply", [
    lambda channel, payload: channel.send(n.HAVE_REPLY, bytes(len(payload) // 32 + 1)),
    lambda channel, payload: channel.send(n.HAVE_REPLY, b"", length=0xFFFFFFFF),
    lambda channel, payload: channel.send(n.BLOB, bytes(64)),
    lambda channel, payload: channel.send(n.FINISHED),
    lambda channel, payload: channel.send(0),
    lambda channel, payload: channel.send(200, bytes(10)),
    lambda channel, payload: channel.send(n.FAILURE, b"\0\x1b[31mred\n"),
    lambda channel, payload: channel.socket.sendall(b"\xff" * 3),
], ids=["too many answers", "4 GiB", "a blob", "finished", "type 0", "type 200", "failure that is none", "half a header"])
def test_nonsense_on_a_channel_fails_that_job_only(alone, reply):
    good = record_vault(alone)

    def nonsense(channel, kind, payload):
        if kind == n.HAVE:
            reply(channel, payload)
        return kind != n.HAVE

    with NetworkSide(socket_of(alone)) as side:
        side.greet()
        side.send(good)
        told = capture(side, 2000, nonsense)
        assert b"\x1b[31m" not in told
        side.send(n.about(2001, n.DROP))
        assert len(capture(side, 2010, honest)) > 100_000


def test_a_lost_network_side_is_let_go_of_within_the_lease(alone):
    good = record_vault(alone)
    staging = alone.base / "staging/source.data"
    with NetworkSide(socket_of(alone)) as side:
        side.greet()
        side.send(good)
        side.send(n.alive())
        assert side.answer(n.order(1, n.CHECK, "data", cycle=5))[0] == RC_OK
        side.result(1)
        assert staging.exists()
    wait_until(lambda: not staging.exists(), 15, "end of the lease of 5 s", every=0.1)


# ---- one half alone

@pytest.mark.limit(120)
@pytest.mark.parametrize("victim", ["agent", "priv"])
def test_either_half_killed_in_a_cycle_comes_back_and_leaves_nothing(pair, victim):
    for name in range(300):
        pair.write(f"more{name}")
    pair.run("koffer", "cycle", "start")
    wait_until(lambda: pair.json("cycle", "show")["state"] != "planned", 20, "start of the cycle", every=0.01)
    pair.kill([victim])
    pair.start()
    wait_until(lambda: pair.json("cycle", "show")["final"], 60, "end of the cycle", every=0.1)
    pair.run("koffer", "cycle", "start", "--wait")
    assert pair.json("vault", "verify")["state"] == "done"
    wait_until(lambda: not list((pair.base / "staging").iterdir()), 15, "empty staging", every=0.1)


def test_a_cycle_right_after_a_restart_of_the_privileged_half_is_good(two_sources):
    """At whatever moment: while it starts, before the network side has found it, before the controller has been told."""
    for after in (0, 0.02, 0.1, 0.3, 0.45, 0.52):
        two_sources.kill(["priv"])
        two_sources.start()
        time.sleep(after)  # the moment
        two_sources.run("koffer", "cycle", "start", "--wait")


def test_what_the_controller_orders_is_restored_below_the_root_only(pair):
    pair.run("koffer", "cycle", "start", "--wait")
    pair.run("koffer", "restore", "files", f"latest:host.data/fs{pair.base}/data/secret", "--to", f"{pair.base}/restored/x", "--on", "host")
    assert (pair.base / "restored/x/secret").read_bytes() == PLAIN
    refused = pair.run("koffer", "restore", "files", "latest:host.data", "--to", f"{pair.base}/elsewhere", "--on", "host", check=False)
    assert refused.returncode != 0 and "restore root" in refused.stdout
    assert not (pair.base / "elsewhere").exists()


# ---- the controller

def test_the_controller_is_who_owns_its_state(programs):
    with tempfile.TemporaryDirectory(prefix="koffer-owner-") as folder:
        base = pathlib.Path(folder)
        pair = Pair(programs, base, random.Random(1), files=5)
        base.chmod(0o711)
        (base / "run").mkdir(mode=0o700, exist_ok=True)
        account = pwd.getpwnam(NOBODY)
        for top in ("run", "controller", "vault"):
            for path in [base / top, *(base / top).rglob("*")]:
                os.lchown(path, account.pw_uid, account.pw_gid)
        try:
            pair.start()
            mine = status(pair.controller.pid)
            assert set(mine["Uid"].split()) == {str(account.pw_uid)} and mine["CapEff"] == "0" * 16
            pair.run("koffer", "cycle", "start", "--wait")
            pair.run("koffer-controller", "key", "show", "--config", f"{base}/controller.conf")
            strangers = [path for top in ("controller", "vault") for path in (base / top).rglob("*")
                         if path.lstat().st_uid != account.pw_uid]
            assert not strangers
        finally:
            assert pair.stop() == [0, 0]


# ---- enrolment

def memory(pid):
    """All that it could read of itself."""
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            span, rights = line.split()[:2]
            first, last = (int(part, 16) for part in span.split("-"))
            if "rw" in rights and last - first < 1 << 28:  # larger: a sanitizer's shadow
                with contextlib.suppress(OSError, ValueError):
                    mem.seek(first)
                    found.append(mem.read(last - first))
    return b"".join(found)


def secret_of(token):
    """Its 32 secret bytes (docs/formats/keys.md)."""
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    bits = "".join(f"{digits.index(sign):05b}" for sign in token.removeprefix("KFT1-"))
    return bytes(int(bits[at:at + 8], 2) for at in range(0, len(bits) - 7, 8))[10:42]


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_copy_that_enrols_knows_no_secret(pair):
    """The controller stands still, so the copy waits in the midst of its conversation."""
    token = pair.json("agent", "add", "host", "--replace")["token"]
    pair.controller.send_signal(signal.SIGSTOP)
    program = subprocess.Popen([*pair.command("koffer-agent"), "enroll", "--config", pair.base / "agent.conf"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        program.stdin.write(token + "\n")
        program.stdin.flush()
        wait_until(lambda: children(program.pid) and descriptors(children(program.pid)[0]) & inodes("tcp"), 20, "the copy's call")
        [copy] = children(program.pid)
        held, keys = memory(copy), pair.base / "priv/keys.new"
        assert int(status(copy)["Uid"].split()[0]) != 0 and os.getsid(copy) == copy
        assert str(pair.enroll_port).encode() in held  # we do see what it knows
        assert secret_of(token) not in held and token.encode()[:60] not in held and token.encode()[-60:] not in held
        from cryptography.hazmat.primitives import serialization as s
        for name in ("signing.key", "receiving.key"):
            pem = (keys / name).read_bytes()
            raw = s.load_pem_private_key(pem, None).private_bytes(s.Encoding.Raw, s.PrivateFormat.Raw, s.NoEncryption())
            assert raw not in held and pem.splitlines()[1] not in held
        domain = (keys / "domain").read_text().strip()
        assert domain.encode() not in held and bytes.fromhex(domain) not in held
    finally:
        pair.controller.send_signal(signal.SIGCONT)
        out, _ = program.communicate(timeout=60)
    assert program.returncode == 0, out
    pair.kill(["priv", "agent"])
    pair.start()


def test_an_enrolment_that_failed_late_says_so(pair):
    """The network side cannot keep its certificate when root's half has kept its keys already."""
    pair.kill(["priv", "agent"])
    token = pair.json("agent", "add", "host", "--replace")["token"]
    paper = pair.base / "agent/agent.pem"
    paper.unlink()
    (paper / "in the way").mkdir(parents=True)
    failed = pair.run("koffer-agent", "enroll", "--config", f"{pair.base}/agent.conf", input=token + "\n", check=False)
    assert failed.returncode != 0 and "koffer agent add --replace host" in failed.stdout, failed.stdout
    (paper / "in the way").rmdir()
    paper.rmdir()
    token = pair.json("agent", "add", "host", "--replace")["token"]
    pair.run("koffer-agent", "enroll", "--config", f"{pair.base}/agent.conf", input=token + "\n")
    pair.start()


def enroll_anew(pair):
    token = pair.json("agent", "add", "host", "--replace")["token"]
    pair.run("koffer-agent", "enroll", "--config", f"{pair.base}/agent.conf", input=token + "\n", timeout=30)


def test_a_crash_between_the_renames_of_an_enrolment_keeps_the_domain(pair):
    pair.kill(["priv", "agent"])
    keys = pair.base / "priv/keys"
    domain = (keys / "domain").read_text()
    keys.rename(pair.base / "priv/keys.old")
    enroll_anew(pair)
    assert (keys / "domain").read_text() == domain and not (pair.base / "priv/keys.old").exists()
    pair.start()


@pytest.mark.parametrize("bait", ["link", "link to the directory", "own file", "fifo"])
def test_the_network_side_chooses_no_domain(pair, bait):
    """What it puts where an agent of one process kept its domain."""
    pair.kill(["priv", "agent"])
    state, planted = pair.base / "agent", "ab" * 32 + "\n"
    for name in ("host", "keys/domain"):
        (pair.base / "priv" / name).unlink()
    elsewhere = pair.base / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "domain").write_text(planted)
    (elsewhere / "domain").chmod(0o600)
    (state / "controller").unlink()
    (state / "controller").write_text(f"domain {'cd' * 16}\n")
    if bait == "link":
        (state / "keys/domain").symlink_to(elsewhere / "domain")
    elif bait == "link to the directory":
        (state / "keys").rename(state / "keys.aside")
        (state / "keys").symlink_to(elsewhere)
    elif bait == "own file":
        (state / "keys/domain").write_text(planted)
        (state / "keys/domain").chmod(0o600)
        os.chown(state / "keys/domain", pwd.getpwnam(NOBODY).pw_uid, -1)
    else:
        (state / "controller").unlink()
        os.mkfifo(state / "controller")
    token = pair.json("agent", "add", "host", "--replace")["token"]
    done = pair.run("koffer-agent", "enroll", "--config", f"{pair.base}/agent.conf", input=token + "\n", timeout=30, check=False)
    assert (done.returncode != 0) == (bait == "link to the directory"), done.stdout
    for keys in ("keys", "keys.new"):
        domain = pair.base / "priv" / keys / "domain"
        assert not domain.exists() or domain.read_text() != planted
    if done.returncode != 0:
        (state / "keys").unlink()
        enroll_anew(pair)
    pair.start()


def test_a_koffer_priv_of_an_earlier_enrolment_says_so(pair):
    """It goes on running while the host is enrolled anew: its signature would be of an unknown key."""
    enroll_anew(pair)
    pair.kill(["agent"])
    with NetworkSide(socket_of(pair)) as side:
        side.greet()
        code, why = side.answer(n.order(1, n.CHECK, "data"))
        assert code == RC_DENIED and "start koffer-priv again" in str(why)
    pair.kill(["priv"])
    pair.start()
    pair.run("koffer", "cycle", "start", "--wait")
