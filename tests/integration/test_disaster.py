"""The worst day: the controller's host is gone.  What is left is a copy of the vault and the recovery sheet, on a host
without network, configuration or anything else of Koffer but koffer-recover."""
import json
import re
import shutil

import koffer as programs
import pytest

pytestmark = pytest.mark.limit(180)

VAULT = "/srv/vault"


class Rescue:
    """A host with a copy of the vault, and the sheet."""

    def __init__(self, host, sheet):
        self.host, self.sheet = host, sheet
        self.key = re.search(r"recovery key +(\S+)", sheet)[1]
        self.controller_key = re.search(r"controller key +(\S+)", sheet)[1]

    def result(self, *words, key=None):
        return self.host.result(["/mnt/programs/koffer-recover", VAULT, *words], input=key or self.key, timeout=150)

    def run(self, *words, key=None):
        done = self.result(*words, key=key)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def listed(self, *options):
        return json.loads(self.run("list", "--json", *options))["fulls"]

    def packs(self):
        return sorted(self.host.outside(VAULT).glob("packs/??/*"))


@pytest.fixture(scope="module")
def fulls(koffer):
    koffer.cycle()
    return koffer.json("full", "list")["fulls"]


@pytest.fixture(scope="module")
def rescue(cluster, koffer, fulls):
    host = cluster.network.host("rescue", "10.88.0.91")
    host.run(["ip", "link", "set", "eth0", "down"])
    shutil.copytree(koffer.vault(), host.outside(VAULT), ignore=shutil.ignore_patterns("index", "tmp", "lock"))
    return Rescue(host, koffer.recovery_sheet)


@pytest.fixture(scope="module")
def restored(rescue):
    rescue.run("restore", "latest", "--to", "/srv/restored", "--controller-key", rescue.controller_key, key=rescue.sheet)
    return rescue.host.outside("/srv/restored")


def test_the_vault_alone_tells_which_fulls_there_are(rescue, fulls):
    listed = rescue.listed("--controller-key", rescue.controller_key)
    assert [full["full"] for full in listed] == [full["full"] for full in fulls]
    assert all(full["signed_as_expected"] for full in listed)
    assert {full["record"] for full in listed} == {full["record"] for full in fulls}


def test_the_sheet_brings_back_the_mail(cluster, restored):
    assert programs.imap_differences(cluster, restored / "imap1.mail") == []


def test_the_sheet_brings_back_the_files(cluster, restored):
    assert programs.files_differences(cluster, restored / "db1.data") == []


def test_the_sheet_brings_back_the_databases(cluster, restored):
    assert programs.mariadb_differences(cluster, restored / "db1.databases") == []


def test_the_sheet_brings_back_the_directory(cluster, restored):
    try:
        assert programs.ldap_differences(cluster, restored / "ldap1.directory") == []
    finally:
        cluster.ldap.start()


def test_recovery_changes_nothing_in_the_vault(rescue, restored):
    assert {path.name for path in rescue.host.outside(VAULT).iterdir()} <= {"format", "packs", "fulls", "envelopes", "quarantine", "reserve"}


def test_a_second_restore_finds_everything_there(rescue, restored):
    again = rescue.run("restore", "latest:db1.data", "--to", "/srv/restored/db1.data")
    assert "restored 0 files" in again


def test_one_file_is_listed_and_printed(cluster, rescue):
    listing = rescue.run("ls", "latest:db1.data/fs/srv/data/plain")
    assert "000.conf" in listing
    program = cluster.hosts["db1"].outside("/srv/data/plain/program").read_text()
    assert rescue.run("cat", "latest:db1.data/fs/srv/data/plain/program") == program


def test_a_key_typed_badly_is_forgiven_and_a_wrong_one_restores_nothing(rescue):
    listing = rescue.run("ls", "latest:db1.data/fs/srv", key=rescue.key.lower().replace("-", " ") + "\n")
    assert "data" in listing
    mistyped = rescue.key[:-1] + ("0" if rescue.key[-2:-1] != "0" else "1") + rescue.key[-1]
    refused = rescue.result("restore", "latest", "--to", "/srv/never", key=mistyped)
    assert refused.returncode == 1 and "paper key" in refused.stderr
    other = "KFR1-040020G3-0G2GC1R8-1450P30D-1R7H048J-2CA1A5GQ-30CHM6RW-3MF1YJ8H-ETR0"  # of docs/formats/keys.md
    refused = rescue.result("restore", "latest", "--to", "/srv/never", key=other)
    assert refused.returncode == 5 and "vault id" in refused.stderr
    assert not rescue.host.outside("/srv/never").exists()


def test_the_signature_of_another_controller_is_refused(rescue):
    other = "00" * 32
    assert not any(full["signed_as_expected"] for full in rescue.listed("--controller-key", other))
    refused = rescue.result("ls", "1:db1.data", "--controller-key", other)
    assert refused.returncode == 5 and "compare with the sheet" in refused.stderr


def test_a_whole_vault_verifies_and_a_damaged_one_does_not(rescue, restored):
    """Behind the restores above: it damages the copy."""
    assert "verified" in rescue.run("verify")
    largest = max(rescue.packs(), key=lambda pack: pack.stat().st_size)
    with open(largest, "r+b") as pack:  # as a failing disk does it: some sectors in the middle
        pack.seek(largest.stat().st_size // 2)
        pack.write(bytes(64 << 10))
    found = rescue.result("verify")
    assert found.returncode == 1 and largest.name[:16] in found.stderr


def test_of_a_damaged_vault_what_is_whole_is_restored_and_the_rest_is_named(rescue, restored):
    """The vault as the test before left it."""
    done = rescue.result("restore", "latest", "--to", "/srv/damaged")
    assert done.returncode == 6, done.stderr
    assert "could not be restored" in done.stderr
    whole, rest = restored, rescue.host.outside("/srv/damaged")
    lost = 0
    for path in whole.rglob("*"):
        if path.is_file() and not path.is_symlink():
            copy = rest / path.relative_to(whole)
            if copy.exists():
                assert copy.read_bytes() == path.read_bytes(), f"{copy} is not what was kept"
            else:
                lost += 1
                archive, *names = path.relative_to(whole).parts  # it, or a directory above it that cannot be read
                assert any(f"{archive}: {'/'.join(names[:n])}: " in done.stderr for n in range(1, len(names) + 1)), (
                    f"{path} is missing and was not named")
    assert lost > 0


def test_a_damaged_record_is_named_and_the_full_before_it_is_the_newest(rescue, fulls):
    """Last: it damages the copy."""
    newest = sorted(rescue.host.outside(VAULT).glob("fulls/*"))[-1]
    newest.write_bytes(newest.read_bytes()[:-1])
    listed = rescue.result("list", "--json")
    assert listed.returncode == 6
    assert json.loads(listed.stdout)["fulls"][0]["state"] == "damaged"
    shown = rescue.result("show", "latest", "--json")
    if len(fulls) > 1:
        assert json.loads(shown.stdout)["full"] == fulls[1]["full"] and "passed over" in shown.stderr
    else:
        assert shown.returncode == 4 and "no good full" in shown.stderr


# ---- the controller lost its memory, not its keys

def controller_program(koffer, *words, **options):
    return koffer.controller_host.result(["/mnt/programs/koffer-controller", *words, "--config", programs.CONTROLLER["config"]],
                                         **options)


def problems(koffer):
    return "\n".join(koffer.json("status")["problems"])


def test_a_sheet_counts_when_it_was_typed_back(koffer):
    assert "verify-paper" in problems(koffer)
    other = "KFR1-040020G3-0G2GC1R8-1450P30D-1R7H048J-2CA1A5GQ-30CHM6RW-3MF1YJ8H-ETR0"  # of docs/formats/keys.md
    refused = controller_program(koffer, "key", "verify-paper", input=other)
    assert refused.returncode == 1 and "another cluster" in refused.stderr
    assert "NOT VERIFIED" in controller_program(koffer, "key", "show").stdout
    good = controller_program(koffer, "key", "verify-paper", input=koffer.recovery_sheet)
    assert good.returncode == 0, good.stderr
    assert "NOT VERIFIED" not in controller_program(koffer, "key", "show").stdout
    assert "verify-paper" not in problems(koffer)


def enroll_all_again(koffer):
    for name in programs.SOURCES:
        assert f"koffer agent add {name}" in problems(koffer)
        koffer.agents[name].stop()
        koffer.enroll(name)
        koffer.start_agent(name)
    koffer.wait_for_agents()


def full_numbers(koffer):
    return [full["full"] for full in koffer.json("full", "list")["fulls"]]


def test_without_a_catalogue_all_fulls_are_there_and_no_number_is_used_twice(koffer, fulls):
    known = full_numbers(koffer)
    koffer.controller.stop()
    for path in koffer.controller_host.outside(programs.CONTROLLER["state"]).glob("catalogue.db*"):
        path.unlink()
    koffer.start_controller()
    assert full_numbers(koffer) == known
    assert koffer.connected() == set()  # a certificate alone lets nobody in
    enroll_all_again(koffer)
    koffer.cycle()
    assert full_numbers(koffer) == [known[0] + 1, *known]


def test_a_damaged_catalogue_is_moved_aside_and_made_anew(koffer, fulls):
    known = full_numbers(koffer)
    running = controller_program(koffer, "rebuild")
    assert running.returncode == 1 and "stop the controller first" in running.stderr
    koffer.controller.stop()
    state = koffer.controller_host.outside(programs.CONTROLLER["state"])
    (state / "catalogue.db").write_bytes(b"no database any more" * 400)
    rebuilt = controller_program(koffer, "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert [aside.read_bytes()[:20] for aside in state.glob("catalogue-until-*/catalogue.db")] == [b"no database any more"]
    koffer.start_controller()
    assert full_numbers(koffer) == known
    enroll_all_again(koffer)
    koffer.cycle()
    assert full_numbers(koffer) == [known[0] + 1, *known]
