"""The guest itself: what it passes back, what it sees, and that nothing of it stays."""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import host  # noqa: E402

GUEST = HERE / "guest.py"
LIMIT = 300  # a boot takes 10 s on an idle machine


def run(*words, before=()):
    return subprocess.run([*before, GUEST, "--limit", str(LIMIT), *words], capture_output=True, text=True)


def with_a_mount(folder):
    """In front of a command: it finds a file system of its own, with a file, mounted on its directory for temporary files."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
            'mount -t tmpfs tmpfs "$0" && echo mounted >"$0/file" && TMPDIR=$0 exec "$@"', folder]


def mounts():
    return pathlib.Path("/proc/self/mounts").read_text()


def test_output_files_and_exit_status_come_back_and_nothing_else_is_written(tmp_path):
    share, other, outside = tmp_path / "share", tmp_path / "other", tmp_path / "outside"
    share.mkdir()
    other.mkdir()
    outside.write_text("seen\n")
    before = mounts()
    done = run("--disk", "96M", "--disk", "128M", "--share", share, "--", "sh", "-c",
               f"lsblk -bnro NAME,SIZE /dev/vda /dev/vdb; cat {outside} {other}/file; echo over >{outside};"
               f"echo shared >{share}/file; pwd; echo sad >&2; exit 7", before=with_a_mount(other))
    assert done.returncode == 7, done.stderr
    assert done.stdout.splitlines() == [f"vda {96 << 20}", f"vdb {128 << 20}", "seen", "mounted", str(HERE.parents[1]), "sad"]
    assert (share / "file").read_text() == "shared\n"
    assert outside.read_text() == "seen\n"
    assert mounts() == before


def test_a_guest_that_dies_says_what_its_kernel_said():
    done = run("--cpus", "1", "--", "sh", "-c", "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger")
    assert done.returncode == 125
    assert "sysrq triggered crash" in done.stderr


def test_the_limit_holds_at_any_moment():
    done = subprocess.run([GUEST, "--limit", "1", "--", "true"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 124
    assert "not within 1 s" in done.stderr


def test_a_killed_harness_leaves_no_process_and_no_mount():
    before = mounts()
    with subprocess.Popen([GUEST, "--limit", str(LIMIT), "--", "sh", "-c", "echo here; exec tail -f /dev/null"],
                          stdout=subprocess.PIPE) as harness:
        assert harness.stdout.readline() == b"here\n"
        started = host.descendants(harness.pid)
        assert len(started) >= 3, "qemu and two processes that serve files"
        harness.kill()
    host.wait_until(lambda: not host.still_running(started), 60, "the end of what the harness had started")
    assert mounts() == before


def test_without_a_guest_its_tests_refuse_to_touch_a_disk():
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "inside/test_lvm.py"], cwd=HERE,
                          capture_output=True, text=True)
    assert done.returncode == 2
    assert "only in a guest" in done.stdout
