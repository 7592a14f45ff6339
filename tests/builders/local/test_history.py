"""How much history a local build has, for what is built from `git describe`."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.git import Origin, git, serve_http
from support.local_site import LocalSite, built, pushed, request

from bridge.model.build import BuildState

LOOK = "git rev-list --count HEAD; git tag; git describe --tags || echo none"


@pytest.fixture(params=["by id", "refs only"])
def url(request: pytest.FixtureRequest, origin: Origin) -> Iterator[str]:
    """An address of the origin: of a server that serves commits by their ids, and of one that does not."""
    if request.param == "by id":
        yield origin.url
    else:
        with serve_http(origin.remote.parent) as base:
            yield f"{base}/remote.git"


@pytest.mark.parametrize(
    ("settings", "seen"),
    [({}, "1\nnone"), ({"history": "full"}, "4\nnone"), ({"history": "tags"}, "4\nv1\nv1-1-g")],
)
async def test_a_build_has_the_history_of_its_commit_that_the_builder_asks_for(
    site: LocalSite, origin: Origin, url: str, settings: dict[str, Any], seen: str
) -> None:
    for name in "abc":
        pushed(origin, {name: name})
    origin.tag("v1")
    commit = pushed(origin, {"d": "d"})
    builder = site.builder(LOOK, protocols=["file", "http"], **settings)
    now = await built(builder, request(origin, commit, repo_url=url))
    assert (now.state, now.detail) == (BuildState.SUCCEEDED, "")
    shown = site.text().replace("fatal: No names found, cannot describe anything.\n", "")
    assert f"\n{seen}" in shown, shown


async def test_an_annotated_tag_is_described_by_its_name(site: LocalSite, origin: Origin) -> None:
    pushed(origin)
    tag = origin.tag("v2")
    wanted = request(origin, tag, ref="refs/tags/v2", branch=None, tag="v2")
    assert (await built(site.builder("git describe", history="tags"), wanted)).state is BuildState.SUCCEEDED
    assert "\nv2\n" in site.text()


async def test_a_commit_outside_the_history_of_its_ref_fails_the_build(
    site: LocalSite, origin: Origin
) -> None:
    old = pushed(origin)
    git(origin.work, "checkout", "--quiet", "--orphan", "other")
    origin.commit({"other": "other"})
    origin.push("other:main")
    with serve_http(origin.remote.parent) as base:
        builder = site.builder("true", protocols=["http"], history="full")
        now = await built(builder, request(origin, old, repo_url=f"{base}/remote.git"))
    assert now.detail == f"{old} is not in the history of refs/heads/main: the ref was moved"
