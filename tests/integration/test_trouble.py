"""What goes wrong in a cluster is said, with its reason; it never looks like success; and the next cycle is good again."""
import os
import pathlib
import signal

import koffer as programs
import pytest
from host import wait_until

pytestmark = pytest.mark.limit(180)


def failed_cycle(koffer):
    """A cycle that must not become a full; returns its status, and checks that it left none."""
    before = koffer.json("full", "list")["fulls"]
    done = koffer.try_cli("cycle", "start", "--wait", timeout=150)
    assert done.returncode != 0, done.stdout
    cycle = koffer.newest_cycle()
    assert cycle["state"] in ("incomplete", "failed"), cycle
    assert [full["full"] for full in koffer.json("full", "list")["fulls"] if full["state"] == "good"] == [
        full["full"] for full in before if full["state"] == "good"]
    return koffer.json("cycle", "show", str(cycle["cycle"]))


def problem_of(status, agent, source):
    return next(one["problem"] for one in status["sources"] if (one["agent"], one["source"]) == (agent, source))


def test_a_stopped_directory_server_fails_its_source_and_says_so(cluster, koffer):
    cluster.ldap.stop()
    try:
        status = failed_cycle(koffer)
    finally:
        cluster.ldap.start()
    assert "kolab" in problem_of(status, "ldap1", "directory")
    assert koffer.cycle()["state"] == "full"


def test_a_stopped_database_fails_its_source_and_says_so(cluster, koffer):
    cluster.mariadb.stop()
    try:
        status = failed_cycle(koffer)
    finally:
        cluster.mariadb.start()
    assert "mysqld.sock" in problem_of(status, "db1", "databases")
    assert koffer.cycle()["state"] == "full"


def test_a_duplicate_option_in_imapd_conf_is_named(cluster, koffer):
    config = cluster.hosts["imap1"].outside("/etc/imapd.conf")
    good = config.read_text()
    config.write_text(good + "configdirectory: /var/lib/cyrus\n")
    try:
        assert "configdirectory" in problem_of(failed_cycle(koffer), "imap1", "mail")
    finally:
        config.write_text(good)
    assert koffer.cycle()["state"] == "full"


def test_a_missing_path_of_a_files_source_is_named(cluster, koffer):
    data = cluster.hosts["db1"].outside("/srv/data")
    data.rename(data.with_name("elsewhere"))
    try:
        assert "/srv/data" in problem_of(failed_cycle(koffer), "db1", "data")
    finally:
        data.with_name("elsewhere").rename(data)
    assert koffer.cycle()["state"] == "full"


def test_a_source_that_shrank_by_half_is_suspected(cluster, koffer):
    before = koffer.cycle()
    data = cluster.hosts["db1"].outside("/srv/data")
    data.rename(data.with_name("elsewhere"))
    data.mkdir()
    try:
        koffer.cycle()
        warnings = [text for one in koffer.json("cycle", "show")["sources"] if one["source"] == "data"
                    for text in one.get("warnings", [])]
        assert any("suspect" in text and str(before["cycle"]) in text for text in warnings), warnings
    finally:
        data.rmdir()
        data.with_name("elsewhere").rename(data)
    assert koffer.cycle()["state"] == "full"


def test_without_an_agent_there_is_no_full(koffer):
    koffer.agents["db1"].kill()
    wait_until(lambda: "db1" not in koffer.connected(), 40, "the controller notices", every=0.2)
    try:
        assert "connected" in problem_of(failed_cycle(koffer), "db1", "data")
    finally:
        koffer.start_agent("db1")
        koffer.wait_for_agents()
    assert koffer.cycle()["state"] == "full"


def test_two_cycles_at_once_are_refused(koffer):
    with koffer.standing_still("imap1"):
        koffer.cli("cycle", "start")
        second = koffer.try_cli("cycle", "start")
    assert second.returncode != 0 and "cycle" in second.stderr
    assert koffer.end_of_cycle() == "full"


def test_a_controller_killed_in_a_cycle_cleans_up_and_the_next_one_is_good(koffer):
    with koffer.standing_still("imap1"):
        koffer.cli("cycle", "start")
        koffer.controller.kill()
    koffer.start_controller()
    koffer.wait_for_agents(seconds=60)
    assert koffer.end_of_cycle() != "full"
    assert koffer.cycle()["state"] == "full"


def test_an_agent_killed_in_a_cycle_comes_back_and_the_next_one_is_good(koffer):
    with koffer.standing_still("imap1"):
        koffer.cli("cycle", "start")
        koffer.agents["imap1"].kill()
    assert koffer.end_of_cycle() in ("incomplete", "failed")
    koffer.start_agent("imap1")
    koffer.wait_for_agents(seconds=60)
    assert koffer.cycle()["state"] == "full"


def test_a_flipped_bit_in_a_pack_is_found_without_any_key(koffer):
    koffer.cycle()
    pack = max(koffer.vault().rglob("*.pack"), key=lambda path: path.stat().st_size)
    flip(pack)
    try:
        done = koffer.try_cli("vault", "verify", timeout=150)
        assert done.returncode != 0 and pack.stem[:16] in done.stdout + done.stderr, done
    finally:
        flip(pack)
    koffer.cli("vault", "verify", timeout=150)


def flip(path):
    with open(path, "r+b") as pack:
        pack.seek(os.fstat(pack.fileno()).st_size // 2)
        byte = pack.read(1)
        pack.seek(-1, os.SEEK_CUR)
        pack.write(bytes([byte[0] ^ 1]))


def test_interrupting_a_waiting_operator_leaves_the_cycle_running(koffer):
    with koffer.standing_still("imap1"):
        before = koffer.newest_cycle()["cycle"]
        waiting = koffer.controller_host.start(["/mnt/programs/koffer", "cycle", "start", "--wait"], "koffer-wait")
        wait_until(lambda: koffer.newest_cycle()["cycle"] != before and "check" in waiting.words(), 20, "progress")
        waiting.stop(signal.SIGINT)
        assert not koffer.newest_cycle()["finished"]
    assert koffer.end_of_cycle() == "full"


def test_a_new_backend_is_in_the_next_full(cluster, koffer):
    """All backends are enumerated from the server's configuration: one that is new is in the next full."""
    cluster.ldap.add_backend("example_com", "dc=example,dc=com")
    try:
        koffer.cycle()
        assert "example_com" in koffer.cli("full", "ls", f"{koffer.newest_full()}:ldap1.directory/export/ldap/kolab")
    finally:
        cluster.ldap.remove_backend("example_com", "dc=example,dc=com")


def test_a_source_that_leaves_a_configuration_is_missed_until_it_is_forgotten(cluster, koffer):
    config = cluster.hosts["db1"].outside("/etc/koffer/koffer-agent.conf")
    good = config.read_text()
    assert koffer.cycle()["state"] == "full"
    begin = good.index('source "data"')
    config.write_text(good[:begin] + good[good.index("}\n", good.index("}", begin) + 1) + 2:])
    try:
        koffer.agents["db1"].stop()
        koffer.start_agent("db1")
        koffer.wait_for_agents()
        assert "no longer" in problem_of(failed_cycle(koffer), "db1", "data")
        koffer.cli("source", "forget", "db1.data")
        assert koffer.cycle()["state"] == "full"
    finally:
        config.write_text(good)
        koffer.agents["db1"].stop()
        koffer.start_agent("db1")
        koffer.wait_for_agents()
    assert koffer.cycle()["state"] == "full"


def test_a_clock_that_is_off_by_an_hour_is_said(cluster, koffer):
    """The agent works all the same; who reads the status learns it."""
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    koffer.agents["db1"].stop()
    koffer.start_agent("db1", env={"LD_PRELOAD": str(library), "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    try:
        koffer.wait_for_agents()
        problem = next(agent["problem"] for agent in koffer.json("agent", "list")["agents"] if agent["name"] == "db1")
        assert "clock is off by 36" in problem or "clock is off by 35" in problem, problem
        assert any("clock" in text for text in koffer.json("status")["problems"])
        assert koffer.cycle()["state"] == "full"
    finally:
        koffer.agents["db1"].stop()
        koffer.start_agent("db1")
        koffer.wait_for_agents()


def test_a_full_staging_directory_fails_its_source_and_says_so(cluster, koffer):
    host, staging = cluster.hosts["ldap1"], "/var/cache/koffer/staging"
    host.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=711", "tmpfs", staging])
    try:
        problem = problem_of(failed_cycle(koffer), "ldap1", "directory")
        assert "room" in problem or "space" in problem, problem
        assert staging in problem, problem
    finally:
        host.run(["umount", staging])
    assert koffer.cycle()["state"] == "full"


def test_a_vault_without_room_begins_no_cycle_and_says_so(koffer):
    config = koffer.controller_host.outside(programs.CONTROLLER["config"])
    good = config.read_text()
    config.write_text(good + '\nvault-reserve = "4000T"\n')
    try:
        koffer.controller.stop()
        koffer.start_controller()
        koffer.wait_for_agents(seconds=60)
        before = koffer.newest_cycle()["cycle"]
        refused = koffer.try_cli("cycle", "start", "--wait")
        assert refused.returncode != 0 and "reserve" in refused.stdout + refused.stderr, refused
        assert koffer.newest_cycle()["cycle"] == before
        assert any("reserve" in text for text in koffer.json("status")["problems"])
        assert koffer.json("full", "show")["archives"]  # what is there can still be read
    finally:
        config.write_text(good)
        koffer.controller.stop()
        koffer.start_controller()
        koffer.wait_for_agents(seconds=60)
    assert koffer.cycle()["state"] == "full"
