"""Real cuts: the servers' data on btrfs, writers at work, and what is restored is one moment."""
import json
import os
import threading

import pytest
from host import wait_until
from mariadb_kit import Writers, sequence

pytestmark = pytest.mark.limit(180)
VOLUMES = {"imap1": ["/var/lib/cyrus", "/var/spool/cyrus"], "db1": ["/srv/data", "/var/lib/mysql"]}


@pytest.fixture(scope="module")
def cut_cluster(tmp_path_factory, programs):
    from cluster import Cluster
    with Cluster(tmp_path_factory.mktemp("cut"), programs, messages=300, rows=400, volumes=VOLUMES) as running:
        yield running


@pytest.fixture(scope="module")
def cut(cut_cluster):
    """Agents that cut what they can: everything but the directory, and the databases here, lies on btrfs."""
    from koffer import Koffer
    running = Koffer(cut_cluster, {
        "ldap1": {"directory": 'kind = "ldap"'},
        "imap1": {"mail": 'kind = "imap"\n    snapshot = auto'},
        "db1": {"data": 'kind = "files"\n    snapshot = auto\n    paths = {"/srv/data"}',
                "databases": 'kind = "mariadb"\n    snapshot = auto'},
    })
    running.set_up()
    yield running
    running.stop()


def source_of(full, name):
    return next(one for one in full["archives"] if one["source"] == name)


def fact(archive, name):
    return next((one["value"] for one in archive["facts"] if one["name"] == name), None)


def test_a_cycle_cuts_what_lies_on_btrfs_and_leaves_nothing(cut, cut_cluster):
    assert cut.cycle()["state"] == "full"
    full = cut.json("full", "show", cut.newest_full())
    for source in ("mail", "data"):
        assert fact(source_of(full, source), "cut.driver") == "btrfs", source_of(full, source)
    for host in VOLUMES:
        assert cut_cluster.hosts[host].cuts() == []
        assert cut_cluster.hosts[host].run(["find", "/mnt/volumes", "-maxdepth", "2", "-name", ".koffer"]) == ""
        assert "koffer_" not in cut_cluster.hosts[host].run(["cat", "/proc/self/mountinfo"])


def test_instants_clocks_and_skew_of_three_hosts_are_shown(cut):
    cut.cycle()
    number = cut.newest_full()
    for shown in (cut.json("cycle", "show", number), cut.json("full", "show", number)):
        cuts = {one["agent"]: one["cut"] for one in shown.get("sources") or shown["archives"]}
        assert {agent: one["snapshot"] for agent, one in cuts.items()} == {"ldap1": False, "imap1": True, "db1": True}
        for one in cuts.values():  # the hosts have one clock
            assert one["measured"] and abs(one["offset"]) <= one["uncertainty"] < 1_000_000_000
            assert one["from"] < one["until"]
        assert 0 <= shown["skew"] < 1_000_000_000
    words = cut.cli("full", "show", number)
    assert "btrfs" in words and f"{shown['skew'] // 1_000_000}.{shown['skew'] // 1000 % 1000:03} ms" in words, words


def test_what_is_written_after_the_cut_is_not_in_the_full(cut, cut_cluster):
    """A counter in one file and its double in another, written one after the other: at one moment they differ by one at most."""
    host = cut_cluster.hosts["db1"]
    folder = host.outside("/srv/data")
    (folder / "filler").write_bytes(os.urandom(64 << 20))
    writer = host.start(["/usr/bin/python3", "-c", WRITER], "writer")
    try:
        wait_until(lambda: (folder / "one").exists(), 10, "the writer begins")
        assert cut.cycle()["state"] == "full"
    finally:
        writer.stop()
        (folder / "filler").unlink()
    target = cut.restore("db1.data", "/srv/restored")
    one, two = (int((target / "fs/srv/data" / name).read_text()) for name in ("one", "two"))
    assert 0 <= one - two <= 1, (one, two)


WRITER = """
import itertools, os
for n in itertools.count():
    for name in ("one", "two"):
        with open("/srv/data/.new", "w") as f:
            f.write(str(n))
        os.rename("/srv/data/.new", "/srv/data/" + name)
"""


def test_the_list_of_mailboxes_is_that_of_the_cut(cut, cut_cluster):
    cut.cycle()
    names = set(cut_cluster.imap.mailboxes())
    target = cut.restore("imap1.mail/export/imap", "/srv/listed")
    every = json.loads(next(target.rglob("mailboxes.json")).read_text())
    listed = {name for name, facts in every.items() if "d" not in facts.get("mbtype", "")}
    assert listed == names


class Load:
    """Something done again and again by a thread; `done` says how often it was acknowledged."""

    def __init__(self, deed):
        self.deed, self.done, self.stop, self.problem = deed, 0, threading.Event(), None
        self.thread = threading.Thread(target=self._work)

    def _work(self):
        try:
            while not self.stop.is_set():
                self.deed(self.done)
                self.done += 1
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.done >= 2 or self.problem, 60, "the load begins")
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        assert self.problem is None, self.problem


def add_person(server, number):
    server.modify(f"dn: uid=late{number},ou=People,dc=example,dc=org\nchangetype: add\nobjectClass: inetOrgPerson\nuid: late{number}\n"
                  f"cn: late{number}\nsn: late{number}\n\n")


def restored_rows(host, datadir):
    """A server on what was restored: {writer: (rows, highest)}; every table is sound."""
    host.run(["mv", datadir, "/srv/mysql"])  # what is restored is its owner's: mysql does not pass
    datadir = "/srv/mysql"
    host.run(["chown", "-R", "mysql:mysql", datadir])
    host.run(["install", "-d", "-o", "mysql", "-g", "mysql", "/run/mysqld"])
    socket = "/run/mysqld/restored.sock"
    client = [f"--socket={socket}", "--batch", "--skip-column-names"]
    # With its binary log, as it ran: that decides what becomes of transactions that were being committed.
    server = host.start(["mariadbd", "--no-defaults", "--user=mysql", "--log-bin=binlog", f"--datadir={datadir}", f"--socket={socket}",
                         "--skip-networking", "--pid-file=/run/mysqld/restored.pid"], "restored")
    server.wait_for(lambda: host.result(["mariadb-admin", f"--socket={socket}", "ping"]).returncode == 0)
    try:
        said = host.run(["mariadb-check", f"--socket={socket}", "--check", "--all-databases"]).splitlines()
        assert [line for line in said if not line.endswith("OK")] == []
        lines = host.run(["mariadb", *client], input="SELECT writer, COUNT(*), MAX(n) FROM acks.rows_ GROUP BY 1;").splitlines()
        return {int(w): (int(count), int(top)) for w, count, top in (line.split() for line in lines)}
    finally:
        server.stop()


@pytest.mark.limit(300)
def test_a_full_taken_under_load_is_one_moment_of_every_server(cut, cut_cluster):
    """Four writers on MariaDB, mail that arrives, people that are added: nothing acknowledged before the cut is missing."""
    database, imap, ldap = cut_cluster.mariadb, cut_cluster.imap, cut_cluster.ldap
    database.sql("CREATE DATABASE acks; CREATE TABLE acks.rows_ (writer INT, n INT, t TEXT, PRIMARY KEY (writer, n)) ENGINE=InnoDB;")
    began = sequence(database.sql("SELECT @@gtid_binlog_pos;"))
    mail_before = len(imap.messages())
    with Writers(cut_cluster.hosts["db1"], 4) as writers, Load(lambda n: imap.deliver("anna@example.org", 1, 9000 + n)) as mail, \
            Load(lambda n: add_person(ldap, n)) as people:
        acked, mail_acked, people_acked = writers.acknowledged(), mail.done, people.done
        assert cut.cycle()["state"] == "full"
        writers.wait_for(1)
        mail_sent, people_sent = mail.done + 1, people.done + 1
    full = cut.json("full", "show", cut.newest_full())
    databases = source_of(full, "databases")
    assert fact(databases, "cut.method") == "snapshot" and fact(databases, "lock.kind") == "backup-stage", databases
    assert 0 <= int(fact(databases, "lock.hold_us")) <= int(fact(databases, "lock.stall_us")) < 5_000_000

    restored = cut.restore_all("/srv/moment")
    rows = restored_rows(cut.controller_host, "/srv/moment/db1.databases/fs/var/lib/mysql")
    assert sum(count for count, _ in rows.values()) == sequence(fact(databases, "gtid_binlog_pos")) - began
    for writer, (count, top) in rows.items():
        assert count == top and acked[writer] <= top <= writers.sent[writer]
    kept = len(list((restored / "imap1.mail/fs/var/spool/cyrus/mail").rglob("[0-9]*.")))
    assert mail_before + mail_acked <= kept <= mail_before + mail_sent
    text = (restored / f"ldap1.directory/export/ldap/kolab/example_org.ldif").read_text()
    found = sum(f"uid: late{n}\n" in text for n in range(people_sent))
    assert people_acked <= found <= people_sent
