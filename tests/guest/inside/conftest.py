"""What every test in the guest has: a time limit of its own, and volume groups on the blank disks.

    @pytest.mark.limit(300)         # seconds, instead of LIMIT: ten times what an idle machine needs
"""
import os
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import volumes  # noqa: E402

LIMIT = 180
PLAIN, THIN = "plain", "thin-1"  # a name with a dash: the device mapper doubles it


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): how long this test may take, its fixtures not counted")


@pytest.fixture(autouse=True)
def time_limit(request):
    marker = request.node.get_closest_marker("limit")
    seconds = marker.args[0] if marker else LIMIT

    def too_late(*_):
        pytest.fail(f"took longer than {seconds} s", pytrace=True)

    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


@pytest.fixture(scope="session", autouse=True)
def only_in_a_guest():
    """These tests write on disks and remove volume groups."""
    if not os.path.exists("/run/guest/command"):
        pytest.exit("only in a guest: tests/run lvm", 2)


@pytest.fixture(scope="session")
def groups():
    """A group of classic volumes and one with a thin pool "pool"; they end with the guest."""
    volumes.make_group(PLAIN, ["/dev/vda"])
    volumes.make_group(THIN, ["/dev/vdb"])
    volumes.make_pool(THIN, "pool", "700M")


@pytest.fixture(scope="session", params=["plain-ext4", "plain-xfs", "thin-ext4", "thin-xfs"])
def live(request, groups):
    """A mounted volume of each sort."""
    sort, kind = request.param.split("-")
    group, pool = (PLAIN, None) if sort == "plain" else (THIN, "pool")
    return volumes.Volume.create(group, kind, kind, f"/live/{sort}/{kind}", size="320M" if kind == "xfs" else "64M", pool=pool)
