"""The vault under fire: agents that sleep, packs that rot, a directory that is swapped; said in words, and mended by commands."""
import os

import pytest
from host import wait_until

pytestmark = pytest.mark.limit(180)
LEASE = 5  # seconds: more than an agent's news of itself may take on a busy machine


@pytest.fixture
def short_lease(koffer):
    config = koffer.controller_host.outside("/etc/koffer/koffer-controller.conf")
    good = config.read_text()
    config.write_text(good + f'\nvault-lease = "{LEASE}s"\n')
    restart(koffer)
    yield
    config.write_text(good)
    restart(koffer)


def restart(koffer):
    koffer.controller.stop()
    koffer.start_controller()
    koffer.wait_for_agents(seconds=60)


def sessions(koffer):
    return koffer.json("vault", "stats")["sessions"]


def test_an_agent_that_sleeps_longer_than_its_lease_captures_again_and_the_full_is_good(cluster, koffer, short_lease):
    large = cluster.hosts["db1"].outside("/srv/data/chance")
    with open("/dev/urandom", "rb") as chance, open(large, "wb") as out:
        for _ in range(400):
            out.write(chance.read(1 << 20))
    try:
        koffer.cli("cycle", "start", "--source", "db1.data")
        writing = koffer.vault() / "tmp"
        wait_until(lambda: list(writing.glob("pack-*")), 60, "the stream brings something", every=0.002)
        with koffer.standing_still("db1"):
            assert sessions(koffer) == 1
            wait_until(lambda: sessions(koffer) == 0, 4 * LEASE, "end of the lease", every=0.2)
        koffer.end_of_cycle()
        source = next(one for one in koffer.json("cycle", "show")["sources"] if one["source"] == "data")
        assert source["state"] == "done", source
        assert any("began again" in text for text in source["warnings"]), source
        assert koffer.cycle()["state"] == "full"
        assert sessions(koffer) == 0
        koffer.cli("vault", "verify", timeout=150)
    finally:
        large.unlink()


def flip(path):
    with open(path, "r+b") as pack:
        pack.seek(os.fstat(pack.fileno()).st_size // 2)
        byte = pack.read(1)
        pack.seek(-1, os.SEEK_CUR)
        pack.write(bytes([byte[0] ^ 1]))


def good_fulls(koffer):
    return {full["full"] for full in koffer.json("full", "list", "--limit", "1000")["fulls"]}


def packs(koffer):
    return set(koffer.vault().rglob("packs/*/*.pack"))


def test_a_rotten_pack_marks_its_fulls_is_repaired_and_the_next_cycle_is_good(cluster, koffer):
    before = packs(koffer)
    mine = cluster.hosts["db1"].outside("/srv/data/rots")
    mine.write_bytes(os.urandom(8 << 20))
    try:
        assert koffer.cycle()["state"] == "full"
        good, newest = good_fulls(koffer), int(koffer.newest_full())
        pack = max(packs(koffer) - before, key=lambda path: path.stat().st_size)
        flip(pack)
        assert koffer.try_cli("vault", "verify", timeout=150).returncode != 0
        wait_until(lambda: newest not in good_fulls(koffer), 30, "the full that is hit is marked", every=0.2)

        done = koffer.try_cli("vault", "repair", timeout=150)
        assert done.returncode != 0 and "lost" in done.stdout + done.stderr, done  # what was flipped is gone: that is said
        assert not pack.exists() and (koffer.vault() / "quarantine" / pack.name).exists()
        assert koffer.cycle()["state"] == "full"
        koffer.cli("vault", "verify", timeout=150)
        assert good_fulls(koffer) > good  # healed, each of them
        koffer.cli("vault", "repair", timeout=150)
    finally:
        mine.unlink()


def test_a_full_that_was_removed_on_purpose_is_accepted_once(koffer):
    koffer.cycle()
    koffer.cycle()
    records = sorted((koffer.vault() / "fulls").glob("*.full"))
    removed, after = records[-2], int(records[-1].name[:10])
    removed.unlink()
    done = koffer.try_cli("vault", "verify", timeout=150)
    assert done.returncode != 0 and f"accept-gap {after}" in done.stdout + done.stderr, done
    assert "accepted" in koffer.cli("vault", "accept-gap", str(after))
    koffer.cli("vault", "verify", timeout=150)
    assert koffer.try_cli("vault", "accept-gap", str(after)).returncode != 0


def test_a_swapped_vault_is_a_problem_and_takes_no_cycle(koffer):
    aside = koffer.vault().with_name("vault-aside")
    koffer.vault().rename(aside)
    try:
        assert any("is not the directory any more" in text for text in koffer.json("status")["problems"])
        done = koffer.try_cli("cycle", "start")
        assert done.returncode != 0 and "put the vault back" in done.stderr, done
    finally:
        aside.rename(koffer.vault())
    assert koffer.cycle()["state"] == "full"
