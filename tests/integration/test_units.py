"""The units: understood by systemd whole, and as closed as promised (docs/architecture/README.md)."""
import pathlib
import re
import shutil
import subprocess

import pytest

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
EXPOSURE = {"koffer-agent": 1.5, "koffer-controller": 1.5, "koffer-priv": 3.5}
USERS = {"koffer-agent": "koffer-agent", "koffer-controller": "koffer"}


def analyze(*words, cwd):
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, cwd=cwd)


@pytest.mark.parametrize("unit", EXPOSURE)
def test_a_unit_is_exposed_no_more_than_promised(tmp_path, unit):
    shutil.copy(DEPLOY / f"systemd/{unit}.service", tmp_path)
    said = analyze("security", "--offline=true", "--no-pager", f"./{unit}.service", cwd=tmp_path).stdout
    level = float(re.search(r"exposure level for \S+: ([0-9.]+)", said)[1])
    print(f"{unit}.service: {level}")
    assert level <= EXPOSURE[unit], said


def test_units_are_clean(tmp_path, programs):
    units = []
    for unit in (DEPLOY / "systemd").iterdir():
        units.append(f"./{unit.name}")
        (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/sbin/", f"{programs}/"))
    done = analyze("verify", "--man=no", *units, cwd=tmp_path)
    ours = [line for line in done.stderr.splitlines() if "koffer" in line]
    assert done.returncode == 0 and not ours, done.stderr


@pytest.mark.parametrize("unit", USERS)
def test_network_parts_run_as_users_that_sysusers_makes(unit):
    text = (DEPLOY / f"systemd/{unit}.service").read_text()
    assert f"\nUser={USERS[unit]}\n" in text and "\nCapabilityBoundingSet=\n" in text
    assert re.search(rf"(?m)^u\s+{USERS[unit]}\s", (DEPLOY / "sysusers.d/koffer.conf").read_text())
