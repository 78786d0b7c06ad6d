"""The main job, end to end: a cycle over real servers, the full in the vault, everything back and equal."""
import pathlib

import koffer as programs
import pytest

pytestmark = pytest.mark.limit(180)


@pytest.fixture(scope="module")
def first(koffer):
    return koffer.cycle()


@pytest.fixture(scope="module")
def second(koffer, first):
    return koffer.cycle()


@pytest.fixture(scope="module")
def restored(koffer, second):
    return koffer.restore_all("/srv/restored")


def test_a_cycle_over_all_sources_becomes_a_full(koffer, first):
    assert first["state"] == "full", first
    full = koffer.json("full", "show", koffer.newest_full())
    assert {f"{archive['agent']}.{archive['source']}" for archive in full["archives"]} == {
        f"{agent}.{source}" for agent, sources in programs.SOURCES.items() for source in sources}
    assert all(archive["state"] == "complete" for archive in full["archives"])


def test_a_second_cycle_uploads_less_than_a_hundredth(first, second):
    assert second["state"] == "full", second
    assert int(second["bytes_sent"]) * 100 < int(first["bytes_sent"])


def test_the_vault_verifies_without_any_key(koffer, second):
    koffer.cli("vault", "verify", timeout=150)


def test_restored_mail_is_the_same_tree(cluster, restored):
    assert programs.imap_differences(cluster, restored / "imap1.mail") == []


def test_restored_files_are_the_same_tree(cluster, restored):
    assert programs.files_differences(cluster, restored / "db1.data") == []


def test_restored_databases_load_into_an_empty_server_and_are_the_same(cluster, restored):
    assert programs.mariadb_differences(cluster, restored / "db1.databases") == []


def test_restored_directories_hold_the_same_entries(cluster, restored):
    try:
        assert programs.ldap_differences(cluster, restored / "ldap1.directory") == []
    finally:
        cluster.ldap.start()


def test_a_new_message_is_in_the_next_full(cluster, koffer, second):
    known = len(cluster.imap.messages())
    cluster.imap.deliver("anna@example.org", 3, 1000)
    assert len(cluster.imap.messages()) == known + 3
    koffer.cycle()
    folder = pathlib.Path(koffer.restore_all("/srv/with-new-mail"))
    assert programs.imap_differences(cluster, folder / "imap1.mail") == []
