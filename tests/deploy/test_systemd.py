"""The units, as systemd's own tools analyze them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.needs import needs

from bridge.cli import _REPLACED

UNITS = Path(__file__).parents[2] / "systemd"
GUIDES = Path(__file__).parents[2] / "bridge" / "guides"
MAX_EXPOSURE = 1.5


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [needs("systemd-analyze"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def installed(folder: Path, *, drop_in: bool) -> Path:
    """The units as on a server, with a program that exists here."""
    for unit in UNITS.glob("buildbridge*"):
        text = unit.read_text().replace("/opt/buildbridge/bin/buildbridge", "/bin/true")
        (folder / unit.name).write_text(text)
    if drop_in:
        (folder / "buildbridge.service.d").mkdir()
        shutil.copy(UNITS / "local-builder.conf", folder / "buildbridge.service.d")
    return folder / "buildbridge.service"


@pytest.mark.parametrize("drop_in", [False, True])
def test_systemd_finds_nothing_wrong(tmp_path: Path, drop_in: bool) -> None:
    service = installed(tmp_path, drop_in=drop_in)
    others = [str(tmp_path / name) for name in ("buildbridge.socket", "buildbridge-failed.service")]
    analysis = analyze("verify", "--man=no", str(service), *others)
    complaints = [line for line in analysis.stderr.splitlines() if "buildbridge" in line]
    assert analysis.returncode == 0, analysis.stderr
    assert not complaints


def test_the_unit_that_faces_the_network_is_hardly_exposed(tmp_path: Path) -> None:
    analysis = analyze("security", "--offline=true", str(installed(tmp_path, drop_in=False)))
    found = re.search(r"Overall exposure level for buildbridge.service: ([\d.]+)", analysis.stdout)
    assert found, analysis.stderr
    assert float(found[1]) <= MAX_EXPOSURE, analysis.stdout


def test_secrets_come_as_credentials_and_a_dead_daemon_is_restarted() -> None:
    text = (UNITS / "buildbridge.service").read_text()
    for setting in ("Type=notify", "WatchdogSec=", "Restart=always", "LoadCredential=", "DynamicUser=yes"):
        assert setting in text


@pytest.mark.parametrize(("drop_in", "exposure"), [(False, "1.2"), (True, "5.7")])
def test_the_guides_state_how_exposed_the_unit_is(tmp_path: Path, drop_in: bool, exposure: str) -> None:
    analysis = analyze("security", "--offline=true", str(installed(tmp_path, drop_in=drop_in)))
    assert f"Overall exposure level for buildbridge.service: {exposure} " in analysis.stdout
    for language in ("en", "zh-CN"):
        assert exposure in (GUIDES / language / "systemd.md").read_text()


def test_systemd_knows_the_status_that_it_does_not_try_again() -> None:
    assert " 78 " in analyze("exit-status", "CONFIG").stdout
    unit = (UNITS / "buildbridge.service").read_text()
    assert f"\nRestartPreventExitStatus={os.EX_CONFIG} {_REPLACED} " in unit
