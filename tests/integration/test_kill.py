"""kill -9 of agent, controller, or both, at random instants of real cycles: nothing acknowledged is lost, nothing is left over.

The seed is printed; KILL_SEED=... repeats a run, KILL_ROUNDS=... makes it longer (a campaign takes some hundred).
"""
import json
import os
import random
import signal
import subprocess
import time

import pytest
from host import wait_until

ROUNDS = int(os.environ.get("KILL_ROUNDS", "15"))
PORT = 19920


class Pair:
    """A controller and one agent on the loopback, with two sources."""

    def __init__(self, programs, base, rng):
        self.programs, self.base, self.rng = programs, base, rng
        self.env = dict(os.environ, KOFFER_CONTROLLER=f"ipc://{base}/run/control")
        (base / "data").mkdir()
        for n in range(200):
            self.write(f"file{n}")
        (base / "agent.conf").write_text(
            f'state-directory = "{base}/agent"\nstaging-directory = "{base}/staging"\nlease = "5s"\n'
            f'source "data" {{ kind = files  paths = {{"{base}/data"}} }}\n'
            'source "etc" { kind = files  paths = {"/etc"} }\n')
        (base / "agent.conf").chmod(0o600)
        self.run("koffer-controller", "init", "--config", f"{base}/controller.conf", "--cluster", "kill", "--state",
                 f"{base}/controller", "--vault", f"{base}/vault", "--run", f"{base}/run", "--listen",
                 f"tls+tcp://127.0.0.1:{PORT}")
        self.controller = self.agent = None
        self.start()

    def write(self, name):
        (self.base / "data" / name).write_bytes(self.rng.randbytes(self.rng.randint(1, 100_000)))

    def run(self, program, *words, check=True, input=None):
        done = subprocess.run([f"{self.programs}/{program}", *words], env=self.env, text=True, input=input, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0 or not check, f"{program} {' '.join(words)}: {done.stdout}"
        return done

    def json(self, *words):
        return json.loads(self.run("koffer", *words, "--json").stdout)

    def daemon(self, program, config):
        log = open(self.base / f"{program}.log", "a")
        return subprocess.Popen([f"{self.programs}/{program}", "run", "--config", self.base / config], env=self.env,
                                stdout=log, stderr=log)

    def start(self):
        """Whichever is not running; returns when they have met."""
        if self.controller is None:
            self.controller = self.daemon("koffer-controller", "controller.conf")
            wait_until(lambda: self.run("koffer", "status", check=False).returncode == 0, 20, "controller", every=0.05)
        if not (self.base / "agent" / "agent.pem").exists():
            token = self.json("agent", "add", "host")["token"]
            self.run("koffer-agent", "enroll", "--config", f"{self.base}/agent.conf", input=token + "\n")
        if self.agent is None:
            self.agent = self.daemon("koffer-agent", "agent.conf")
        wait_until(lambda: self.json("agent", "list")["agents"][0]["state"] == "connected", 60, "agent", every=0.05)

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
        """Both must end well."""
        ends = []
        for process in filter(None, (self.agent, self.controller)):
            process.send_signal(signal.SIGTERM)
            ends.append(process.wait(30))
        return ends


@pytest.mark.limit(60 + 6 * ROUNDS)
def test_killed_daemons_lose_nothing_that_was_acknowledged(programs, tmp_path):
    seed = int(os.environ.get("KILL_SEED", time.time_ns() % 1_000_000))
    print(f"KILL_SEED={seed}")
    rng = random.Random(seed)
    tmp_path.chmod(0o700)
    pair = Pair(programs, tmp_path, rng)
    acknowledged = set()
    try:
        for n in range(ROUNDS):
            pair.write(f"new{n}")
            pair.run("koffer", "cycle", "start", check=False)  # an earlier one may still be on its way
            time.sleep(rng.random() * 0.8)  # the instant is what is random here
            acknowledged |= pair.fulls()
            pair.kill(rng.choice((["agent"], ["controller"], ["controller", "agent"])))
            pair.start()
            assert acknowledged <= pair.fulls()
        wait_until(lambda: pair.json("cycle", "show")["final"], 120, "end of the last cycle", every=0.1)
        pair.run("koffer", "cycle", "start", "--wait")
        verified = pair.json("vault", "verify")
        assert verified["state"] == "done", verified
    finally:
        ends = pair.stop()
    assert ends == [0, 0]
    assert list((tmp_path / "staging").iterdir()) == []
