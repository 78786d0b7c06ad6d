#!/usr/bin/python3
"""How long MariaDB's writers stand still for a snapshot: lock_bench.py PROGRAMS [--cycles N].

PROGRAMS is a folder with tests/cut_probe (a release build).  Each cycle is the source's own: ready, lock, a btrfs snapshot on a
loop image, release.  Both kinds of lock take turns, on a server that is idle and one with four writers that commit as fast as they can.  Printed
in milliseconds: wait (first blocking statement sent until the lock was granted), hold (until it was released), stall (both), snapshot
(the bare command), rest (hold without it), as minimum, median, maximum.
"""
import argparse
import contextlib
import os
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from host import Network  # noqa: E402
from mariadb_kit import LIVE, Probe, Volume, Writers  # noqa: E402
from servers.mariadb import Mariadb  # noqa: E402

LOCKS = ("backup-stage", "read-lock")
FIGURES = ("wait", "hold", "stall", "snapshot", "rest")


def cycle(volume, probe, name):
    """Milliseconds of each figure."""
    probe.good("paths", "ready 60")
    facts = probe.good(volume.snapshot(name, "cut")).facts
    volume.drop(name)
    found = {figure: int(facts[f"lock.{figure}_us"]) / 1000 for figure in ("wait", "hold", "stall")}
    found["snapshot"] = int(facts["snapshot_us"]) / 1000
    return found | {"rest": found["hold"] - found["snapshot"]}


def measure(volume, host, cycles):
    """{lock: [figures of a cycle]}"""
    probes = {lock: Probe(host, "method = snapshot", f"lock = {lock}", "lock-budget = 60s", "long-query = 1h") for lock in LOCKS}
    found = {lock: [] for lock in LOCKS}
    for number in range(cycles):
        for lock, probe in probes.items():
            found[lock].append(cycle(volume, probe, f"{lock}{number}"))
    for probe in probes.values():
        probe.close()
    return found


def show(load, found):
    for lock, cycles in found.items():
        for figure in FIGURES:
            values = [one[figure] for one in cycles]
            print(f"{load:5} {lock:13} {figure:9} {min(values):9.2f} {statistics.median(values):9.2f} {max(values):9.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs")
    parser.add_argument("--cycles", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lock_bench.") as base:
        os.chmod(base, 0o711)
        with Network(base, {"programs": options.programs}, {"db9": [LIVE]}) as network:
            host = network.host("db9", "10.88.0.99")
            volume = Volume(host)
            server = Mariadb(host).start()
            server.seed(rows=4000)
            server.sql("CREATE DATABASE acks; CREATE TABLE acks.rows_ (writer INT, n INT, t TEXT, PRIMARY KEY (writer, n)) ENGINE=InnoDB;")
            print(f"{options.cycles} cycles each; ms     minimum    median   maximum")
            for load, writers in (("idle", contextlib.nullcontext()), ("busy", Writers(host, 4))):
                with writers:
                    show(load, measure(volume, host, options.cycles))


if __name__ == "__main__":
    main()
