"""Cyrus IMAP with Kolab's options: users, folders, mail.

    server = Imap(host)                     # creates
    server.start(); server.seed(messages=2100); server.stop()
    server.tool("reconstruct", "-r", "user/anna@example.org")
"""
import json
import re
import signal

from host import PYTHON, Failed

PASSWORD = "secret"
ADMIN = "cyrus-admin"
USERS = [f"{name}@example.org" for name in ("anna", "bela", "chloe", "dmitri", "emile", "fatima")]
# Seeds only; the folder that the seed deletes again must be the last.
FOLDERS = ["INBOX", "Archive", "Archive/2015", "Sent", "Calendar", "Tempfolder"]
CYRUS = ("cyrus", "mail")
TOOLS = "/usr/lib/cyrus/bin"
IMAPD_CONF = """configdirectory: /var/lib/cyrus
defaultpartition: default
partition-default: /var/spool/cyrus/mail
sievedir: /var/spool/sieve
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
lmtpsocket: /run/cyrus/socket/lmtp
idlesocket: /run/cyrus/socket/idle
notifysocket: /run/cyrus/socket/notify
admins: cyrus-admin
servername: {name}.example.org
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: /etc/sasldb2
sasl_mech_list: PLAIN LOGIN
allowplaintext: yes
unixhierarchysep: yes
virtdomains: userid
altnamespace: yes
hashimapspool: yes
username_tolower: yes
deletedprefix: DELETED
delete_mode: delayed
expunge_mode: delayed
quota_db: quotalegacy
annotation_definitions: /etc/imapd.annotations.conf
syslog_prefix: cyrus
"""
ANNOTATIONS = "".join(f"/vendor/kolab/{name},mailbox,string,backend,value.priv value.shared,a\n"
                      for name in ("folder-type", "color", "displayname", "uniqueid"))
# The windows of Kolab's own template.
CYRUS_CONF = """START {
  recover cmd="/usr/sbin/cyrus ctl_cyrusdb -r"
}
SERVICES {
  imap     cmd="imapd -U 30" listen="imap" prefork=1 maxchild=100
  lmtpunix cmd="lmtpd" listen="/run/cyrus/socket/lmtp" prefork=0 maxchild=20
}
EVENTS {
  checkpoint   cmd="/usr/sbin/cyrus ctl_cyrusdb -c" period=30
  deleteprune  cmd="/usr/sbin/cyrus expire -E 4 -D 69" at=0430
  expungeprune cmd="/usr/sbin/cyrus expire -E 4 -X 69" at=0445
}
"""


class Imap:
    def __init__(self, host, users=USERS):
        self.host, self.users, self.daemon = host, users, None
        host.outside("/etc/imapd.conf").write_text(IMAPD_CONF.format(name=host.name))
        host.outside("/etc/imapd.annotations.conf").write_text(ANNOTATIONS)
        host.outside("/etc/cyrus.conf").write_text(CYRUS_CONF)
        host.outside("/etc/sasldb2").unlink(missing_ok=True)
        for folder in ("/var/lib/cyrus", "/var/spool/cyrus/mail", "/var/spool/sieve"):
            host.run(["install", "-d", "-m", "750", "-o", "cyrus", "-g", "mail", folder])
        self._account(ADMIN, f"{host.name}.example.org")
        for user in users:
            self._account(*user.split("@"))
        host.run(["chown", "root:sasl", "/etc/sasldb2"])
        host.outside("/etc/sasldb2").chmod(0o640)

    def _account(self, name, realm):
        self.host.run(["saslpasswd2", "-p", "-c", "-u", realm, name], input=PASSWORD + "\n")

    def start(self):
        for folder in ("/run/cyrus", "/run/cyrus/socket", "/run/cyrus/lock", "/run/cyrus/proc"):
            self.host.run(["install", "-d", "-m", "755", "-o", "cyrus", "-g", "mail", folder])
        # In the foreground as long as -d is not given.
        self.daemon = self.host.start([f"{TOOLS}/master", "-C", "/etc/imapd.conf", "-M", "/etc/cyrus.conf",
                                       "-p", "/run/cyrus/master.pid"], "cyrus")
        self.daemon.wait_for(lambda: "* OK" in self.host.result(["/mnt/support/servers/imap_greeting.py"]).stdout)
        return self

    def stop(self):
        self.daemon.stop(signal.SIGQUIT)  # lets the children finish what they do

    def seed(self, messages=2100):
        """Six folders for each user, of which one is deleted again; three messages of each Archive expunged."""
        self.host.run([PYTHON, "/mnt/support/servers/seed_imap.py", str(messages), *self.users])

    def tool(self, name, *arguments):
        return self.host.run([f"{TOOLS}/{name}", "-C", "/etc/imapd.conf", *arguments], user=CYRUS)

    def mailboxes(self):
        """Name -> what mailboxes.db says of it; without the tombstones of renamed and deleted names."""
        every = json.loads(self.tool("ctl_mboxlist", "-d"))
        return {name: facts for name, facts in every.items() if "d" not in facts.get("mbtype", "")}

    def check_unique_ids(self):
        """Debian's build can give two mailboxes one id, and so one directory: such a seed proves nothing."""
        ids = [facts["uniqueid"] for facts in self.mailboxes().values()]
        if len(set(ids)) != len(ids):
            raise Failed("two mailboxes share a uniqueid: they were created by two imapd processes within one second")

    def messages(self):
        """Message files on disk, expunged ones included."""
        spool = self.host.outside("/var/spool/cyrus/mail")
        return [path for path in spool.rglob("*.") if re.fullmatch(r"\d+\.", path.name)]

    def deliver(self, user, count, seed):
        """`count` more messages into the user's INBOX."""
        self.host.run([PYTHON, "/mnt/support/servers/seed_imap.py", "--more", str(count), str(seed), user])
