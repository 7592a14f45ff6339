"""A registry that does not take an image delays the build, and costs no second one."""

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
from support.local_site import LocalSite, built, end, pushed, request, runner_of, status, until
from support.needs import needs
from support.registry import free_port, registry
from support.scripted import Clock

from bridge.builders.base import BuilderContext, Sent, Status
from bridge.builders.local.builder import LocalBuilder
from bridge.builders.local.folder import Folder
from bridge.builders.local.push import is_passing
from bridge.model.build import BuildRequest, BuildState

DAY = 24 * 3600.0
LATEST, V1 = f"push {IMAGE}:latest", f"push {IMAGE}:v1"


class Registry:
    """What stands in for a registry behind the stand-in for docker; it is down until it is `up`."""

    def __init__(self, docker: Docker, folder: Path) -> None:
        self._up = folder / "up"
        self._says = folder / "says"
        self._docker = docker
        self.fails()

    def fails(
        self, says: str = "dial tcp 10.0.0.7:443: connect: connection refused", what: str = "*"
    ) -> None:
        """Pushes of names that match `what` fail with these words."""
        self._says.write_text(f"Error: pushing: {says}\n")
        fail = f"test -e {self._up} || {{ cat {self._says}; exit 1; }}"
        self._docker.does(push=f'case "$2" in {what}) {fail} ;; esac')

    def up(self) -> None:
        self._up.touch()


@pytest.fixture
def down(docker: Docker, tmp_path: Path) -> Registry:
    return Registry(docker, tmp_path)


def order(origin: Origin, **changes: str) -> BuildRequest:
    files = {"Dockerfile": "FROM scratch\nCOPY hello.txt /\n", "hello.txt": "hello\n"}
    return request(origin, pushed(origin, files), **{"image": IMAGE, **changes})


async def hinted(builder: LocalBuilder, build_id: str = "b1") -> Status:
    """The build, once it waits for the registry."""
    with anyio.fail_after(60):
        while not (found := await status(builder, build_id)).hint:
            assert not found.state.terminal, found
            await anyio.sleep(0.02)
    return found


def image(site: LocalSite, build_id: str = "b1") -> Path:
    return site.state / f"{build_id}.image"


async def test_a_registry_that_comes_back_gets_the_image_that_was_built(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    needs("buildah")
    with registry(tmp_path / "registry") as images:
        address = images.address
    builder = site.builder(engine="buildah", registry=address, tls_verify=False)
    assert await builder.trigger(order(origin, image="acme/shop")) == Sent("b1")
    waiting = await hinted(builder)
    assert waiting.state is BuildState.RUNNING
    assert not (site.state / "b1" / "tree").exists(), "only the image takes room"
    why = f"the registry {address} does not take the image (connection refused); it is kept, and pushed again"
    assert waiting.hint.startswith(f"{why} until ")
    with registry(tmp_path / "registry", address) as images:
        now = await end(builder)
        assert now.state is BuildState.SUCCEEDED, site.text()
        assert images.tags("acme/shop") == ["latest", "v1"]
        assert images.manifest("acme/shop", "v1")[0] == now.digest
    assert site.text().count("buildah --root") - site.text().count(" push ") == 1, "one build"
    await until(lambda: Folder(site.state / "b1").holder() is None)
    assert not image(site).exists()


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
    site: LocalSite, origin: Origin, docker: Docker, down: Registry, changes: dict[str, Any]
) -> None:
    builder, wanted = site.builder(engine="docker", push_for="0s"), order(origin)
    assert (await built(builder, wanted)).state is BuildState.FAILED
    down.up()
    other = pushed(origin, {"more": "x"}) if "commit" in changes else wanted.commit
    changed = replace(wanted, **{**changes, "commit": other, "build_id": "b2"})
    assert (await built(builder, changed)).state is BuildState.SUCCEEDED
    assert len(docker.calls("build")) == 2


async def test_another_run_pushes_every_name_again_for_others_may_have_taken_it_meanwhile(
    site: LocalSite, origin: Origin, docker: Docker, down: Registry
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


async def test_a_killed_runner_is_followed_by_one_that_pushes_only_what_the_registry_does_not_have(
    site: LocalSite, origin: Origin, docker: Docker, down: Registry
) -> None:
    down.fails("received unexpected HTTP status: 503 Service Unavailable", "*:v1")
    builder = site.builder(engine="docker")
    assert await builder.trigger(order(origin)) == Sent("b1")
    await hinted(builder)
    os.kill(runner_of(site), signal.SIGKILL)
    await until(lambda: Folder(site.state / "b1").holder() is None)
    down.up()
    assert (await end(builder)).state is BuildState.SUCCEEDED
    assert docker.calls("push").count(LATEST) == 1


async def test_a_killed_runner_that_waited_is_followed_by_one_that_only_pushes_in_the_same_time(
    site: LocalSite, origin: Origin, docker: Docker, down: Registry
) -> None:
    builder = site.builder(engine="docker")
    assert await builder.trigger(order(origin)) == Sent("b1")
    before = (await hinted(builder)).hint
    record = json.loads((image(site) / "image.json").read_text())
    assert record["boot"] is None, "the machine may go down, too"
    os.kill(runner_of(site), signal.SIGKILL)
    restarted = site.builder(engine="docker")
    await until(lambda: Folder(site.state / "b1").holder() is None)
    assert (await hinted(restarted)).hint == before
    down.up()
    assert (await end(restarted)).state is BuildState.SUCCEEDED
    assert len(docker.calls("build")) == 1


async def test_a_machine_that_was_off_for_all_the_time_pushes_once_more(
    site: LocalSite, origin: Origin, docker: Docker, down: Registry
) -> None:
    builder = site.builder(engine="docker")
    assert await builder.trigger(order(origin)) == Sent("b1")
    await hinted(builder)
    folder = Folder(site.state / "b1")
    os.kill(runner_of(site), signal.SIGKILL)
    await until(lambda: folder.holder() is None)
    pushes = len(docker.calls("push"))
    waiting = folder.waiting()
    assert waiting is not None
    folder.wait(replace(waiting, until=time.time() - 1))
    assert (await end(builder)).state is BuildState.FAILED
    assert len(docker.calls("push")) == pushes + 1


async def test_a_runner_that_was_asked_to_stop_by_the_system_leaves_an_image_that_stands_a_restart(
    site: LocalSite, origin: Origin, docker: Docker, tmp_path: Path
) -> None:
    docker.does(push=f"test -e {tmp_path}/pushing || {{ touch {tmp_path}/pushing; exec sleep 600; }}")
    builder = site.builder(engine="docker")
    assert await builder.trigger(order(origin)) == Sent("b1")
    await until((tmp_path / "pushing").exists)
    os.kill(runner_of(site), signal.SIGTERM)
    await until(lambda: Folder(site.state / "b1").holder() is None)
    assert json.loads((image(site) / "image.json").read_text())["boot"] is None
    assert (await end(builder)).state is BuildState.SUCCEEDED
    assert len(docker.calls("build")) == 1


async def test_a_runner_killed_after_its_last_push_leaves_nothing_to_push(
    site: LocalSite, origin: Origin, docker: Docker, tmp_path: Path
) -> None:
    ask = f"test -e {tmp_path}/asked || {{ touch {tmp_path}/asked; exec sleep 600; }}"
    docker.does(inspect=f"""{ask}; echo '["{IMAGE}@{DIGEST}"]'""")
    builder = site.builder(engine="docker")
    assert await builder.trigger(order(origin)) == Sent("b1")
    await until((tmp_path / "asked").exists)
    os.kill(runner_of(site), signal.SIGKILL)
    now = await end(builder)
    assert (now.state, now.digest) == (BuildState.SUCCEEDED, DIGEST)
    assert docker.calls("push") == [LATEST, V1]


async def test_a_build_that_waits_for_its_registry_can_be_cancelled_and_keeps_nothing(
    site: LocalSite, origin: Origin, docker: Docker, down: Registry
) -> None:
    builder = site.builder(engine="docker")
    assert await builder.trigger(order(origin)) == Sent("b1")
    await hinted(builder)
    await builder.cancel("b1")
    assert (await end(builder)).state is BuildState.CANCELLED
    await until(lambda: Folder(site.state / "b1").holder() is None)
    assert not image(site).exists()
    assert docker.calls("image rm")[-1] == "image rm --force localhost/buildbridge:b1"


async def test_the_time_in_which_the_registry_is_down_is_not_time_of_the_build(
    site: LocalSite, origin: Origin, docker: Docker, down: Registry
) -> None:
    builder = site.builder(engine="docker", timeout="3s")
    assert await builder.trigger(order(origin)) == Sent("b1")
    await hinted(builder)
    began = Folder(site.state / "b1").starts()[0]
    await until(lambda: time.time() > began + 3.2)
    down.up()
    assert (await end(builder)).state is BuildState.SUCCEEDED


async def test_a_registry_that_is_not_back_in_time_fails_the_build(
    site: LocalSite, origin: Origin, docker: Docker, down: Registry
) -> None:
    now = await built(site.builder(engine="docker", push_for="2s"), order(origin))
    assert now.state is BuildState.FAILED
    assert f"did not take {IMAGE}:latest within 2 s: connection refused; until " in now.detail
    assert docker.calls("push") == [LATEST] * 3, "at once, after a second, and when the time is over"


async def test_a_push_that_is_denied_is_not_repeated_and_its_image_is_pushed_once_more_at_most(
    site: LocalSite, origin: Origin, docker: Docker, down: Registry
) -> None:
    down.fails("unauthorized: authentication required")
    builder, wanted = site.builder(engine="docker"), order(origin)
    now = await built(builder, wanted)
    assert now.state is BuildState.FAILED
    assert f"{IMAGE}:latest failed with exit code 1: authentication required; until " in now.detail
    again = await built(builder, replace(wanted, build_id="b1.2"))
    assert again.detail.endswith("authentication required"), "an image that is denied again is not kept"
    down.up()
    assert (await built(builder, replace(wanted, build_id="b1.3"))).state is BuildState.SUCCEEDED
    assert docker.calls("push") == [LATEST, LATEST, LATEST, V1]
    assert len(docker.calls("build")) == 2


async def test_builds_that_wait_for_the_registry_leave_their_workers_to_others(
    site: LocalSite, origin: Origin, docker: Docker, down: Registry
) -> None:
    builder, wanted = site.builder(engine="docker", workers=1), order(origin)
    handles = {f"b{number}": f"b{number}" for number in (1, 2)}
    for build_id in handles:
        assert await builder.trigger(replace(wanted, build_id=build_id, commit=wanted.commit)) == Sent(
            build_id
        )
        await hinted(builder, build_id)
    await builder.poll(handles)
    assert builder.slots == 2, "at most as many as there are workers wait so"
    down.up()
    for build_id in handles:
        await end(builder, build_id)
    await builder.poll(handles)
    assert builder.slots == 1


async def test_a_kept_image_goes_after_a_day_or_when_room_is_needed(
    site: LocalSite, origin: Origin, docker: Docker, down: Registry
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
    site: LocalSite, origin: Origin, docker: Docker, down: Registry, tmp_path: Path
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
    site: LocalSite, origin: Origin, docker: Docker, down: Registry, tmp_path: Path
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
    site: LocalSite, origin: Origin, docker: Docker, down: Registry
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


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ('Get "https://r.example.com/v2/": dial tcp 10.0.0.7:443: connect: connection refused', True),
        ("read tcp 10.0.0.1:4711->10.0.0.7:443: read: connection reset by peer", True),
        ("dial tcp: lookup r.example.com on 10.0.0.2:53: no such host", True),
        ("net/http: TLS handshake timeout", True),
        ("net/http: request canceled (Client.Timeout exceeded while awaiting headers)", True),
        ("writing blob: Patch: EOF", True),
        ("failed to read from destination repository acme/shop: 503 (Service Unavailable)", True),
        ("failed to read from destination repository acme/shop: 429 (Too Many Requests)", True),
        ("received unexpected HTTP status: 500 Internal Server Error", True),
        ("toomanyrequests: You have reached your limit", True),
        ("failed to read from destination repository acme/shop: 403 (Forbidden)", False),
        ("unauthorized: authentication required", False),
        ("error parsing HTTP 403 response body: unexpected EOF", False),
        ("denied: requested access to the resource is denied", False),
        ("no basic auth credentials", False),
        ("invalid reference format", False),
        ("http: server gave HTTP response to HTTPS client", False),
        ("tls: failed to verify certificate: x509: certificate has expired", False),
        ("name unknown: repository name not known to registry", False),
        ("an image does not exist locally with the tag: acme/timeout", False),
        ('pushing image "localhost/eof:timeout" to "docker://x/502": manifest invalid', False),
        ("", False),
    ],
)
def test_only_what_can_pass_by_itself_is_repeated(line: str, passes: bool) -> None:
    assert is_passing(line, "r.example.com/acme/timeout:v1") is passes
