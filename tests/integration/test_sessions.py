"""An agent that sleeps through its lease in the middle of a capture begins again, and sends nothing twice."""
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
