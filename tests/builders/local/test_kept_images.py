"""Images that no registry took are kept for a while, and then they are gone."""

import json
import os
import shutil
import signal
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.fake_docker import DIGEST, IMAGE, Docker
from support.git import Origin
from support.local_site import LocalSite, built, end, pushed, runner_of, until
from support.needs import needs
from support.ports import free_port
from support.registry import registry
from support.registry_down import DownRegistry, hinted, image, order
from support.scripted import Clock

from bridge.builders.base import BuilderContext, Sent
from bridge.builders.local.builder import LocalBuilder
from bridge.builders.local.folder import Folder
from bridge.model.build import BuildRequest, BuildState

DAY = 24 * 3600.0
LATEST, V1 = f"push {IMAGE}:latest", f"push {IMAGE}:v1"


async def test_an_image_that_was_never_taken_is_only_pushed_by_the_next_run(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    needs("buildah")
    address = f"127.0.0.1:{free_port()}"
    settings: dict[str, Any] = {
        "engine": "buildah",
        "registry": address,
        "tls_verify": False,
        "push_for": "0s",
    }
    builder, wanted = site.builder(**settings), order(origin, image="acme/shop")
    failed = await built(builder, wanted)
    assert failed.state is BuildState.FAILED
    kept = datetime.fromtimestamp(time.time() + DAY).astimezone()
    assert f"the registry {address} did not take {address}/acme/shop:latest" in failed.detail
    assert f"connection refused; until {kept:%Y-%m-%d}" in failed.detail
    await builder.release("b1")
    assert [path.name for path in site.state.iterdir()] == ["b1.image"]
    with registry(tmp_path / "registry", address) as images:
        now = await built(site.builder(**settings), replace(wanted, build_id="b1.2"))
        assert now.state is BuildState.SUCCEEDED, site.text("b1.2")
        assert images.manifest("acme/shop", "v1")[0] == now.digest
    assert "fetching" not in site.text("b1.2")
    assert f"the image of commit {wanted.commit} was built and kept: it is only pushed" in site.text("b1.2")
    await builder.release("b1.2")
    assert list(site.state.iterdir()) == []


@pytest.mark.parametrize(
    "changes", [{"tags": ("latest",)}, {"parameters": {"BUILD_ARG_X": "1"}}, {"commit": None}]
)
async def test_a_build_of_anything_else_is_built(
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry, changes: dict[str, Any]
) -> None:
    builder, wanted = site.builder(engine="docker", push_for="0s"), order(origin)
    assert (await built(builder, wanted)).state is BuildState.FAILED
    down.up()
    other = pushed(origin, {"more": "x"}) if "commit" in changes else wanted.commit
    changed = replace(wanted, **{**changes, "commit": other, "build_id": "b2"})
    assert (await built(builder, changed)).state is BuildState.SUCCEEDED
    assert len(docker.calls("build")) == 2


async def test_another_run_pushes_every_name_again_for_others_may_have_taken_it_meanwhile(
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry
) -> None:
    down.fails("received unexpected HTTP status: 503 Service Unavailable", "*:v1")
    builder = site.builder(engine="docker", push_for="0s")
    wanted = order(origin)
    assert (await built(builder, wanted)).state is BuildState.FAILED
    assert Folder(site.state / "b1").result().pushed == [f"{IMAGE}:latest"]  # type: ignore[union-attr]
    newer = replace(wanted, build_id="b2", tags=("latest",), commit=pushed(origin, {"more": "x"}))
    assert (await built(builder, newer)).state is BuildState.SUCCEEDED
    down.up()
    now = await built(builder, replace(wanted, build_id="b1.2"))
    assert (now.state, now.digest) == (BuildState.SUCCEEDED, DIGEST)
    assert docker.calls("push") == [LATEST, V1, LATEST, LATEST, V1]
    assert len(docker.calls("build")) == 2


async def test_a_kept_image_goes_after_a_day_or_when_room_is_needed(
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry
) -> None:
    clock = Clock(time.time())
    builder = site.builder(engine="docker", push_for="0s")
    builder = LocalBuilder("here", builder._settings, BuilderContext(state=site.state, clock=clock))
    wanted = order(origin)
    for build_id in ("b1", "b2"):
        now = await built(builder, replace(wanted, build_id=build_id, tags=(build_id,)))
        assert now.state is BuildState.FAILED
        await until(lambda: Folder(site.state / build_id).holder() is None)  # noqa: B023  # used at once
        await builder.release(build_id)
    clock.advance(DAY - 60)
    await builder.reclaim()
    assert {path.name for path in site.state.iterdir()} == {"b1.image", "b2.image"}
    clock.advance(120)
    await builder.reclaim()
    assert list(site.state.iterdir()) == []
    assert docker.calls("image rm")[-1] == "image rm --force localhost/buildbridge:b2"
    assert (await built(builder, replace(wanted, build_id="b3"))).state is BuildState.FAILED
    patient = site.builder(engine="docker")
    assert await patient.trigger(replace(wanted, build_id="b4", tags=("b4",))) == Sent("b4")
    await hinted(patient, "b4")
    await until(lambda: Folder(site.state / "b3").holder() is None)
    await builder.reclaim(everything=True)
    assert [path.name for path in sorted(site.state.glob("*.image"))] == ["b4.image"], "it is still wanted"


def slow_removal(docker: Docker, folder: Path, push: str = ":") -> tuple[Path, Path]:
    """Removing an image from the engine makes the first file, and waits for the second."""
    begun, go_on = folder / "removing", folder / "go-on"
    docker.does(push=push, rm=f"touch {begun}; while ! test -e {go_on}; do sleep 0.01; done")
    return begun, go_on


async def kept(builder: LocalBuilder, site: LocalSite, wanted: BuildRequest) -> None:
    """The image of this build is kept after it."""
    assert (await built(builder, wanted)).state is BuildState.FAILED
    await until(lambda: Folder(site.state / wanted.build_id).holder() is None)


async def test_an_image_of_whose_removal_nobody_saw_the_end_is_never_pushed(
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry, tmp_path: Path
) -> None:
    builder, wanted = site.builder(engine="docker", push_for="0s"), order(origin)
    await kept(builder, site, wanted)
    begun, go_on = slow_removal(docker, tmp_path)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: builder.reclaim(everything=True))
        await until(begun.exists)
        left = shutil.copytree(image(site), tmp_path / "left")
        go_on.touch()
    left.rename(image(site))
    assert (await built(builder, replace(wanted, build_id="b1.2"))).state is BuildState.SUCCEEDED
    assert len(docker.calls("build")) == 2


async def test_an_image_that_a_build_takes_while_others_are_removed_stays(
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry, tmp_path: Path
) -> None:
    builder, wanted = site.builder(engine="docker", push_for="0s"), order(origin)
    other = replace(wanted, build_id="b2", tags=("other",))
    for one in (wanted, other):
        await kept(builder, site, one)
    hang = f"test -e {tmp_path}/pushing || {{ touch {tmp_path}/pushing; exec sleep 600; }}"
    begun, go_on = slow_removal(docker, tmp_path, push=hang)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: builder.reclaim(everything=True))
        await until(begun.exists)
        assert await builder.trigger(replace(other, build_id="b2.2")) == Sent("b2.2")
        await until((tmp_path / "pushing").exists)
        os.kill(runner_of(site, "b2.2"), signal.SIGKILL)
        await until(lambda: Folder(site.state / "b2.2").holder() is None)
        go_on.touch()
    assert not image(site).exists()
    assert (await end(builder, "b2.2")).state is BuildState.SUCCEEDED
    assert len(docker.calls("build")) == 2


async def test_no_more_than_ten_images_are_kept(
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry
) -> None:
    builder, wanted = site.builder(engine="docker", push_for="0s"), order(origin)
    assert (await built(builder, wanted)).state is BuildState.FAILED
    await until(lambda: Folder(site.state / "b1").holder() is None)
    record = json.loads((image(site) / "image.json").read_text())
    for number in range(2, 13):
        later = {**record, "owner": f"b{number}", "expires": record["expires"] + number}
        image(site, f"b{number}").mkdir()
        (image(site, f"b{number}") / "image.json").write_text(json.dumps(later))
    await builder.reclaim()
    assert {path.name for path in site.state.glob("*.image")} == {
        f"b{number}.image" for number in range(3, 13)
    }
