"""What a runner does around its pushes: a stand-in for docker says when each step begins, waits or fails."""

import json
import os
import signal
from pathlib import Path

import pytest
from support.fake_docker import DIGEST, IMAGE, Docker
from support.git import Origin
from support.local_site import LocalSite, end, pushed, request, runner_of, status, until
from support.local_site import built as built_by

from bridge.builders.base import Sent, Status
from bridge.builders.local.builder import LocalBuilder
from bridge.builders.local.folder import Folder, Result
from bridge.model.build import BuildRequest, BuildState


def order(origin: Origin) -> BuildRequest:
    return request(origin, pushed(origin, {"Dockerfile": "FROM scratch\n"}), image=IMAGE)


async def built(site: LocalSite, origin: Origin) -> Status:
    return await built_by(site.builder(engine="docker"), order(origin))


async def waiting_in(step: Path, builder: LocalBuilder, wanted: BuildRequest) -> None:
    """Trigger, and come back when the stand-in has left the note that it waits."""
    assert await builder.trigger(wanted) == Sent("b1")
    await until(step.exists)


def result(site: LocalSite) -> Result:
    found = Folder(site.state / "b1").result()
    assert found is not None
    return found


async def test_a_runner_killed_in_its_first_push_is_followed_by_one_that_pushes_the_same_image(
    site: LocalSite, origin: Origin, docker: Docker, tmp_path: Path
) -> None:
    docker.does(push=f"test -e {tmp_path}/pushing || {{ touch {tmp_path}/pushing; exec sleep 600; }}")
    builder = site.builder(engine="docker")
    await waiting_in(tmp_path / "pushing", builder, order(origin))
    os.kill(runner_of(site), signal.SIGKILL)
    now = await end(builder)
    assert now.state is BuildState.SUCCEEDED
    assert docker.calls("push") == [f"push {IMAGE}:{tag}" for tag in ("latest", "latest", "v1")]
    assert len(docker.calls("build")) == 1


async def test_a_machine_that_went_down_in_a_push_leaves_an_unknown_build_that_pushes_nothing_more(
    site: LocalSite, origin: Origin, docker: Docker, tmp_path: Path
) -> None:
    docker.does(push=f"touch {tmp_path}/pushing; exec sleep 600")
    builder = site.builder(engine="docker")
    await waiting_in(tmp_path / "pushing", builder, order(origin))
    image = site.state / "b1.image" / "image.json"
    image.write_text(json.dumps({**json.loads(image.read_text()), "boot": "an earlier start"}))
    os.kill(runner_of(site), signal.SIGKILL)
    now = await end(builder)
    assert now.state is BuildState.UNKNOWN
    assert "no one knows how it ended" in now.detail
    assert docker.calls("push") == [f"push {IMAGE}:latest"]


async def test_a_runner_killed_before_its_first_push_builds_again(
    site: LocalSite, origin: Origin, docker: Docker, tmp_path: Path
) -> None:
    docker.does(build=f"test -e {tmp_path}/building || {{ touch {tmp_path}/building; exec sleep 600; }}")
    builder = site.builder(engine="docker")
    await waiting_in(tmp_path / "building", builder, order(origin))
    os.kill(runner_of(site), signal.SIGKILL)
    assert (await end(builder)).state is BuildState.SUCCEEDED
    assert docker.calls("push") == [f"push {IMAGE}:latest", f"push {IMAGE}:v1"]


@pytest.mark.parametrize(
    ("failing", "done"),
    [("latest", []), ("v1", [f"{IMAGE}:latest"])],
)
async def test_a_push_that_fails_fails_the_build_and_is_not_among_the_pushed(
    site: LocalSite, origin: Origin, docker: Docker, failing: str, done: list[str]
) -> None:
    docker.does(push=f'test "$2" != {IMAGE}:{failing} || exit 5')
    now = await built(site, origin)
    assert now.state is BuildState.FAILED
    assert now.detail.startswith(f"the push of {IMAGE}:{failing} failed with exit code 5; until ")
    assert now.stage == "push the image"
    assert (now.digest, result(site).pushed, result(site).exit_code) == (None, done, 5)
    assert docker.calls("push")[-1] == f"push {IMAGE}:{failing}", "nothing is pushed after a failed push"


async def test_an_image_whose_digest_no_one_names_is_no_success(
    site: LocalSite, origin: Origin, docker: Docker
) -> None:
    docker.does(inspect=f"""echo '["{IMAGE}/more@{DIGEST}"]'""")
    now = await built(site, origin)
    assert (now.state, now.detail) == (
        BuildState.FAILED,
        "the image was pushed, but its digest could not be read",
    )
    assert result(site).pushed == [f"{IMAGE}:latest", f"{IMAGE}:v1"]


async def test_a_file_that_an_engine_owes_is_named(
    site: LocalSite, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "buildah"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    now = await built_by(site.builder(engine="buildah"), order(origin))
    assert now.state is BuildState.FAILED
    assert now.detail.startswith(f"{site.state}/b1.image/")
    assert now.detail.endswith(": No such file or directory")


async def test_a_result_that_a_full_disk_rejected_is_written_once_the_build_gave_its_space_back(
    site: LocalSite, origin: Origin, docker: Docker
) -> None:
    draft = site.state / "b1" / "result.json.new"
    docker.does(push=f"ln -sf /dev/full {draft}", rm=f"rm -f {draft}")
    now = await built(site, origin)
    assert (now.state, now.digest) == (BuildState.SUCCEEDED, DIGEST)


@pytest.mark.parametrize("cancelled", [True, False])
async def test_a_build_that_was_ended_early_is_cleaned_up_like_any_other(
    site: LocalSite, origin: Origin, docker: Docker, tmp_path: Path, cancelled: bool
) -> None:
    docker.does(build=f"touch {tmp_path}/building; exec sleep 600")
    builder = site.builder(engine="docker", timeout="1h" if cancelled else "1s")
    await waiting_in(tmp_path / "building", builder, order(origin))
    if cancelled:
        await builder.cancel("b1")
    now = await end(builder)
    assert now.state is (BuildState.CANCELLED if cancelled else BuildState.FAILED)
    await until(lambda: Folder(site.state / "b1").holder() is None)
    assert not (site.state / "b1" / "tree").exists()
    assert docker.calls("image rm") == [
        "image rm --force localhost/buildbridge:b1",
        f"image rm --force {IMAGE}:latest {IMAGE}:v1",
        "image rm --force localhost/buildbridge:b1",
    ], "before the build and after it"
    assert docker.calls("push") == []


async def test_dockers_credentials_are_those_of_the_authfile(
    site: LocalSite, origin: Origin, docker: Docker, tmp_path: Path
) -> None:
    authfile = tmp_path / "auth.json"
    authfile.write_text("the credentials")
    docker.does(push=f"cat $HOME/.docker/config.json >> {tmp_path}/seen")
    builder = site.builder(engine="docker", authfile=str(authfile))
    assert (await built_by(builder, order(origin))).state is BuildState.SUCCEEDED
    assert (tmp_path / "seen").read_text() == "the credentials" * 2
    await until(lambda: Folder(site.state / "b1").holder() is None)
    assert authfile.read_text() == "the credentials"


async def test_a_second_daemon_does_not_replace_the_order_of_a_build_that_began(
    site: LocalSite, origin: Origin, docker: Docker, tmp_path: Path
) -> None:
    docker.does(build=f"test -e {tmp_path}/building || {{ touch {tmp_path}/building; exec sleep 600; }}")
    builder, wanted = site.builder(engine="docker"), order(origin)
    await waiting_in(tmp_path / "building", builder, wanted)
    assert await site.builder("exit 3").trigger(wanted) == Sent("b1")
    os.kill(runner_of(site), signal.SIGKILL)
    await until(lambda: Folder(site.state / "b1").holder() is None)
    assert await site.builder("exit 3").trigger(wanted) == Sent("b1")
    assert (await status(builder)).state is BuildState.RUNNING
    assert (await end(builder)).state is BuildState.SUCCEEDED
