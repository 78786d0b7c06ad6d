"""What every integration test has: the support folder, a time limit of its own, and one cluster for the session.

    @pytest.mark.limit(60)          # seconds, instead of LIMIT
    @pytest.mark.apart              # shares nothing with the other tests of its file: may run while they do
    def test_...(cluster): ...

Several workers (pytest -n 3 --dist loadgroup, as `tests/run` does) have a cluster each, and files are given to them whole, in the
order of the table below: most tests wait most of the time.
"""
import os
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

LIMIT = 60
# The files that take longest begin first.  What test_cycle stores must be new to its vault, and whole what test_disaster finds: each begins
# its worker, and with one worker they come before those that harm the vault.
FIRST = ("test_cycle", "test_disaster", "test_trouble", "test_vault", "test_renewal")


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): how long this test may take, its fixtures not counted")
    config.addinivalue_line("markers", "apart: shares nothing with the other tests of its file")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that fixtures are closed


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    def place(item):
        return FIRST.index(item.path.stem) if item.path.stem in FIRST else len(FIRST)
    items.sort(key=place)
    for item in items:
        group = item.nodeid if item.get_closest_marker("apart") else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def time_limit(request):
    marker = request.node.get_closest_marker("limit")
    seconds = marker.args[0] if marker else LIMIT

    def too_late(*_):
        pytest.fail(f"took longer than {seconds} s", pytrace=True)

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Real servers, seeded; with the programs of the release build where there are any."""
    from cluster import Cluster
    with Cluster(tmp_path_factory.mktemp("cluster"), os.environ.get("KOFFER_PROGRAMS")) as running:
        yield running


@pytest.fixture(scope="session")
def programs():
    """The folder with Koffer's programs."""
    from koffer import missing_programs
    folder = os.environ.get("KOFFER_PROGRAMS")
    if not folder:
        pytest.fail("KOFFER_PROGRAMS does not say where the programs are (tests/run does)")
    if missing := missing_programs(folder):
        pytest.fail(f"not built: {', '.join(missing)}")
    return folder


@pytest.fixture(scope="session")
def koffer(cluster, programs):
    """The programs on the cluster: a controller and three enrolled, connected agents."""
    from koffer import Koffer
    running = Koffer(cluster)
    running.set_up()
    yield running
    running.stop()
