#!/usr/bin/python3
"""Koffer beside restic, in one interleaved run: run.py PROGRAMS [--corpus DIR] [--rounds N] [--megabytes N].

PROGRAMS is a folder with koffer, koffer-agent, koffer-priv and koffer-controller (a release build).  Both back up the same
corpus, both encrypt; Koffer's agent and controller are separate processes that talk TLS over the loopback, and its full is verified within
the time.  Printed: median seconds and the ratio Koffer / restic for a first full, an unchanged one and a full restore.
"""
import argparse
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def timed(*words, **options):
    start = time.monotonic()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, **options)
    return time.monotonic() - start


class Koffer:
    def __init__(self, programs, folder, corpus, port):
        self.programs, self.folder = programs, folder
        self.env = dict(os.environ, KOFFER_CONTROLLER=f"ipc://{folder}/run/control")
        self.run("koffer-controller", "init", "--config", f"{folder}/c.conf", "--cluster", "bench", "--state",
                 f"{folder}/controller", "--vault", f"{folder}/vault", "--run", f"{folder}/run", "--listen",
                 f"tls+tcp://127.0.0.1:{port}")
        self.controller = self.start("koffer-controller", "run", "--config", f"{folder}/c.conf")
        self.until(lambda: self.run("koffer", "status", check=False).returncode == 0)
        (folder / "a.conf").write_text(f'user = "nobody"\nstate-directory = "{folder}/agent"\n'
                                       f'private-directory = "{folder}/priv"\nsocket = "{folder}/priv-run/socket"\nstaging-directory = "{folder}/staging"\n'
                                       f'source "spool" {{ kind = files  paths = {{"{corpus}"}} }}\n')
        os.chmod(folder / "a.conf", 0o600)
        token = next(word for word in self.run("koffer", "agent", "add", "host").stdout.split() if word.startswith("KFT1-"))
        self.run("koffer-agent", "enroll", "--config", f"{folder}/a.conf", input=token)
        self.priv = self.start("koffer-priv", "run", "--config", f"{folder}/a.conf")
        self.agent = self.start("koffer-agent", "run", "--config", f"{folder}/a.conf")
        self.until(lambda: "connected" in self.run("koffer", "agent", "list").stdout)

    def run(self, program, *words, check=True, **options):
        return subprocess.run([f"{self.programs}/{program}", *words], env=self.env, check=check, text=True,
                              stdout=subprocess.PIPE, stderr=None if check else subprocess.DEVNULL, **options)

    def start(self, program, *words):
        log = open(self.folder / f"{program}.log", "w")
        return subprocess.Popen([f"{self.programs}/{program}", *words], env=self.env, stdout=log, stderr=log)

    @staticmethod
    def until(ready, seconds=20):
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                sys.exit("bench: controller or agent did not come up")
            time.sleep(0.05)

    def cycle(self):
        return timed(f"{self.programs}/koffer", "cycle", "start", "--wait", env=self.env)

    def restore(self, target):
        return timed(f"{self.programs}/koffer", "restore", "files", "latest:host.spool", "--to", str(target), env=self.env)

    def memory(self):
        """Peak MiB of agent, koffer-priv and controller."""
        return [int(line.split()[1]) // 1024 for process in (self.agent, self.priv, self.controller)
                for line in open(f"/proc/{process.pid}/status") if line.startswith("VmHWM")]

    def stop(self):
        for process in (self.agent, self.priv, self.controller):
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def size_mb(folder):
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and f.parent.name != "index") / 1e6


def one_round(programs, corpus, folder, number):
    out = {}
    restic = folder / "restic"
    env = dict(os.environ, RESTIC_PASSWORD="bench", RESTIC_REPOSITORY=str(restic), RESTIC_CACHE_DIR=str(folder / "cache"))
    subprocess.run(["restic", "init", "-q"], env=env, check=True)
    koffer = Koffer(programs, folder, corpus, 18420 + 10 * number)
    try:
        out["first full"] = koffer.cycle(), timed("restic", "backup", "-q", str(corpus), env=env)
        out["unchanged"] = koffer.cycle(), timed("restic", "backup", "-q", str(corpus), env=env)
        out["restore"] = (koffer.restore(folder / "back1"),
                          timed("restic", "restore", "-q", "latest", "--target", str(folder / "back2"), env=env))
        out["size MB"] = size_mb(folder / "vault"), size_mb(restic)
        print("round {}: peak memory agent {} MiB, koffer-priv {} MiB, controller {} MiB".format(number, *koffer.memory()), flush=True)
    finally:
        koffer.stop()
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("programs", type=pathlib.Path)
    ap.add_argument("--corpus", type=pathlib.Path)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--megabytes", type=int, default=3000)
    args = ap.parse_args()
    with tempfile.TemporaryDirectory(prefix="koffer-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        scratch.chmod(0o711)  # the network side of the agent, who is nobody, must reach its own
        corpus = args.corpus
        if corpus is None:
            corpus = scratch / "corpus"
            subprocess.run([HERE / "make_corpus.py", corpus, "--megabytes", str(args.megabytes)], check=True)
        for path in corpus.rglob("*"):  # warm cache for both
            if path.is_file():
                path.read_bytes()
        rounds = []
        for number in range(args.rounds):
            folder = scratch / f"round{number}"
            folder.mkdir()
            folder.chmod(0o711)
            rounds.append(one_round(args.programs.resolve(), corpus.resolve(), folder, number))
            shutil.rmtree(folder)
        print(f"{'':12} {'koffer':>9} {'restic':>9} {'ratio':>7}")
        for what in rounds[0]:
            ours, theirs = ([r[what][side] for r in rounds] for side in (0, 1))
            ratio = statistics.median(a / b for a, b in zip(ours, theirs))
            print(f"{what:12} {statistics.median(ours):9.2f} {statistics.median(theirs):9.2f} {ratio:7.2f}")


if __name__ == "__main__":
    main()
