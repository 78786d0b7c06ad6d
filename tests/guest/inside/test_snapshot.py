"""The LVM driver on real volumes: what it freezes, what it refuses, and that nothing of it stays."""
import contextlib
import fcntl
import os
import pathlib
import random
import subprocess
import sys
import time

import drive
import pytest
import volumes

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import host  # noqa: E402

KILLS = int(os.environ.get("KILLS", "6"))
MIB = 1 << 20
TIGHT = 32  # MiB of a thin pool that fills up
LVCREATE = pathlib.Path("/usr/sbin/lvcreate")


def ours(*groups):
    """The names of our snapshots."""
    return [name for group in groups or ("plain", "thin-1") for name in volumes.listed(group) if name.startswith("koffer_")]


@pytest.fixture
def driver(tmp_path):
    """A driver with an empty ledger; a test that ends well leaves none of our volumes."""
    with drive.Drive(tmp_path) as running:
        yield running
    assert not ours()


@pytest.fixture(scope="module")
def ext4(groups):
    volume = volumes.Volume.create("plain", "house", "ext4", "/live/house", size="64M")
    volume.fill("kept", 1)
    return volume


@contextlib.contextmanager
def lvcreate_is(script):
    """In this guest only: what the driver starts as lvcreate."""
    LVCREATE.unlink()
    try:
        LVCREATE.write_text(f"#!/bin/bash\n{script}\n")
        LVCREATE.chmod(0o755)
        yield
    finally:
        LVCREATE.unlink()
        LVCREATE.symlink_to("lvm")


def test_a_set_shows_the_moment_and_leaves_nothing(live, driver):
    folder = live.place / "folder"
    folder.mkdir()
    for name, text in {"changed": "before", "deleted": "still here"}.items():
        (folder / name).write_text(text)
    driver.plan(live.place)
    driver.take()
    (folder / "changed").write_text("after")
    (folder / "deleted").unlink()
    (folder / "new").write_text("too late")
    view = driver.mount()[str(live.place)] / "folder"
    assert {path.name: path.read_text() for path in view.iterdir()} == {"changed": "before", "deleted": "still here"}
    with pytest.raises(OSError):
        (view / "changed").write_text("a snapshot is not written to")
    driver.check()
    assert driver.facts["snapshot"] == ("lvm" if live.group == "plain" else "lvm-thin")
    driver.release()
    assert not ours(live.group)
    assert (folder / "changed").read_text() == "after"


def test_no_room_in_the_group_is_refused_before_anything_is_made(ext4, driver):
    with pytest.raises(drive.Refused, match="^no-space: .*plain"):
        driver.plan(ext4.place, size=4096 * MIB)


@pytest.fixture(scope="module")
def tight(groups):
    volumes.make_pool("thin-1", "tight", f"{TIGHT}M")
    return volumes.Volume.create("thin-1", "house", "ext4", "/live/tight", size="40M", pool="tight")


def fill_pool(volume, percent):
    """By steps: a full pool would hang us."""
    while (now := float(volumes.listed(volume.group)["tight"]["data_percent"])) < percent:
        volume.fill(f"at {now}", max(1, int((percent - now) * TIGHT / 100) - 1))


def test_a_snapshot_is_given_up_before_its_thin_pool_is_full(tight, driver):
    driver.plan(tight.place)
    driver.take()
    driver.mount()
    driver.check()
    fill_pool(tight, 90.5)
    with pytest.raises(drive.Refused, match="^stale: .*snapshot lost"):
        driver.check()
    driver.release()


def test_a_thin_pool_above_its_limit_is_refused(tight, driver):
    fill_pool(tight, 80.5)
    with pytest.raises(drive.Refused, match="^no-space: .*thin-1/tight"):
        driver.plan(tight.place)


def test_a_snapshot_that_fills_slowly_grows_in_time(ext4, driver):
    driver.plan(ext4.place, size=8 * MIB)
    driver.take()
    view = driver.mount()[str(ext4.place)]
    before, = ours("plain")
    ext4.fill("slow", 5)
    host.wait_until(lambda: int(volumes.listed("plain")[before]["lv_size"]) > 8 * MIB, 60, "growth")
    ext4.fill("slower", 4)
    driver.check()
    assert sorted(path.name for path in view.iterdir()) == ["kept", "lost+found"]
    driver.release()
    for name in ("slow", "slower"):
        (ext4.place / name).unlink()


@contextlib.contextmanager
def no_room_left(group):
    volumes.run(["lvcreate", "-q", "-y", "-W", "n", "-l", "100%FREE", "-n", "filler", group])
    yield
    volumes.run(["lvremove", "-q", "-y", f"{group}/filler"])


def test_an_overflow_is_told_as_lost_and_never_as_an_empty_directory(ext4, driver):
    driver.plan(ext4.place, size=8 * MIB)
    driver.take()
    view = driver.mount()[str(ext4.place)]
    with no_room_left("plain"):
        ext4.fill("burst", 16)
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    with pytest.raises(OSError) as lost:
        (view / "kept").read_bytes()
    assert not isinstance(lost.value, FileNotFoundError)
    with pytest.raises(drive.Refused, match="^stale: .*snapshot lost"):
        driver.check()
    driver.release()
    assert (ext4.place / "kept").stat().st_size == MIB
    (ext4.place / "burst").unlink()


FAILING = {
    "it fails": "echo 'no such luck' >&2; exit 5",
    "it is slow, and ends after nobody waits any more": "trap '' TERM; sleep 4; exec /usr/sbin/lvm lvcreate \"$@\"",
    "it leaves a plain volume": """
        words=()
        while [[ $# -gt 1 ]]; do
            case $1 in -s) ;; --monitor) shift ;; *) words+=("$1") ;; esac
            shift
        done
        /usr/sbin/lvm lvcreate -q -W n "${words[@]}" "${1%/*}"
        exit 5""",
}


@pytest.mark.parametrize("script", FAILING.values(), ids=FAILING.keys())
def test_after_a_bad_lvcreate_nothing_stays(ext4, driver, script):
    driver.plan(ext4.place, size=4 * MIB)
    with lvcreate_is(script), pytest.raises(drive.Refused, match="^(io|cancelled): "):
        driver.take(1)
    driver.release()


def test_a_held_lock_of_the_group_makes_nobody_wait_for_ever(ext4, driver):
    driver.plan(ext4.place, size=4 * MIB)
    with open("/run/lock/lvm/V_plain", "a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(drive.Refused, match="^cancelled: "):
            driver.take(2)
    driver.release()


def test_a_snapshot_that_cannot_be_mounted_is_removed(ext4, driver):
    driver.plan(ext4.place, size=4 * MIB)
    driver.take()
    name, = ours("plain")
    volumes.run(["dd", "if=/dev/zero", f"of=/dev/plain/{name}", "bs=64K", "count=1", "conv=fsync,notrunc", "status=none"])
    with pytest.raises(drive.Refused):
        driver.mount()
    driver.release()


def reap(state):
    """As the next agents do; -> what they could not remove."""
    with drive.Drive(state) as next_one:
        return next_one.reap()


def test_a_reaper_takes_its_own_and_nothing_else(ext4, tmp_path):
    killed = drive.Drive(tmp_path)
    killed.plan(ext4.place, cycle=7, size=4 * MIB)
    killed.take()
    own, = ours("plain")
    tags = volumes.listed("plain")[own]["lv_tags"].split(",")
    foreign = [f"--addtag={tag}" for tag in ("koffer", "koffer_cycle_7", "koffer_agent_0123456789abcdef")]
    volumes.run(["lvcreate", "-q", "-y", "-s", "-L", "4M", *foreign, "-n", "koffer_7_house_99", "plain/house"])
    volumes.run(["lvcreate", "-q", "-y", "-W", "n", "-L", "4M", "-n", "koffer_8_untagged_3", "plain"])
    volumes.run(["lvchange", "-q", *(f"--addtag={tag}" for tag in tags), "plain/house"])
    killed.kill()
    assert reap(tmp_path) == 0
    assert sorted(ours("plain")) == ["koffer_7_house_99", "koffer_8_untagged_3"]
    assert "house" in volumes.listed("plain")
    volumes.run(["lvremove", "-q", "-y", "plain/koffer_7_house_99", "plain/koffer_8_untagged_3"])


@pytest.fixture(scope="module")
def thin(groups):
    return volumes.Volume.create("thin-1", "shed", "ext4", "/live/shed", size="64M", pool="pool")


def life(state, volume, until=None):
    """A set from plan to release, killed after some seconds; -> how long it took."""
    begun = time.monotonic()
    lived = drive.Drive(state)
    lived.send(f"plan 1 auto {4 * MIB} {volume.place}", "take", "mount", "check", "release")
    if until is None:
        for _ in range(5):
            lived.answer()
        lived.close()
    else:
        with contextlib.suppress(subprocess.TimeoutExpired):
            lived.process.wait(until)
        lived.kill()
    return time.monotonic() - begun


@pytest.mark.limit(120 + 90 * KILLS)
def test_what_a_killed_agent_leaves_is_removed_by_the_next_one(ext4, thin, tmp_path):
    seed = int(os.environ.get("PROP_SEED", random.SystemRandom().randrange(1 << 32)))
    chance = random.Random(seed)
    lasted = {volume: life(tmp_path, volume) for volume in (ext4, thin)}
    for number in range(KILLS):
        volume = (ext4, thin)[number % 2]
        life(tmp_path, volume, lasted[volume] * (number + chance.random()) / KILLS)
        host.wait_until(lambda: reap(tmp_path) == 0 and not ours(), 120, f"nothing left after kill {number} (PROP_SEED={seed})")
        assert volume.name in volumes.listed(volume.group)
