"""Images from local builds: real buildah, a real registry; of podman and docker only the arguments."""

import gzip
import io
import json
import os
import shlex
import signal
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import anyio
import pytest
from support.git import Origin
from support.local_site import LocalSite, alive, built, busybox, end, request
from support.needs import needs
from support.registry import Registry, registry

from bridge.builders.base import Rejected, Sent
from bridge.builders.local.builder import LocalBuilder
from bridge.builders.local.folder import Folder
from bridge.errors import Permanent, Transient
from bridge.model.build import BuildState

DIGEST = f"sha256:{'ab' * 32}"


@pytest.fixture
def images(tmp_path: Path) -> Iterator[Registry]:
    with registry(tmp_path / "registry") as running:
        yield running


def buildah(site: LocalSite, images: Registry) -> LocalBuilder:
    needs("buildah")
    return site.builder(engine="buildah", registry=images.address, tls_verify=False)


def layer_files(images: Registry, reference: str) -> dict[str, bytes]:
    """The regular files of an image, all layers together."""
    _, manifest = images.manifest("acme/shop", reference)
    files: dict[str, bytes] = {}
    for layer in manifest["layers"]:
        data = gzip.decompress(images.blob("acme/shop", layer["digest"]))
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                if member.isfile() and (content := tar.extractfile(member)) is not None:
                    files[member.name] = content.read()
    return files


def labels(images: Registry, reference: str) -> dict[str, str]:
    _, manifest = images.manifest("acme/shop", reference)
    document = json.loads(images.blob("acme/shop", manifest["config"]["digest"]))
    found: dict[str, str] = document["config"]["Labels"]
    return found


async def test_an_image_is_built_and_pushed_under_all_its_tags(
    site: LocalSite, origin: Origin, images: Registry
) -> None:
    sha = origin.commit({"Dockerfile": "FROM scratch\nCOPY hello.txt /\n", "hello.txt": "hello\n"})
    origin.push()
    builder = buildah(site, images)
    now = await built(builder, request(origin, sha))
    assert now.state is BuildState.SUCCEEDED, site.text()
    assert images.tags("acme/shop") == ["latest", "v1"]
    assert now.digest is not None
    assert images.manifest("acme/shop", "latest")[0] == images.manifest("acme/shop", "v1")[0] == now.digest
    assert layer_files(images, "v1") == {"hello.txt": b"hello\n"}
    answered = labels(images, "latest")
    assert answered["org.opencontainers.image.revision"] == sha
    assert answered["org.opencontainers.image.ref.name"] == "refs/heads/main"
    assert answered["org.opencontainers.image.source"] == origin.url
    await builder.release("b1")
    assert list(site.state.iterdir()) == []


async def test_run_steps_build_arguments_and_folders_reach_the_image(
    site: LocalSite, origin: Origin, images: Registry
) -> None:
    dockerfile = (
        "FROM scratch\nARG COLOUR=none\nCOPY busybox /bin/\n"
        'RUN ["/bin/busybox", "sh", "-c", "echo $COLOUR > /colour"]\n'
    )
    sha = origin.commit({"web/busybox": busybox(), "docker/Dockerfile": dockerfile})
    origin.push()
    wanted = request(
        origin,
        sha,
        context="/web",
        dockerfile="/docker",
        parameters={"BUILD_ARG_COLOUR": "dark blue", "OTHER": "x"},
    )
    now = await built(buildah(site, images), wanted)
    assert now.state is BuildState.SUCCEEDED, site.text()
    assert layer_files(images, "latest")["colour"] == b"dark blue\n"


async def test_the_same_commit_gives_the_same_digest(
    site: LocalSite, origin: Origin, images: Registry
) -> None:
    sha = origin.commit({"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
    origin.push()
    builder = buildah(site, images)
    first = await built(builder, request(origin, sha))
    await builder.release("b1")
    second = await built(builder, request(origin, sha))
    assert first.digest is not None
    assert first.digest == second.digest


async def test_a_failing_run_step_fails_the_build_with_its_exit_code(
    site: LocalSite, origin: Origin, images: Registry
) -> None:
    dockerfile = 'FROM scratch\nCOPY busybox /bin/\nRUN ["/bin/busybox", "sh", "-c", "exit 7"]\n'
    sha = origin.commit({"Dockerfile": dockerfile, "busybox": busybox()})
    origin.push()
    now = await built(buildah(site, images), request(origin, sha))
    assert (now.state, now.detail) == (BuildState.FAILED, "the image build failed with exit code 7")
    assert images.tags("acme/shop") == []


async def test_a_runner_killed_during_a_run_step_leaves_nothing_and_the_build_starts_again(
    site: LocalSite, origin: Origin, images: Registry
) -> None:
    script = "/bin/busybox setsid /bin/busybox sleep 600 & echo begun; wait"
    dockerfile = f'FROM scratch\nCOPY busybox /bin/\nRUN ["/bin/busybox", "sh", "-c", "{script}"]\n'
    sha = origin.commit({"Dockerfile": dockerfile, "busybox": busybox()})
    origin.push()
    builder = buildah(site, images)
    assert await builder.trigger(request(origin, sha)) == Sent("b1")
    folder = Folder(site.state / "b1")
    await begun(site, 1)
    first, inside = folder.holder(), processes_in(folder.path)
    assert first is not None
    assert inside
    os.kill(first, signal.SIGKILL)
    with anyio.fail_after(30):
        while folder.holder() == first:  # noqa: ASYNC110  # another process
            await anyio.sleep(0.01)
    now = (await builder.poll({"b1": "b1"}))["b1"]
    assert now.state is BuildState.RUNNING
    await begun(site, 2)
    # By their ids: a root that was removed is no longer seen to lie in the folder.
    assert not any(alive(pid) for pid in inside)
    await builder.cancel("b1")
    assert (await end(builder)).state is BuildState.CANCELLED
    await builder.release("b1")
    assert not processes_in(folder.path)


async def begun(site: LocalSite, times: int) -> None:
    with anyio.fail_after(30):
        while site.text().count("\nbegun\n") < times:  # noqa: ASYNC110  # another process writes it
            await anyio.sleep(0.02)


def processes_in(folder: Path) -> set[int]:
    """The processes whose root or working folder is below this one."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = [(process / name).readlink() for name in ("root", "cwd")]
        except OSError:
            continue
        if any(link.is_relative_to(folder) for link in links):
            found.add(int(process.name))
    return found


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"dockerfile": "/../outside"}, "the Dockerfile '/../outside' lies outside the checkout"),
        ({"dockerfile": "/link"}, "the Dockerfile '/link' lies outside the checkout"),
        ({"context": "/../"}, "the build context '/../' lies outside the checkout"),
        ({"context": "/missing"}, "there is no build context '/missing' in the checkout"),
        ({"dockerfile": "/folder"}, "there is no Dockerfile '/folder/Dockerfile' in the checkout"),
    ],
)
async def test_context_and_dockerfile_stay_inside_the_checkout(
    site: LocalSite, origin: Origin, images: Registry, changes: dict[str, str], why: str
) -> None:
    (origin.work / "link").symlink_to("/etc/passwd")
    sha = origin.commit({"folder/file": ""})
    origin.push()
    outside = site.state / "b1" / "outside"
    outside.parent.mkdir(parents=True)
    outside.write_text("FROM scratch\n")
    now = await built(buildah(site, images), request(origin, sha, **changes))
    assert (now.state, now.detail) == (BuildState.FAILED, why)


async def test_an_image_without_any_registry_is_rejected(site: LocalSite, origin: Origin) -> None:
    needs("buildah")
    outcome = await site.builder(engine="buildah").trigger(request(origin, "0" * 40))
    assert isinstance(outcome, Rejected)
    assert "the image acme/shop names no registry" in outcome.why


@pytest.mark.parametrize("image", ["Acme/Shop", "-x/y", "a//b", "acme/shop:v1"])
async def test_an_image_name_that_is_none_is_rejected(site: LocalSite, origin: Origin, image: str) -> None:
    needs("buildah")
    builder = site.builder(engine="buildah", registry="127.0.0.1:5000")
    assert await builder.trigger(request(origin, "0" * 40, image=image)) == Rejected(
        f"'127.0.0.1:5000/{image}' is not a valid image name"
    )


async def test_without_any_engine_the_build_is_rejected_with_a_cure(
    site: LocalSite, origin: Origin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    builder = site.builder(registry="127.0.0.1:5000")
    outcome = await builder.trigger(request(origin, "0" * 40))
    assert isinstance(outcome, Rejected)
    assert outcome.why.endswith("(buildah, podman, docker): install buildah")
    with pytest.raises(Permanent, match="install buildah"):
        await builder.test()


async def test_the_test_call_names_the_engine_and_the_registry(
    site: LocalSite, images: Registry, tmp_path: Path
) -> None:
    answered = await buildah(site, images).test()
    assert answered.startswith("buildah version ")
    assert answered.endswith(f"; the registry {images.address} answers")
    with pytest.raises(
        Transient, match=r"127\.0\.0\.1:1 refuses connections: check that it runs, and `regis"
    ):
        await site.builder(engine="buildah", registry="127.0.0.1:1", tls_verify=False).test()
    with pytest.raises(Transient, match="answers without TLS at this port: set tls_verify: false"):
        await site.builder(engine="buildah", registry=images.address).test()


@pytest.mark.parametrize(
    ("status", "answered"),
    [
        (200, "the registry {} answers"),
        (401, "the registry {} answers and requires credentials"),
        (503, "the registry {} answers with HTTP 503"),
    ],
)
async def test_the_test_call_reports_a_registry_with_a_login_from_one_that_is_ill(
    site: LocalSite, status: int, answered: str
) -> None:
    needs("buildah")
    asked: list[str] = []
    with answering(status, asked) as address:
        builder = site.builder(engine="buildah", registry=f"{address}/team", tls_verify=False)
        if status == 503:
            with pytest.raises(Transient) as failure:
                await builder.test()
            answer = str(failure.value)
        else:
            answer = await builder.test()
    assert answer.endswith(answered.format(address))
    assert asked == ["/v2/"]


@contextmanager
def answering(status: int, asked: list[str]) -> Iterator[str]:
    """A server on loopback that answers each request so, and keeps its path; yields `host:port`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that gets the arguments of each call of podman and docker, which are stand-ins here."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = tmp_path / "calls"
    script = f"""#!/bin/sh
    printf '%s\\n' "$(basename $0) $*" >> {shlex.quote(str(path))}
    while test $# -gt 1; do
        test "$1" = --digestfile && echo {DIGEST} > "$2"
        test "$1" = inspect && echo '["other/image@sha256:no", "registry.example.com/acme/shop@{DIGEST}"]'
        shift
    done
    exit 0
    """
    for name in ("podman", "docker"):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return path


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


async def test_podman_is_called_like_buildah(site: LocalSite, origin: Origin, calls: Path) -> None:
    sha = origin.commit({"Dockerfile": "FROM scratch\n"})
    origin.push()
    builder = site.builder(engine="podman", authfile="/etc/auth.json", tls_verify=True)
    now = await built(builder, request(origin, sha, image="registry.example.com/acme/shop"))
    assert (now.state, now.digest) == (BuildState.SUCCEEDED, DIGEST)
    build, latest, v1 = lines(calls)[:3]
    own = (
        f"podman --root {site.state}/b1.image/store --runroot {site.state}/b1.image/run --storage-driver vfs"
    )
    assert build.startswith(f"{own} build --isolation chroot --timestamp 1700000001 ")
    assert build.endswith(f"--file {site.state}/b1/tree/Dockerfile {site.state}/b1/tree")
    options = f"--tls-verify=true --authfile /etc/auth.json --digestfile {site.state}/b1.image/digest"
    image = "registry.example.com/acme/shop"
    assert latest == f"{own} push {options} localhost/buildbridge:b1 docker://{image}:latest"
    assert v1 == f"{own} push {options} localhost/buildbridge:b1 docker://{image}:v1"


async def test_docker_builds_pushes_and_is_asked_for_the_digest(
    site: LocalSite, origin: Origin, calls: Path, tmp_path: Path
) -> None:
    sha = origin.commit({"Dockerfile": "FROM scratch\n"})
    origin.push()
    builder = site.builder(engine="docker", authfile=str(tmp_path / "auth.json"))
    image = "registry.example.com/acme/shop"
    now = await built(builder, request(origin, sha, image=image))
    assert (now.state, now.digest) == (BuildState.SUCCEEDED, DIGEST)
    await builder.release("b1")
    build, *rest = [line for line in lines(calls) if " rm " not in line]
    assert build.startswith("docker build --tag localhost/buildbridge:b1 --label ")
    assert rest == [
        f"docker tag localhost/buildbridge:b1 {image}:latest",
        f"docker push {image}:latest",
        f"docker tag localhost/buildbridge:b1 {image}:v1",
        f"docker push {image}:v1",
        "docker image inspect --format {{json .RepoDigests}} localhost/buildbridge:b1",
    ]
    assert lines(calls)[-2:] == [
        f"docker image rm --force {image}:latest {image}:v1",
        "docker image rm --force localhost/buildbridge:b1",
    ]
