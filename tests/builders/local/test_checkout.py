"""What a local build checks out: one commit, over the protocols allowed, and no one sees a credential."""

import os
from pathlib import Path

import pytest
from support.git import Origin, git, serve_http
from support.local_site import LocalSite, built, pushed, request

from bridge.model.build import BuildState


async def test_an_annotated_tag_is_peeled(site: LocalSite, origin: Origin) -> None:
    commit = pushed(origin)
    tag = origin.tag("v1")
    wanted = request(origin, tag, ref="refs/tags/v1", branch=None, tag="v1")
    assert (await built(site.builder("git rev-parse HEAD"), wanted)).state is BuildState.SUCCEEDED
    assert f"\n{commit}\n" in site.text()


async def test_a_commit_that_no_one_named_is_what_the_ref_points_to(site: LocalSite, origin: Origin) -> None:
    commit = pushed(origin)
    origin.tag("v1")
    wanted = request(origin, "", ref="refs/tags/v1", branch=None, tag="v1")
    done = await built(site.builder('echo "$COMMIT is $(git rev-parse HEAD)"'), wanted)
    assert done.state is BuildState.SUCCEEDED
    assert f"\n{commit} is {commit}\n" in site.text()


async def test_a_server_that_hands_out_refs_only_is_asked_for_the_ref(
    site: LocalSite, origin: Origin, tmp_path: Path
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
    site: LocalSite, origin: Origin, tmp_path: Path
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


async def test_a_commit_that_never_was_fails_the_build(site: LocalSite, origin: Origin) -> None:
    pushed(origin)
    now = await built(site.builder("true"), request(origin, "1" * 40))
    assert now.state is BuildState.FAILED
    assert "is not among the last 1000 commits" in now.detail


async def test_a_protocol_that_is_not_listed_is_rejected(site: LocalSite, origin: Origin) -> None:
    now = await built(site.builder("true", protocols=["https"]), request(origin, pushed(origin)))
    assert now.state is BuildState.FAILED
    assert "transport 'file' not allowed" in site.text()


@pytest.mark.parametrize("url", ["ext::touch {}", "--upload-pack=touch {}", "-u touch {}"])
async def test_a_clone_url_is_never_a_command_or_an_option(
    site: LocalSite, origin: Origin, tmp_path: Path, url: str
) -> None:
    bait = tmp_path / "bait"
    wanted = request(origin, pushed(origin), repo_url=url.format(bait))
    assert (await built(site.builder("true", protocols=["file", "https"]), wanted)).state is BuildState.FAILED
    assert not bait.exists()


async def test_credentials_of_the_clone_url_open_the_repository_and_show_nowhere(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    commit = pushed(origin)
    with serve_http(tmp_path / "origin", user="bob", password="pass/word-1") as base:
        url = base.replace("//", "//bob:pass%2Fword-1@") + "/remote.git"
        builder = site.builder("env; grep -r pass . || ls .. ../private", protocols=["http"])
        now = await built(builder, request(origin, commit, repo_url=url))
    assert now.state is BuildState.SUCCEEDED
    assert f"REPO_URL={base}/remote.git" in site.text()
    assert "word-1" not in site.text() + now.detail
    assert "credential" not in site.text().splitlines()


async def test_wrong_credentials_fail_at_once_and_show_nowhere(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    with serve_http(tmp_path / "origin", user="bob", password="right") as base:
        url = base.replace("//", "//bob:wrong-one@") + "/remote.git"
        builder = site.builder("true", protocols=["http"])
        now = await built(builder, request(origin, pushed(origin), repo_url=url))
    assert now.state is BuildState.FAILED
    assert "wrong-one" not in site.text() + now.detail


async def test_a_file_over_the_limit_of_the_checkout_never_grows_so_far(
    site: LocalSite, origin: Origin
) -> None:
    commit = pushed(origin, {"big": os.urandom(200_000)})
    now = await built(site.builder("true", max_tree="100KiB"), request(origin, commit))
    assert now.state is BuildState.FAILED
    assert now.detail.startswith("git fetch of refs/heads/main failed")
    assert now.stage == "fetch the code"


async def test_a_checkout_of_many_small_files_counts_them_all(site: LocalSite, origin: Origin) -> None:
    commit = pushed(origin, {f"{number}/file": "x" * 20_000 for number in range(10)})
    now = await built(site.builder("true", max_tree="100KiB"), request(origin, commit))
    assert (now.state, now.detail) == (
        BuildState.FAILED,
        f"the checkout is over its limit of {100 << 10} bytes",
    )


async def test_a_user_name_alone_is_a_credential_too(site: LocalSite, origin: Origin, tmp_path: Path) -> None:
    commit = pushed(origin)
    with serve_http(tmp_path / "origin", user="token-1") as base:
        url = base.replace("//", "//token-1@") + "/remote.git"
        builder = site.builder("echo at $REPO_URL", protocols=["http"])
        now = await built(builder, request(origin, commit, repo_url=url))
    assert now.state is BuildState.SUCCEEDED, site.text()
    assert f"\nat {base}/remote.git\n" in site.text()
    assert "token-1" not in site.text()


@pytest.mark.parametrize("repo_url", ["ssh://git:word-1@[::1]:1/a.git", "ssh://git@[::1]:1/a.git"])
async def test_an_ssh_address_keeps_its_user_and_loses_its_password(
    site: LocalSite, origin: Origin, repo_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\nexit 1\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    now = await built(site.builder("true", protocols=["ssh"]), request(origin, "1" * 40, repo_url=repo_url))
    assert now.state is BuildState.FAILED
    called = (tmp_path / "called").read_text()
    assert "BatchMode=yes" in called, "no one can answer a question"
    assert " git@::1 " in called
    assert "word-1" not in called + site.text()


async def test_a_repository_with_longer_hashes_is_built(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    other = tmp_path / "longer"
    other.mkdir()
    git(other, "init", "--quiet", "--object-format=sha256", "--initial-branch=main")
    git(other, "commit", "--quiet", "--allow-empty", "--message=A change")
    commit = git(other, "rev-parse", "HEAD")
    assert len(commit) == 64
    wanted = request(origin, commit, repo_url=other.as_uri())
    assert (await built(site.builder("git rev-parse HEAD"), wanted)).state is BuildState.SUCCEEDED
    assert f"\n{commit}\n" in site.text()


async def test_hooks_and_submodules_of_a_repository_are_left_alone(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    inner = Origin(tmp_path / "inner")
    pushed(inner, {"inner.txt": "inner"})
    git(origin.work, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.url, "sub")
    commit = pushed(origin)
    builder = site.builder('test -d sub && test -z "$(ls sub)" && ! test -e .git/hooks')
    assert (await built(builder, request(origin, commit))).state is BuildState.SUCCEEDED, site.text()
