import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.fake_docker import Docker
from support.git import Origin
from support.local_site import LocalSite, cancel_all
from support.registry_down import DownRegistry

from bridge.builders.local import builder as local

# Without them coverage sees nothing of a runner; the last one says whose it is, where contexts are recorded.
MEASURED = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "PYTEST_CURRENT_TEST")


@pytest.fixture(autouse=True)
def _measured_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MEASURED:
        if name in os.environ:
            value = os.environ[name].replace(" (setup)", " (call)")
            monkeypatch.setitem(local.RUNNER_ENVIRONMENT, name, value)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "origin")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[LocalSite]:
    made = LocalSite(tmp_path / "state")
    yield made
    await cancel_all(made)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return Docker(folder)


@pytest.fixture
def down(docker: Docker, tmp_path: Path) -> DownRegistry:
    return DownRegistry(docker, tmp_path)
