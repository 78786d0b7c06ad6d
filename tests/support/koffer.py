"""Koffer's programs on a test cluster: set up once, then spoken to as an operator would.

    koffer = Koffer(cluster)
    koffer.set_up()                             # init, start, enrol three agents, start them, all connected
    koffer.cli("cycle", "start", "--wait")      # -> what it printed; Failed with its own words
    koffer.json("full", "list")                 # -> decoded
    koffer.restore_all("/srv/restored")         # then: differences(cluster, folder)

What is spelled here (options, paths, keys of the configuration) is what docs/ promises to operators.
"""
import contextlib
import json
import pathlib
import signal

import compare
from host import Failed, wait_until
from servers.mariadb import Mariadb

PROGRAMS = ("koffer-controller", "koffer-agent", "koffer-priv", "koffer", "koffer-recover")
URL = "tls+tcp://10.88.0.10:7420"
CONTROLLER = {"config": "/etc/koffer/koffer-controller.conf", "state": "/var/lib/koffer/controller",
              "vault": "/var/lib/koffer/vault"}
AGENT = {"config": "/etc/koffer/koffer-agent.conf", "state": "/var/lib/koffer/agent"}
# Host -> source -> its section.  Everything the servers have is at stock paths, so there is little to say.
SOURCES = {
    "ldap1": {"directory": 'kind = "ldap"'},
    "imap1": {"mail": 'kind = "imap"'},
    "db1": {"databases": 'kind = "mariadb"', "data": 'kind = "files"\n    paths = {"/srv/data"}'},
}
# What Cyrus makes again, and what lives only while it runs; nothing else of its directories may be missing.
IMAP_SKIPPED = ["lock", "proc", "socket", "sync", "stats", "statuscache.db", "tls_sessions.db", "db.backup[12]", "stage.",
                "sync."]
USER, UID = "koffer-agent", 7421
CACHES = ["session", "cache", "cache_shared", "cache_index", "cache_thread", "cache_messages", "kolab_folders",
          "kolab_cache_event", "policy_result", "statistic"]


def missing_programs(folder):
    return [name for name in PROGRAMS if not (pathlib.Path(folder) / name).exists()]


class Agent:
    """The two daemons of an agent; `network` is the one that the controller sees."""

    def __init__(self, name, priv, network):
        self.name, self.priv, self.network = name, priv, network

    def halves(self):
        return {f"koffer-agent on {self.name}": self.network, f"koffer-priv on {self.name}": self.priv}

    def running(self):
        return self.network.running() and self.priv.running()

    def words(self):
        return "\n".join(f"{what}: {daemon.words()}" for what, daemon in self.halves().items())

    def send(self, signal_number):
        """To the network side: without it, the other hears nothing."""
        self.network.send(signal_number)

    def stop(self):
        return [daemon.stop() for daemon in self.halves().values()]

    def kill(self):
        for daemon in self.halves().values():
            daemon.kill()


class Koffer:
    def __init__(self, cluster, sources=SOURCES):
        self.cluster, self.controller_host, self.sources = cluster, cluster.hosts["controller"], sources
        self.controller, self.agents = None, {}

    # ---- the daemons

    def set_up(self):
        self.recovery_sheet = self.init()
        self.start_controller()
        for name in self.sources:
            self.enroll(name)
            self.start_agent(name)
        self.wait_for_agents()

    def init(self):
        """Returns what it prints: the recovery sheet."""
        self.controller_host.run(["install", "-d", "-m", "700", "/etc/koffer", "/var/lib/koffer"])
        return self.controller_host.run(["/mnt/programs/koffer-controller", "init", "--config", CONTROLLER["config"], "--state",
                                         CONTROLLER["state"], "--vault", CONTROLLER["vault"], "--cluster", "demo", "--listen",
                                         URL])

    def start_controller(self):
        self.controller = self.controller_host.start(
            ["/mnt/programs/koffer-controller", "run", "--config", CONTROLLER["config"]], "koffer-controller")
        self.controller.wait_for(lambda: self.try_cli("status").returncode == 0)

    def configure_agent(self, name, sources):
        host = self.cluster.hosts[name]
        host.run(["install", "-d", "-m", "755", "/etc/koffer", "/var/lib/koffer"])
        self.add_user(host)
        sections = "".join(f'source "{source}" {{\n    {section}\n}}\n' for source, section in sources.items())
        config = host.outside(AGENT["config"])
        # The hosts lie on whatever the machine has: cuts are tested on images of their own.
        config.write_text("snapshot = none\n" + sections)
        config.chmod(0o600)

    @staticmethod
    def add_user(host):
        """As deploy/sysusers.d would; the host's /etc is its own."""
        for path, line in (("/etc/passwd", f"{USER}:x:{UID}:{UID}::/nonexistent:/usr/sbin/nologin\n"),
                           ("/etc/group", f"{USER}:x:{UID}:\n")):
            file = host.outside(path)
            if f"{USER}:" not in file.read_text():
                with file.open("a") as out:
                    out.write(line)

    def enroll(self, name):
        self.configure_agent(name, self.sources[name])
        token = self.json("agent", "add", name)["token"]
        self.agent_program(name, "enroll", input=token + "\n")

    def agent_program(self, name, verb, **options):
        return self.cluster.hosts[name].run(["/mnt/programs/koffer-agent", verb, "--config", AGENT["config"]], **options)

    def start_agent(self, name, env=None):
        """Both halves, koffer-priv first; `env`: more of it for both."""
        host = self.cluster.hosts[name]
        priv, network = (host.start([f"/mnt/programs/{program}", "run", "--config", AGENT["config"]], program, env=env)
                         for program in ("koffer-priv", "koffer-agent"))
        self.agents[name] = Agent(name, priv, network)

    def connected(self):
        return {agent["name"] for agent in self.json("agent", "list")["agents"] if agent["state"] == "connected"}

    def wait_for_agents(self, names=(), seconds=30):
        names = names or tuple(self.sources)
        def all_connected_or_dead():
            dead = [name for name in names if not self.agents[name].running()]
            if dead:
                raise Failed(f"koffer-agent on {dead[0]} ended: {self.agents[dead[0]].words()}")
            return self.connected() >= set(names)
        wait_until(all_connected_or_dead, seconds, f"connection of the agents {', '.join(names)}", every=0.1)

    @contextlib.contextmanager
    def standing_still(self, name):
        """The agent does nothing meanwhile, so a cycle that is started cannot end."""
        self.agents[name].send(signal.SIGSTOP)
        try:
            yield
        finally:
            if self.agents[name].running():
                self.agents[name].send(signal.SIGCONT)

    def daemons(self):
        agents = {what: daemon for agent in self.agents.values() for what, daemon in agent.halves().items()}
        return {**agents, "koffer-controller": self.controller} if self.controller else agents

    def stop(self):
        """All of them; one that had ended before, or ends otherwise than well, fails the test run."""
        ended = {name: daemon.process.returncode for name, daemon in self.daemons().items() if not daemon.running()}
        stopped = {name: daemon.stop() for name, daemon in self.daemons().items()}
        if ended or any(stopped.values()):
            raise Failed(f"ended by themselves: {ended}; exit statuses when stopped: {stopped}\n"
                         + "\n".join(self.daemons()[name].words() for name in stopped if ended.get(name) or stopped[name]))

    def vault(self):
        """Where the vault is on the machine."""
        return self.controller_host.outside(CONTROLLER["vault"])

    # ---- the operator

    def try_cli(self, *words, timeout=120):
        return self.controller_host.result(["/mnt/programs/koffer", *words], timeout=timeout)

    def cli(self, *words, timeout=120):
        return self.controller_host.run(["/mnt/programs/koffer", *words], timeout=timeout)

    def json(self, *words, timeout=120):
        text = self.cli("--json", *words, timeout=timeout)
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise Failed(f"koffer --json {' '.join(words)}: not JSON: {error}\n{text[:400]}") from None

    def cycle(self):
        """Runs one that must become a full; returns its line of `koffer cycle list`."""
        self.cli("cycle", "start", "--wait", timeout=300)
        return self.newest_cycle()

    def end_of_cycle(self, seconds=120):
        """Waits for the newest cycle to be over, whatever became of it; returns its state."""
        wait_until(lambda: self.newest_cycle()["finished"], seconds, "end of the cycle", every=0.2)
        return self.newest_cycle()["state"]

    def newest_cycle(self):
        return self.json("cycle", "list")["cycles"][0]

    def newest_full(self):
        """Its number, as text."""
        return str(self.json("full", "list")["fulls"][0]["full"])

    def restore(self, what, folder):
        """`what`: SOURCE[/PATH] of the newest full; returns where it is on the machine."""
        self.cli("restore", "files", f"{self.newest_full()}:{what}", "--to", folder, timeout=300)
        return self.controller_host.outside(folder)

    def restore_all(self, folder):
        """All of the newest full, to a directory of the controller's host; returns where that is on the machine."""
        self.cli("restore", "files", self.newest_full(), "--to", folder, timeout=300)
        return self.controller_host.outside(folder)


# ---- is what was restored what is there?

def differences(cluster, restored):
    """Name of a source -> lines that say what differs; the servers run and are idle.  Stops ldap1's server."""
    restored = pathlib.Path(restored)
    return {"imap1.mail": imap_differences(cluster, restored / "imap1.mail"),
            "db1.databases": mariadb_differences(cluster, restored / "db1.databases"),
            "db1.data": files_differences(cluster, restored / "db1.data"),
            "ldap1.directory": ldap_differences(cluster, restored / "ldap1.directory")}


def same_trees(host, restored, paths, skip=()):
    return [f"{path}: {line}" for path in paths
            for line in compare.tree(host.outside(path), restored / "fs" / path.lstrip("/"), skip)]


def imap_differences(cluster, restored):
    host = cluster.hosts["imap1"]
    return same_trees(host, restored, ["/var/spool/cyrus/mail", "/var/lib/cyrus", "/var/spool/sieve", "/etc/imapd.conf",
                                       "/etc/cyrus.conf", "/etc/sasldb2"], IMAP_SKIPPED)


def files_differences(cluster, restored):
    return same_trees(cluster.hosts["db1"], restored, ["/srv/data"])


def ldap_differences(cluster, restored):
    """Against the offline export of the server's own tool: an independent way to the same content."""
    host = cluster.hosts["ldap1"]
    found = same_trees(host, restored, ["/etc/dirsrv"], ["*.lock", "*/dse.ldif*"])
    # The server rewrites its dse.ldif whenever a task (such as an export) comes and goes.
    dse = "etc/dirsrv/slapd-kolab/dse.ldif"
    found += [f"dse.ldif: {line}" for line in compare.ldif(host.outside(dse), restored / "fs" / dse, without=["cn=tasks,cn=config"])]
    if cluster.ldap.daemon.running():
        cluster.ldap.stop()
    for backend in cluster.ldap.backends:
        expected = cluster.base / f"{backend}.ldif"
        cluster.ldap.export(backend, expected)
        found += [f"{backend}: {line}" for line in
                  compare.ldif(expected, restored / "export/ldap/kolab" / f"{backend}.ldif")]
    return found


def mariadb_differences(cluster, restored):
    """Loaded into an empty server, the dumps must give the same databases, caches without their rows."""
    exported = restored / "export/mariadb"
    host = cluster.network.hosts.get("scratch") or cluster.network.host("scratch", "10.88.0.90")
    server, found = Mariadb(host).start(), []
    original, copy = cluster.base / "original.sql", cluster.base / "copy.sql"
    cluster.hosts["db1"].save(["mariadb-dump", "--system=users", "--skip-dump-date"], original)
    found += [f"accounts: {line}" for line in compare.sql(original, exported / "server" / "grants.sql")]
    server.load("", exported / "server" / "databases.sql")
    for database in ("roundcube", "kolab"):
        server.load(database, exported / f"{database}.sql")
        cluster.mariadb.dump(database, original)
        server.dump(database, copy)
        found += [f"{database}: {line}" for line in compare.sql(original, copy, without_rows=CACHES)]
    server.stop()
    host.run(["find", "/var/lib/mysql", "-mindepth", "1", "-delete"])
    return found
