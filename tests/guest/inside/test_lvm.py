"""The guest gives real LVM: what our driver relies on, asked of the kernel and the tools themselves (facts, not Koffer)."""
import pytest
import volumes


def mounted_read_only(path, place, kind):
    place.mkdir()
    volumes.run(["mount", "-o", "ro,nodev,nosuid,noexec" + (",nouuid" if kind == "xfs" else ""), path, place])
    return place


def drop(volume, name, place):
    volumes.run(["umount", place])
    volumes.run(["lvremove", "-q", "-y", f"{volume.group}/{name}"])


def test_a_snapshot_stays_while_its_volume_changes(live, tmp_path):
    file = live.place / "file"
    file.write_text("before")
    path = live.snapshot("moment", None if "pool_lv" in live.group or live.group.startswith("thin") else "16M")
    file.write_text("after")
    place = mounted_read_only(path, tmp_path / "moment", live.kind)
    assert (place / "file").read_text() == "before"
    assert file.read_text() == "after"
    drop(live, "moment", place)


@pytest.fixture(scope="module")
def xfs(groups):
    return volumes.Volume.create("plain", "twin", "xfs", "/live/twin", size="320M")


def test_xfs_beside_its_twin_is_mounted_only_without_its_uuid(xfs, tmp_path):
    path = xfs.snapshot("copy", "16M")
    refused = volumes.result(["mount", "-o", "ro", path, tmp_path])
    assert refused.returncode != 0, "the kernel took two file systems with one UUID"
    drop(xfs, "copy", mounted_read_only(path, tmp_path / "copy", "xfs"))


def test_a_full_snapshot_is_invalid_and_its_files_are_errors_not_absent(xfs, tmp_path):
    xfs.fill("kept", 1)
    path = xfs.snapshot("small", "4M")
    place = mounted_read_only(path, tmp_path / "small", "xfs")
    xfs.fill("much", 12)
    fields = volumes.listed("plain")["small"]
    assert fields["lv_snapshot_invalid"] == "snapshot invalid"
    assert fields["lv_attr"].startswith("swi-I") or fields["lv_attr"].startswith("Swi-I")
    assert str(place) in volumes.mounted()
    with pytest.raises(OSError):
        (place / "kept").read_bytes()
    assert (xfs.place / "kept").stat().st_size == 1 << 20
    drop(xfs, "small", place)
