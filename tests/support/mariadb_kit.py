"""A MariaDB on a btrfs volume, writers that commit, and the steps of its source one at a time.

    volume = Volume(host)                               # of a host whose /var/lib/mysql is on btrfs
    probe = Probe(host, "method = snapshot")            # cut_probe.c
    probe("ready 10"); probe("freeze"); probe(volume.snapshot("one")); probe("thaw")
    with Writers(host, 4) as writers: writers.acknowledged()
    with Restored(host, copy_out(host, probe, volume.path("one"))) as server: server.sql("...")
"""
import collections
import os
import pathlib
import subprocess
import threading
import time

import host as hosts
import pytest

LIVE = "/var/lib/mysql"
CONFIG = "/etc/koffer-cut.conf"
CLIENT = ["mariadb", "--batch", "--skip-column-names", "--unbuffered", "--skip-reconnect", "--no-auto-rehash"]


def need_probes():
    """The folder with Koffer's programs, among them tests/cut_probe."""
    programs = os.environ.get("KOFFER_PROGRAMS")
    if not programs or not (pathlib.Path(programs) / "tests/cut_probe").exists():
        pytest.fail("KOFFER_PROGRAMS does not say where tests/cut_probe is (tests/run does)")
    return programs


def sequence(gtid):
    """Of "0-1-4711": 4711; each commit is one more."""
    return int(gtid.strip().rsplit("-", 1)[1])


class Volume:
    """The btrfs volume of a host whose LIVE is a subvolume (Network's `volumes`)."""

    def __init__(self, host, at="/mnt/volumes"):
        self.host, self.at = host, at

    def path(self, name):
        return f"{self.at}/{name}"

    def snapshot(self, name, verb="snapshot"):
        """The probe's line that takes it."""
        return f"{verb} {LIVE} {self.at} {name}"

    def drop(self, name):
        self.host.run(["btrfs", "-q", "subvolume", "delete", self.path(name)])


class Answer:
    def __init__(self, lines):
        self.last, self.good = lines[-1], lines[-1] == "ok"
        words = [line.split(" ", 2) for line in lines[:-1]]
        self.facts = {w[1]: w[2] for w in words if w[0] in ("fact", "kept")}
        self.kept = {w[1] for w in words if w[0] == "kept"}
        self.paths = [line[len("path "):] for line in lines if line.startswith("path ")]
        self.warnings = [line[len("warning "):] for line in lines if line.startswith("warning ")]


class Probe:
    count = 0

    def __init__(self, host, *keys):
        Probe.count += 1
        self.host, self.out = host, f"/var/lib/koffer-cut/{Probe.count}"
        config = f"{CONFIG}.{Probe.count}"
        host.outside(config).write_text('source "cut" {\n kind = "mariadb"\n ' + "\n ".join(keys) + "\n}\n")
        host.outside(config).chmod(0o600)
        host.run(["mkdir", "-p", "/var/lib/koffer-cut"])
        self.process = subprocess.Popen(host._enter(["/mnt/programs/tests/cut_probe", config, "cut", self.out]),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=hosts.ENVIRONMENT)

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        lines = []
        while not lines or not (lines[-1] == "ok" or lines[-1].startswith("failed ")):
            line = self.process.stdout.readline()
            assert line, "the probe ended"
            lines.append(line.rstrip("\n"))
        return Answer(lines)

    def __call__(self, line):
        self.send(line)
        return self.answer()

    def good(self, *lines):
        """Each must succeed; the answer to the last."""
        for line in lines:
            answer = self(line)
            assert answer.good, f"{line}: {answer.last}"
        return answer

    def pid(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(hosts.wait_until(lambda: children.read_text().split(), 5, "the probe's process")[0])

    def files(self):
        return set(self.host.outside(self.out + "/files").read_text().splitlines())

    def export(self, name):
        return self.host.outside(f"{self.out}/export/{name}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


class Session:
    """A client that stays connected; `ask` waits for the answer."""
    END = "koffer-end"

    def __init__(self, host, *options, database=""):
        self.process = subprocess.Popen(host._enter([*CLIENT, "--force", *options, *([database] if database else [])]),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        bufsize=1, env=hosts.ENVIRONMENT)

    def send(self, sql):
        self.process.stdin.write(f"{sql}\nSELECT '{self.END}';\n")
        self.process.stdin.flush()

    def answer(self):
        lines = []
        for line in self.process.stdout:
            if line.strip() == self.END:
                return lines
            lines.append(line.rstrip("\n"))
        return lines

    def ask(self, sql):
        self.send(sql)
        return self.answer()

    def close(self):
        self.process.kill()
        self.process.wait()


class Writers:
    """Each commits row after row of its own into `acks`, and knows how many were acknowledged."""

    def __init__(self, host, count):
        self.host, self.sessions, self.stop = host, [], threading.Event()
        self.acked, self.sent, self.news = collections.Counter(), collections.Counter(), threading.Condition()
        self.longest = 0.0
        self.threads = [threading.Thread(target=self._write, args=(n,)) for n in range(count)]

    def _write(self, number):
        session = Session(self.host, database="acks")
        last = time.monotonic()
        while not self.stop.is_set():
            self.sent[number] += 1
            lines = session.ask(f"INSERT INTO rows_ VALUES ({number}, {self.sent[number]}, REPEAT('x', 200));")
            if lines or session.process.poll() is not None:
                break  # the server said no, or went away
            now = time.monotonic()
            with self.news:
                self.acked[number] = self.sent[number]
                self.longest, last = max(self.longest, now - last), now
                self.news.notify_all()
        session.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_for(20)
        return self

    def acknowledged(self):
        with self.news:
            return dict(self.acked)

    def wait_for(self, more, seconds=30):
        """Until each has that many more; seconds it took."""
        began = time.monotonic()
        with self.news:
            goal = {n: self.acked[n] + more for n in range(len(self.threads))}
            assert self.news.wait_for(lambda: all(self.acked[n] >= g for n, g in goal.items()), seconds), "writers stand still"
        return time.monotonic() - began

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def copy_out(host, probe, cut, at="/var/lib/restored", leave_out=()):
    """What the capture listed of LIVE, from the snapshot into a new directory."""
    host.run(["rm", "-rf", at])
    host.run(["mkdir", "-m", "755", at])
    names = [path[len(LIVE):].lstrip("/") for path in sorted(probe.files()) if path.startswith(LIVE + "/")]
    host.run(["tar", "--create", "--file", at + ".tar", "-C", cut, "--no-recursion", "--verbatim-files-from", "--files-from=-"],
             input="\n".join(name for name in names if name not in leave_out) + "\n")
    host.run(["tar", "--extract", "--preserve-permissions", "--file", at + ".tar", "-C", at])
    host.run(["chown", "mysql:mysql", at])
    host.run(["rm", at + ".tar"])
    return at


class Restored:
    """A server of its own on a restored data directory, which goes with it."""

    def __init__(self, host, at, *options):
        self.host, self.at, self.options = host, at, options
        self.socket, self.daemon = f"/run/mysqld/{pathlib.Path(at).name}.sock", None

    def put(self, name, text):
        self.host.run(["tee", f"{self.at}/{name}"], input=text)

    def start(self):
        self.host.run(["install", "-d", "-o", "mysql", "-g", "mysql", "/run/mysqld"])
        self.daemon = self.host.start(["mariadbd", "--user=mysql", f"--datadir={self.at}", f"--socket={self.socket}",
                                       f"--pid-file={self.at}/restored.pid", "--skip-networking", "--skip-slave-start",
                                       *self.options], pathlib.Path(self.at).name)
        self.daemon.wait_for(lambda: self.host.result(["mariadb-admin", f"--socket={self.socket}", "ping"]).returncode == 0)
        return self

    def sql(self, text, database=""):
        return self.host.run([*CLIENT, f"--socket={self.socket}", *([database] if database else [])], input=text)

    def check(self):
        """What CHECK TABLE says of every table, where it is not OK."""
        said = self.host.run(["mariadb-check", f"--socket={self.socket}", "--check", "--all-databases"]).splitlines()
        assert len(said) > 25, "all tables were looked at"
        return [line for line in said if not line.endswith("OK")]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.daemon:
            self.daemon.stop()
        self.host.run(["rm", "-rf", self.at])
