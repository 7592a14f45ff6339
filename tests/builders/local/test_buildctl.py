"""Images that a buildkitd builds: what it is told to do, and how its answers are understood."""

import csv
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.fake_docker import DIGEST, IMAGE, Buildctl
from support.git import Origin
from support.local_site import LocalSite, built, end, pushed, request, runner_of, until

from bridge.builders.base import Sent
from bridge.builders.local.builder import LocalBuilder
from bridge.errors import Permanent, Transient
from bridge.model.build import BuildRequest, BuildState

ADDRESS = "tcp://buildkit.example.com:1234"
WORKERS = """printf 'ID\\tPLATFORMS\\nk3x8\\tlinux/amd64,linux/386\\n'"""


@pytest.fixture
def buildctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Buildctl:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    made = Buildctl(folder)
    made.does()
    return made


def builder(site: LocalSite, **settings: Any) -> LocalBuilder:
    return site.builder(**{"engine": "buildctl", "address": ADDRESS, **settings})


def order(origin: Origin, **changes: Any) -> BuildRequest:
    commit = pushed(origin, {"web/Dockerfile": "FROM scratch\n"})
    return request(origin, commit, image=IMAGE, dockerfile="/web", **changes)


def options(call: list[str]) -> dict[str, list[str]]:
    """The values of each option of a build, in their order."""
    rest = call[call.index("build") + 1 :]
    found: dict[str, list[str]] = {}
    for name, value in zip(rest[::2], rest[1::2], strict=True):
        found.setdefault(name, []).append(value)
    return found


async def test_an_image_is_built_and_then_pushed_under_all_names_at_once(
    site: LocalSite, origin: Origin, buildctl: Buildctl
) -> None:
    wanted = order(origin, parameters={"BUILD_ARG_COLOUR": "dark blue"})
    made = builder(site, platforms=["linux/amd64", "linux/arm64"], tls_dir="/etc/buildkit")
    now = await built(made, wanted)
    assert (now.state, now.digest) == (BuildState.SUCCEEDED, DIGEST), site.text()
    calls = buildctl.calls()
    assert [call[:4] for call in calls] == [["--addr", ADDRESS, "--tlsdir", "/etc/buildkit"]] * 2
    first, second = map(options, calls)
    assert first["--frontend"] == ["dockerfile.v0"]
    assert first["--opt"] == second["--opt"]
    assert set(first["--opt"]) == {
        "build-arg:COLOUR=dark blue",
        "build-arg:SOURCE_DATE_EPOCH=1700000001",
        "filename=Dockerfile",
        f"label:org.opencontainers.image.revision={wanted.commit}",
        "label:org.opencontainers.image.ref.name=refs/heads/main",
        f"label:org.opencontainers.image.source={origin.url}",
        "platform=linux/amd64,linux/arm64",
    }
    assert "--output" not in first
    (output,) = csv.reader(second["--output"])
    assert output == ["type=image", f"name={IMAGE}:latest,{IMAGE}:v1", "push=true"]
    tree = site.state / "b1.image" / "tree"
    assert second["--local"] == [f"context={tree}", f"dockerfile={tree / 'web'}"]
    await made.release("b1")
    assert list(site.state.iterdir()) == []


async def test_the_cache_is_read_by_each_build_and_written_with_its_push(
    site: LocalSite, origin: Origin, buildctl: Buildctl
) -> None:
    made = builder(site, address=None, cache_image="registry.example.com/cache:shop", tls_verify=False)
    assert (await built(made, order(origin))).state is BuildState.SUCCEEDED
    first, second = map(options, buildctl.calls())
    insecure = "registry.insecure=true"
    reference = f"type=registry,ref=registry.example.com/cache:shop,{insecure}"
    assert first["--import-cache"] == second["--import-cache"] == [reference]
    assert "--export-cache" not in first
    (cache,) = csv.reader(second["--export-cache"])
    assert set(cache) == {*reference.split(","), "mode=max", "ignore-error=true"}
    assert second["--output"][0].endswith(f",push=true,{insecure}")


async def test_a_build_that_fails_pushes_nothing(site: LocalSite, origin: Origin, buildctl: Buildctl) -> None:
    buildctl.does(build="exit 1")
    now = await built(builder(site), order(origin))
    assert (now.state, now.detail) == (BuildState.FAILED, "the image build failed with exit code 1")
    assert len(buildctl.calls()) == 1


async def test_a_registry_that_is_down_gets_the_image_later(
    site: LocalSite, origin: Origin, buildctl: Buildctl, tmp_path: Path
) -> None:
    why = 'error: failed to solve: failed to push: failed to do request: Head "https://r/v2/": timeout'
    buildctl.does(push=f"test -e {tmp_path}/again || {{ touch {tmp_path}/again; echo '{why}'; exit 1; }}")
    now = await built(builder(site), order(origin))
    assert (now.state, now.digest) == (BuildState.SUCCEEDED, DIGEST), site.text()
    assert len(buildctl.calls()) == 3
    assert "does not take the image (timeout)" in site.text()


async def test_a_push_that_is_denied_fails_at_once(
    site: LocalSite, origin: Origin, buildctl: Buildctl
) -> None:
    buildctl.does(push="echo 'error: failed to solve: failed to push: 403 Forbidden'; exit 1")
    now = await built(builder(site), order(origin))
    assert now.state is BuildState.FAILED
    assert now.detail.startswith(f"the push of {IMAGE}:latest failed with exit code 1")
    assert len(buildctl.calls()) == 2


async def test_a_killed_push_is_repeated_out_of_the_same_checkout(
    site: LocalSite, origin: Origin, buildctl: Buildctl, tmp_path: Path
) -> None:
    wait = f"test -e {tmp_path}/pushing || {{ touch {tmp_path}/pushing; exec sleep 600; }}"
    buildctl.does(push=f'cat "$context/web/Dockerfile"; {wait}')
    made = builder(site)
    assert await made.trigger(order(origin)) == Sent("b1")
    await until((tmp_path / "pushing").exists)
    os.kill(runner_of(site), signal.SIGKILL)
    now = await end(made)
    assert (now.state, now.digest) == (BuildState.SUCCEEDED, DIGEST), site.text()
    _, killed, again = buildctl.calls()
    assert killed == again
    assert site.text().count("\nFROM scratch\n") == 2


async def test_credentials_of_registries_are_where_buildctl_looks(
    site: LocalSite, origin: Origin, buildctl: Buildctl, tmp_path: Path
) -> None:
    (tmp_path / "auth.json").write_text('{"auths": {}}\n')
    buildctl.does(push='cat "$HOME/.docker/config.json"')
    now = await built(builder(site, authfile=str(tmp_path / "auth.json")), order(origin))
    assert now.state is BuildState.SUCCEEDED
    assert '\n{"auths": {}}\n' in site.text()


async def test_the_test_call_asks_buildkitd(site: LocalSite, buildctl: Buildctl) -> None:
    buildctl.does(workers=WORKERS)
    answer = await builder(site, platforms=["linux/amd64"]).test()
    assert answer == f"buildkitd answers at {ADDRESS}, and builds for linux/386, linux/amd64"
    with pytest.raises(Permanent, match="cannot build for linux/arm64: register emulators with binfmt_misc"):
        await builder(site, platforms=["linux/amd64", "linux/arm64"]).test()


@pytest.mark.parametrize(
    ("workers", "why"),
    [("echo 'context deadline exceeded' >&2; exit 1", "context deadline exceeded"), (":", "")],
)
async def test_a_buildkitd_that_does_not_answer_is_told(
    site: LocalSite, buildctl: Buildctl, workers: str, why: str
) -> None:
    buildctl.does(workers=workers)
    with pytest.raises(Transient, match=f"buildkitd does not answer at {ADDRESS}: .*{why}"):
        await builder(site).test()


async def test_a_missing_buildctl_is_told(
    site: LocalSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Permanent, match=r"is installed \(buildctl\): install buildctl"):
        await builder(site).test()


async def test_what_only_buildctl_has_is_told(site: LocalSite) -> None:
    with pytest.raises(
        ValidationError, match="only buildctl knows `address`, `cache_image`: set `engine: buildctl`"
    ):
        site.builder(engine="buildah", address=ADDRESS, cache_image="r.example.com/cache")


async def test_the_name_of_a_cache_has_a_bound(site: LocalSite) -> None:
    longest = "r.example.com/" + "x" * 498
    builder(site, cache_image=longest)
    with pytest.raises(ValidationError, match="at most 512 characters"):
        builder(site, cache_image=f"{longest}x")
