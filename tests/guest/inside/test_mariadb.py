"""MariaDB on a logical volume, under writers: a server started on the snapshot has what was committed at the cut."""
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import drive
import pytest
import volumes

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import host  # noqa: E402

PROBE = pathlib.Path(os.environ.get("KOFFER_PROGRAMS", ""), "tests", "cut_probe")
SERVER = ["/usr/sbin/mariadbd", "--no-defaults", "--user=root", "--skip-networking", "--innodb-buffer-pool-size=16M",
          "--innodb-log-file-size=8M", "--innodb-fast-shutdown=2"]
CONFIG = 'source "base" {\n kind = "mariadb"\n method = "snapshot"\n lock = "%s"\n lock-budget = "60s"\n defaults-file = "%s"\n}\n'


class Server:
    """One on a data directory; its own end of the world is the directory's."""

    def __init__(self, data, *options):
        self.data, self.socket = pathlib.Path(data), f"/run/{pathlib.Path(data).name}.sock"
        self.log = open(f"/run/{pathlib.Path(data).name}.log", "ab")
        self.process = subprocess.Popen([*SERVER, f"--datadir={data}", f"--socket={self.socket}", *options], stdout=self.log,
                                        stderr=self.log)
        host.wait_until(self._answers, 120, f"MariaDB on {data}", every=0.2)

    def _answers(self):
        assert self.process.poll() is None, pathlib.Path(self.log.name).read_text()[-2000:]
        return os.path.exists(self.socket) and self.client("SELECT 1;").returncode == 0

    def client(self, sql):
        return volumes.result(["mariadb", "--no-defaults", "-uroot", f"-S{self.socket}", "-BNe", sql])

    def sql(self, text):
        done = self.client(text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self):
        """{writer: number of rows}; none is missing in between."""
        lines = [list(map(int, line.split())) for line in self.sql("SELECT w, COUNT(*), MAX(n) FROM acks.t GROUP BY w;").splitlines()]
        assert all(count == top for _, count, top in lines), lines
        return {writer: count for writer, count, _ in lines}

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=120)
        self.log.close()


class Writer(threading.Thread):
    """One row after the other; `acknowledged`: how many the server has confirmed."""

    def __init__(self, server, number):
        super().__init__()
        self.number, self.acknowledged, self.go_on = number, 0, True
        self.client = subprocess.Popen(["mariadb", "--no-defaults", "-uroot", f"-S{server.socket}", "-BN", "--unbuffered", "acks"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.start()

    def run(self):
        while self.go_on:
            n = self.acknowledged + 1
            self.client.stdin.write(f"INSERT INTO t VALUES ({self.number}, {n}); SELECT {n};\n")
            self.client.stdin.flush()
            if self.client.stdout.readline().strip() != str(n):
                return
            self.acknowledged = n

    def wait_for(self, more):
        wanted = self.acknowledged + more
        host.wait_until(lambda: self.acknowledged >= wanted or not self.is_alive(), 120, "rows", every=0.1)
        assert self.is_alive(), "the writer's server refused a row"

    def end(self):
        self.go_on = False
        self.join()
        self.client.stdin.close()
        self.client.wait()
        self.client.stdout.close()


class Probe:
    """The steps of the source (tests/integration/cut_probe.c)."""

    def __init__(self, folder, server, lock):
        (folder / "client.cnf").write_text(f"[client]\nuser = root\nsocket = {server.socket}\n")
        (folder / "config").write_text(CONFIG % (lock, folder / "client.cnf"))
        for name in ("client.cnf", "config"):
            (folder / name).chmod(0o600)
        self.process = subprocess.Popen([PROBE, folder / "config", "base", folder / "out"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)

    def good(self, verb):
        self.process.stdin.write(verb + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.split()[0] in ("ok", "failed"):
                assert line == "ok\n", f"{verb}: {line}"
                return
        raise AssertionError(f"{verb}: the probe ended")

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server(groups):
    """Its data directory was made on the machine: run.py."""
    volume = volumes.Volume.create("plain", "base", "ext4", "/live/base", size="160M")
    shutil.copytree(os.environ["GUEST_MARIADB"], volume.place / "mysql")
    running = Server(volume.place / "mysql", "--log-bin=binlog")
    running.sql("CREATE DATABASE acks; CREATE TABLE acks.t (w INT, n INT, PRIMARY KEY (w, n)) ENGINE=InnoDB;")
    yield running
    running.stop()


@pytest.mark.limit(400)
@pytest.mark.parametrize("lock", ["backup-stage", "read-lock"])
def test_a_server_on_the_snapshot_has_the_rows_of_the_cut(server, lock, tmp_path):
    server.sql("TRUNCATE acks.t;")
    writers = [Writer(server, number) for number in (1, 2)]
    probe = Probe(tmp_path, server, lock)
    with drive.Drive(tmp_path) as driver:
        for verb in ("paths", "ready 60"):
            probe.good(verb)
        driver.plan(server.data)
        for writer in writers:
            writer.wait_for(3)
        probe.good("freeze")
        acknowledged = {writer.number: writer.acknowledged for writer in writers}
        committed = server.rows()
        driver.take()
        probe.good("thaw")
        for writer in writers:
            writer.wait_for(3)
        shutil.copytree(driver.mount()[str(server.data.parent)] / "mysql", tmp_path / "restored")
        driver.check()
        driver.release()
    probe.close()
    for writer in writers:
        writer.end()
    restored = Server(tmp_path / "restored", "--log-bin=binlog")
    assert restored.rows() == committed
    assert all(committed[number] >= count for number, count in acknowledged.items())
    assert restored.sql("CHECK TABLE acks.t;").split()[-1] == "OK"
    restored.stop()
