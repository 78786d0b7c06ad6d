"""LVM as an administrator types it, for tests in the guest.

    volumes.make_group("group", ["/dev/vda"])
    live = volumes.Volume.create("group", "data", "xfs", "/live", size="400M")     # on a new file system, mounted
    thin = volumes.Volume.create("group", "data", "ext4", "/live", size="300M", pool="pool")
"""
import json
import os
import pathlib
import subprocess

ENVIRONMENT = {**os.environ, "LVM_SUPPRESS_FD_WARNINGS": "1"}
MAKE = {"ext4": ["mkfs.ext4", "-q"], "xfs": ["mkfs.xfs", "-q", "-f"]}
FIELDS = "lv_name,lv_attr,origin,pool_lv,lv_size,data_percent,lv_snapshot_invalid,lv_tags,lv_path"


class Failed(Exception):
    """A command failed; the text carries its own words."""


def result(argv, timeout=60):
    return subprocess.run(list(map(str, argv)), capture_output=True, text=True, env=ENVIRONMENT, timeout=timeout)


def run(argv, timeout=60):
    done = result(argv, timeout)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv))}: exit status {done.returncode}\n{done.stderr}{done.stdout}")
    return done.stdout


def make_group(name, disks):
    run(["vgcreate", "-q", "-s", "1M", name, *disks])


def make_pool(group, name, size):
    run(["lvcreate", "-q", "-y", "--type", "thin-pool", "-L", size, "--poolmetadatasize", "4M", "-Zn", "-n", name, group])


def listed(group):
    """{name: fields} of all logical volumes of a group."""
    said = run(["lvs", "-a", "--reportformat", "json", "--units", "b", "--nosuffix", "-o", FIELDS, group])
    return {volume["lv_name"]: volume for volume in json.loads(said)["report"][0]["lv"]}


def mounted():
    """{mount point: device} as this process sees them."""
    lines = pathlib.Path("/proc/self/mounts").read_text().splitlines()
    return {fields[1]: fields[0] for fields in map(str.split, lines)}


class Volume:
    """A logical volume with a file system, mounted."""

    def __init__(self, group, name, kind, place):
        self.group, self.name, self.kind, self.place = group, name, kind, pathlib.Path(place)

    @property
    def path(self):
        return f"/dev/{self.group}/{self.name}"

    @classmethod
    def create(cls, group, name, kind, place, *, size, pool=None):
        where = ["-V", size, "--thinpool", pool] if pool else ["-L", size]
        run(["lvcreate", "-q", "-y", "-W", "n", "-n", name, *where, group])
        volume = cls(group, name, kind, place)
        run([*MAKE[kind], volume.path])
        volume.place.mkdir(parents=True, exist_ok=True)
        run(["mount", volume.path, volume.place])
        return volume

    def snapshot(self, name, size=None):
        """-> its path; a thin one needs no size."""
        run(["lvcreate", "-q", "-y", "-s", "--monitor", "n", *(["-L", size] if size else ["-kn", "-ay"]), "-n", name,
             f"{self.group}/{self.name}"])
        return f"/dev/{self.group}/{name}"

    def fill(self, name, megabytes):
        """Bytes that nothing can leave out, on the disk."""
        with open(self.place / name, "wb") as file:
            for _ in range(megabytes):
                file.write(os.urandom(1 << 20))
            os.fsync(file.fileno())
