"""What a local build checks out: one commit, over the protocols allowed, with nobody seeing a credential."""

import os
from pathlib import Path

import pytest
from support.git import Origin, git, serve_http
from support.local_site import Site, built, pushed, request

from bridge.model.build import BuildState


async def test_an_annotated_tag_is_peeled(site: Site, origin: Origin) -> None:
    commit = pushed(origin)
    tag = origin.tag("v1")
    wanted = request(origin, tag, ref="refs/tags/v1", branch=None, tag="v1")
    assert (await built(site.builder("git rev-parse HEAD"), wanted)).state is BuildState.SUCCEEDED
    assert f"\n{commit}\n" in site.text()


async def test_a_commit_that_nobody_named_is_what_the_ref_points_to(site: Site, origin: Origin) -> None:
    commit = pushed(origin)
    origin.tag("v1")
    wanted = request(origin, "", ref="refs/tags/v1", branch=None, tag="v1")
    done = await built(site.builder('echo "$COMMIT is $(git rev-parse HEAD)"'), wanted)
    assert done.state is BuildState.SUCCEEDED
    assert f"\n{commit} is {commit}\n" in site.text()


async def test_a_server_that_hands_out_refs_only_is_asked_for_the_ref(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    old = pushed(origin)
    for name in "abc":
        pushed(origin, {name: name})
    with serve_http(tmp_path / "origin") as url:
        builder = site.builder("ls; git rev-parse HEAD", protocols=["http"])
        now = await built(builder, request(origin, old, repo_url=f"{url}/remote.git"))
    assert now.state is BuildState.SUCCEEDED
    assert f"\nhello.txt\n{old}\n" in site.text()


async def test_a_commit_that_its_ref_no_longer_has_fails_the_build(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    old = pushed(origin)
    git(origin.work, "checkout", "--quiet", "--orphan", "other")
    origin.commit({"other": "other"})
    origin.push("other:main")
    with serve_http(tmp_path / "origin") as url:
        builder = site.builder("true", protocols=["http"])
        now = await built(builder, request(origin, old, repo_url=f"{url}/remote.git"))
    assert now.state is BuildState.FAILED
    assert now.detail == f"{old} is not among the last 1000 commits of refs/heads/main: the ref was moved"


async def test_a_commit_that_never_was_fails_the_build(site: Site, origin: Origin) -> None:
    pushed(origin)
    now = await built(site.builder("true"), request(origin, "1" * 40))
    assert now.state is BuildState.FAILED
    assert "is not among the last 1000 commits" in now.detail


async def test_a_protocol_that_is_not_listed_is_refused(site: Site, origin: Origin) -> None:
    now = await built(site.builder("true", protocols=["https"]), request(origin, pushed(origin)))
    assert now.state is BuildState.FAILED
    assert "transport 'file' not allowed" in site.text()


@pytest.mark.parametrize("url", ["ext::touch {}", "--upload-pack=touch {}", "-u touch {}"])
async def test_a_clone_url_is_never_a_command_or_an_option(
    site: Site, origin: Origin, tmp_path: Path, url: str
) -> None:
    bait = tmp_path / "bait"
    wanted = request(origin, pushed(origin), repo_url=url.format(bait))
    assert (await built(site.builder("true", protocols=["file", "https"]), wanted)).state is BuildState.FAILED
    assert not bait.exists()


async def test_credentials_of_the_clone_url_open_the_repository_and_show_nowhere(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    commit = pushed(origin)
    with serve_http(tmp_path / "origin", user="bob", password="pass/word-1") as base:
        url = base.replace("//", "//bob:pass%2Fword-1@") + "/remote.git"
        builder = site.builder("env; grep -r pass . || ls ..", protocols=["http"])
        now = await built(builder, request(origin, commit, repo_url=url))
    assert now.state is BuildState.SUCCEEDED
    assert f"REPO_URL={base}/remote.git" in site.text()
    assert "word-1" not in site.text() + now.detail
    assert "credential" not in site.text().splitlines()


async def test_wrong_credentials_fail_at_once_and_show_nowhere(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    with serve_http(tmp_path / "origin", user="bob", password="right") as base:
        url = base.replace("//", "//bob:wrong-one@") + "/remote.git"
        builder = site.builder("true", protocols=["http"])
        now = await built(builder, request(origin, pushed(origin), repo_url=url))
    assert now.state is BuildState.FAILED
    assert "wrong-one" not in site.text() + now.detail


async def test_a_checkout_over_its_limit_fails(site: Site, origin: Origin) -> None:
    commit = pushed(origin, {"big": os.urandom(200_000)})
    now = await built(site.builder("true", max_tree="100KiB"), request(origin, commit))
    assert now.state is BuildState.FAILED
