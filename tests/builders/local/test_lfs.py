"""The files of Git LFS in a local build: only where the builder says so, or else it says what is missing."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from support.commands import command
from support.daemon import Daemon
from support.fake_docker import IMAGE, Docker
from support.git import Origin, git, pointer, serve_http
from support.local_site import LocalSite, built, pushed, request
from support.needs import needs

from bridge.builders.base import Rejected
from bridge.model.build import BuildRequest, BuildState

LOGO = b"the logo itself\n" * 100
ATTRIBUTES = "*.png filter=lfs diff=lfs merge=lfs -text\n"
FILES = {".gitattributes": ATTRIBUTES, "logo.png": pointer(LOGO)}
LEFT_OUT = "1 file is left as pointers of Git LFS (logo.png): set `lfs: true` on the builder"
MISSING = "the program git-lfs is not found, which `lfs: true` needs: install git-lfs"


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    needs("git-lfs")
    with serve_http(tmp_path, user="bob", password="word-1", large=[LOGO]) as served:
        yield served.replace("//", "//bob:word-1@")


def wanted(origin: Origin, base: str, files: dict[str, str] | None = None) -> BuildRequest:
    commit = pushed(origin, {**FILES, **(files or {})})
    return request(origin, commit, repo_url=f"{base}/origin/remote.git")


async def test_a_build_gets_the_files_and_no_change_shows(site: LocalSite, origin: Origin, base: str) -> None:
    look = "wc -c <logo.png; git describe --always --dirty --abbrev=40"
    builder = site.builder(look, protocols=["http"], lfs=True)
    asked = wanted(origin, base)
    now = await built(builder, asked)
    assert (now.state, now.detail) == (BuildState.SUCCEEDED, ""), site.text()
    assert f"\n{len(LOGO)}\n{asked.commit}\n" in site.text()
    assert "word-1" not in site.text()


async def test_a_repository_of_this_machine_has_its_files_beside_it(site: LocalSite, origin: Origin) -> None:
    needs("git-lfs")
    name = sha256(LOGO).hexdigest()
    kept = origin.remote / "lfs" / "objects" / name[:2] / name[2:4] / name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(LOGO)
    builder = site.builder("wc -c <logo.png", lfs=True)
    now = await built(builder, request(origin, pushed(origin, FILES)))
    assert (now.state, now.detail) == (BuildState.SUCCEEDED, ""), site.text()
    assert f"\n{len(LOGO)}\n" in site.text()


async def test_without_the_option_the_pointers_are_named(site: LocalSite, origin: Origin) -> None:
    now = await built(site.builder("true"), request(origin, pushed(origin, FILES)))
    assert (now.state, now.detail) == (BuildState.SUCCEEDED, LEFT_OUT)
    assert f"{LEFT_OUT}\n" in site.text()


async def test_what_only_looks_like_a_pointer_is_not_missed(site: LocalSite, origin: Origin) -> None:
    files = {".gitattributes": ATTRIBUTES, "a.png": "version of a picture\n", "notes.txt": "b"}
    assert (await built(site.builder("true"), request(origin, pushed(origin, files)))).detail == ""


async def test_files_in_submodules_are_fetched_too(
    site: LocalSite, origin: Origin, base: str, tmp_path: Path
) -> None:
    lib = Origin(tmp_path / "lib")
    commit = pushed(lib, FILES)
    (origin.work / ".gitmodules").write_text(
        '[submodule "lib"]\n\tpath = lib\n\turl = ../../lib/remote.git\n'
    )
    git(origin.work, "add", ".gitmodules")
    git(origin.work, "update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    git(origin.work, "commit", "--quiet", "--message=A submodule")
    origin.push()
    newest = git(origin.work, "rev-parse", "HEAD")
    asked = request(origin, newest, repo_url=f"{base}/origin/remote.git")
    builder = site.builder("wc -c <lib/logo.png", protocols=["http"], lfs=True, submodules=True)
    now = await built(builder, asked)
    assert (now.state, now.detail) == (BuildState.SUCCEEDED, ""), site.text()
    assert f"\n{len(LOGO)}\n" in site.text()


async def test_a_file_that_the_server_does_not_have_fails_the_build_whatever_the_repository_says(
    site: LocalSite, origin: Origin, base: str
) -> None:
    lenient = {".lfsconfig": "[lfs]\n\tskipdownloaderrors = true\n", "b.png": pointer(b"never uploaded")}
    builder = site.builder("true", protocols=["http"], lfs=True)
    now = await built(builder, wanted(origin, base, lenient))
    assert now.state is BuildState.FAILED
    assert now.detail.startswith("git lfs failed: Failed to fetch some objects")


async def test_what_the_repository_itself_leaves_out_is_named(
    site: LocalSite, origin: Origin, base: str
) -> None:
    excluding = {".lfsconfig": "[lfs]\n\tfetchexclude = *.png\n"}
    builder = site.builder("true", protocols=["http"], lfs=True)
    now = await built(builder, wanted(origin, base, excluding))
    assert now.state is BuildState.SUCCEEDED
    assert now.detail == (
        "1 file is left as pointers of Git LFS (logo.png): the repository's .lfsconfig says so"
    )


async def test_another_host_that_a_repository_names_gets_no_credentials(
    site: LocalSite, origin: Origin, base: str, tmp_path: Path
) -> None:
    heard: list[str] = []
    with serve_http(tmp_path, user="eve", password="word-2", heard=heard, large=[LOGO]) as other:
        elsewhere = {".lfsconfig": f"[lfs]\n\turl = {other}/origin/remote.git/info/lfs\n"}
        builder = site.builder("true", protocols=["http"], lfs=True)
        now = await built(builder, wanted(origin, base, elsewhere))
    assert now.state is BuildState.FAILED
    assert heard == []


@pytest.mark.parametrize("url", ["file://{}", "{}", "ssh://git@127.0.0.1:1/x.git", "https://127.0.0.1:1/x"])
async def test_files_are_fetched_over_no_protocol_that_is_not_allowed(
    site: LocalSite, origin: Origin, base: str, url: str
) -> None:
    """`file` is allowed for what a push names, and not for what a repository of another host does."""
    elsewhere = {".lfsconfig": f"[lfs]\n\turl = {url.format(origin.remote)}\n"}
    builder = site.builder("true", protocols=["http", "file"], lfs=True)
    now = await built(builder, wanted(origin, base, elsewhere))
    assert now.state is BuildState.FAILED
    assert "to `protocols` if it may" in now.detail


async def test_files_count_within_the_limit_of_the_checkout_before_they_are_fetched(
    site: LocalSite, origin: Origin, base: str
) -> None:
    heavy = pointer(b"x").replace("size 1", f"size {200 << 10}")
    builder = site.builder("true", protocols=["http"], lfs=True, max_tree="300KiB")
    now = await built(builder, wanted(origin, base, {"big.png": heavy}))
    assert now.detail == f"with its files of Git LFS the checkout is over its limit of {300 << 10} bytes"


async def test_where_git_lfs_is_not_installed_every_edge_says_so(
    site: LocalSite, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "true"):
        (programs / name).symlink_to(needs(name))
    commit = pushed(origin, FILES)
    local = {"kind": "local", "command": ["true"], "protocols": ["file"], "lfs": True}
    daemon = Daemon(tmp_path, {"builders": {"here": local}}, {})
    monkeypatch.setenv("PATH", str(programs))
    assert await site.builder("true", lfs=True).trigger(request(origin, commit)) == Rejected(MISSING)
    done = await anyio.to_thread.run_sync(
        partial(command, "--config", daemon.config, "builders", "test", "here")
    )
    assert done.complaint == f"here: {MISSING}"
    checked = await anyio.to_thread.run_sync(partial(command, "--config", daemon.config, "check"))
    assert MISSING in checked.stdout + checked.stderr


async def test_a_run_that_only_pushes_says_what_its_image_lacks(
    site: LocalSite, origin: Origin, docker: Docker, tmp_path: Path
) -> None:
    docker.does(push=f"test -e {tmp_path}/up || {{ echo connection refused; exit 1; }}")
    builder = site.builder(engine="docker", push_for="0s")
    asked = request(origin, pushed(origin, {**FILES, "Dockerfile": "FROM scratch\n"}), image=IMAGE)
    assert (await built(builder, asked)).detail.partition("; ")[2].startswith(f"{LEFT_OUT}; until ")
    (tmp_path / "up").touch()
    now = await built(builder, replace(asked, build_id="b2"))
    assert (now.state, now.detail) == (BuildState.SUCCEEDED, LEFT_OUT)
    assert len(docker.calls("build")) == 1
