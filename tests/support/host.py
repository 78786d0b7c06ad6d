"""Throw-away hosts: namespaces of their own (network, mounts, processes, name), with private /etc, /var, /srv, /run and /tmp.

    with Network(base, {"programs": folder}) as network:    # base: a private directory; folder: seen as /mnt/programs
        host = network.host("imap1", "10.88.0.3")
        host.run(["hostname"])                      # -> text; Failed with the command's own words
        daemon = host.start(["/usr/sbin/...", ...], log="imapd")
        daemon.stop()

Servers run at their stock paths; seen from outside, the host's /var is host.outside("/var"). Nothing has a name on the
machine: the namespaces belong to each host's PID 1, which ends with the harness, even if that is killed.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}  # not the harness's
SECRETS = ("shadow*", "gshadow*", "passwd-", "group-", "ssh", "private")  # of the machine: not copied into hosts


class Failed(Exception):
    """A command or server failed; the text carries its own words."""


def tail(text, lines=15):
    return "\n".join(text.strip().splitlines()[-lines:])


def wait_until(true, seconds, what, every=0.03):
    """For servers that have no way to tell that they are ready: ask again until they are."""
    until = time.monotonic() + seconds
    while not (result := true()):
        if time.monotonic() > until:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(every)
    return result


def _started(pid):
    """Start time of a process: together with its number it names the process for ever.  None: it ended."""
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def descendants(pid):
    """{number: start time} of a process we started and all below it; looks at no other process."""
    found, pending = {}, [pid]
    while pending:
        pid = pending.pop()
        found[pid] = _started(pid)
        for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                pending += [int(child) for child in children.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                pass  # it ended while we looked
    return {pid: started for pid, started in found.items() if started is not None}


def still_running(processes):
    return [pid for pid, started in processes.items() if _started(pid) == started]


class Daemon:
    """One process started in a host; `nsenter` is its parent on our side and ends with it."""

    def __init__(self, host, process, log):
        self.host, self.process, self.log = host, process, log

    def pid(self):
        """As seen from outside the host; None once it has ended."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return int(children.read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError, IndexError):
            return None

    def running(self):
        return self.process.poll() is None

    def send(self, signal_number):
        pid = wait_until(lambda: self.pid() or not self.running(), 5, "process of the daemon")
        if pid is not True:
            os.kill(pid, signal_number)
        if signal_number != signal.SIGSTOP:
            self.process.send_signal(signal.SIGCONT)  # nsenter stops together with its child, and then does not reap it

    def words(self, lines=15):
        return tail(pathlib.Path(self.log).read_text(errors="replace"), lines)

    def wait_for(self, ready, seconds=20):
        """Until ready() is true; an early end of the daemon is reported with the tail of its log."""
        def ready_or_dead():
            return not self.running() or ready()
        try:
            wait_until(ready_or_dead, seconds, self.log.name)
        except Failed as failed:
            raise Failed(f"{failed}\n{self.words()}") from None
        if not self.running():
            raise Failed(f"{self.log.name} ended with {self.process.returncode}:\n{self.words()}")

    def stop(self, signal_number=signal.SIGTERM, seconds=20):
        """Returns the exit status; one that does not stop in time is killed and reported."""
        if self.running():
            self.send(signal_number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise Failed(f"{self.log.name} did not stop within {seconds} s:\n{self.words()}") from None
        return self.process.returncode

    def kill(self):
        if self.running():
            self.send(signal.SIGKILL)
            self.process.wait(20)


class Host:
    def __init__(self, base, name, address, shown={}, volumes=()):
        """`volumes`: places of the host that become subvolumes of one btrfs image."""
        self.base, self.name, self.address = pathlib.Path(base), name, address
        self.root = self.base / name
        self.logs = self.base / "log"
        self.daemons = []
        self.pid, self.volumes = None, tuple(volumes)
        self._furnish()
        self.log = self.open_log("init")
        shown = {"support": HERE, **shown}
        command = ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"]
        self.unshare = subprocess.Popen([*command, PYTHON, HERE / "host_init.py", name, self.root,
                                         *(f"{target}={folder}" for target, folder in shown.items()),
                                         *(f"+{place}" for place in volumes)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        start_new_session=True, env=ENVIRONMENT)
        if self.unshare.stdout.readline() != b"ready\n":
            self.close()
            raise Failed(f"host {name} did not start (namespaces need root and CAP_SYS_ADMIN): "
                         + tail((self.logs / f"{name}.init").read_text()))
        children = pathlib.Path(f"/proc/{self.unshare.pid}/task/{self.unshare.pid}/children")
        self.pid = int(children.read_text().split()[0])
        self._refuse_the_machine()

    def _furnish(self):
        self.logs.mkdir(exist_ok=True)
        shutil.copytree("/etc", self.root / "etc", symlinks=True, ignore=shutil.ignore_patterns(*SECRETS))
        self._keep_owners_of_etc()
        for folder in ("var/cache", "var/lib", "var/log", "var/spool", "var/tmp", "srv"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "var/tmp").chmod(0o1777)
        (self.root / "var/run").symlink_to("/run")
        (self.root / "var/lock").symlink_to("/run/lock")
        (self.root / "etc/hostname").write_text(self.name + "\n")
        (self.root / "etc/hosts").write_text(
            f"127.0.0.1 localhost\n{self.address} {self.name}.example.org {self.name}\n")

    def _keep_owners_of_etc(self):
        for folder, folders, files in os.walk(self.root / "etc"):
            for name in [*folders, *files]:
                copy = pathlib.Path(folder) / name
                original = pathlib.Path("/etc") / copy.relative_to(self.root / "etc")
                status = os.lstat(original)
                os.lchown(copy, status.st_uid, status.st_gid)
                if not copy.is_symlink():
                    copy.chmod(status.st_mode & 0o7777)  # chown takes set-id bits away

    def outside(self, path):
        """Where an absolute path of the host is on the machine (for /etc, /var and /srv)."""
        below_a_volume = any(str(path).startswith(volume) for volume in self.volumes)
        root = pathlib.Path(f"/proc/{self.pid}/root") if below_a_volume else self.root
        return root / str(path).lstrip("/")

    def cuts(self):
        """Every read-only subvolume of its volumes: what a cut made and nobody has removed yet."""
        listed = self.run(["btrfs", "subvolume", "list", "-r", "/mnt/volumes"])
        return [line.split(" path ")[1] for line in listed.splitlines()]

    def open_log(self, what):
        return open(self.logs / f"{self.name}.{what}", "ab")

    def _enter(self, argv, user=None):
        drop = ["setpriv", f"--reuid={user[0]}", f"--regid={user[1]}", "--init-groups", "--"] if user else []
        # --root: with --mount alone it is the mount namespace's own root, which in a chroot is the machine's.
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--pid", "--uts", "--ipc", "--root", "--wd", "--",
                *drop, *map(str, argv)]

    def _refuse_the_machine(self):
        """No command may run before it is certain that it meets the host's own folders and not the machine's."""
        for folder in ("/etc", "/var", "/srv"):
            ours = os.stat(self.outside(folder))
            if self.run(["stat", "-c", "%d %i", folder]) != f"{ours.st_dev} {ours.st_ino}\n":
                self.close()
                raise Failed(f"host {self.name}: {folder} in it is not its own; refusing to touch the machine's")

    def run(self, argv, *, input=None, stdin=os.devnull, user=None, ok=(0,), timeout=120, env=None):
        """The command's standard output as text; `user`: (user, group) to run as; `stdin`: a file of the machine."""
        done = self.result(argv, input=input, stdin=stdin, user=user, timeout=timeout, env=env)
        if done.returncode not in ok:
            raise Failed(f"{self.name}: {' '.join(map(str, argv))}: exit status {done.returncode}\n"
                         + tail(done.stderr + done.stdout))
        return done.stdout

    def result(self, argv, *, input=None, stdin=os.devnull, user=None, timeout=120, env=None):
        """The same, for commands that may fail: the whole CompletedProcess."""
        with open(stdin, "rb") as file:
            given = {"stdin": file} if input is None else {"input": input}
            return subprocess.run(self._enter(argv, user), **given, capture_output=True, text=True,
                                  errors="surrogateescape", timeout=timeout, env={**ENVIRONMENT, **(env or {})})

    def save(self, argv, path, *, user=None, timeout=120):
        """The command's standard output, byte by byte, into a file of the machine."""
        with open(path, "wb") as out:
            done = subprocess.run(self._enter(argv, user), stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.PIPE, timeout=timeout)
        if done.returncode:
            raise Failed(f"{self.name}: {' '.join(map(str, argv))}: exit status {done.returncode}\n"
                         + tail(done.stderr.decode(errors="replace")))

    def start(self, argv, log, *, env=None, user=None):
        with self.open_log(log) as out:
            process = subprocess.Popen(self._enter(argv, user), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True, env={**ENVIRONMENT, **(env or {})})
        daemon = Daemon(self, process, self.logs / f"{self.name}.{log}")
        self.daemons.append(daemon)
        return daemon

    def processes(self):
        found = descendants(self.unshare.pid)
        for daemon in self.daemons:
            if daemon.running():
                found.update(descendants(daemon.process.pid))
        return found

    def close(self):
        """The power switch: everything in the host is killed by the kernel when its PID 1 ends."""
        for daemon in self.daemons:
            daemon.process.send_signal(signal.SIGCONT)  # one that stands still could not be buried
        self.unshare.stdin.close()
        try:
            self.unshare.wait(30)
        except subprocess.TimeoutExpired:
            self.unshare.kill()  # --kill-child: PID 1 goes with it
            self.unshare.wait()
        self.unshare.stdout.close()
        for daemon in self.daemons:
            daemon.process.wait()
        self.log.close()


class Network:
    """A bridge in a namespace of its own, and the hosts on it."""

    def __init__(self, base, shown={}, volumes={}):
        self.base, self.shown, self.volumes, self.hosts = pathlib.Path(base), shown, volumes, {}

    def __enter__(self):
        self.switch = Host(self.base, "switch", "10.88.0.1")
        self.switch.run(["ip", "link", "add", "name", "lan", "type", "bridge"])
        self.switch.run(["ip", "link", "set", "lan", "up"])
        return self

    def host(self, name, address):
        host = self.hosts[name] = Host(self.base, name, address, self.shown, self.volumes.get(name, ()))
        self.switch.run(["ip", "link", "add", "name", name, "type", "veth", "peer", "name", "p-" + name])
        subprocess.run(["nsenter", f"--target={self.switch.pid}", "--net", "--",
                        "ip", "link", "set", "p-" + name, "name", "eth0", "netns", str(host.pid)], check=True)
        self.switch.run(["ip", "link", "set", name, "master", "lan", "up"])
        host.run(["ip", "address", "add", address + "/24", "dev", "eth0"])
        host.run(["ip", "link", "set", "eth0", "up"])
        for other in self.hosts.values():
            self._introduce(other)
        return host

    def _introduce(self, host):
        lines = ["127.0.0.1 localhost\n", *(f"{h.address} {h.name}.example.org {h.name}\n" for h in self.hosts.values())]
        host.outside("/etc/hosts").write_text("".join(lines))

    def processes(self):
        return {pid: started for host in [*self.hosts.values(), self.switch] for pid, started in host.processes().items()}

    def __exit__(self, *_):
        for host in [*self.hosts.values(), self.switch]:
            host.close()
        self.hosts.clear()
