"""An operator on another machine: a certificate by token, all that reads, and restores to that machine."""
import pytest

pytestmark = pytest.mark.limit(120)
REMOTE = ["/mnt/programs/koffer", "--controller", "tls+tcp://10.88.0.10:7420"]


@pytest.fixture(scope="module")
def desk(cluster, koffer):
    """imap1 as the operator's machine."""
    host = cluster.hosts["imap1"]
    koffer.cycle()
    token = koffer.json("operator", "add", "jane", "--role", "admin")["token"]
    host.run(["/mnt/programs/koffer", "operator", "enroll"], input=token + "\n")
    return host


def test_an_operator_sees_the_fulls_from_afar(desk, koffer):
    assert str(koffer.newest_full()) in desk.run([*REMOTE, "full", "list"])
    assert "jane" in koffer.cli("operator", "list")


def test_a_restore_through_an_agent_may_be_ordered_from_afar(desk):
    desk.run([*REMOTE, "restore", "files", "latest:db1.data/fs/srv/data/plain", "--to", "/var/lib/koffer/restore/afar", "--on",
              "imap1"])
    assert any(desk.outside("/var/lib/koffer/restore/afar").iterdir())


def test_a_restore_goes_to_the_operators_own_machine(desk, koffer):
    desk.run([*REMOTE, "restore", "files", "latest:db1.data", "--to", "/srv/afar"])
    assert desk.outside("/srv/afar/fs/srv/data/plain").exists()
    assert not koffer.controller_host.outside("/srv/afar").exists()


def test_without_a_certificate_nothing_is_told(cluster):
    refused = cluster.hosts["db1"].result([*REMOTE, "full", "list"])
    assert refused.returncode != 0 and refused.stdout == ""
