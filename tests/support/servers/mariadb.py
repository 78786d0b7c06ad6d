"""MariaDB with two databases: roundcube (after the tables that a Kolab webmail host has) and kolab; binary log on.

    server = Mariadb(host)                  # creates an empty server
    server.start(); server.seed(rows=4000); server.stop()
    server.sql("SELECT ...")                # -> rows as tab-separated lines
"""
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
SOCKET = "/run/mysqld/mysqld.sock"
MYSQL = ("mysql", "mysql")
BACKUP_USER, BACKUP_PASSWORD = "koffer", "Backup-Secret-1"
MY_CNF = """[mysqld]
user=mysql
datadir=/var/lib/mysql
socket=/run/mysqld/mysqld.sock
pid-file=/run/mysqld/mysqld.pid
bind-address={address}
server-id=1
log-bin=binlog
innodb_buffer_pool_size=32M
innodb_log_file_size=16M
performance_schema=OFF
skip-name-resolve
character-set-server=utf8mb4
[client]
socket=/run/mysqld/mysqld.sock
"""


class Mariadb:
    def __init__(self, host):
        self.host, self.daemon = host, None
        for folder in ("/var/lib/mysql", "/var/log/mysql"):
            host.run(["install", "-d", "-m", "755", "-o", "mysql", "-g", "mysql", folder])
        for old in host.outside("/etc/mysql").glob("*.d/*"):
            old.unlink()
        config = host.outside("/etc/mysql/my.cnf")
        config.unlink(missing_ok=True)  # a link into /etc/alternatives
        config.write_text(MY_CNF.format(address=host.address))
        host.run(["mariadb-install-db", "--user=mysql", "--skip-test-db", "--auth-root-authentication-method=socket",
                  "--auth-root-socket-user=root", "--cross-bootstrap", "--skip-log-bin"])

    def start(self, *options):
        self.host.run(["install", "-d", "-m", "755", "-o", "mysql", "-g", "mysql", "/run/mysqld"])
        self.daemon = self.host.start(["mariadbd", *options], "mariadbd")
        self.daemon.wait_for(lambda: self.host.result(["mariadb-admin", "ping"]).returncode == 0)
        return self

    def stop(self):
        self.daemon.stop()

    def sql(self, text, database=""):
        return self.host.run(["mariadb", "--default-character-set=utf8mb4", "--batch", "--skip-column-names",
                              *([database] if database else [])], input=text)

    def seed(self, rows=4000):
        self.sql("CREATE DATABASE roundcube CHARACTER SET utf8mb4; CREATE DATABASE kolab CHARACTER SET utf8mb4;")
        for database in ("roundcube", "kolab"):
            for part in ("schema", "seed"):
                self.sql(f"SET @rows = {rows};\n" + (HERE / f"{database}-{part}.sql").read_text(), database)
        self.sql(f"CREATE USER '{BACKUP_USER}'@'localhost' IDENTIFIED BY '{BACKUP_PASSWORD}';"
                 f"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, RELOAD, BINLOG MONITOR, PROCESS ON *.* TO '{BACKUP_USER}'@'localhost';"
                 f"GRANT ALL ON roundcube.* TO 'roundcube'@'%' IDENTIFIED BY 'web';")

    def count(self, table):
        return int(self.sql(f"SELECT COUNT(*) FROM {table};"))

    def dump(self, database, path, *options):
        """The server's own dump, to compare with; into a file of the machine."""
        self.host.save(["mariadb-dump", "--single-transaction", "--skip-dump-date", "--order-by-primary", "--routines",
                        "--triggers", "--events", *options, database], path)

    def load(self, database, path):
        """Runs the statements of a file of the machine; `database` may be empty."""
        self.host.run(["mariadb", *([database] if database else [])], stdin=path)
