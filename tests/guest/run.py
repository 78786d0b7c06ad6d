#!/usr/bin/python3
"""run.py [-k PATTERN] -- the part `lvm` of tests/run: the tests of the guest, then in one guest all tests of tests/guest/inside.

KOFFER_PROGRAMS names the folder with the programs of a build.  PATTERN: as pytest's -k.
"""
import argparse
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", "--durations=5"]
DISKS = ("900M", "900M")
LIMIT = 1500  # seconds; five times what two idle cores need
NONE_MATCHED = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="PATTERN")
    pattern = parser.parse_args().k
    words = [*PYTEST, *(["-k", pattern] if pattern else [])]
    guest = [HERE / "guest.py", "--limit", str(LIMIT), "--memory", "1536", *(f"--disk={size}" for size in DISKS), "--",
             "env", f"KOFFER_PROGRAMS={os.environ.get('KOFFER_PROGRAMS', '')}"]
    statuses = [subprocess.run([*words, HERE / "test_harness.py"]).returncode,
                subprocess.run([*guest, *words, HERE / "inside"]).returncode]
    if pattern and min(statuses) == 0:
        statuses = [0 if status == NONE_MATCHED else status for status in statuses]
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main())
