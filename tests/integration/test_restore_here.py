"""Restores to the operator's own machine: fetched over the data stream, opened and written by koffer(1), with both custodies.

The controller lends blobs and knows of the job; it writes nothing itself, and with custody = operator it cannot open anything.
"""
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys

import compare
import pytest
from host import wait_until
from pair import Pair
from peer import Control

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "reader"))

from vault import Vault, table_of  # noqa: E402

PAPER = re.compile(r"KFR1(?:-[0-9A-Z]{4,8})+")


@pytest.fixture(params=["controller", "operator"])
def pair(request, programs, tmp_path):
    made = Pair(programs, tmp_path, random.Random(1), files=40, custody=request.param,
                agent_keys=f'restore-roots = {{"{tmp_path}"}}')
    made.custody, made.key = request.param, PAPER.search(made.sheet)[0]
    made.start()
    made.run("koffer", "cycle", "start", "--wait")
    yield made
    assert made.stop() == [0, 0]


def enroll_operator(pair, name="anna", role="restore"):
    """Her program then runs with her own certificate, from afar as it were."""
    token = pair.json("operator", "add", name, "--role", role)["token"]
    env = dict(pair.env, KOFFER_OPERATOR=str(pair.base / name))
    env["KOFFER_CONTROLLER"] = f"tls+tcp://127.0.0.1:{pair.control_port}"
    subprocess.run([f"{pair.programs}/koffer", "operator", "enroll"], env=env, input=token + "\n", text=True, check=True,
                   capture_output=True)
    return env


def koffer(pair, *words, env=None, check=True):
    """With the key where nobody else has one."""
    more = ["--key", "-"] if pair.custody == "operator" else []
    done = subprocess.run([f"{pair.programs}/koffer", *words, *more], env=env or pair.env, input=pair.key + "\n", text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


def cancel(pair, job):
    with Control.local(pair.base / "run/control") as control:
        control.ask("JOB_CANCEL", {"job": int(job)})


def differences(pair, folder):
    data = str(pair.base / "data")
    return compare.tree(data, pathlib.Path(folder) / "fs" / data.lstrip("/"))


@pytest.mark.parametrize("who", ["root", "anna"])
def test_a_restore_writes_here_what_was_captured(pair, who):
    env = enroll_operator(pair) if who == "anna" else None
    koffer(pair, "restore", "files", "latest:host.data", "--to", str(pair.base / "one"), env=env)
    assert differences(pair, pair.base / "one") == []
    koffer(pair, "restore", "files", "latest", "--to", str(pair.base / "all"), env=env)
    assert differences(pair, pair.base / "all/host.data") == []
    again = koffer(pair, "restore", "files", "latest", "--to", str(pair.base / "all"), env=env)
    assert "were there already" in again.stdout
    shown = json.loads(koffer(pair, "restore", "files", "latest:data/fs" + str(pair.base / "data/file1"), "--to",
                              str(pair.base / "file"), "--json", env=env).stdout)
    assert (shown["kind"], shown["state"], shown["restored"]["files"]) == ("restore", "done", 1)
    assert (pair.base / "file/file1").read_bytes() == (pair.base / "data/file1").read_bytes()


def test_a_restore_through_an_agent_is_sealed_to_it(pair):
    """With the operator's custody the controller passes on what it cannot open."""
    target = pair.base / "through"
    koffer(pair, "restore", "files", "latest:host.data", "--to", str(target), "--on", "host")
    assert differences(pair, target) == []
    if pair.custody == "operator":
        refused = pair.run("koffer", "restore", "files", "latest:host.data", "--to", str(target), "--on", "host", check=False)
        assert refused.returncode == 5 and "--key" in refused.stdout


def test_the_root_keys_are_given_only_to_who_may_restore(pair):
    env = enroll_operator(pair, "vera", "viewer")
    refused = koffer(pair, "restore", "files", "latest", "--to", str(pair.base / "no"), env=env, check=False)
    assert refused.returncode == 5 and "restore" in refused.stderr
    assert not (pair.base / "no").exists()


def test_with_operators_custody_only_a_sheet_opens(pair):
    stranger = "KFR1-040020G3-0G2GC1R8-1450P30D-1R7H048J-2CA1A5GQ-30CHM6RW-3MF1YJ8H-ETR0"
    refused = pair.run("koffer", "restore", "files", "latest", "--to", str(pair.base / "no"), "--key", "-", input=stranger + "\n",
                       check=False)
    assert refused.returncode == 5 and "not sealed to this key" in refused.stdout
    if pair.custody == "operator":
        refused = pair.run("koffer", "restore", "files", "latest", "--to", str(pair.base / "no"), check=False)
        assert refused.returncode == 5 and "--key" in refused.stdout
        assert not (pair.base / "controller/keys/custody.key").exists()
    assert not (pair.base / "no").exists()


def test_a_key_file_must_be_its_owners_alone(pair):
    path = pair.base / "sheet.txt"
    path.write_text(pair.sheet)
    path.chmod(0o644)
    words = ["restore", "files", "latest", "--to", str(pair.base / "by-file"), "--key", str(path)]
    assert pair.run("koffer", *words, check=False).returncode == 5
    path.chmod(0o600)
    pair.run("koffer", *words)
    assert differences(pair, pair.base / "by-file/host.data") == []


def test_ls_and_cat_open_here_with_a_key(pair):
    place = "latest:data/fs" + str(pair.base / "data")
    listed = subprocess.run([f"{pair.programs}/koffer", "--json", "full", "ls", place, "--key", "-"], env=pair.env, text=True,
                            input=pair.key + "\n", capture_output=True, check=True)
    assert {entry["name"] for entry in json.loads(listed.stdout)["entries"]} == set(os.listdir(pair.base / "data"))
    content = subprocess.run([f"{pair.programs}/koffer", "full", "cat", f"{place}/file3", "--key", "-"], env=pair.env,
                             input=pair.key.encode() + b"\n", capture_output=True, check=True)
    assert content.stdout == (pair.base / "data/file3").read_bytes()
    missing = pair.run("koffer", "full", "cat", f"{place}/nothing", "--key", "-", input=pair.key + "\n", check=False)
    assert missing.returncode == 4


def test_a_dry_run_writes_nothing(pair):
    said = koffer(pair, "restore", "files", "latest", "--to", str(pair.base / "dry"), "--dry-run")
    assert "would restore" in said.stdout and not (pair.base / "dry").exists()


def damage_the_longest_blob(vault):
    """A chunk of a long file: no directory hangs on it."""
    found = [(place.length, path, place.offset) for path, _ in vault.packs()
             for place in table_of(path.read_bytes(), vault.id, path) if place.children == 0]
    length, path, offset = max(found)
    data = bytearray(path.read_bytes())
    data[offset + length // 2] ^= 1
    path.write_bytes(data)


def test_a_lost_blob_costs_only_what_it_held(pair):
    for n in range(3):
        pair.write(f"long{n}", 5 << 20)
    pair.run("koffer", "cycle", "start", "--wait")
    damage_the_longest_blob(Vault(pair.base / "vault"))
    hurt = koffer(pair, "restore", "files", "latest:host.data", "--to", str(pair.base / "hurt"), check=False)
    assert hurt.returncode == 6 and "1 FAILED" in hurt.stdout, hurt.stdout + hurt.stderr
    there = pair.base / "hurt/fs" / str(pair.base / "data").lstrip("/")
    lost = set(os.listdir(pair.base / "data")) - set(os.listdir(there))
    assert len(lost) == 1 and lost < {"long0", "long1", "long2"}
    for name in os.listdir(there):
        assert (there / name).read_bytes() == (pair.base / "data" / name).read_bytes(), name


def test_ctrl_c_and_a_cancel_end_it_and_leave_no_half_file(pair):
    for n in range(6):
        pair.write(f"big{n}", 24 << 20)
    pair.run("koffer", "cycle", "start", "--wait")
    for how in ("interrupt", "cancel"):
        folder = pair.base / how
        more = ["--key", "-"] if pair.custody == "operator" else []
        process = subprocess.Popen([f"{pair.programs}/koffer", "restore", "files", "latest:host.data", "--to", str(folder), *more],
                                   env=pair.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        process.stdin.write(pair.key + "\n")
        process.stdin.close()
        wait_until(lambda: folder.exists() and any(folder.rglob("*")), 30, "the restore to begin", every=0.005)
        if how == "interrupt":
            process.send_signal(signal.SIGINT)
        else:
            lines = [line for line in (pair.log("koffer-controller")).read_text().splitlines() if "restore to an operator" in line]
            job = re.search(r"job=(\d+)", lines[-1])[1]
            process.send_signal(signal.SIGSTOP)  # it must not be done before
            cancel(pair, job)
            process.send_signal(signal.SIGCONT)
        said = process.stdout.read()
        status = process.wait(30)
        assert status == (130 if how == "interrupt" else 1), said
        restored = folder / "fs" / str(pair.base / "data").lstrip("/")
        for path in restored.iterdir() if restored.exists() else ():
            assert path.read_bytes() == (pair.base / "data" / path.name).read_bytes(), path


def test_a_program_that_dies_ends_its_job_and_may_begin_again(pair):
    pair.write("big", 40 << 20)
    pair.run("koffer", "cycle", "start", "--wait")
    more = ["--key", "-"] if pair.custody == "operator" else []
    process = subprocess.Popen([f"{pair.programs}/koffer", "restore", "files", "latest:host.data", "--to", str(pair.base / "dead"),
                                *more], env=pair.env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    process.stdin.write(pair.key + "\n")
    process.stdin.close()
    wait_until(lambda: (pair.base / "dead").exists(), 30, "the restore to begin", every=0.005)
    process.kill()
    process.wait()
    koffer(pair, "restore", "files", "latest:host.data", "--to", str(pair.base / "dead"))
    assert differences(pair, pair.base / "dead") == []
