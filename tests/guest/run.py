#!/usr/bin/python3
"""run.py [-k PATTERN] -- the part `lvm` of tests/run: all tests of tests/guest/inside in one guest, and meanwhile those of the guest itself.

KOFFER_PROGRAMS names the folder with the programs of a build.  PATTERN: as pytest's -k.
"""
import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", "--durations=5"]
DISKS = ("1800M", "900M")  # of the groups plain and thin-1 of inside/conftest.py
LIMIT = 1500  # seconds; five times what two idle cores need
NONE_MATCHED = 5
PASSED_ON = ("KOFFER_PROGRAMS", "KILLS", "PROP_SEED")
DATABASE = ["mariadb-install-db", "--no-defaults", "--user=root", "--auth-root-authentication-method=normal", "--skip-test-db",
            "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M"]


def guest(database):
    return [HERE / "guest.py", "--limit", str(LIMIT), "--memory", "1536", *(f"--disk={size}" for size in DISKS), "--",
            "env", f"GUEST_MARIADB={database}", *(f"{name}={os.environ[name]}" for name in PASSED_ON if name in os.environ)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="PATTERN")
    pattern = parser.parse_args().k
    words = [*PYTEST, *(["-k", pattern] if pattern else [])]
    with tempfile.TemporaryDirectory(prefix="guest.") as private, tempfile.TemporaryFile() as said:
        database = pathlib.Path(private, "mysql")  # made here, where it takes two seconds
        subprocess.run([*DATABASE, f"--datadir={database}"], check=True, stdout=subprocess.DEVNULL)
        with subprocess.Popen([*words, HERE / "test_harness.py"], stdout=said, stderr=said) as harness:
            suite = subprocess.run([*guest(database), *words, HERE / "inside"]).returncode
        said.seek(0)
        shutil.copyfileobj(said, sys.stdout.buffer)
    statuses = [harness.returncode, suite]
    if pattern and min(statuses) == 0:
        statuses = [0 if status == NONE_MATCHED else status for status in statuses]
    return max(statuses)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing stays
    sys.exit(main())
