"""The guest's kernel: Debian's cloud kernel as a file.  Fetched by apt and unpacked below the build directory, never installed,
so that no boot loader and no initramfs of the machine hears of it.

    kernel = fetch(folder)                      # once; afterwards what lies there is taken, without a network
    kernel.image, kernel.modules(["xfs"])       # -> paths of .ko files, each after those that it needs
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

META = "linux-image-cloud-amd64"


class Missing(Exception):
    """Something the guest needs is not here; the text says what to do."""


class Kernel:
    def __init__(self, folder):
        self.image = next(folder.glob("boot/vmlinuz-*"))
        tree = next(folder.glob("lib/modules/*"))
        self.files = {path.stem.replace("-", "_"): path for path in tree.rglob("*.ko")}
        self.builtin = {pathlib.Path(line).stem.replace("-", "_")
                        for line in (tree / "modules.builtin").read_text().splitlines()}

    def modules(self, names):
        """What has to be loaded for these, in an order that works."""
        found = []
        for name in names:
            self._add(name.replace("-", "_"), found)
        return found

    def _add(self, name, found):
        if name in self.builtin or self.files.get(name) in found:
            return
        if name not in self.files:
            raise Missing(f"the cloud kernel {self.image.name} has no module '{name}'")
        depends = re.search(rb"\0depends=([^\0]*)\0", b"\0" + self.files[name].read_bytes())
        for needed in filter(None, depends[1].decode().split(",")):
            self._add(needed.replace("-", "_"), found)
        found.append(self.files[name])


def fetch(folder):
    """`folder` appears whole or not at all; two runs at once fetch twice and agree."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch.") as private:
            _unpack(private)
            _publish(pathlib.Path(private, "tree"), folder)
    return Kernel(folder)


def _unpack(private):
    package = _package() or _package(update=True)
    if not package:
        raise Missing(f"apt knows no {META}: check /etc/apt/sources.list")
    _run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package], private)
    _run(["dpkg-deb", "-x", *map(str, pathlib.Path(private).glob("*.deb")), "tree"], private)


def _publish(tree, folder):
    shutil.rmtree(tree / "usr", ignore_errors=True)
    try:
        os.rename(tree, folder)
    except OSError:
        if not folder.is_dir():  # else another run was quicker
            raise


def _package(update=False):
    """The package that the meta package stands for today; None: the lists of packages are not here."""
    if update:
        _run(["apt-get", "-q", "update"], "/")
    shown = subprocess.run(["apt-cache", "show", "--no-all-versions", META], capture_output=True, text=True).stdout
    depends = re.search(r"^Depends: (linux-image-\S+)", shown, re.M)
    return depends and depends[1].rstrip(",")


def _run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise Missing(f"the guest's kernel could not be fetched; check the network: {' '.join(command)}: "
                      + done.stderr.strip()[-500:])
