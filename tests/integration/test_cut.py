"""Real cuts: the servers' data on btrfs, writers at work, and what is restored is one moment."""
import json
import os

import pytest
from host import wait_until

pytestmark = pytest.mark.limit(180)
VOLUMES = {"imap1": ["/var/lib/cyrus", "/var/spool/cyrus"], "db1": ["/srv/data"]}


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
        "db1": {"data": 'kind = "files"\n    snapshot = auto\n    paths = {"/srv/data"}'},
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
        assert "koffer" not in cut_cluster.hosts[host].run(["cat", "/proc/self/mountinfo"]).replace("/koffer/", "")


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
