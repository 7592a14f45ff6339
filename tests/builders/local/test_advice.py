"""What would fail at the first local build is seen before it."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.local_site import until
from support.users import open_to_all, unprivileged

from bridge.builders.base import BuilderContext, Target
from bridge.builders.local import registry
from bridge.builders.local.builder import LocalBuilder
from bridge.builders.local.settings import LocalSettings
from bridge.errors import Transient
from bridge.runtime.clock import system_clock


def advice(
    *clone_urls: str | None, image: str = "acme/shop", parameters: Sequence[str] = (), **settings: Any
) -> list[str]:
    full = LocalSettings.model_validate(settings)
    builder = LocalBuilder("here", full, BuilderContext(state=Path("/nowhere"), clock=system_clock))
    targets = [
        Target(repository=f"acme/r{number}", image=image, clone_url=url, parameters=parameters)
        for number, url in enumerate(clone_urls)
    ]
    return [one.problem for one in builder.advice(targets, ())]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with git and buildah."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("git", "buildah"):
        (tmp_path / name).touch(0o755)
    return tmp_path


def test_what_can_work_needs_no_advice() -> None:
    assert advice("https://git.example.com/a.git", None, registry="127.0.0.1:5000") == []
    assert advice("ssh://git@git.example.com/a.git", "git@git.example.com:a.git", command=["git"]) == []
    assert advice("file:///srv/a.git", protocols=["file"], command=["./build.sh"]) == []
    for host in ("registry.example.com", "localhost", "host:5000"):
        assert advice(None, image=f"{host}/acme/shop") == []


@pytest.mark.parametrize("url", ["file:///srv/a.git", "/srv/a.git"])
def test_an_address_that_the_protocols_leave_out(url: str) -> None:
    assert advice(url, command=["git"]) == ["acme/r0 can never be fetched: add file to `protocols`"]
    both = advice(url, url, "http://x.example.com/a.git", "https://x.example.com/a.git", command=["git"])
    assert both == [
        "acme/r0 and 1 more can never be fetched: add file to `protocols`",
        "acme/r2 can never be fetched: add http to `protocols`",
    ]


def test_a_parameter_that_would_decide_which_programs_run() -> None:
    assert advice(None, command=["git"], parameters=["FLAVOUR", "GIT_BRANCH"]) == []
    assert advice(None, command=["git"], parameters=["FLAVOUR", "PATH"]) == [
        "acme/r0 can never be built: its parameter PATH would decide which programs run: give it another name"
    ]


def test_a_program_that_is_not_there(machine: Path) -> None:
    (machine / "buildah").unlink()
    missing = "no program that builds images is installed (buildah, podman, docker): install buildah"
    assert advice(registry="127.0.0.1:5000") == [missing]
    for command in ("make", "/opt/none/make"):
        expected = f"the program {command} is not found: install it, or correct `command`"
        assert advice(command=[command]) == [expected]
    (machine / "git").unlink()
    assert advice(command=["./x"]) == ["the program git is not found, so no code can be fetched: install git"]


def test_a_folder_that_builds_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wrong, right = tmp_path / "file" / "here", tmp_path / "new" / "builds"
    assert advice(command=["git"], folder=right) == []
    assert advice(command=["git"], folder=wrong) == [
        f"builds cannot be written to {wrong}: {tmp_path}/file is no folder"
    ]
    with open_to_all() as folder, unprivileged():
        (folder / "mine").mkdir(mode=0o500)
        (folder / "closed").mkdir(mode=0)
        for name in ("mine", "closed"):
            place = folder / name
            assert (
                f"builds cannot be written to {place}/builds: this user may not write to {place}; give it "
                "to the daemon's user, and under systemd name it in ReadWritePaths"
            ) in advice(command=["git"], folder=place / "builds")


def test_an_image_that_names_no_registry() -> None:
    expected = "the image of acme/r0 and 1 more names no registry to push to: set `registry`"
    assert advice(None, None) == [expected]


async def test_a_slow_disk_delays_no_one_but_the_test_of_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "registry.example.com"
    place.mkdir()
    os.mkfifo(place / "ca.crt")
    monkeypatch.setattr(registry, "TRUSTED", (tmp_path,))
    begun, went_on, waited = threading.Event(), threading.Event(), list[bool]()

    def write() -> None:
        with (place / "ca.crt").open("wb"):
            begun.set()
            waited.append(went_on.wait(5))

    async def ask() -> None:
        with pytest.raises(Transient, match=r"the authorities in .*ca\.crt cannot be used"):
            await registry.ask_registry("registry.example.com/acme", tls_verify=True)

    writer = threading.Thread(target=write)
    writer.start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await until(begun.is_set)
        went_on.set()
    writer.join()
    assert waited == [True]
