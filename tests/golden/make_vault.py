#!/usr/bin/python3
"""make_vault.py PROGRAMS FOLDER -- makes a golden vault with the real programs, as root; see vault-1/README.md.

A golden vault is made once and then kept for ever: this program is for the next version of the formats, never for
making an old one again (keys and times are new each time).
"""
import collections
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS / "reader")]

import compare  # noqa: E402
import koffer as programs  # noqa: E402
from host import Network  # noqa: E402
from keys import RecoveryKey  # noqa: E402
from reader import listing  # noqa: E402
from restore import restore  # noqa: E402
from tree import Tree  # noqa: E402
from vault import Vault  # noqa: E402
from verify import verify  # noqa: E402

PAPER = re.compile(r"KFR1(-[0-9A-Z]{4,8})+")
HOST, DATA = "host1", "/srv/data"
TIME = 1_700_000_000_123_456_789
WORDS = "the quick brown fox jumps over a lazy dog and keeps every message it was ever given".split()


class Hosts:
    def __init__(self, network):
        self.hosts = {"controller": network.host("controller", "10.88.0.10"), HOST: network.host(HOST, "10.88.0.11")}


def furnish(data):
    """Small once compressed, and with one of everything that the formats know."""
    chance = random.Random("golden")
    for name in ("empty directory", "links", "many", "odd names"):
        (data / name).mkdir(parents=True)
    (data / "empty").write_bytes(b"")
    (data / "text").write_text("Koffer packs, so that every piece can be unpacked again.\n")
    (data / "binary").write_bytes(bytes(range(256)) * 8 + chance.randbytes(2000))
    (data / "long").write_text("".join(f"{line:06} {' '.join(chance.sample(WORDS, 3))}\n" for line in range(3000)) * 32)
    (data / "zeros").write_bytes(bytes(300_000))
    sparse(data / "sparse", 64 << 20, [32 << 20])
    sparse(data / "islands", 8 << 20, [(island << 17) + (1 << 16) for island in range(48)])
    for number in range(1500):
        (data / "many" / f"{number:04}.txt").write_text("" if number % 3 else f"message {number}\n")
    for name in (b"umlaut \xc3\xa4", b"latin \xe4\xff", b"new\nline", b"x" * 255):
        (data / "odd names" / os.fsdecode(name)).write_bytes(name)
    os.link(data / "text", data / "links" / "hard")
    os.mkfifo(data / "links" / "fifo", 0o640)
    (data / "links" / "symbolic").symlink_to("../text")
    os.lchown(data / "links" / "symbolic", 1234, 5678)
    os.chown(data / "binary", 1234, 5678)
    (data / "binary").chmod(0o6755)
    os.setxattr(data / "text", "user.origin", b"\0binary\xff")
    os.setxattr(data / "links", "user.folder", b"kept")
    set_times(data)
    os.utime(data / "empty", ns=(TIME, -1_000_000_001))


def sparse(path, size, islands):
    with open(path, "wb") as file:
        for at in islands:
            file.seek(at)
            file.write(b"island %d " % at)
        file.truncate(size)


def change(data):
    """What the second full finds."""
    (data / "new").write_text("only in the second full\n")
    (data / "many" / "0006.txt").unlink()
    with open(data / "long", "ab") as file:
        file.write(b"one more line\n")
    set_times(data)


def set_times(data):
    for place, _, names in os.walk(data, topdown=False):
        for name in names:
            os.utime(os.path.join(place, name), ns=(TIME, TIME), follow_symlinks=False)
        os.utime(place, ns=(TIME, TIME))


def run_programs(base, folder):
    """The vault in `folder`, its recovery keys as text: one that came between the fulls, and the first."""
    sources = {HOST: {"data": f'kind = "files"\n    snapshot = auto\n    paths = {{"{DATA}"}}'}}
    with Network(base, {"programs": folder}, {HOST: ["/srv"]}) as network:
        koffer = programs.Koffer(Hosts(network), sources)
        data = koffer.cluster.hosts[HOST].outside(DATA)
        sheet = koffer.init()
        koffer.start_controller()
        koffer.enroll(HOST)
        koffer.start_agent(HOST)
        koffer.wait_for_agents([HOST])
        furnish(data)
        koffer.cycle()
        check(koffer, sheet, data, base)
        second = koffer.cli("key", "add", "--label", "second")
        change(data)
        koffer.cycle()
        koffer.cli("key", "rewrap")
        check(koffer, second, data, base)
        koffer.stop()
        kept = base / "vault"
        for name in ("format", "packs", "fulls", "envelopes"):
            source = koffer.vault() / name
            (shutil.copytree if source.is_dir() else copy_file)(source, kept / name)
    return kept, PAPER.search(second)[0], PAPER.search(sheet)[0]


def check(koffer, sheet, data, base):
    """What is kept for ever must be the tree that it was made from."""
    vault = Vault(koffer.vault())
    full = vault.fulls()[-1]
    restored = base / f"restored-{full.number}"
    restore(Tree(vault, vault.open_root(full, full.archives[0], key_in(sheet))), restored)
    found = verify(vault, key_in(sheet)) + compare.tree(data, restored / "fs" / DATA.lstrip("/"))
    if found:
        raise SystemExit("\n".join(found))


def key_in(sheet):
    return RecoveryKey.from_paper(PAPER.search(sheet)[0])


def copy_file(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def main(built, folder):
    folder = pathlib.Path(folder)
    with tempfile.TemporaryDirectory(prefix="koffer-golden.") as base:
        made, key, first = run_programs(pathlib.Path(base), pathlib.Path(built).resolve())
        shutil.copytree(made, folder / "vault")
    (folder / "recovery-key.txt").write_text(key + "\n")
    (folder / "first-key.txt").write_text(first + "\n")
    write_expected(Vault(folder / "vault"), RecoveryKey.from_paper(key), folder / "expected.txt")


def write_expected(vault, key, path):
    """Each line once, behind the numbers of the fulls in which it is found."""
    fulls = collections.defaultdict(str)
    for full in vault.fulls():
        for line in listing(Tree(vault, vault.open_root(full, full.archives[0], key))):
            fulls[line] += str(full.number)
    path.write_text("".join(f"{numbers}\t{line}\n" for line, numbers in fulls.items()))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
