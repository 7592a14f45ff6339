"""A runner outlives its daemon, but not what that may do: another machine may build newer code by then."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fake_docker import IMAGE, Docker
from support.git import Origin
from support.local_site import LocalSite, alive, built, end, pid_in, pushed, request, status, until

from bridge.builders.base import Sent
from bridge.builders.local.folder import Folder
from bridge.model.build import BuildRequest, BuildState
from bridge.model.node import LEASE_SECONDS, RETURN_SECONDS
from bridge.runtime import lease

INTERRUPTED = "interrupted: the daemon of this machine was not heard of for so long"


@pytest.fixture(autouse=True)
def _node() -> Iterator[None]:
    """This process is a node, whose lease has just begun."""
    lease.hold(lease.now() + LEASE_SECONDS)
    lease.contest(True)
    yield
    lease.hold(float("inf"))
    lease.contest(False)


@pytest.fixture
def folder(site: LocalSite) -> Folder:
    return Folder(site.state / "b1")


def order(origin: Origin) -> BuildRequest:
    return request(origin, pushed(origin, {"Dockerfile": "FROM scratch\n"}), image=IMAGE)


def lapse(folder: Folder) -> None:
    """As if the daemon had been gone for that long."""
    folder.hold(lease.now() - 1)


async def test_a_runner_goes_on_for_a_while_without_its_daemon_but_not_until_another_machine_begins(
    site: LocalSite, origin: Origin, folder: Folder
) -> None:
    now = await built(site.builder("true"), order(origin))
    assert now.state is BuildState.SUCCEEDED
    until_when = float((folder / "lease").read_text().partition('"until": ')[2].rstrip("}"))
    assert lease.until() + LEASE_SECONDS < until_when < lease.until() - LEASE_SECONDS + RETURN_SECONDS
    assert folder.is_held()
    folder.hold(lease.now() - 0.1)
    assert not folder.is_held()


async def test_a_push_that_has_begun_is_ended_and_its_image_pushed_once_the_daemon_is_back(
    site: LocalSite, origin: Origin, docker: Docker, folder: Folder, tmp_path: Path
) -> None:
    docker.does(push=f"test -e {tmp_path}/pushing || {{ touch {tmp_path}/pushing; exec sleep 600; }}")
    builder = site.builder(engine="docker")
    assert await builder.trigger(order(origin)) == Sent("b1")
    await until((tmp_path / "pushing").exists)
    lapse(folder)
    await until(lambda: folder.holder() is None)
    assert INTERRUPTED in site.text()
    assert docker.calls("push") == [f"push {IMAGE}:latest"]
    back = site.builder(engine="docker")
    await back.renew(["b1"])
    assert (await end(back)).state is BuildState.SUCCEEDED
    assert len(docker.calls("build")) == 1


async def test_nothing_is_pushed_that_was_built_meanwhile(
    site: LocalSite, origin: Origin, docker: Docker, folder: Folder, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    docker.does(build=f"touch {tmp_path}/building; until test -e {gate}; do sleep 0.05; done")
    builder = site.builder(engine="docker")
    assert await builder.trigger(order(origin)) == Sent("b1")
    await until((tmp_path / "building").exists)
    lapse(folder)
    gate.touch()
    await until(lambda: folder.holder() is None)
    assert docker.calls("push") == []
    assert folder.result() is None


async def test_a_command_is_ended_with_all_that_it_started_and_its_end_is_unknown(
    site: LocalSite, origin: Origin, folder: Folder, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    builder = site.builder(f"setsid sleep 600 & echo $! > {note}.new; mv {note}.new {note}; wait")
    assert await builder.trigger(order(origin)) == Sent("b1")
    await until(note.exists)
    lapse(folder)
    await until(lambda: folder.holder() is None)
    assert not alive(pid_in(note))
    await builder.renew(["b1"])
    assert (await end(builder)).state is BuildState.UNKNOWN


async def test_a_runner_whose_daemon_is_there_goes_on_and_one_without_other_nodes_does_for_good(
    site: LocalSite, origin: Origin, folder: Folder, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    builder = site.builder(f"until test -e {gate}; do sleep 0.05; done")
    assert await builder.trigger(order(origin)) == Sent("b1")
    before = (folder / "lease").read_text()
    lease.hold(lease.now() + 2 * LEASE_SECONDS)
    await builder.renew(["b1", "none", "../b1"])
    assert (folder / "lease").read_text() != before
    lease.contest(False)
    await builder.renew(["b1"])
    assert not (folder / "lease").exists()
    assert folder.is_held()
    assert (await status(builder)).state is BuildState.RUNNING
    gate.touch()
    assert (await end(builder)).state is BuildState.SUCCEEDED
    assert not (site.state / "none").exists()


async def test_a_lease_ends_with_the_machine(folder: Folder) -> None:
    folder.path.mkdir(parents=True)
    folder.hold(lease.now() + 1000)
    text = (folder / "lease").read_text()
    (folder / "lease").write_text(text.replace('"boot": "', '"boot": "earlier'))
    assert not folder.is_held(), "of another start its seconds are not known"
