"""What builds fetched is kept for the next ones: they fetch only what is new, and damage costs no build."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from support.git import Line, Origin, git, pointer, serve_http
from support.local_site import LocalSite, built, end, pushed, request, runner_of
from support.needs import needs

from bridge.builders.base import Sent
from bridge.builders.local.builder import LocalBuilder
from bridge.model.build import BuildState

SIZE = 300_000
LARGE = random.Random(1).randbytes(SIZE)
LOOK = """
    git fsck --strict && git status --porcelain && cat small && wc -c <large
    git rev-list --count HEAD; git tag; test ! -e .git/objects/info/alternates
"""
SEEN = {"shallow": "1\n", "full": "3\n", "tags": "3\nv1\n"}
"""What LOOK prints of the history in the second build, by the builder's setting."""


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def url(origin: Origin, line: Line) -> Iterator[str]:
    with serve_http(origin.remote.parent, line=line) as base:
        yield f"{base}/remote.git"


def caching(site: LocalSite, script: str = LOOK, **settings: Any) -> LocalBuilder:
    return site.builder(script, **{"protocols": ["http", "file"], "cache": "1GiB", **settings})


def large(origin: Origin) -> str:
    return pushed(origin, {"large": LARGE, "small": "1"})


def kept(site: LocalSite) -> list[Path]:
    return sorted(site.state.glob("*.objects"))


async def fetched(builder: LocalBuilder, origin: Origin, line: Line, url: str, build_id: str) -> int:
    """Bytes that the server sent for a build of one more commit, which succeeds."""
    before = line.bytes
    commit = pushed(origin, {"small": build_id})
    now = await built(builder, request(origin, commit, repo_url=url, build_id=build_id))
    assert (now.state, now.detail) == (BuildState.SUCCEEDED, ""), build_id
    return line.bytes - before


@pytest.mark.parametrize("history", SEEN)
async def test_the_second_build_fetches_only_what_is_new(
    site: LocalSite, origin: Origin, line: Line, url: str, history: str
) -> None:
    large(origin)
    origin.tag("v1")
    builder = caching(site, history=history)
    assert await fetched(builder, origin, line, url, "b1") > SIZE
    assert await fetched(builder, origin, line, url, "b2") < SIZE / 20
    assert f"\nb2{SIZE}\n{SEEN[history]}" in site.text("b2"), site.text("b2")


async def test_without_a_cache_each_build_fetches_all_and_nothing_is_kept(
    site: LocalSite, origin: Origin, line: Line, url: str
) -> None:
    large(origin)
    builder = caching(site, cache=None)
    for build_id in ("b1", "b2"):
        assert await fetched(builder, origin, line, url, build_id) > SIZE
    assert kept(site) == []


async def test_a_ref_without_a_commit_is_what_the_server_says_now(
    site: LocalSite, origin: Origin, url: str
) -> None:
    builder = caching(site, "git rev-parse HEAD", history="tags")
    for build_id in ("b1", "b2"):
        pushed(origin, {"small": build_id})
        tag = origin.tag(f"v-{build_id}")
        wanted = request(origin, "", repo_url=url, build_id=build_id)
        assert (await built(builder, wanted)).state is BuildState.SUCCEEDED
        assert f"\n{git(origin.work, 'rev-parse', f'{tag}^{{}}')}\n" in site.text(build_id)


async def test_a_tag_that_the_server_no_longer_has_is_not_brought_back(
    site: LocalSite, origin: Origin, line: Line, url: str
) -> None:
    large(origin)
    origin.tag("v1")
    builder = caching(site, history="tags")
    await fetched(builder, origin, line, url, "b1")
    origin.push(":refs/tags/v1")
    await fetched(builder, origin, line, url, "b2")
    assert "v1" in site.text("b1").split()
    assert "v1" not in site.text("b2").split()


async def test_no_credential_is_kept(site: LocalSite, origin: Origin, tmp_path: Path) -> None:
    commit = large(origin)
    with serve_http(tmp_path / "origin", user="bob", password="pass/word-1") as base:
        url = base.replace("//", "//bob:pass%2Fword-1@") + "/remote.git"
        now = await built(caching(site), request(origin, commit, repo_url=url))
    assert now.state is BuildState.SUCCEEDED
    (folder,) = kept(site)
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert any(file.suffix == ".pack" for file in files)
    assert not [file for file in files if b"word-1" in file.read_bytes() or b"bob" in file.read_bytes()]


def spoil_packs(folder: Path) -> None:
    """Each is as long as before, and its index fits."""
    for pack in folder.rglob("*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:-1000] + b"x" * 1000)


def remove_packs(folder: Path) -> None:
    for pack in folder.rglob("pack-*"):
        pack.unlink()


def leave_a_lock(folder: Path) -> None:
    (folder / "git" / "shallow.lock").touch()


def leave_a_change(folder: Path) -> None:
    remove_packs(folder)
    (folder / "changing").touch()


@pytest.mark.parametrize("damage", [spoil_packs, remove_packs, leave_a_lock, leave_a_change])
async def test_damage_costs_a_fetch_and_no_build(
    site: LocalSite, origin: Origin, line: Line, url: str, damage: Callable[[Path], None]
) -> None:
    large(origin)
    builder = caching(site)
    await fetched(builder, origin, line, url, "b1")
    damage(kept(site)[0])
    await fetched(builder, origin, line, url, "b2")
    assert f"\nb2{SIZE}\n" in site.text("b2")
    await fetched(builder, origin, line, url, "b3")
    assert await fetched(builder, origin, line, url, "b4") < SIZE / 20


async def test_a_server_that_fails_does_not_cost_what_is_kept(
    site: LocalSite, origin: Origin, line: Line, url: str
) -> None:
    large(origin)
    builder = caching(site)
    await fetched(builder, origin, line, url, "b1")
    hidden = origin.remote.rename(origin.remote.with_name("away.git"))
    gone = await built(builder, request(origin, "1" * 40, repo_url=url, build_id="b2"))
    assert gone.state is BuildState.FAILED
    assert gone.detail.startswith("git fetch of refs/heads/main failed")
    hidden.rename(origin.remote)
    assert await fetched(builder, origin, line, url, "b3") < SIZE / 20


async def test_builds_at_once_share_one_fetch(site: LocalSite, origin: Origin, line: Line, url: str) -> None:
    commit = large(origin)
    builder = caching(site)
    builds = [f"b{number}" for number in range(5)]
    for build_id in builds:
        wanted = request(origin, commit, repo_url=url, build_id=build_id)
        assert await builder.trigger(wanted) == Sent(build_id)
    for build_id in builds:
        assert (await end(builder, build_id)).state is BuildState.SUCCEEDED, site.text(build_id)
    assert SIZE < line.bytes < 1.2 * SIZE


async def test_a_build_that_is_killed_while_it_fetches_leaves_nothing_behind(
    site: LocalSite, origin: Origin, line: Line, url: str
) -> None:
    commit = large(origin)
    builder = caching(site)
    line.cut = True
    assert await builder.trigger(request(origin, commit, repo_url=url)) == Sent("b1")
    assert await anyio.to_thread.run_sync(line.stopped.wait, 30)
    os.kill(runner_of(site), signal.SIGKILL)
    line.cut = False
    line.mended.set()
    now = await end(builder)
    assert now.state is BuildState.SUCCEEDED, site.text()
    assert not [file for file in kept(site)[0].rglob("*") if "tmp" in file.name or file.name == "changing"]
    assert await fetched(builder, origin, line, url, "b2") < SIZE / 20


async def test_a_build_that_is_cancelled_while_it_fetches_costs_nothing_that_was_kept(
    site: LocalSite, origin: Origin, line: Line, url: str
) -> None:
    large(origin)
    builder = caching(site)
    await fetched(builder, origin, line, url, "b1")
    commit = pushed(origin, {"another": random.Random(2).randbytes(SIZE)})
    line.cut = True
    assert await builder.trigger(request(origin, commit, repo_url=url, build_id="b2")) == Sent("b2")
    assert await anyio.to_thread.run_sync(line.stopped.wait, 30)
    await builder.cancel("b2")
    assert (await end(builder, "b2")).state is BuildState.CANCELLED
    line.cut = False
    line.mended.set()
    assert await fetched(builder, origin, line, url, "b3") < 1.2 * SIZE


async def test_many_fetches_do_not_leave_many_packs(
    site: LocalSite, origin: Origin, line: Line, url: str
) -> None:
    large(origin)
    builder = caching(site)
    await fetched(builder, origin, line, url, "b1")
    repository = kept(site)[0] / "git"
    for number in range(25):
        origin.commit({f"file-{number}": f"{number}"})
        git(repository, "-c", "fetch.unpackLimit=1", "fetch", "--quiet", str(origin.work), "HEAD")
    assert len(list(repository.glob("objects/pack/*.pack"))) > 20
    await fetched(builder, origin, line, url, "b2")
    assert len(list(repository.glob("objects/pack/*.pack"))) < 10
    assert await fetched(builder, origin, line, url, "b3") < SIZE / 20


async def test_submodules_and_large_files_are_as_without_it(
    site: LocalSite, origin: Origin, line: Line, tmp_path: Path
) -> None:
    needs("git-lfs")
    logo = b"the logo itself\n" * 100
    inner = Origin(tmp_path / "inner")
    pushed(inner, {"inner.txt": "inner"})
    git(
        origin.work,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        "../../inner/remote.git",
        "sub",
    )
    files = {".gitattributes": "*.png filter=lfs -text\n", "logo.png": pointer(logo)}
    with serve_http(tmp_path, large=[logo], line=line) as base:
        builder = caching(site, "cat sub/inner.txt; wc -c <logo.png", submodules=True, lfs=True)
        for build_id in ("b1", "b2"):
            commit = pushed(origin, {**files, "small": build_id})
            url = f"{base}/origin/remote.git"
            now = await built(builder, request(origin, commit, repo_url=url, build_id=build_id))
            assert (now.state, now.detail) == (BuildState.SUCCEEDED, ""), site.text(build_id)
            assert f"\ninner{len(logo)}\n" in site.text(build_id)


@pytest.fixture
async def folders(site: LocalSite, tmp_path: Path) -> list[Path]:
    """What is kept of three repositories, in the order in which they were used."""
    found: list[Path] = []
    for number, name in enumerate("abc"):
        origin = Origin(tmp_path / name)
        commit = pushed(origin, {"large": random.Random(number).randbytes(1 << 20)})
        wanted = request(origin, commit, build_id=name)
        assert (await built(caching(site, "true"), wanted)).state is BuildState.SUCCEEDED
        (new,) = set(kept(site)) - set(found)
        found.append(new)
        os.utime(new, (number, number))
    return found


async def test_what_was_not_used_for_longest_goes_first(site: LocalSite, folders: list[Path]) -> None:
    await caching(site, cache="3500KiB").reclaim()
    assert kept(site) == sorted(folders)
    await caching(site, cache="2500KiB").reclaim()
    assert kept(site) == sorted(folders[1:])
    await caching(site, cache="1MiB").reclaim()
    assert kept(site) == []


async def test_what_alone_takes_more_goes_before_all_others(
    site: LocalSite, folders: list[Path], tmp_path: Path
) -> None:
    origin = Origin(tmp_path / "d")
    commit = pushed(origin, {"large": random.Random(3).randbytes(4 << 20)})
    await built(caching(site, "true"), request(origin, commit, build_id="d"))
    assert len(kept(site)) == 4
    await caching(site, cache="3500KiB").reclaim()
    assert kept(site) == sorted(folders)


async def test_a_build_that_ended_frees_it_too(site: LocalSite, folders: list[Path]) -> None:
    await caching(site, cache="2500KiB").release("a")
    assert kept(site) == sorted(folders[1:])


@pytest.mark.parametrize(("cache", "everything"), [("1GiB", True), (None, False)])
async def test_all_goes_where_room_is_needed_or_nothing_is_to_be_kept(
    site: LocalSite, folders: list[Path], cache: str | None, everything: bool
) -> None:
    assert folders
    await caching(site, cache=cache).reclaim(everything=everything)
    assert kept(site) == []


async def test_nothing_is_kept_where_builds_no_longer_begin(
    site: LocalSite, folders: list[Path], tmp_path: Path
) -> None:
    assert folders
    await caching(site, folder=tmp_path / "other").reclaim()
    assert kept(site) == []


async def test_one_that_is_used_stays(site: LocalSite, origin: Origin, line: Line, url: str) -> None:
    commit = large(origin)
    builder = caching(site)
    line.cut = True
    assert await builder.trigger(request(origin, commit, repo_url=url)) == Sent("b1")
    assert await anyio.to_thread.run_sync(line.stopped.wait, 30)
    await builder.reclaim(everything=True)
    assert len(kept(site)) == 1
    await builder.cancel("b1")
    line.mended.set()
    await end(builder)
    await builder.reclaim(everything=True)
    assert kept(site) == []
