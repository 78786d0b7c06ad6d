"""The reaper on a real volume group: tests/guest/removals.c, run on a mounted volume."""
import os
import pathlib
import subprocess

import pytest
import volumes

PROGRAM = pathlib.Path(os.environ["KOFFER_PROGRAMS"], "tests", "guest_removals")


@pytest.mark.limit(600)
def test_only_what_is_ours_is_ever_removed(groups, tmp_path):
    origin = volumes.Volume.create("plain", "reaped", "ext4", "/live/reaped", size="64M")
    (origin.place / "file").write_text("kept")
    done = subprocess.run([PROGRAM, "plain", "reaped", tmp_path / "state"], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (origin.place / "file").read_text() == "kept"
    assert [name for name in volumes.listed("plain") if name.startswith("koffer")] == []
    volumes.run(["umount", origin.place])
    volumes.run(["lvremove", "-q", "-y", "plain/reaped"])
