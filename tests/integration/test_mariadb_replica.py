"""MariaDB read from a replica: it stands still for the cut, goes on afterwards whatever happens to the agent, and is refused when
its data is old.  Two servers; the steps of the source are called one at a time (cut_probe.c)."""
import os
import signal

import pytest
from host import Network, wait_until
from mariadb_kit import LIVE, Probe, Restored, Volume, Writers, copy_out, need_probes, sequence
from servers.mariadb import MY_CNF, Mariadb

MASTER, REPLICA = "10.88.0.91", "10.88.0.92"


class Pair:
    def __init__(self, network):
        self.master = Mariadb(network.host("db91", MASTER)).start()
        self.master.sql("CREATE USER repl@'%' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO repl@'%'; CREATE DATABASE acks;")
        host = network.host("db92", REPLICA)
        self.volume = Volume(host)
        self.replica = Mariadb(host)
        config = MY_CNF.format(address=REPLICA).replace("server-id=1", "server-id=2\nread_only=1\nlog_slave_updates=1\nslave_net_timeout=5")
        host.outside("/etc/mysql/my.cnf").write_text(config)
        self.replica.start()
        self.replica.sql(f"CHANGE MASTER TO MASTER_HOST='{MASTER}', MASTER_USER='repl', MASTER_PASSWORD='repl', MASTER_USE_GTID=slave_pos,"
                         "MASTER_CONNECT_RETRY=1; START SLAVE;")
        self.catch_up()
        self.count = 0

    def fresh(self):
        self.master.sql("DROP TABLE IF EXISTS acks.rows_; CREATE TABLE acks.rows_ (writer INT, n INT, t TEXT, PRIMARY KEY (writer, n)) ENGINE=InnoDB;")
        self.catch_up()
        return sequence(self.master.sql("SELECT @@gtid_binlog_pos;"))

    def catch_up(self):
        there = self.master.sql("SELECT @@gtid_binlog_pos;").strip()
        assert self.replica.sql(f"SELECT MASTER_GTID_WAIT('{there}', 30);") == "0\n"

    def status(self):
        lines = self.replica.host.run(["mariadb", "--vertical"], input="SHOW SLAVE STATUS;").splitlines()
        return {name.strip(): value for name, colon, value in (line.partition(": ") for line in lines) if colon}

    def applies(self):
        return self.status()["Slave_SQL_Running"] == "Yes"

    def name(self):
        self.count += 1
        return f"cut{self.count}"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with Network(tmp_path_factory.mktemp("pair"), {"programs": need_probes()}, {"db92": [LIVE]}) as network:
        yield Pair(network)


@pytest.fixture
def probe(pair):
    started = []

    def start(*keys):
        started.append(Probe(pair.replica.host, *keys))
        return started[-1]

    yield start
    for one in started:
        one.close()
    wait_until(pair.applies, 30, "the applier runs")


def test_a_healthy_replica_is_chosen_and_stands_still_for_the_snapshot_only(pair, probe):
    began = pair.fresh()
    p, name = probe(), pair.name()
    assert p.good("check").facts["method"] == "replica"
    with Writers(pair.master.host, 2) as writers:
        p.good("paths", "ready 20", "freeze")
        assert not pair.applies() and pair.status()["Slave_IO_Running"] == "Yes"
        p.good(pair.volume.snapshot(name), "thaw")
        assert pair.applies()
        writers.wait_for(5)
        captured = p.good(f"capture {LIVE} {pair.volume.path(name)}")
    assert captured.facts["cut.method"] == "replica-snapshot" and "gtid_slave_pos" in captured.kept
    with Restored(pair.replica.host, copy_out(pair.replica.host, p, pair.volume.path(name))) as restored:
        rows = int(restored.sql("SELECT COUNT(*) FROM acks.rows_;"))
        assert rows == sequence(captured.facts["gtid_slave_pos"]) - began
        assert restored.sql("SELECT @@gtid_slave_pos;").strip() == captured.facts["gtid_slave_pos"]
        assert restored.check() == []
    assert pair.master.sql("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%koffer%' AND ID <> CONNECTION_ID();") == "0\n"
    pair.volume.drop(name)


def test_without_snapshots_all_dumps_of_a_replica_are_of_one_moment(pair, probe):
    began = pair.fresh()
    p = probe("method = replica")
    with Writers(pair.master.host, 2) as writers:
        p.good("paths", "ready-without 20", "freeze", "thaw")
        assert not pair.applies(), "it stands still until it has been dumped"
        writers.wait_for(5)
        captured = p.good("capture-live")
        assert pair.applies()
    assert captured.facts["cut.method"] == "replica-dump"
    text = p.export("mariadb/acks.sql").read_text()
    assert text.count("'xxx") == sequence(captured.facts["gtid_slave_pos"]) - began
    pair.catch_up()


@pytest.mark.parametrize("step", ["freeze", "thaw"])
def test_the_server_starts_the_applier_when_the_agent_is_killed(pair, probe, step):
    p = probe("method = replica", "replica-hold = 1h")
    p.good("paths", *(["ready 20"] if step == "freeze" else ["ready-without 20"]), "freeze", *(["thaw"] if step == "thaw" else []))
    assert not pair.applies()
    os.kill(p.pid(), signal.SIGKILL)
    wait_until(pair.applies, 20, "the server has noticed")


def test_a_dump_that_outlasts_the_hold_fails_and_the_applier_runs_again(pair, probe):
    pair.fresh()
    p = probe("method = replica", "replica-hold = 5s")
    p.good("paths", "ready-without 20", "freeze", "thaw")
    pid = p.pid()
    os.kill(pid, signal.SIGSTOP)
    pair.master.sql("INSERT INTO acks.rows_ VALUES (1, 1, 'x');")
    wait_until(pair.applies, 30, "the server has waited long enough")
    pair.catch_up()
    os.kill(pid, signal.SIGCONT)
    p.process.send_signal(signal.SIGCONT)
    late = p("capture-live")
    assert late.last.startswith("failed io") and "replica-hold" in late.last
    assert pair.applies()


def test_a_replica_that_is_released_without_a_capture_goes_on(pair, probe):
    p = probe("method = replica")
    p.good("paths", "ready-without 20", "freeze", "thaw")
    assert not pair.applies()
    p.good("release")
    assert pair.applies()


@pytest.mark.parametrize("method", ["auto", "replica"])
@pytest.mark.parametrize("harm, heal, said", [
    ("STOP SLAVE SQL_THREAD;", "START SLAVE;", "'No'"),
    ("STOP SLAVE IO_THREAD;", "START SLAVE;", "'No'"),
    ("STOP SLAVE; CHANGE MASTER TO MASTER_PASSWORD='wrong'; START SLAVE;",
     "STOP SLAVE; CHANGE MASTER TO MASTER_PASSWORD='repl'; START SLAVE;", "'Connecting'"),
])
def test_a_broken_replica_is_refused_not_read_otherwise(pair, probe, method, harm, heal, said):
    pair.replica.sql(harm)
    try:
        p = probe(f"method = {method}")
        wait_until(lambda: (answer := p("check")).last.startswith("failed again") and said in answer.last, 20, "the replica is broken")
        assert p("paths").last.startswith("failed again")
    finally:
        pair.replica.sql(heal)
        wait_until(lambda: pair.status()["Slave_IO_Running"] == "Yes", 30, "the receiver is back")


def test_a_lagging_replica_is_refused(pair, probe):
    pair.fresh()
    pair.replica.sql("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=600; START SLAVE;")
    try:
        pair.master.sql("INSERT INTO acks.rows_ VALUES (1, 1, 'late');")
        p = probe("replica-lag = 1s")
        wait_until(lambda: "behind, more than 'replica-lag'" in p("paths").last, 20, "it lags")
        assert p("check").last.startswith("failed again")
        probe("replica-lag = 1h").good("paths")
    finally:
        pair.replica.sql("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=0; START SLAVE;")
        pair.catch_up()


def test_a_replica_that_can_be_written_to_is_a_server_of_its_own(pair, probe):
    pair.replica.sql("SET GLOBAL read_only = OFF;")
    try:
        assert probe().good("check").facts["method"] == "snapshot"
        refused = probe("method = replica")("check")
        assert refused.last.startswith("failed invalid") and "read_only" in refused.last
    finally:
        pair.replica.sql("SET GLOBAL read_only = ON;")


def test_what_an_account_lacks_is_named_with_its_grant(pair, probe):
    host = pair.replica.host
    pair.master.sql("CREATE USER cut@localhost IDENTIFIED BY 'cut'; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO cut@localhost;")
    pair.catch_up()
    host.outside("/etc/koffer-cut.password").write_text("[client]\nuser=cut\npassword=cut\n")
    host.outside("/etc/koffer-cut.password").chmod(0o600)
    option = 'defaults-file = "/etc/koffer-cut.password"'
    try:
        lacking = probe(option)("check")
        assert lacking.last.startswith("failed denied")
        assert "GRANT SLAVE MONITOR, REPLICATION SLAVE ADMIN ON *.* TO 'cut'@'localhost'" in lacking.last
        lacking = probe(option, "method = snapshot", "lock = read-lock")("check")
        assert "GRANT RELOAD, BINLOG MONITOR, PROCESS ON *.* TO 'cut'@'localhost'" in lacking.last
        dumped = probe(option, "method = dump").good("check")
        assert dumped.facts["method"] == "dump" and not dumped.warnings
        pair.master.sql("GRANT SLAVE MONITOR, REPLICATION SLAVE ADMIN, RELOAD, BINLOG MONITOR ON *.* TO cut@localhost;")
        pair.catch_up()
        p, name = probe(option), pair.name()
        p.good("check", "paths", "ready 20", pair.volume.snapshot(name, "cut"), f"capture {LIVE} {pair.volume.path(name)}")
        pair.volume.drop(name)
    finally:
        pair.master.sql("DROP USER cut@localhost;")
        pair.catch_up()
