"""Each kind of source against its real server, through source_probe.c: what is delivered, what is left out, what is said
when something is wrong.  The rest of Koffer is not needed."""
import json
import os
import pathlib

import compare
import pytest
from servers.ldap import INSTANCE, PASSWORD, ROOT_DN, Ldap
from servers.mariadb import BACKUP_PASSWORD, BACKUP_USER

CONFIG = "/etc/koffer-probe.conf"
DIRECTORY = f"/etc/dirsrv/slapd-{INSTANCE}"
PASSWORD_FILE = "/etc/koffer-password"


class Outcome:
    def __init__(self, text, folder):
        lines = text.splitlines()
        self.folder, self.last = folder, lines[-1] if lines else ""
        self.good = self.last == "ok"
        self.facts = dict(line.split(" ", 2)[1:] for line in lines if line.startswith("fact "))
        self.warnings = [line[len("warning "):] for line in lines if line.startswith("warning ")]
        self.incomplete = "incomplete" in lines
        listed = folder / "files"
        self.files = set(listed.read_text(errors="surrogateescape").splitlines()) if listed.exists() else set()

    def export(self, name):
        return self.folder / "export" / name

    def exports(self):
        return sorted(str(path.relative_to(self.folder / "export")) for path in self.folder.glob("export/**/*") if path.is_file())


@pytest.fixture
def probe(request):
    """probe(host, kind, "key = value", ...) -> Outcome; the output is removed afterwards."""
    programs, used = os.environ.get("KOFFER_PROGRAMS"), []
    if not programs or not (pathlib.Path(programs) / "tests/source_probe").exists():
        pytest.fail("KOFFER_PROGRAMS does not say where tests/source_probe is (tests/run does)")

    def run(host, kind, *keys, deadline_ms=None, below="/var/lib/koffer-probe"):
        config = host.outside(CONFIG)
        config.write_text(f'source "probed" {{\n kind = "{kind}"\n ' + "\n ".join(keys) + "\n}\n")
        config.chmod(0o600)
        host.run(["mkdir", "-p", below])
        out = f"{below}/{len(used)}"
        used.append((host, below))
        arguments = [str(deadline_ms)] if deadline_ms else []
        done = host.result(["/mnt/programs/tests/source_probe", CONFIG, "probed", out, *arguments])
        assert done.returncode in (0, 1), done.stderr
        outcome = Outcome(done.stdout, host.outside(out))
        assert list(host.outside(out).glob("staging/*")) == [], "staging is empty after release"
        return outcome

    yield run
    for host, below in used:
        host.run(["rm", "-rf", below, CONFIG, PASSWORD_FILE])


def private(host, path, text):
    file = host.outside(path)
    file.write_text(text)
    file.chmod(0o600)
    return path


def entries(path):
    return path.read_bytes().count(b"\ndn:")


# ---- ldap

@pytest.fixture(scope="module")
def spare(cluster):
    """A directory server of this module's own: it is stopped, made a replica, told of backends it does not have."""
    host = cluster.network.hosts.get("ldap9") or cluster.network.host("ldap9", "10.88.0.99")
    server = Ldap(host, {"first": ("dc=first", 40), "below": ("dc=below,dc=first", 10)}).start()
    yield server
    if server.daemon.running():
        server.stop()


def test_every_backend_is_exported_whole(cluster, probe, tmp_path):
    host = cluster.hosts["ldap1"]
    found = probe(host, "ldap")
    assert found.good, found.last
    assert found.exports() == [f"ldap/{INSTANCE}/{backend}.ldif" for backend in sorted(cluster.ldap.backends)]
    for backend in cluster.ldap.backends:
        assert int(found.facts[f"{INSTANCE}.{backend}.entries"]) == cluster.ldap.count(backend)
        assert entries(found.export(f"ldap/{INSTANCE}/{backend}.ldif")) == cluster.ldap.count(backend)
    assert found.facts[f"{INSTANCE}.version"].startswith("389-Directory/2")
    assert found.facts[f"{INSTANCE}.store"] == "bdb"
    assert {f"{DIRECTORY}/dse.ldif", f"{DIRECTORY}/schema/99user.ldif"} <= found.files
    assert not found.warnings and not found.incomplete


def test_an_export_over_a_url_with_a_password_is_the_same(cluster, probe):
    host = cluster.hosts["ldap1"]
    private(host, PASSWORD_FILE, PASSWORD + "\n")
    over_url = [f'config-directory = "{DIRECTORY}"', 'url = "ldap://localhost"', f'bind-dn = "{ROOT_DN}"',
                f'password-file = "{PASSWORD_FILE}"']
    socket, url = probe(host, "ldap"), probe(host, "ldap", *over_url)
    assert url.good, url.last
    for name in url.exports():
        assert compare.ldif(socket.export(name), url.export(name)) == []
    private(host, PASSWORD_FILE, "wrong\n")
    refused = probe(host, "ldap", *over_url)
    assert refused.last.startswith("failed check denied") and PASSWORD_FILE in refused.last


def test_a_suffix_below_another_is_counted_once(spare, probe):
    found = probe(spare.host, "ldap")
    assert found.good, found.last
    assert int(found.facts[f"{INSTANCE}.first.entries"]) == spare.expected("first")
    assert int(found.facts[f"{INSTANCE}.below.entries"]) == spare.expected("below")


def test_a_replicated_backend_is_exported_with_its_tombstones(spare, probe):
    before = probe(spare.host, "ldap")
    spare.modify(f"""dn: cn=replica,cn="dc=first",cn=mapping tree,cn=config
changetype: add
objectClass: nsds5replica
objectClass: extensibleObject
cn: replica
nsDS5ReplicaRoot: dc=first
nsDS5ReplicaId: 7
nsDS5ReplicaType: 3
nsDS5Flags: 1

dn: uid=user00001,ou=People,dc=first
changetype: delete
""")
    found = probe(spare.host, "ldap", 'export-replica = "auto"')
    plain = probe(spare.host, "ldap", 'export-replica = "no"')
    assert found.good and plain.good, (found.last, plain.last)
    assert found.facts["ruv.first.0"].startswith("{replicageneration} "), found.facts
    assert not any(name.startswith("ruv.below") for name in found.facts)
    assert found.facts[f"{INSTANCE}.first.replicated"] == "yes"
    assert found.facts[f"{INSTANCE}.below.replicated"] == "no"
    text = found.export(f"ldap/{INSTANCE}/first.ldif").read_text()
    assert "nsTombstone" in text and "user00001" in text
    assert "nsTombstone" not in plain.export(f"ldap/{INSTANCE}/first.ldif").read_text()
    assert int(plain.facts[f"{INSTANCE}.first.entries"]) < int(found.facts[f"{INSTANCE}.first.entries"])
    assert int(plain.facts[f"{INSTANCE}.below.entries"]) == int(before.facts[f"{INSTANCE}.below.entries"])


def test_a_backend_that_the_running_server_does_not_have_is_named(spare, probe):
    copy = "/etc/dirsrv-copy/slapd-copy"
    spare.host.run(["mkdir", "-p", copy])
    dse = spare.host.outside(DIRECTORY + "/dse.ldif").read_text()
    spare.host.outside(copy + "/dse.ldif").write_text(dse.rstrip("\n") + """

dn: cn=gone,cn=ldbm database,cn=plugins,cn=config
objectClass: nsBackendInstance
cn: gone
nsslapd-suffix: dc=gone
""")
    found = probe(spare.host, "ldap", f'config-directory = "{copy}"')
    assert found.last.startswith("failed check not-found"), found.last
    assert "'gone'" in found.last

    without = [entry for entry in dse.split("\n\n") if not entry.startswith("dn: cn=below,cn=ldbm")]
    spare.host.outside(copy + "/dse.ldif").write_text("\n\n".join(without))
    found = probe(spare.host, "ldap", f'config-directory = "{copy}"')
    assert found.good and found.incomplete and any("'below'" in line for line in found.warnings), found.last


def test_an_instance_without_backends_is_refused(spare, probe):
    spare.host.run(["mkdir", "-p", "/etc/dirsrv-copy/slapd-empty"])
    spare.host.outside("/etc/dirsrv-copy/slapd-empty/dse.ldif").write_text("dn: cn=config\ncn: config\n")
    found = probe(spare.host, "ldap", 'config-directory = "/etc/dirsrv-copy/slapd-empty"')
    assert found.last.startswith("failed check invalid") and "no backend" in found.last


def test_a_staging_directory_that_the_server_cannot_reach_is_named(spare, probe):
    spare.host.run(["install", "-d", "-m", "700", "/var/lib/closed"])
    found = probe(spare.host, "ldap", below="/var/lib/closed/probe")
    assert found.last.startswith("failed check invalid"), found.last
    assert "'/var/lib/closed'" in found.last and "chmod o+x" in found.last


def test_a_stopped_directory_server_is_named_with_the_remedy(spare, probe):
    spare.stop()
    try:
        found = probe(spare.host, "ldap")
    finally:
        spare.start()
    assert found.last.startswith("failed check again"), found.last
    assert f"systemctl start dirsrv@{INSTANCE}" in found.last


# ---- imap

def test_every_message_and_database_of_cyrus_is_read(cluster, probe):
    host = cluster.hosts["imap1"]
    found = probe(host, "imap")
    assert found.good, found.last
    messages = {"/" + str(path.relative_to(host.outside("/"))) for path in cluster.imap.messages()}
    assert len(messages) >= 2000 and messages <= found.files
    assert {"/etc/imapd.conf", "/etc/cyrus.conf", "/etc/sasldb2", "/etc/imapd.annotations.conf",
            "/var/lib/cyrus/mailboxes.db"} <= found.files
    assert not any(path.startswith(("/run/cyrus/proc", "/run/cyrus/lock", "/var/lib/cyrus/db.backup",
                                    "/var/lib/cyrus/socket/")) for path in found.files)


def test_the_list_of_mailboxes_is_the_servers(cluster, probe):
    found = probe(cluster.hosts["imap1"], "imap")
    listed = json.loads(found.export("imap/mailboxes.json").read_text())
    live = {name: facts for name, facts in listed.items() if "d" not in facts.get("mbtype", "")}
    assert live == cluster.imap.mailboxes()
    assert int(found.facts["mailboxes"]) == len(live)
    assert int(found.facts["mailboxes.tombstones"]) == len(listed) - len(live)
    assert found.facts["version"].startswith("cyrus-imapd 3.")
    assert found.facts["partition-default"] == "/var/spool/cyrus/mail"
    assert not any("uniqueid" in line for line in found.warnings)


@pytest.mark.parametrize("more, said", [
    ("configdirectory: /var/lib/cyrus\n", "option 'configdirectory' was already given in"),
    ("nonsense\n", "is not of the form 'option: value'"),
    ("admins:\n", "was already given"),
    ("partition-lost: /var/spool/nowhere\n", "'/var/spool/nowhere', the partition-lost of imapd.conf, does not exist"),
])
def test_what_is_wrong_in_imapd_conf_is_named(cluster, probe, more, said):
    host = cluster.hosts["imap1"]
    good = host.outside("/etc/imapd.conf").read_text()
    host.outside("/etc/imapd-probe.conf").write_text(good + more)
    found = probe(host, "imap", 'imapd-conf = "/etc/imapd-probe.conf"')
    assert found.last.startswith("failed check"), found.last
    assert said in found.last or "has no value" in found.last


def test_an_option_that_cyrus_does_not_know_is_a_warning(cluster, probe):
    host = cluster.hosts["imap1"]
    good = host.outside("/etc/imapd.conf").read_text()
    host.outside("/etc/imapd-probe.conf").write_text(good + "partitoin-two: /srv/two\n")
    found = probe(host, "imap", 'imapd-conf = "/etc/imapd-probe.conf"')
    assert found.good, found.last
    assert len(found.warnings) == 1 and "partitoin-two" in found.warnings[0]


def test_the_tool_of_cyrus_is_looked_for_where_it_is_said_to_be(cluster, probe):
    found = probe(cluster.hosts["imap1"], "imap", 'tools-directory = "/usr/games"')
    assert found.last.startswith("failed check not-found") and "/usr/games/ctl_mboxlist" in found.last


def test_a_failing_tool_fails_the_source_with_its_own_words(cluster, probe):
    host = cluster.hosts["imap1"]
    good = host.outside("/etc/imapd.conf").read_text()
    host.outside("/etc/imapd-probe.conf").write_text(good.replace("defaultpartition: default", "defaultpartition: none"))
    host.outside("/etc/imapd-probe.conf").chmod(0o600)  # the user cyrus may not read it
    found = probe(host, "imap", 'imapd-conf = "/etc/imapd-probe.conf"')
    assert found.last.startswith("failed capture"), found.last
    assert "ctl_mboxlist" in found.last and found.exports() == []


# ---- mariadb

def test_every_database_is_dumped_and_caches_lose_their_rows(cluster, probe):
    found = probe(cluster.hosts["db1"], "mariadb")
    assert found.good, found.last
    assert {"mariadb/roundcube.sql", "mariadb/kolab.sql", "mariadb/mysql.sql", "mariadb/server/grants.sql",
            "mariadb/server/databases.sql", "mariadb/server/position.txt"} <= set(found.exports())
    roundcube = found.export("mariadb/roundcube.sql").read_text()
    assert roundcube.endswith("\n-- Dump completed\n")
    assert "CREATE TABLE `session`" in roundcube and "INSERT INTO `session`" not in roundcube
    assert "INSERT INTO `users`" in roundcube and "INSERT INTO `filestore`" in roundcube
    assert "cache_messages" in found.facts["roundcube.schema_only"]
    assert found.facts["kolab.schema_only"] == "policy_result, statistic"
    assert "GRANT ALL PRIVILEGES ON `roundcube`" in found.export("mariadb/server/grants.sql").read_text()
    assert "CREATE DATABASE IF NOT EXISTS `kolab`" in found.export("mariadb/server/databases.sql").read_text()
    position = found.export("mariadb/server/position.txt").read_text()
    assert f"gtid_binlog_pos={found.facts['gtid_binlog_pos']}\n" in position and "binlog_file=binlog." in position


def test_two_dumps_of_the_same_rows_are_the_same_bytes(cluster, probe):
    one, other = probe(cluster.hosts["db1"], "mariadb"), probe(cluster.hosts["db1"], "mariadb")
    for name in ("roundcube", "kolab"):
        assert one.export(f"mariadb/{name}.sql").read_bytes() == other.export(f"mariadb/{name}.sql").read_bytes()


def test_rows_of_caches_are_kept_and_of_others_dropped_on_demand(cluster, probe):
    found = probe(cluster.hosts["db1"], "mariadb", "cache-rows = yes", 'schema-only = {"roundcube.dictionary", "kolab.gone"}')
    assert found.good, found.last
    assert "INSERT INTO `cache`" in found.export("mariadb/roundcube.sql").read_text()
    assert found.facts["roundcube.schema_only"] == "dictionary"
    assert any("'kolab.gone'" in line for line in found.warnings)


def test_odd_names_and_engines_without_transactions_are_handled(cluster, probe):
    cluster.mariadb.sql("CREATE DATABASE `-o d/d``d.b`; CREATE TABLE `-o d/d``d.b`.t (i INT) ENGINE=MyISAM;"
                        "INSERT INTO `-o d/d``d.b`.t VALUES (4711);"
                        "CREATE TABLE `-o d/d``d.b`.session (i INT); INSERT INTO `-o d/d``d.b`.session VALUES (4712);")
    try:
        found = probe(cluster.hosts["db1"], "mariadb")
    finally:
        cluster.mariadb.sql("DROP DATABASE `-o d/d``d.b`;")
    assert found.good, found.last
    text = found.export("mariadb/-o%20d%2Fd%60d.b.sql").read_text()
    assert "4711" in text and "4712" in text, "a table called session is no cache outside Roundcube's database"
    assert any("(t)" in line and "without transactions" in line for line in found.warnings)


def test_an_account_of_its_own_needs_no_more_than_it_is_said_to_need(cluster, probe):
    host = cluster.hosts["db1"]
    cluster.mariadb.sql("CREATE USER probe@localhost IDENTIFIED BY 'probe'; GRANT SELECT, TRIGGER ON *.* TO probe@localhost;")
    option = f'defaults-file = "{PASSWORD_FILE}"'
    try:
        private(host, PASSWORD_FILE, "[client]\nuser=probe\npassword=probe\n")
        lacking = probe(host, "mariadb", option)
        assert lacking.last.startswith("failed check denied"), lacking.last
        assert "GRANT SHOW VIEW, EVENT ON *.* TO 'probe'@'localhost'" in lacking.last
        cluster.mariadb.sql("GRANT SHOW VIEW, EVENT ON *.* TO probe@localhost;")
        assert probe(host, "mariadb", option).good
    finally:
        cluster.mariadb.sql("DROP USER probe@localhost;")


def test_wrong_passwords_open_files_and_silent_servers_are_told_apart(cluster, probe):
    host = cluster.hosts["db1"]
    option = f'defaults-file = "{PASSWORD_FILE}"'
    private(host, PASSWORD_FILE, f"[client]\nuser={BACKUP_USER}\npassword={BACKUP_PASSWORD}\n")
    assert probe(host, "mariadb", option).good
    host.outside(PASSWORD_FILE).chmod(0o644)
    assert "chmod 600" in probe(host, "mariadb", option).last
    private(host, PASSWORD_FILE, f"[client]\nuser={BACKUP_USER}\npassword=wrong\n")
    denied = probe(host, "mariadb", option).last
    assert denied.startswith("failed check denied") and PASSWORD_FILE in denied
    private(host, PASSWORD_FILE, "[client]\nsocket=/run/mysqld/nobody.sock\n")
    silent = probe(host, "mariadb", option).last
    assert silent.startswith("failed check again") and "nobody.sock" in silent and "systemctl start" in silent


def test_a_dump_that_takes_too_long_is_ended_and_dropped(cluster, probe):
    cluster.mariadb.sql("CREATE DATABASE slow; CREATE VIEW slow.v AS SELECT 1;"
                        "CREATE TABLE slow.t (i INT) ENGINE=InnoDB; INSERT INTO slow.t VALUES (1);")
    try:
        found = probe(cluster.hosts["db1"], "mariadb", deadline_ms=60)
    finally:
        cluster.mariadb.sql("DROP DATABASE slow;")
    assert found.last.startswith(("failed capture timeout", "failed check timeout")), found.last
    assert "mariadb/slow.sql" not in found.exports()


# ---- files

def test_paths_are_read_without_what_is_excluded(cluster, probe):
    host = cluster.hosts["db1"]
    found = probe(host, "files", 'paths = {"/srv/data"}', 'optional-paths = {"/srv/nothing"}',
                  'exclude = {"large", "/srv/data/plain/00*"}')
    assert found.good, found.last
    assert "/srv/data/plain/010.conf" in found.files and "/srv/data/links/dangling" in found.files
    assert not {"/srv/data/plain/000.conf", "/srv/data/plain/large"} & found.files
    assert found.facts["absent"] == "/srv/nothing"
    missing = probe(host, "files", 'paths = {"/srv/data", "/srv/nothing"}')
    assert missing.last.startswith("failed check not-found") and "'/srv/nothing'" in missing.last
