"""The submodules of a local build: only where the builder says so, within all that holds for the checkout."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.git import Origin, git, serve_http
from support.local_site import LocalSite, built, end, pushed, request, runner_of, status, until

from bridge.builders.base import Sent
from bridge.builders.local.folder import Folder
from bridge.builders.local.submodules import MAX_NESTING, MAX_SUBMODULES
from bridge.model.build import BuildRequest, BuildState

LEFT_OUT = "submodules are left out (lib): set `submodules: true` on the builder"
DEEP_LEFT_OUT = "submodules of submodules are left out (lib/deep): set `submodules: recursive` on the builder"
LOOK = "cat lib/lib.txt lib/deep/deep.txt || true"


@pytest.fixture
def deep(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "deep")


@pytest.fixture
def lib(tmp_path: Path, deep: Origin) -> Origin:
    """A repository with a submodule of its own, whose commit is no longer the newest of it."""
    made = Origin(tmp_path / "lib")
    add(made, "deep", pushed(deep, {"deep.txt": "deep in it"}), "../../deep/remote.git")
    pushed(deep, {"deep.txt": "a later one"})
    return made


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    with serve_http(tmp_path) as served:
        yield served


@pytest.fixture
def wanted(origin: Origin, lib: Origin, base: str) -> BuildRequest:
    return outer(origin, lib, base)


def add(origin: Origin, path: str, commit: str, url: str) -> None:
    """Add a submodule without fetching it; `commit` is that of the submodule."""
    name = f"submodule.{path}"
    git(origin.work, "config", "--file", ".gitmodules", f"{name}.path", path)
    git(origin.work, "config", "--file", ".gitmodules", f"{name}.url", url)
    git(origin.work, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    (origin.work / path).mkdir(parents=True, exist_ok=True)


def outer(origin: Origin, lib: Origin, base: str, url: str = "../../lib/remote.git") -> BuildRequest:
    """A request for a commit with the submodule `lib`, at a commit of it that is not the newest."""
    add(origin, "lib", commit(lib, {"lib.txt": "in the lib"}), url)
    commit(lib, {"lib.txt": "a later one"})
    return request(origin, commit(origin, {"own.txt": "own"}), repo_url=f"{base}/origin/remote.git")


def commit(origin: Origin, files: dict[str, str]) -> str:
    """Commit without touching the submodules, whose folders are empty, and push."""
    for name, content in files.items():
        (origin.work / name).write_text(content)
    git(origin.work, "add", "--", *files, ".gitmodules")
    git(origin.work, "commit", "--quiet", "--message=A change")
    origin.push()
    return git(origin.work, "rev-parse", "HEAD")


@pytest.mark.parametrize("history", ["shallow", "tags"])
@pytest.mark.parametrize(
    ("submodules", "expected"),
    [
        (False, ("", LEFT_OUT)),
        (True, ("in the lib", DEEP_LEFT_OUT)),
        ("recursive", ("in the libdeep in it", "")),
    ],
)
async def test_submodules_are_fetched_as_far_as_the_builder_says_and_the_rest_is_named(
    site: LocalSite, wanted: BuildRequest, submodules: bool | str, expected: tuple[str, str], history: str
) -> None:
    seen, left_out = expected
    builder = site.builder(LOOK, protocols=["http"], submodules=submodules, history=history)
    now = await built(builder, wanted)
    assert (now.state, now.detail) == (BuildState.SUCCEEDED, left_out), site.text()
    before, _, after = site.text().partition("$ /bin/sh")
    assert left_out in before
    assert f"\n{seen}" in after


async def test_a_build_that_fails_says_that_submodules_were_left_out(
    site: LocalSite, wanted: BuildRequest
) -> None:
    now = await built(site.builder("exit 3", protocols=["http"]), wanted)
    assert now.detail == f"/bin/sh failed with exit code 3; {LEFT_OUT}"


async def test_a_leftover_of_a_submodule_is_not_missed(site: LocalSite, origin: Origin) -> None:
    git(origin.work, "config", "--file", ".gitmodules", "submodule.lib.path", "lib")
    builder = site.builder("true", submodules=True)
    assert (await built(builder, request(origin, pushed(origin)))).detail == ""
    assert (await built(site.builder("true"), request(origin, pushed(origin), build_id="b2"))).detail == ""


@pytest.mark.parametrize("url", ["file://{}", "{}", "ext::touch {}", "--upload-pack=touch {}"])
async def test_a_submodule_is_fetched_over_no_protocol_that_is_not_allowed(
    site: LocalSite, origin: Origin, lib: Origin, base: str, url: str
) -> None:
    """`file` is allowed for what a push names, and not for what a repository of another host does."""
    bait = site.state / "bait"
    target = bait if "touch" in url else lib.remote
    builder = site.builder("true", protocols=["http", "file"], submodules=True)
    now = await built(builder, outer(origin, lib, base, url.format(target)))
    assert now.state is BuildState.FAILED
    assert "fetching the submodule lib failed: " in now.detail
    assert not bait.exists()
    assert not (site.state / "b1" / "tree" / "lib" / "lib.txt").exists()


async def test_a_repository_of_this_machine_may_have_submodules_of_it(
    site: LocalSite, origin: Origin, lib: Origin
) -> None:
    wanted = outer(origin, lib, "")
    builder = site.builder("cat lib/lib.txt", submodules=True)
    assert (await built(builder, request(origin, wanted.commit))).state is BuildState.SUCCEEDED, site.text()
    assert "\nin the lib" in site.text()


async def test_credentials_go_to_submodules_of_the_same_host_and_to_no_other(
    site: LocalSite, origin: Origin, lib: Origin, tmp_path: Path
) -> None:
    heard: list[str] = []
    with (
        serve_http(tmp_path, user="bob", password="word-1") as own,
        serve_http(tmp_path, user="eve", password="word-2", heard=heard) as other,
    ):
        wanted = outer(origin, lib, own.replace("//", "//bob:word-1@"))
        builder = site.builder(LOOK, protocols=["http"], submodules=True)
        assert (await built(builder, wanted)).state is BuildState.SUCCEEDED, site.text()
        assert "\nin the lib" in site.text()
        add(origin, "lib", git(lib.work, "rev-parse", "HEAD"), f"{other}/lib/remote.git")
        now = await built(
            builder, request(origin, commit(origin, {}), build_id="b2", repo_url=wanted.repo_url)
        )
    assert now.state is BuildState.FAILED
    assert heard == []
    assert "word-1" not in site.text() + site.text("b2") + now.detail


async def test_submodules_count_within_the_limit_of_the_checkout(
    site: LocalSite, origin: Origin, lib: Origin, base: str
) -> None:
    (lib.work / "big").write_bytes(os.urandom(200_000))
    git(lib.work, "add", "big")
    builder = site.builder("true", protocols=["http"], submodules=True, max_tree="300KiB")
    now = await built(builder, outer(origin, lib, base))
    assert now.detail == f"the checkout is over its limit of {300 << 10} bytes"


async def test_too_many_submodules_are_not_begun_with(site: LocalSite, origin: Origin) -> None:
    for number in range(MAX_SUBMODULES + 1):
        path = f"lib-{number}"
        with (origin.work / ".gitmodules").open("a") as file:
            file.write(f'[submodule "{path}"]\n\tpath = {path}\n\turl = ../lib\n')
        git(origin.work, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{path}")
    wanted = request(origin, commit(origin, {}))
    now = await built(site.builder("true", submodules=True), wanted)
    assert now.detail == f"the checkout has more than {MAX_SUBMODULES} submodules"
    assert "fetching the submodule" not in site.text()


async def test_a_repository_within_itself_has_an_end(site: LocalSite, origin: Origin) -> None:
    newest = commit_with_itself(origin)
    now = await built(site.builder("true", submodules="recursive"), request(origin, newest))
    assert now.detail == f"submodules are nested more than {MAX_NESTING} deep"


def commit_with_itself(origin: Origin) -> str:
    newest = pushed(origin)
    for _ in range(MAX_NESTING + 1):
        add(origin, "me", newest, origin.url)
        newest = commit(origin, {})
    return newest


async def test_a_fetch_of_submodules_that_is_killed_leaves_nothing_behind(
    site: LocalSite, origin: Origin, lib: Origin, base: str
) -> None:
    """The server of the submodule takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = f"http://127.0.0.1:{silent.getsockname()[1]}/lib.git"
        builder = site.builder("true", protocols=["http"], submodules=True)
        wanted = outer(origin, lib, base.replace("//", "//bob:word-1@"), there)
        assert await builder.trigger(wanted) == Sent("b1")
        folder = site.state / "b1"
        await until(lambda: "fetching the submodule lib" in site.text())
        assert (folder / "private" / "config").exists()
        os.kill(runner_of(site), signal.SIGKILL)
        await until(lambda: Folder(folder).holder() is None)
        await status(builder)
        await until(lambda: site.text().count("fetching the submodule lib") == 2)
        await builder.cancel("b1")
        assert (await end(builder)).state is BuildState.CANCELLED
    await until(lambda: not (folder / "private").exists() and not (folder / "tree").exists())
