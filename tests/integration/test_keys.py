"""Keys over years: new recovery sheets, old fulls opened to them, old sheets retired; with the controller's key and without one.

A controller and an agent on the loopback, the programs throughout; what a sheet opens is told by koffer-recover, which has the
vault and the sheet and nothing else.
"""
import pathlib
import random
import re
import subprocess

import pytest
from pair import Pair


PAPER = re.compile(r"KFR1(?:-[0-9A-Z]{4,8})+")


@pytest.fixture(params=["controller", "operator"])
def pair(request, programs, tmp_path):
    with_custody = Pair(programs, tmp_path, random.Random(1), files=20, custody=request.param)
    with_custody.custody = request.param
    with_custody.start()
    yield with_custody
    assert with_custody.stop() == [0, 0]


def sheet_in(text):
    return PAPER.search(text)[0]


def cycle(pair, name):
    pair.write(name)
    pair.run("koffer", "cycle", "start", "--wait")


def recovered(pair, sheet, full, folder):
    """What koffer-recover gives back with this sheet: its exit status; the tree is compared when it is 0."""
    done = subprocess.run([f"{pair.programs}/koffer-recover", pair.base / "vault", "restore", str(full), "--to", pair.base / folder],
                          input=sheet + "\n", text=True, capture_output=True, timeout=60)
    return done.returncode


def holds(pair, folder, names):
    restored = pair.base / folder / "host.data/fs" / str(pair.base / "data").lstrip("/")
    return all((restored / name).read_bytes() == (pair.base / "data" / name).read_bytes() for name in names)


def keys(pair):
    return {key["label"]: key for key in pair.json("key", "show")["keys"]}


def key_option(pair, sheet):
    """With the operator's custody somebody must type a sheet; with the controller's nobody has to."""
    return {} if pair.custody == "controller" else {"input": sheet + "\n"}


def rewrap(pair, sheet, *words):
    more = [] if pair.custody == "controller" else ["--key", "-"]
    return pair.run("koffer", "key", "rewrap", *words, *more, **key_option(pair, sheet))


def test_a_new_sheet_opens_new_fulls_at_once_and_old_ones_after_rewrap(pair):
    first = sheet_in(pair.sheet)
    cycle(pair, "one")
    second = sheet_in(pair.run("koffer", "key", "add", "--label", "second").stdout)
    cycle(pair, "two")
    assert recovered(pair, second, 1, "no") == 5
    assert recovered(pair, second, 2, "new") == 0 and holds(pair, "new", ["one", "two"])
    assert keys(pair)["second"]["fulls"] == 1
    rewrap(pair, first)
    assert keys(pair)["second"]["fulls"] == 2
    assert recovered(pair, second, 1, "old") == 0 and holds(pair, "old", ["one"])
    assert recovered(pair, first, 1, "first") == 0
    pair.run("koffer", "vault", "verify")
    envelopes = list((pair.base / "vault/envelopes").iterdir())
    rewrap(pair, first)
    assert list((pair.base / "vault/envelopes").iterdir()) == envelopes, "what is done is not done again"


def test_a_rotated_sheet_opens_no_new_full_and_still_every_old_one(pair):
    first = sheet_in(pair.sheet)
    cycle(pair, "one")
    more = [] if pair.custody == "controller" else ["--key", "-"]
    said = pair.run("koffer", "key", "rotate", "recovery sheet", "--label", "next", *more, **key_option(pair, first)).stdout
    second = sheet_in(said)
    assert "stay" not in said or "open" in said
    cycle(pair, "two")
    assert [recovered(pair, second, full, f"second-{full}") for full in (1, 2)] == [0, 0]
    assert [recovered(pair, first, full, f"first-{full}") for full in (1, 2)] == [0, 5]
    assert keys(pair)["recovery sheet"]["retired"] and not keys(pair)["next"]["retired"]


def test_every_new_sheet_is_to_be_typed_back(pair):
    first = sheet_in(pair.sheet)
    second = sheet_in(pair.run("koffer", "key", "add", "--label", "second").stdout)
    assert any("recovery sheet" in problem for problem in pair.json("status")["problems"])
    pair.run("koffer", "key", "verify", input=first + "\n")
    assert any("'second'" in problem for problem in pair.json("status")["problems"])
    wrong = "KFR1-040020G3-0G2GC1R8-1450P30D-1R7H048J-2CA1A5GQ-30CHM6RW-3MF1YJ8H-ETR0"
    assert pair.run("koffer", "key", "verify", input=wrong + "\n", check=False).returncode == 5
    assert any("'second'" in problem for problem in pair.json("status")["problems"])
    pair.run("koffer", "key", "verify", input=second.lower().replace("-", " ") + "\n")
    assert not any("typed back" in problem for problem in pair.json("status")["problems"])
    assert all(key["verified"] for key in keys(pair).values() if not key["controller"])


def test_the_last_sheet_cannot_be_removed_and_limits_are_told(pair):
    refused = pair.run("koffer", "key", "remove", "recovery sheet", check=False)
    assert refused.returncode == 5 and "last recovery sheet" in refused.stdout
    refused = pair.run("koffer", "key", "remove", "nobody", check=False)
    assert refused.returncode == 4 and "key show" in refused.stdout
    refused = pair.run("koffer", "key", "add", "--label", "two\nlines", check=False)
    assert refused.returncode == 1 and "tear it up" in refused.stdout
    pair.run("koffer", "key", "add", "--label", "second")
    pair.run("koffer", "key", "remove", keys(pair)["recovery sheet"]["fingerprint"][:12])
    refused = pair.run("koffer", "key", "remove", "second", check=False)
    assert refused.returncode == 5
    assert pair.run("koffer", "key", "rotate", "recovery sheet", check=False).returncode != 0


def test_recipients_survive_a_restart_and_kill(pair):
    pair.run("koffer", "key", "add", "--label", "second")
    pair.kill(["controller"])
    pair.start()
    assert set(keys(pair)) >= {"recovery sheet", "second"}
    second = keys(pair)["second"]["fingerprint"]
    cycle(pair, "one")
    assert second in pair.json("full", "show", "1")["recipients"]


def test_no_key_is_in_an_argument_or_on_the_controller(pair):
    """The sheet's key is nowhere below the controller's state, the vault, the logs."""
    sheet = sheet_in(pair.run("koffer", "key", "add", "--label", "second").stdout)
    cycle(pair, "one")
    rewrap(pair, sheet_in(pair.sheet))
    for secret in (sheet, sheet_in(pair.sheet)):
        for path in pathlib.Path(pair.base).rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), path


def test_without_the_controllers_key_a_rewrap_wants_a_sheet(pair):
    if pair.custody == "controller":
        return
    cycle(pair, "one")
    refused = pair.run("koffer", "key", "rewrap", check=False)
    assert refused.returncode == 2 and "--key -" in refused.stdout
    stranger = "KFR1-040020G3-0G2GC1R8-1450P30D-1R7H048J-2CA1A5GQ-30CHM6RW-3MF1YJ8H-ETR0"
    pair.run("koffer", "key", "add", "--label", "second")
    refused = pair.run("koffer", "key", "rewrap", "--key", "-", input=stranger + "\n", check=False)
    assert refused.returncode == 6 and "not sealed to this key" in refused.stdout
