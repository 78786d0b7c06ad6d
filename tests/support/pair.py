"""A controller and one agent (its two processes) on the loopback, with a source of random files: the smallest whole Koffer.

    pair = Pair(programs, base, random.Random(seed))      # base: a private directory, empty
    pair.start()                                          # whichever does not run; returns when they have met
    pair.run("koffer", "cycle", "start", "--wait")        # -> CompletedProcess; fails with the program's own words
    pair.json("full", "list")["fulls"]                    # -> decoded
    pair.kill(["agent", "priv", "controller"])            # signal 9; agent: the network side, priv: koffer-priv
    ends = pair.stop()                                    # exit statuses of agent and controller; ended well: [0, 0]

Ports are free ones, so that several pairs can run side by side.  The controller listens on `address` and tells everybody to
come to `advertise`: a proxy may stand there, on the same ports.  The network side runs as NOBODY, who must be able to reach its
state and the socket: they are in a directory of their own, where base/agent points to.
"""
import json
import os
import pathlib
import random
import socket
import subprocess
import tempfile

from host import wait_until

NOBODY = "nobody"  # an ordinary user that every machine has


def free_ports(count, address="127.0.0.1"):
    """Different ones that nobody listens on now, below those that the kernel gives to whoever connects."""
    found, chance = [], random.SystemRandom()
    while len(found) < count:
        port = chance.randrange(10000, 32000)
        with socket.socket() as s:
            if port not in found and s.connect_ex((address, port)) != 0:
                found.append(port)
    return found


class Pair:
    def __init__(self, programs, base, rng, *, files=200, address="127.0.0.1", advertise="127.0.0.1", sources="", agent_keys="",
                 controller_keys="", lease="5s", inside={}, custody="controller"):
        """`sources`: more sections for the agent; ..._keys: more lines of the configurations; `inside`: program -> words before
        its own (nsenter ...); `custody`: as of init."""
        self.programs, self.base, self.rng, self.inside = programs, base, rng, inside
        self.address, self.advertise = address, advertise
        self.control_port, self.data_port, self.enroll_port = free_ports(3)
        self.env = dict(os.environ, KOFFER_CONTROLLER=f"ipc://{base}/run/control")
        self.controller = self.priv = self.agent = None
        self.open = tempfile.TemporaryDirectory(prefix="koffer-pair-")
        os.chmod(self.open.name, 0o711)
        base.chmod(0o700)
        (base / "data").mkdir()
        for n in range(files):
            self.write(f"file{n}")
        (base / "agent").symlink_to(pathlib.Path(self.open.name) / "agent")
        self.configure("agent.conf", f'user = "{NOBODY}"\nstate-directory = "{self.open.name}/agent"\n'
                       f'private-directory = "{base}/priv"\nsocket = "{self.open.name}/run/socket"\n'
                       f'staging-directory = "{base}/staging"\nlease = "{lease}"\nsnapshot = none\n'
                       f'{agent_keys}\nsource "data" {{ kind = files  paths = {{"{base}/data"}} }}\n{sources}\n')
        self.configure("controller.conf", f'cluster = "pair"\nstate-directory = "{base}/controller"\nvault = "{base}/vault"\n'
                       f'run-directory = "{base}/run"\nadvertise = "{advertise}"\n'
                       + "".join(f'{key} = "tls+tcp://{address}:{port}"\n' for key, port in self.listeners().items())
                       + controller_keys + "\n")
        self.sheet = self.run("koffer-controller", "init", "--config", f"{base}/controller.conf", "--custody", custody).stdout

    def listeners(self):
        return {"listen": self.control_port, "data-listen": self.data_port, "enroll-listen": self.enroll_port}

    def configure(self, name, text):
        (self.base / name).write_text(text)
        (self.base / name).chmod(0o600)

    def write(self, name, size=None):
        (self.base / "data" / name).write_bytes(self.rng.randbytes(size or self.rng.randint(1, 100_000)))

    def run(self, program, *words, check=True, input=None, timeout=120):
        done = subprocess.run([*self.command(program), *words], env=self.env, text=True, input=input, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0 or not check, f"{program} {' '.join(words)}: {done.stdout}"
        return done

    def command(self, program):
        return [*self.inside.get(program, ()), f"{self.programs}/{program}"]

    def json(self, *words):
        return json.loads(self.run("koffer", *words, "--json").stdout)

    def daemon(self, program, config):
        with open(self.log(program), "a") as log:
            return subprocess.Popen([*self.command(program), "run", "--config", self.base / config], env=self.env,
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self, program):
        return self.base / f"{program}.log"

    def start_controller(self):
        self.controller = self.daemon("koffer-controller", "controller.conf")
        wait_until(lambda: self.run("koffer", "status", check=False).returncode == 0, 20, "controller", every=0.05)

    def enroll(self):
        token = self.json("agent", "add", "host")["token"]
        self.run("koffer-agent", "enroll", "--config", f"{self.base}/agent.conf", input=token + "\n")

    def start(self):
        """Whichever is not running; returns when they have met.  Leaves none behind when they do not."""
        try:
            self.start_missing()
        except BaseException:
            self.stop()
            raise

    def start_missing(self):
        if self.controller is None:
            self.start_controller()
        if not (self.base / "agent" / "agent.pem").exists():
            self.enroll()
        if self.priv is None:
            self.priv = self.daemon("koffer-priv", "agent.conf")
        if self.agent is None:
            self.agent = self.daemon("koffer-agent", "agent.conf")
        self.wait_for_agent()

    def connected(self):
        return self.json("agent", "list")["agents"][0]["state"] == "connected"

    def wait_for_agent(self, seconds=60):
        wait_until(self.connected, seconds, "agent", every=0.05)

    def kill(self, victims):
        for name in victims:
            process = getattr(self, name)
            assert process.poll() is None, f"the {name} ended by itself with {process.returncode}"
            process.kill()
            process.wait()
            setattr(self, name, None)

    def fulls(self):
        return {full["full"] for full in self.json("full", "list", "--all", "--limit", "500")["fulls"]}

    def stop(self):
        """All must end well; the halves of the agent count as one."""
        ends = []
        for process in filter(None, (self.agent, self.priv, self.controller)):
            process.send_signal(15)
            ends.append(process.wait(30))
        self.open.cleanup()
        return [ends[0] or ends[1], ends[2]] if len(ends) == 3 else ends
