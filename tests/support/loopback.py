"""A controller of its own on 127.0.0.1, in a private directory: no namespaces, no servers, one process.

    with Loopback() as here:                         # KOFFER_PROGRAMS says where the programs are
        here.enroll_agent("mail1")                   # real keys in here.agent("mail1"), made by the real program
        here.enroll_operator("anna", "viewer")       # in here.operator("anna")
        here.cli("status"); here.json("full", "list"); here.cli(..., operator="anna")
        Control.dial(here.control, Identity.of_agent(here.agent("mail1")))      # peer.py

What it leaves behind is nothing; the controller's words are in here.log().
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

PROGRAMS = os.environ.get("KOFFER_PROGRAMS", "")


class Failed(Exception):
    pass


def free_ports(count):
    """Three in a row, of which nobody listens on any: control, data, enrolment."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        if first + count > 65535:
            continue
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue


class Loopback:
    def __init__(self, programs=PROGRAMS, settings=""):
        self.programs = pathlib.Path(programs)
        if not (self.programs / "koffer-controller").exists():
            raise Failed(f"no koffer-controller in '{programs}': set KOFFER_PROGRAMS")
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="koffer-loopback-"))
        self.top.chmod(0o711)  # the network side of an agent, who is nobody, must reach its own
        self.settings, self.process = settings, None

    def __enter__(self):
        try:
            self.init()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.top, ignore_errors=True)

    # ---- the controller

    def init(self):
        port = free_ports(3)
        self.control, self.data, self.enrolment = (("127.0.0.1", port + n) for n in range(3))
        self.config, self.state, self.vault = self.top / "controller.conf", self.top / "state", self.top / "vault"
        self.run("koffer-controller", "init", "--config", self.config, "--state", self.state, "--vault", self.vault, "--cluster",
                 "loopback", "--listen", f"tls+tcp://127.0.0.1:{port}", "--run", self.top / "run")
        with self.config.open("a") as config:
            config.write(self.settings)

    def start(self):
        with (self.top / "log").open("ab") as log:
            self.process = subprocess.Popen([self.programs / "koffer-controller", "run", "--config", self.config], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        self.wait(lambda: self.try_cli("status").returncode == 0, "the controller to start")

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log(self):
        return (self.top / "log").read_text(errors="backslashreplace")

    def wait(self, true, what, seconds=20):
        """Asks until it is so."""
        end = time.monotonic() + seconds
        while not true():
            if self.process is not None and self.process.poll() is not None:
                raise Failed(f"koffer-controller ended:\n{self.log()}")
            if time.monotonic() > end:
                raise Failed(f"waited {seconds} s for {what}:\n{self.log()[-4000:]}")
            time.sleep(0.02)

    # ---- peers

    def agent(self, name):
        return self.top / f"agent-{name}"

    def secrets(self, name):
        """koffer-priv's own: keys/signing.key, keys/receiving.key, keys/domain."""
        return self.top / f"priv-{name}"

    def operator(self, name):
        return self.top / f"operator-{name}"

    def agent_config(self, name):
        return self.top / f"agent-{name}.conf"

    def configure_agent(self, name, sources='source "data" {\n    kind = "files"\n    paths = {"/etc/hostname"}\n}\n'):
        config = self.agent_config(name)
        config.write_text(f'user = "nobody"\nstate-directory = "{self.agent(name)}"\n'
                          f'private-directory = "{self.secrets(name)}"\nsocket = "{self.top}/run-{name}/socket"\n'
                          f'staging-directory = "{self.top}/staging-{name}"\n'
                          f'restore-roots = {{"{self.top}/restored-{name}"}}\nsnapshot = none\n' + sources)
        config.chmod(0o600)
        return config

    def enroll_agent(self, name, replace=()):
        """Returns the token that it used."""
        config = self.configure_agent(name)
        token = self.json("agent", "add", name, *replace)["token"]
        self.run("koffer-agent", "enroll", "--config", config, input=token + "\n")
        return token

    def enroll_operator(self, name, role, replace=()):
        token = self.json("operator", "add", name, "--role", role, *replace)["token"]
        self.run("koffer", "operator", "enroll", *replace, input=token + "\n", env={"KOFFER_OPERATOR": str(self.operator(name))})

    # ---- what an operator types

    def run(self, program, *words, input=None, env={}):
        done = self.result(program, *words, input=input, env=env)
        if done.returncode != 0:
            raise Failed(f"{program} {' '.join(map(str, words))}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def result(self, program, *words, input=None, env={}):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.top), **env}
        return subprocess.run([self.programs / program, *map(str, words)], input=input, text=True, capture_output=True,
                              errors="backslashreplace", env=environment, timeout=120)

    def try_cli(self, *words, operator=None):
        """As root through the local socket, or as an operator from afar."""
        env = {"KOFFER_OPERATOR": str(self.operator(operator))} if operator else {}
        url = f"tls+tcp://127.0.0.1:{self.control[1]}" if operator else f"ipc://{self.top}/run/control"
        return self.result("koffer", "--controller", url, *words, env=env)

    def cli(self, *words, operator=None):
        done = self.try_cli(*words, operator=operator)
        if done.returncode != 0:
            raise Failed(f"koffer {' '.join(map(str, words))}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *words, operator=None):
        return json.loads(self.cli("--json", *words, operator=operator))

    def cycle(self, number=0):
        """What `koffer cycle show` says; 0: the newest."""
        return self.json("cycle", "show", *([number] if number else []))

    def start_cycle(self):
        return self.json("cycle", "start")["cycle"]
