"""The harness itself: real servers start seeded, can be looked at, stop, and nothing of them is left."""
import json
import os
import pathlib
import signal
import subprocess
import sys

import compare
import pytest
from cluster import ADDRESSES, Cluster
from host import Failed, still_running, wait_until
from servers.mariadb import Mariadb

CHILD = """
import json, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, sys.argv[1])
from cluster import ADDRESSES, Cluster
with Cluster(sys.argv[2], messages=60, rows=10) as cluster:
    print(json.dumps(list(cluster.processes().items())), flush=True)
    sys.stdin.read()
"""


def leftovers(base):
    """Mounts and links of a cluster in `base` that the machine can see; those of others on the machine do not count."""
    mounts = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if str(base) in line]
    shown = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout.splitlines()
    names = {line.split()[1].rstrip(":").split("@")[0] for line in shown}
    return mounts + sorted(names & {"lan", *ADDRESSES, *("p-" + name for name in ADDRESSES)})


def test_seeds_are_what_they_promise(cluster):
    for backend in cluster.ldap.backends:
        assert cluster.ldap.count(backend) == cluster.ldap.expected(backend)
    assert len(cluster.ldap.backends) >= 2
    live = [name for name in cluster.imap.mailboxes() if "DELETED" not in name]
    assert len(live) >= 20
    assert len(cluster.imap.messages()) >= 2000
    assert cluster.mariadb.count("roundcube.contacts") == cluster.rows
    assert cluster.mariadb.count("kolab.resources") == 1000
    assert cluster.mariadb.sql("SHOW MASTER STATUS;").startswith("binlog.")


def test_hosts_are_apart_but_reach_each_other(cluster):
    imap, database = cluster.hosts["imap1"], cluster.hosts["db1"]
    assert imap.run(["hostname"]) == "imap1\n"
    assert database.result(["ls", "/var/spool/cyrus"]).returncode != 0
    assert imap.result(["bash", "-c", "exec 3<>/dev/tcp/db1/3306"]).returncode == 0
    assert imap.result(["bash", "-c", "exec 3<>/dev/tcp/localhost/3306"]).returncode != 0


def test_a_dump_loaded_elsewhere_compares_equal_and_a_changed_row_does_not(cluster, tmp_path):
    other = Mariadb(cluster.network.host("db2", "10.88.0.99")).start()
    for database in ("roundcube", "kolab"):
        cluster.mariadb.dump(database, tmp_path / "original.sql")
        other.sql(f"CREATE DATABASE {database};")
        other.load(database, tmp_path / "original.sql")
        other.dump(database, tmp_path / "copy.sql")
        assert compare.sql(tmp_path / "original.sql", tmp_path / "copy.sql") == []
    other.sql("UPDATE resources SET booked = booked + 1 WHERE id = 500;", "kolab")
    other.dump("kolab", tmp_path / "copy.sql")
    cluster.mariadb.dump("kolab", tmp_path / "original.sql")
    assert "1 rows lost, 1 gained" in compare.sql(tmp_path / "original.sql", tmp_path / "copy.sql")[0]
    other.stop()


def test_a_server_that_cannot_start_says_why(cluster):
    second = cluster.hosts["db1"].start(["mariadbd", "--datadir=/nowhere"], "mariadbd-wrong")
    with pytest.raises(Failed, match="/nowhere"):
        second.wait_for(lambda: False)


def test_nothing_is_left_when_a_cluster_ends(tmp_path):
    with Cluster(tmp_path, messages=60, rows=10) as cluster:
        processes = cluster.processes()
        assert len(processes) > 12
        cluster.stop_servers()
        daemons = [server.daemon for server in cluster.servers()]
        assert [daemon.running() for daemon in daemons] == [False] * 3
        cluster.ldap.export("example_org", tmp_path / "export.ldif")
        assert len(compare.ldif_entries(tmp_path / "export.ldif")) == cluster.ldap.expected("example_org")
    assert still_running(processes) == []
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_harness_is_killed(tmp_path, how):
    support = pathlib.Path(__file__).resolve().parents[1] / "support"
    with subprocess.Popen([sys.executable, "-c", CHILD, support, tmp_path], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as harness:
        processes = dict(json.loads(harness.stdout.readline()))
        assert len(processes) > 12 and len(still_running(processes)) > 12
        os.kill(harness.pid, how)
    wait_until(lambda: not still_running(processes), 10, "end of the hosts")
    wait_until(lambda: not leftovers(tmp_path), 10, "removal of mounts and links")
