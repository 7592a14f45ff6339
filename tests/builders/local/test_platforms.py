"""Images for several platforms: one digest for all of them; of docker only what it is told to do."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fake_docker import DIGEST, IMAGE, Docker
from support.git import Origin
from support.local_site import LocalSite, built, end, pushed, request, runner_of, until
from support.needs import needs
from support.registry import Registry, registry

from bridge.builders.base import Sent
from bridge.builders.local.builder import LocalBuilder
from bridge.builders.local.platforms import not_run_here
from bridge.errors import Permanent
from bridge.model.build import BuildState

BOTH = ["linux/amd64", "linux/arm64"]
DOCKERFILE = "FROM scratch\nARG TARGETARCH\nCOPY hello.txt /\nENV FOR=$TARGETARCH\n"
PUSHES = """
    while test $# -gt 0; do
        test "$1" != --metadata-file || echo '{"containerimage.digest": "%s"}' >"$2"
        shift
    done
"""
PPC64LE = 21
"""The number of the processor in ELF."""


@pytest.fixture
def images(tmp_path: Path) -> Iterator[Registry]:
    with registry(tmp_path / "registry") as running:
        yield running


def buildah(site: LocalSite, images: Registry, *platforms: str) -> LocalBuilder:
    needs("buildah")
    return site.builder(
        engine="buildah", registry=images.address, tls_verify=False, platforms=list(platforms)
    )


def foreign_program() -> bytes:
    """A program for another processor."""
    program = bytearray(Path(needs("busybox")).read_bytes())
    program[18] = PPC64LE
    return bytes(program)


def config(images: Registry, digest: str) -> dict[str, Any]:
    _, manifest = images.manifest("acme/shop", digest)
    found: dict[str, Any] = json.loads(images.blob("acme/shop", manifest["config"]["digest"]))
    return found


async def test_one_digest_has_an_image_for_each_platform_under_all_tags(
    site: LocalSite, origin: Origin, images: Registry
) -> None:
    commit = pushed(origin, {"Dockerfile": DOCKERFILE, "hello.txt": "hello\n"})
    builder = buildah(site, images, *BOTH)
    now = await built(builder, request(origin, commit, tags=("latest", "v1", "v1.0")))
    assert now.state is BuildState.SUCCEEDED, site.text()
    assert images.tags("acme/shop") == ["latest", "v1", "v1.0"]
    found = {tag: images.manifest("acme/shop", tag) for tag in images.tags("acme/shop")}
    assert {digest for digest, _ in found.values()} == {now.digest}
    parts = {part["platform"]["architecture"]: part["digest"] for part in found["v1"][1]["manifests"]}
    assert parts.keys() == {"amd64", "arm64"}
    for architecture, digest in parts.items():
        document = config(images, digest)
        assert document["architecture"] == architecture
        assert f"FOR={architecture}" in document["config"]["Env"]
        assert document["config"]["Labels"]["org.opencontainers.image.revision"] == commit
    await builder.release("b1")
    assert list(site.state.iterdir()) == []
    again = await built(builder, request(origin, commit, build_id="b2"))
    assert again.digest == now.digest


async def test_one_other_platform_gives_a_plain_image(
    site: LocalSite, origin: Origin, images: Registry
) -> None:
    commit = pushed(origin, {"Dockerfile": DOCKERFILE, "hello.txt": "hello\n"})
    now = await built(buildah(site, images, "linux/arm64"), request(origin, commit))
    assert now.digest is not None, site.text()
    assert config(images, now.digest)["architecture"] == "arm64"


async def test_a_program_for_another_processor_fails_with_what_to_install(
    site: LocalSite, origin: Origin, images: Registry
) -> None:
    dockerfile = 'FROM scratch\nCOPY busybox /\nRUN ["/busybox", "true"]\n'
    commit = pushed(origin, {"Dockerfile": dockerfile, "busybox": foreign_program()})
    now = await built(buildah(site, images, "linux/ppc64le"), request(origin, commit))
    assert now.state is BuildState.FAILED
    assert now.detail.endswith(f"; {not_run_here(['linux/ppc64le'])}")


async def test_the_test_of_the_builder_says_what_cannot_run(site: LocalSite) -> None:
    needs("buildah")
    builder = site.builder(engine="buildah", platforms=["linux/ppc64le"])
    assert (await builder.test()).endswith(
        "; RUN steps for linux/ppc64le cannot run on this machine: install qemu-user-static, which "
        "registers emulators with binfmt_misc"
    )


def test_an_emulator_runs_what_the_machine_does_not(tmp_path: Path) -> None:
    (tmp_path / "qemu-s390x").touch()
    (tmp_path / "qemu-mips64el-static").touch()
    assert not_run_here(["linux/s390x", "linux/mips64le"], tmp_path) == ""
    assert "for linux/riscv64 cannot" in not_run_here(["linux/s390x", "linux/riscv64"], tmp_path)


@pytest.fixture
def buildx(docker: Docker) -> Docker:
    docker.does(build=PUSHES % DIGEST)
    return docker


async def test_docker_builds_before_it_pushes_all_names_at_once(
    site: LocalSite, origin: Origin, buildx: Docker
) -> None:
    commit = pushed(origin, {"Dockerfile": "FROM scratch\n"})
    builder = site.builder(engine="docker", platforms=BOTH)
    wanted = request(origin, "", image=IMAGE, parameters={"BUILD_ARG_COLOUR": "blue"})
    now = await built(builder, wanted)
    assert (now.state, now.digest) == (BuildState.SUCCEEDED, DIGEST), site.text()
    first, second = buildx.calls("buildx build")
    for call in (first, second):
        assert "--platform linux/amd64,linux/arm64" in call
        assert "--build-arg COLOUR=blue --build-arg SOURCE_DATE_EPOCH=1700000001" in call
        assert f"image.revision={commit}" in call
    assert "--push" not in first
    assert f"--tag {IMAGE}:latest --tag {IMAGE}:v1 " in second
    await builder.release("b1")
    assert list(site.state.iterdir()) == []


async def test_a_push_that_a_killed_runner_began_is_repeated_out_of_the_same_checkout(
    site: LocalSite, origin: Origin, docker: Docker, tmp_path: Path
) -> None:
    wait = f"test -e {tmp_path}/pushing || {{ touch {tmp_path}/pushing; exec sleep 600; }}"
    there = 'for each; do :; done; cat "$each/Dockerfile"'
    docker.does(build=f'{there}; case "$*" in *--push*) {wait};; esac; {PUSHES % DIGEST}')
    commit = pushed(origin, {"Dockerfile": "FROM scratch\n"})
    builder = site.builder(engine="docker", platforms=BOTH)
    assert await builder.trigger(request(origin, "", image=IMAGE)) == Sent("b1")
    await until((tmp_path / "pushing").exists)
    os.kill(runner_of(site), signal.SIGKILL)
    now = await end(builder)
    assert (now.state, now.digest) == (BuildState.SUCCEEDED, DIGEST), site.text()
    calls = docker.calls("buildx build")
    assert ["--push" in call for call in calls] == [False, True, True]
    assert calls[1] == calls[2]
    assert f"image.revision={commit}" in calls[2]
    assert site.text().count("\nFROM scratch\n") == 3


async def test_a_build_that_fails_pushes_nothing(site: LocalSite, origin: Origin, docker: Docker) -> None:
    docker.does(build="exit 9")
    commit = pushed(origin, {"Dockerfile": "FROM scratch\n"})
    now = await built(site.builder(engine="docker", platforms=BOTH), request(origin, commit, image=IMAGE))
    assert (now.state, now.detail) == (BuildState.FAILED, "the image build failed with exit code 9")
    assert len(docker.calls("buildx build")) == 1


async def test_a_push_without_a_digest_is_not_taken_for_done(
    site: LocalSite, origin: Origin, docker: Docker
) -> None:
    docker.does(build=PUSHES % "none")
    commit = pushed(origin, {"Dockerfile": "FROM scratch\n"})
    now = await built(site.builder(engine="docker", platforms=BOTH), request(origin, commit, image=IMAGE))
    assert now.detail == "the image was pushed, but its digest could not be read"


async def test_a_docker_without_buildx_is_told(site: LocalSite, docker: Docker) -> None:
    docker.does(build="exit 1")
    with pytest.raises(Permanent, match="docker buildx version failed"):
        await site.builder(engine="docker", platforms=BOTH).test()
