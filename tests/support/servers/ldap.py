"""389 Directory Server: one instance rendered from the package's template, as many backends as asked for.

    server = Ldap(host)                     # creates and seeds, offline
    server.start(); server.count("example_org"); server.stop()

No dscreate (11 s, needs systemd or edits outside the host): the template and a few lines do the same in 0.1 s.
"""
import base64
import pathlib
import random
import re

from host import Failed
from servers import names

INSTANCE = "kolab"
PASSWORD = "Secret123"
ROOT_DN = "cn=Directory Manager"
BACKENDS = {"example_org": ("dc=example,dc=org", 1200), "example_net": ("dc=example,dc=net", 300)}
DIRSRV = ("dirsrv", "dirsrv")
# Fixed small caches: automatic sizing takes a quarter of the machine's memory for each instance and each import.
CACHES = """nsslapd-cache-autosize: 0
nsslapd-dbcachesize: 16777216
nsslapd-import-cache-autosize: 0
nsslapd-import-cachesize: 33554432
"""
# dse.ldif takes exactly one blank line between entries.  A backend that was never started must name its directory, or
# ldif2db fails with 255.
BACKEND = """dn: cn="{suffix}",cn=mapping tree,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsMappingTree
cn: {suffix}
nsslapd-state: backend
nsslapd-backend: {name}

dn: cn={name},cn=ldbm database,cn=plugins,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsBackendInstance
cn: {name}
nsslapd-suffix: {suffix}
nsslapd-cachememsize: 33554432
nsslapd-directory: {folder}

"""


class Ldap:
    def __init__(self, host, backends=BACKENDS):
        self.host, self.backends, self.daemon = host, backends, None
        self.config = f"/etc/dirsrv/slapd-{INSTANCE}"
        self.state = f"/var/lib/dirsrv/slapd-{INSTANCE}"
        self.socket = f"/run/dirsrv/slapd-{INSTANCE}.socket"
        self._create()
        for backend in backends:
            self._load(backend)

    def _create(self):
        folders = [f"{self.config}/schema", f"{self.state}/bak", f"{self.state}/ldif", f"/var/log/dirsrv/slapd-{INSTANCE}",
                   f"/run/lock/dirsrv/slapd-{INSTANCE}", "/run/dirsrv", *(f"{self.state}/db/{b}" for b in self.backends)]
        self.host.run(["mkdir", "-p", *folders])
        self.host.run(["cp", "-a", "/etc/dirsrv/schema/.", self.config + "/schema"])
        self.host.run(["cp", "/etc/dirsrv/config/slapd-collations.conf", "/etc/dirsrv/config/certmap.conf", self.config])
        dse = self.host.outside(self.config) / "dse.ldif"
        dse.write_text(self._dse())
        dse.chmod(0o600)
        self.host.run(["chown", "-R", "dirsrv:dirsrv", self.config, "/var/lib/dirsrv", "/var/log/dirsrv", "/run/lock/dirsrv",
                       "/run/dirsrv"])

    def _dse(self):
        values = {
            "schema_dir": f"{self.config}/schema", "lock_dir": f"/run/lock/dirsrv/slapd-{INSTANCE}", "tmp_dir": "/tmp",
            "cert_dir": self.config, "config_dir": self.config, "ldif_dir": f"{self.state}/ldif",
            "bak_dir": f"{self.state}/bak", "run_dir": "/run/dirsrv", "inst_dir": self.state,
            "log_dir": f"/var/log/dirsrv/slapd-{INSTANCE}", "fqdn": f"{self.host.name}.example.org", "ds_port": "389",
            "ds_user": "dirsrv", "rootdn": ROOT_DN, "ldapi_enabled": "on", "ldapi": self.socket, "ldapi_autobind": "on",
            "ds_suffix": "dc=example,dc=org", "db_dir": f"{self.state}/db", "db_home_dir": f"{self.state}/db",
            "db_lib": "bdb", "ds_passwd": self.host.run(["pwdhash", "-s", "SSHA512", PASSWORD]).strip()}
        text = pathlib.Path("/usr/share/dirsrv/data/template-dse.ldif").read_text()
        text = re.sub(r"%(\w+)%", lambda match: values[match[1]], text)
        text = re.sub(r"^(nsslapd-backend-implement: .*\n)+", r"\1" + CACHES, text, flags=re.M)
        text = re.sub(r"\n{2,}", "\n\n", text.rstrip("\n") + "\n\n")
        return text + "".join(BACKEND.format(name=name, suffix=suffix, folder=f"{self.state}/db/{name}")
                              for name, (suffix, _) in self.backends.items())

    def _load(self, backend):
        suffix, people = self.backends[backend]
        path = f"{self.state}/ldif/seed.ldif"
        self.host.outside(path).write_text("\n".join(entries(suffix, people)))
        self.host.run(["ns-slapd", "ldif2db", "-D", self.config, "-n", backend, "-i", path], timeout=60)
        self.host.outside(path).unlink()

    def start(self):
        self.host.run(["install", "-d", "-o", "dirsrv", "-g", "dirsrv", "/run/dirsrv"])
        self.daemon = self.host.start(["ns-slapd", "-D", self.config, "-i", f"/run/dirsrv/slapd-{INSTANCE}.pid", "-d", "0"],
                                      "ns-slapd")
        self.daemon.wait_for(lambda: self.search("", "base", "vendorVersion", ok=(0, 1, 255)))
        return self

    def stop(self):
        self.daemon.stop()

    def search(self, base, scope, *attributes, filter="(objectClass=*)", ok=(0,)):
        """LDIF text.  Over TCP, as a client would; the agent may use the socket."""
        return self.host.run(["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", "ldap://localhost", "-D", ROOT_DN,
                              "-w", PASSWORD, "-b", base, "-s", scope, filter, *attributes], ok=ok)

    def count(self, backend):
        return self.search(self.backends[backend][0], "sub", "1.1").count("dn: ")

    def modify(self, ldif):
        self.host.run(["ldapmodify", "-x", "-H", "ldap://localhost", "-D", ROOT_DN, "-w", PASSWORD], input=ldif)

    def add_backend(self, name, suffix):
        """One more while the server runs, with the entry of its suffix."""
        text = BACKEND.format(name=name, suffix=suffix, folder=f"{self.state}/db/{name}") + entry(
            suffix, ["top", "domain"], dc=suffix.split(",")[0].removeprefix("dc="))
        mapping, backend, top = text.strip().split("\n\n")
        for one in (backend, mapping, top):  # a mapping names a backend that exists
            self.modify(one.replace("\n", "\nchangetype: add\n", 1) + "\n")

    def remove_backend(self, name, suffix):
        for dn in (f'cn="{suffix}",cn=mapping tree,cn=config', f"cn={name},cn=ldbm database,cn=plugins,cn=config"):
            self.host.run(["ldapdelete", "-r", "-x", "-H", "ldap://localhost", "-D", ROOT_DN, "-w", PASSWORD, dn])

    def export(self, backend, path):
        """The backend as the server's own offline tool sees it; the server must be stopped.  `path`: on the machine."""
        if self.daemon and self.daemon.running():
            raise Failed("stop the directory server before its offline export")
        inside = f"{self.state}/ldif/compare.ldif"
        self.host.run(["ns-slapd", "db2ldif", "-D", self.config, "-n", backend, "-a", inside])
        self.host.outside(inside).replace(path)

    def expected(self, backend):
        """Entries that were seeded: the suffix, two organisational units, the people and the groups."""
        people = self.backends[backend][1]
        return 3 + people + people // 100


def attribute(name, value):
    """One LDIF line; what is not plain ASCII travels in base64."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and value[:1] not in " :<" and value == value.strip():
        return f"{name}: {value}"
    raw = value.encode() if isinstance(value, str) else value
    return f"{name}:: {base64.b64encode(raw).decode()}"


def entries(suffix, people):
    """LDIF texts of a small Kolab directory; the same for the same arguments."""
    chance = random.Random(suffix)
    domain = ".".join(part[3:] for part in suffix.split(","))
    anyone = '(targetattr!="userPassword")(version 3.0; acl "anonymous"; allow (read,search,compare) userdn="ldap:///anyone";)'
    yield entry(suffix, ["top", "domain"], dc=domain.split(".")[0], aci=anyone)
    for unit in ("People", "Groups"):
        yield entry(f"ou={unit},{suffix}", ["top", "organizationalUnit"], ou=unit)
    members = []
    for number in range(people):
        given, family = names.person(chance)
        uid = f"user{number:05}"
        members.append(f"uid={uid},ou=People,{suffix}")
        photo = {"jpegPhoto": b"\xff\xd8\xff\xe0" + chance.randbytes(1500)} if number % 20 == 0 else {}
        yield entry(members[-1], ["top", "person", "organizationalPerson", "inetOrgPerson", "mailrecipient"], uid=uid,
                    cn=f"{given} {family}", sn=family, givenName=given, mail=f"{uid}@{domain}", mailHost=f"imap1.{domain}",
                    userPassword="{SSHA512}" + base64.b64encode(chance.randbytes(72)).decode(), preferredLanguage="de",
                    telephoneNumber=f"+49 30 {chance.randrange(10**6, 10**7)}", description=names.sentence(chance), **photo)
    for group in range(people // 100):
        yield entry(f"cn=team{group},ou=Groups,{suffix}", ["top", "groupOfUniqueNames"], cn=f"team{group}",
                    uniqueMember=chance.sample(members, 30))


def entry(dn, classes, **attributes):
    lines = [attribute("dn", dn), *(attribute("objectClass", name) for name in classes)]
    for name, value in attributes.items():
        lines += [attribute(name, one) for one in (value if isinstance(value, list) else [value])]
    return "\n".join(lines) + "\n"
