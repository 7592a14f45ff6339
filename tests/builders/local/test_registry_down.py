"""A registry that does not take an image delays the build, and costs no second one."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support.fake_docker import DIGEST, IMAGE, Docker
from support.git import Origin
from support.local_site import LocalSite, built, end, runner_of, until
from support.needs import needs
from support.registry import registry
from support.registry_down import DownRegistry, hinted, image, order

from bridge.builders.base import Sent
from bridge.builders.local.folder import Folder
from bridge.builders.local.push import is_passing
from bridge.model.build import BuildState

LATEST, V1 = f"push {IMAGE}:latest", f"push {IMAGE}:v1"


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


async def test_a_killed_runner_is_followed_by_one_that_pushes_only_what_the_registry_does_not_have(
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry
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
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry
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
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry
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
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry
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
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry
) -> None:
    builder = site.builder(engine="docker", timeout="3s")
    assert await builder.trigger(order(origin)) == Sent("b1")
    await hinted(builder)
    began = Folder(site.state / "b1").starts()[0]
    await until(lambda: time.time() > began + 3.2)
    down.up()
    assert (await end(builder)).state is BuildState.SUCCEEDED


async def test_a_registry_that_is_not_back_in_time_fails_the_build(
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry
) -> None:
    now = await built(site.builder(engine="docker", push_for="2s"), order(origin))
    assert now.state is BuildState.FAILED
    assert f"did not take {IMAGE}:latest within 2 s: connection refused; until " in now.detail
    assert docker.calls("push") == [LATEST] * 3, "at once, after a second, and when the time is over"


async def test_a_push_that_is_denied_is_not_repeated_and_its_image_is_pushed_once_more_at_most(
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry
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
    site: LocalSite, origin: Origin, docker: Docker, down: DownRegistry
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
        ('error parsing HTTP 429 response body: invalid character: "Too Many Requests"', True),
        ('error parsing HTTP 502 response body: invalid character: "<html>502 Bad Gateway</html>"', True),
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
