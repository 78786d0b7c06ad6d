"""MariaDB in the cut: locks that hold exactly as long as a snapshot, and what a server started on the snapshot has.

The steps of the source are called one at a time (cut_probe.c); snapshots are btrfs, on a loop image of this module's own."""
import contextlib
import os
import signal
import time

import pytest
from host import Network, wait_until
from mariadb_kit import LIVE, Probe, Restored, Session, Volume, Writers, copy_out, need_probes, sequence
from servers.mariadb import Mariadb

LOCKS = ("backup-stage", "read-lock")


class Server(Mariadb):
    def __init__(self, host):
        self.volume = Volume(host)
        self.sequence = 0
        super().__init__(host)
        self.start()
        self.seed(rows=200)
        self.sql("CREATE DATABASE acks; USE acks; CREATE TABLE acks.other (t TEXT); INSERT INTO acks.other VALUES ('before');"
                 "CREATE TABLE acks.plain (a INT) ENGINE=MyISAM; CREATE TABLE acks.large (a INT, t TEXT);"
                 "INSERT INTO acks.large SELECT seq, REPEAT('y', 300) FROM seq_1_to_300000;")

    def fresh(self):
        """An empty table of acknowledged rows; the GTID's sequence from which on each row is one more."""
        self.sql("DROP TABLE IF EXISTS acks.rows_; CREATE TABLE acks.rows_ (writer INT, n INT, t TEXT, PRIMARY KEY (writer, n)) ENGINE=InnoDB;")
        return sequence(self.sql("SELECT @@gtid_binlog_pos;"))

    def name(self):
        self.sequence += 1
        return f"cut{self.sequence}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Network(tmp_path_factory.mktemp("cut"), {"programs": need_probes()}, {"db9": [LIVE]}) as network:
        yield Server(network.host("db9", "10.88.0.99"))


@pytest.fixture
def probe(server):
    """probe("key = value", ...) -> Probe; ended afterwards."""
    started = []

    def start(*keys):
        started.append(Probe(server.host, *keys))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.kill(one.pid(), signal.SIGCONT)
            one.process.send_signal(signal.SIGCONT)
        one.close()


def cut(server, probe, lock="auto", *keys):
    """A whole cut and capture of its own snapshot: (probe, name of the snapshot, answer to capture)."""
    p, name = probe("method = snapshot", f"lock = {lock}", *keys), server.name()
    p.good("paths", "ready 20", "freeze", server.volume.snapshot(name), "thaw")
    return p, name, p.good(f"capture {LIVE} {server.volume.path(name)}")


# ---- what a snapshot holds

@pytest.mark.parametrize("lock", LOCKS)
def test_restored_rows_are_the_commits_at_the_recorded_gtid(server, probe, lock):
    began = server.fresh()
    with Writers(server.host, 4) as writers:
        p, name = probe("method = snapshot", f"lock = {lock}"), server.name()
        p.good("paths", "ready 20")
        before = writers.acknowledged()
        frozen = p.good(server.volume.snapshot(name, "cut"))
        writers.wait_for(20)
        captured = p.good(f"capture {LIVE} {server.volume.path(name)}")
    assert frozen.facts["lock.kind"] == lock and captured.facts["cut.method"] == "snapshot"
    assert {"lock.kind", "lock.wait_us", "lock.hold_us", "lock.stall_us"} <= frozen.kept
    assert {"cut.method", "gtid_binlog_pos", "binlog_file", "binlog_position"} <= captured.kept
    with Restored(server.host, copy_out(server.host, p, server.volume.path(name))) as restored:
        rows = {int(w): (int(count), int(top)) for w, count, top in
                (line.split() for line in restored.sql("SELECT writer, COUNT(*), MAX(n) FROM acks.rows_ GROUP BY 1;").splitlines())}
        assert sum(count for count, _ in rows.values()) == sequence(captured.facts["gtid_binlog_pos"]) - began
        for writer, (count, top) in rows.items():
            assert count == top, "no row is missing in between"
            assert before[writer] <= top <= writers.sent[writer]
        assert restored.check() == []
        assert restored.sql("SELECT COUNT(*) FROM roundcube.users;") == server.sql("SELECT COUNT(*) FROM roundcube.users;")
    server.volume.drop(name)


def test_the_recorded_position_is_that_of_the_snapshots_own_binary_log(server, probe):
    p, name, captured = cut(server, probe)
    size = server.host.run(["stat", "-c", "%s", f"{server.volume.path(name)}/{captured.facts['binlog_file']}"])
    assert int(size) == int(captured.facts["binlog_position"])
    text = p.export("mariadb/server/position.txt").read_text()
    assert f"gtid_binlog_pos={captured.facts['gtid_binlog_pos']}\n" in text
    assert "GRANT ALL PRIVILEGES ON `roundcube`" in p.export("mariadb/server/grants.sql").read_text()
    server.volume.drop(name)


def test_tables_without_transactions_are_of_the_cut_as_well_and_worth_no_warning(server, probe):
    server.sql("TRUNCATE plain; INSERT INTO plain VALUES (1), (2);", "acks")
    p, name = probe("method = snapshot"), server.name()
    assert p.good("check").warnings == []
    p.good("paths", "ready 20", server.volume.snapshot(name, "cut"))
    server.sql("INSERT INTO plain VALUES (3);", "acks")
    assert p.good(f"capture {LIVE} {server.volume.path(name)}").warnings == []
    with Restored(server.host, copy_out(server.host, p, server.volume.path(name))) as restored:
        assert restored.sql("SELECT a FROM acks.plain;") == "1\n2\n"
        assert restored.check() == []
    server.volume.drop(name)


def test_files_that_mean_nothing_without_the_running_server_are_left_out(server, probe):
    server.host.run(["cp", "/etc/hostname", f"{LIVE}/left.pid"])
    server.host.run(["mkdir", "-m", "700", f"{LIVE}/lost+found", f"{LIVE}/.koffer"])
    p, name, _ = cut(server, probe)
    files = p.files()
    assert {f"{LIVE}/ibdata1", f"{LIVE}/ib_logfile0", f"{LIVE}/aria_log_control", f"{LIVE}/mysql/proc.MAD", f"{LIVE}/roundcube/cache.ibd",
            f"{LIVE}/binlog.index", "/etc/mysql/my.cnf"} <= files
    assert not {f"{LIVE}/ibtmp1", f"{LIVE}/left.pid", f"{LIVE}/lost+found", f"{LIVE}/.koffer"} & files
    assert not any(path.endswith((".sock", ".pid")) for path in files)
    dumped = probe("method = dump")
    dumped.good("capture-live")
    assert not any("mysql50" in path.name for path in dumped.export("mariadb").iterdir()), "they are no databases"
    server.host.run(["rm", "-r", f"{LIVE}/left.pid", f"{LIVE}/lost+found", f"{LIVE}/.koffer"])
    server.volume.drop(name)


def test_a_cache_tables_file_cannot_be_left_out_cleanly(server, probe):
    """Why rows of caches are in a snapshot, unlike in a dump."""
    server.stop()
    server.start()  # what is only in the redo log would be made again from it
    p, name, _ = cut(server, probe)
    with Restored(server.host, copy_out(server.host, p, server.volume.path(name), leave_out=("roundcube/cache.ibd",))) as restored:
        assert "roundcube.cache" in restored.check()
    server.volume.drop(name)


def test_an_index_of_binary_logs_leads_to_the_copys_own_logs(server, probe):
    """With an absolute log-bin a copy of the index names the live server's logs: a server on it would go on in those, and purge them."""
    server.stop()
    server.start(f"--log-bin={LIVE}/binlog")
    try:
        server.sql("FLUSH BINARY LOGS;")
        p, name, _ = cut(server, probe)
        mended = p.export("mariadb/server/binlog.index").read_text()
        own = "--log-bin=/var/lib/restored/binlog"
        with Restored(server.host, copy_out(server.host, p, server.volume.path(name)), own) as trapped:
            assert f"{LIVE}/binlog.0" in trapped.host.run(["cat", f"{trapped.at}/binlog.index"]), "this is the trap"
        restored = Restored(server.host, copy_out(server.host, p, server.volume.path(name)), own)
        restored.put("binlog.index", mended)
        with restored:
            listed = [line.split("\t")[0] for line in restored.sql("SHOW BINARY LOGS;").splitlines()]
            assert listed[:-1] == [line.removeprefix("./") for line in mended.splitlines()], "all of its own, and a new one"
            restored.sql(f"PURGE BINARY LOGS TO '{listed[-1]}';")
            assert restored.host.result(["test", "-e", f"{restored.at}/{listed[0]}"]).returncode == 1
            assert server.host.result(["test", "-e", f"{LIVE}/{listed[0]}"]).returncode == 0, "the live server keeps its own"
        server.volume.drop(name)
    finally:
        server.stop()
        server.start()


# ---- the lock lets go

@pytest.mark.parametrize("lock", LOCKS)
def test_a_stopped_agent_holds_no_lock_longer_than_the_budget(server, probe, lock):
    server.fresh()
    with Writers(server.host, 4) as writers:
        p = probe("method = snapshot", f"lock = {lock}", "lock-budget = 2s")
        p.good("paths", "ready 20", "freeze")
        began = time.monotonic()
        os.kill(p.pid(), signal.SIGSTOP)
        writers.wait_for(2)
        assert time.monotonic() - began < 4, "the server ended the session by itself"
        os.kill(p.pid(), signal.SIGCONT)
        thawed = p("thaw")
    assert thawed.last.startswith("failed stale") and "did not last" in thawed.last
    assert p(f"capture {LIVE} {LIVE}").last.startswith("failed io"), "its snapshot is worth nothing"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_killed_agent_holds_nothing(server, probe, lock):
    server.fresh()
    with Writers(server.host, 2) as writers:
        p = probe("method = snapshot", f"lock = {lock}", "lock-budget = 60s")
        p.good("paths", "ready 20", "freeze")
        os.kill(p.pid(), signal.SIGKILL)
        assert writers.wait_for(2) < 5


def test_a_snapshot_that_takes_longer_than_the_budget_is_worthless_and_delays_nobody(server, probe):
    server.fresh()
    with Writers(server.host, 2) as writers:
        p = probe("method = snapshot", "lock-budget = 3s")
        p.good("paths", "ready 20", "freeze")
        writers.wait_for(2)
        thawed = p("thaw")
    assert thawed.last.startswith("failed stale") and "did not last" in thawed.last and "lock-budget" in thawed.last
    assert writers.longest < 6


def test_a_session_that_was_killed_or_whose_server_restarted_makes_the_snapshot_worthless(server, probe):
    p = probe("method = snapshot")
    p.good("paths", "ready 20", "freeze")
    server.sql("SET @id = (SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Sleep' ORDER BY ID DESC LIMIT 1); KILL @id;")
    assert p("thaw").last.startswith("failed stale")
    p.good("paths", "ready 20", "freeze")
    server.daemon.kill()
    server.start()
    thawed = p("thaw")
    assert thawed.last.startswith("failed stale") and "did not last" in thawed.last
    assert server.sql("SELECT 1;") == "1\n"
    p.good("paths", "ready 20", "freeze", "thaw", "release")


# ---- what is in the way

@contextlib.contextmanager
def running(server, sql):
    """A session in which the statement runs already; it is killed afterwards, if it still does."""
    session = Session(server.host, database="acks")
    session.send(sql)
    mine = f"FROM information_schema.PROCESSLIST WHERE INFO LIKE '{sql[:16]}%'"
    wait_until(lambda: server.sql(f"SELECT COUNT(*) {mine};") == "1\n", 20, "the statement runs")
    yield session
    server.sql(f"SET @id = (SELECT ID {mine}); EXECUTE IMMEDIATE IF(@id IS NULL, 'DO 1', CONCAT('KILL ', @id));")
    session.close()


@pytest.mark.parametrize("statement", ["UPDATE other SET t = SLEEP(6) LIMIT 1;", "ALTER TABLE large ADD INDEX (a), ALGORITHM=COPY;"])
def test_a_long_update_or_alter_makes_the_backup_stage_wait_for_nothing(server, probe, statement):
    server.fresh()
    with running(server, statement) as session, Writers(server.host, 2) as writers:
        p, name = probe("method = snapshot"), server.name()
        p.good("paths", "ready 1")
        frozen = p.good(server.volume.snapshot(name, "cut"))
        p.good(f"capture {LIVE} {server.volume.path(name)}")
        assert int(frozen.facts["lock.stall_us"]) < 3_000_000, "behind FLUSH TABLES WITH READ LOCK it would be the statement's rest"
        session.answer()
    assert writers.longest < 4
    server.sql("ALTER TABLE large DROP INDEX IF EXISTS a; UPDATE other SET t = 'before';", "acks")
    with Restored(server.host, copy_out(server.host, p, server.volume.path(name))) as restored:
        assert restored.check() == []
        assert restored.sql("SELECT t FROM acks.other;") == "before\n", "the long statement is not in it"
        assert restored.sql("SELECT COUNT(*) FROM acks.large; SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_NAME = 'large';") == "300000\n0\n"
    server.volume.drop(name)


def test_a_long_statement_is_waited_for_before_the_read_lock_and_named(server, probe):
    with running(server, "UPDATE other SET t = SLEEP(6) LIMIT 1;"):
        p = probe("method = snapshot", "lock = read-lock", "long-query = 1s")
        p.good("paths")
        wait_until(lambda: not (answer := p("ready 1")).good and "UPDATE other SET t = SLEEP(6)" in answer.last, 10, "it is old enough")
        p.good("ready 20")
        assert server.sql("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'UPDATE other%';") == "0\n", "it has ended"


@pytest.mark.parametrize("lock, statement", [("read-lock", "UPDATE other SET t = SLEEP(30) LIMIT 1;"),
                                             ("backup-stage", "INSERT INTO plain SELECT SLEEP(30);")])
def test_a_lock_that_is_not_granted_in_time_lets_the_writers_go_on(server, probe, lock, statement):
    server.fresh()
    with running(server, statement), Writers(server.host, 2) as writers:
        p = probe("method = snapshot", f"lock = {lock}", "lock-budget = 2s", "long-query = 1h")
        p.good("paths", "ready 20")
        frozen = p("freeze")
        assert frozen.last.startswith("failed timeout"), frozen.last
        assert statement[:18] in frozen.last and "lock-budget" in frozen.last
        writers.wait_for(2)
        assert writers.longest < 5
        p.good("thaw", "release")
