"""A small real Kolab cluster: ldap1, imap1 and db1 with seeded servers, and a host for the controller.

    with Cluster(base, programs) as cluster:        # base: an empty private directory; programs: where koffer* are
        cluster.imap.messages(); cluster.hosts["db1"].run([...])

Each host has its own network namespace, /etc, /var, /srv and /run (host.py); files with every kind of metadata are in
/srv/data of db1.  Started and seeded in some eight seconds.
"""
import concurrent.futures
import os
import pathlib
import random
import subprocess

from host import Network
from servers.imap import Imap
from servers.ldap import Ldap
from servers.mariadb import Mariadb

ADDRESSES = {"controller": "10.88.0.10", "ldap1": "10.88.0.11", "imap1": "10.88.0.12", "db1": "10.88.0.13"}


class Cluster:
    def __init__(self, base, programs=None, messages=2100, rows=4000, volumes={}):
        """`volumes`: host -> places that lie on btrfs."""
        self.base, self.messages, self.rows = pathlib.Path(base), messages, rows
        self.network = Network(self.base, {"programs": programs} if programs else {}, volumes)

    def __enter__(self):
        self.network.__enter__()
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        self.hosts = {name: self.network.host(name, address) for name, address in ADDRESSES.items()}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            jobs = [pool.submit(job) for job in (self._build_ldap, self._build_imap, self._build_mariadb, self._build_files)]
            for job in jobs:
                job.result()

    def _build_ldap(self):
        self.ldap = Ldap(self.hosts["ldap1"]).start()

    def _build_imap(self):
        self.imap = Imap(self.hosts["imap1"]).start()
        self.imap.seed(self.messages)
        self.imap.check_unique_ids()

    def _build_mariadb(self):
        self.mariadb = Mariadb(self.hosts["db1"]).start()
        self.mariadb.seed(self.rows)

    def _build_files(self):
        furnish(self.hosts["db1"].outside("/srv/data"))

    def servers(self):
        return self.ldap, self.imap, self.mariadb

    def stop_servers(self):
        for server in self.servers():
            server.stop()

    def __exit__(self, *_):
        self.network.__exit__()

    def processes(self):
        """Every process of the cluster, as {number: start time}; see host.still_running."""
        return self.network.processes()


def furnish(folder):
    """Files with every kind of metadata that a restore must bring back."""
    chance = random.Random("files")
    for name in ("plain", "links", "odd names", "empty/deeper/deepest"):
        (folder / name).mkdir(parents=True)
    for number in range(300):
        (folder / "plain" / f"{number:03}.conf").write_bytes(chance.randbytes(chance.choice([0, 1, 40, 700, 9000])))
    (folder / "plain" / "large").write_bytes(chance.randbytes(6 << 20))
    (folder / "plain" / "program").write_bytes(b"#!/bin/true\n")
    (folder / "plain" / "program").chmod(0o6755)
    for name in (b"umlaut \xc3\xa4", b"latin \xe4\xff", b" leading space", b"new\nline", b"'\"`$(x)\\", b"x" * 255):
        (folder / "odd names" / os.fsdecode(name)).write_bytes(name)
    with open(folder / "sparse", "wb") as sparse:
        sparse.seek(64 << 20)
        sparse.write(b"island")
        sparse.truncate(200 << 20)
    for number in range(3):
        os.link(folder / "plain" / "large", folder / "links" / f"hard{number}")
    (folder / "links" / "dangling").symlink_to("/nowhere/at all")
    (folder / "links" / "relative").symlink_to("../plain/program")
    os.mkfifo(folder / "links" / "fifo", 0o640)
    os.lchown(folder / "links" / "relative", 12345, 54321)
    os.chown(folder / "plain" / "000.conf", 12345, 54321)
    os.setxattr(folder / "plain" / "001.conf", "user.origin", b"\0binary\xff")
    os.setxattr(folder / "plain", "user.folder", b"kept")
    os.setxattr(folder / "plain" / "001.conf", "trusted.note", b"root's own")
    subprocess.run(["setfacl", "-m", "u:mysql:rw,g:mail:r", folder / "plain" / "002.conf"], check=True)
    subprocess.run(["setfacl", "-d", "-m", "u:mysql:rwx", folder / "empty"], check=True)
    (folder / "empty" / "deeper").chmod(0o1750)
    os.utime(folder / "plain" / "003.conf", ns=(1, -1000000001))  # before 1970
    os.utime(folder / "plain" / "004.conf", ns=(1, 4102444800123456789))  # 2100
    os.utime(folder / "links", ns=(1, 1425427200123456789))
