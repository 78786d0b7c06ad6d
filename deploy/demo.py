"""The story of deploy/demo after the build: demo.py PROGRAMS SECONDS-ALREADY-TAKEN."""
import pathlib
import signal
import sys
import tempfile
import time

root = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(root / "tests/support"))
from cluster import Cluster  # noqa: E402
from host import Failed  # noqa: E402
from koffer import Koffer, SOURCES, differences, missing_programs  # noqa: E402

begun = time.monotonic() - float(sys.argv[2])
FIRST, LAST = 5, 11  # lines shown of a command's output


def say(text):
    print(f"[{time.monotonic() - begun:4.0f} s] {text}", flush=True)


def show(koffer, *words, timeout=120):
    """An operator's command and what it says."""
    print(f"\n  controller# koffer {' '.join(words)}")
    lines = koffer.cli(*words, timeout=timeout).rstrip().splitlines()
    if len(lines) > FIRST + LAST:
        lines[FIRST:-LAST] = [f"... ({len(lines) - FIRST - LAST} lines)"]
    for line in lines:
        print(f"    {line}")
    sys.stdout.flush()


def measure(text):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if text < 1024 or unit == "GiB":
            return f"{text:.0f} {unit}" if unit == "B" else f"{text:.1f} {unit}"
        text /= 1024


def describe(cluster):
    entries = ", ".join(f"{name} {cluster.ldap.count(name)} entries" for name in cluster.ldap.backends)
    say(f"ldap1  389-ds:  {len(cluster.ldap.backends)} backends ({entries})")
    say(f"imap1  Cyrus:   {len(cluster.imap.mailboxes())} mailboxes, {len(cluster.imap.messages())} messages")
    rows = {table: cluster.mariadb.count(table) for table in ("roundcube.contacts", "kolab.resources")}
    say(f"db1    MariaDB: 2 databases ({', '.join(f'{table} {count} rows' for table, count in rows.items())}), files in /srv/data")


def set_up(koffer):
    sheet = koffer.init()
    say(f"koffer-controller init: vault, keys, CA, configuration; recovery sheet of {len(sheet.splitlines())} lines")
    koffer.start_controller()
    for name in SOURCES:
        koffer.enroll(name)
        koffer.start_agent(name)
    koffer.wait_for_agents()
    say("controller runs; agents enrolled with one-time tokens and connected")
    show(koffer, "agent", "list")


def two_cycles(koffer):
    """The bytes sent by each."""
    show(koffer, "cycle", "start", "--wait", timeout=300)
    first, full = koffer.newest_cycle(), koffer.newest_full()
    say("first cycle done")
    show(koffer, "full", "list")
    show(koffer, "full", "show", full)
    show(koffer, "full", "ls", f"{full}:db1.data/fs/srv/data")
    show(koffer, "cycle", "start", "--wait", timeout=300)
    second = koffer.newest_cycle()
    say("second cycle done")
    return int(first["bytes_sent"]), int(second["bytes_sent"])


def story(base):
    programs = pathlib.Path(sys.argv[1]).resolve()
    if missing := missing_programs(programs):
        raise Failed(f"not built: {', '.join(missing)} (looked in {programs})")
    with Cluster(base, programs) as cluster:
        say("hosts, each in a network namespace of its own: " + ", ".join(f"{n} {h.address}" for n, h in cluster.hosts.items()))
        describe(cluster)
        koffer = Koffer(cluster)
        set_up(koffer)
        first, second = two_cycles(koffer)
        show(koffer, "vault", "stats")
        show(koffer, "vault", "verify", timeout=300)
        show(koffer, "restore", "files", koffer.newest_full(), "--to", "/srv/restored", timeout=300)
        say("restored; comparing with the live cluster")
        found = differences(cluster, koffer.controller_host.outside("/srv/restored"))
        koffer.stop()
        return verdict(first, second, found)


def verdict(first, second, found):
    print()
    good = True
    for source, lines in sorted(found.items()):
        print(f"  {source:16} {'equal' if not lines else 'DIFFERENT'}")
        for line in lines:
            print(f"      {line}")
        good = good and not lines
    share = 100 * second / first if first else 100
    print(f"  second cycle     sent {measure(second)} after {measure(first)}: {share:.2f} %{'' if share < 1 else '  TOO MUCH'}")
    return good and share < 1


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    with tempfile.TemporaryDirectory(prefix="koffer-demo.") as base:
        try:
            good = story(base)
        except Failed as failed:
            print(f"demo: {failed}", file=sys.stderr)
            good = False
    say("DEMO OK: everything restored compares equal" if good else "DEMO FAILED")
    return 0 if good else 1


sys.exit(main())
