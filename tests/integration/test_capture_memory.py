"""A capture's memory does not depend on how much it reads, nor on how slow its store is: capture_probe.c, release build."""
import os
import pathlib
import subprocess

import pytest

MIB = 1024 * 1024
GROWTH_MAX = 128 * MIB


@pytest.mark.limit(300)
def test_a_slow_store_does_not_cost_memory(tmp_path):
    programs = os.environ.get("KOFFER_PROGRAMS")
    assert programs, "KOFFER_PROGRAMS does not say where tests/capture_probe is (tests/run does)"
    done = subprocess.run([pathlib.Path(programs) / "tests/capture_probe", tmp_path], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    got = {name: int(value) for name, value in zip(words[::2], words[1::2])}
    assert got["files"] == 601 and got["incomplete"] == 0
    assert got["read"] >= 600 * MIB and got["taken"] >= 600 * MIB, "random content was stored whole"
    assert got["waits"] >= 20 and got["ahead"] >= 24 * MIB, "the store was slower than the reader"
    growth = (got["most_kib"] - got["before_kib"]) * 1024
    assert growth < GROWTH_MAX, f"{growth / MIB:.0f} MiB more than before the capture"
