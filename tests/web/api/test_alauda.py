"""The API in the style of Alauda: each call as its documentation writes it, with the fields that it shows."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.api import api_of, bearer, client_of, issue
from support.harness import DispatcherHarness
from support.keeping import keeper_of
from support.scripted import START, Store, quiet
from support.shapes import Shapes

from bridge.model.access import Role
from bridge.model.build import Build, BuildState
from bridge.registry import FORGES
from bridge.services.reloader import Reloader
from bridge.web.api.alauda_documents import level_of

SHAPES = Shapes(Path(__file__).parent / "shapes" / "alauda.yaml")
BUILDS = "/alauda/v1/builds"
REPOSITORY = "/alauda/v1/repositories/alauda/docker_images_test"
TAG = {
    "code_repo_type": "branch",
    "code_repo_type_value": "master",
    "docker_repo_tag": "latest",
    "build_context_path": "/",
    "dockerfile_location": "/",
    "is_active": False,
    "version_tagging": 1,
}
NEW: dict[str, Any] = {
    "repo_name": "docker_images_test",
    "description": "docker images",
    "full_description": "",
    "is_public": True,
    "build_config": {
        "code_repo_client": "GitHub",
        "code_repo_namespace": "yournamespace",
        "code_repo_name": "Docker-image",
        "build_node": "in",
        "email_enabled": False,
        "tag_configs": [TAG],
    },
}
"""The example of the documentation."""
ORDER = {
    "namespace": "alauda",
    "repo_name": "docker_images_test",
    "tag": "latest",
    "code_commit_id": "552819d5c903472a36696e8ac620ac250e49829d",
}
EARLIER: dict[str, Any] = {
    "namespace": "alauda",
    "repo_name": "docker_images_test",
    "image": "alauda/docker_images_test",
}
"""A build that says where the code is."""


@pytest.fixture
async def keeper(store: Store, tmp_path: Path) -> Reloader:
    return await keeper_of(store, tmp_path)


@dataclass
class Site:
    """The API with a dispatcher behind it, as a member of the namespace sees it."""

    client: httpx.AsyncClient
    store: Store
    keeper: Reloader
    woken: list[str]

    async def made(self, **changes: Any) -> dict[str, Any]:
        """The answer to a new repository."""
        answer = await self.client.post("/alauda/v1/repositories/alauda", json=NEW | changes)
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        return document

    async def built(self, **changes: Any) -> dict[str, Any]:
        """The answer to an order."""
        answer = await self.client.post(BUILDS, json=ORDER | changes)
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        return document


@pytest.fixture
async def site(store: Store, keeper: Reloader) -> AsyncIterator[Site]:
    harness = DispatcherHarness(store, keeper.rules, FORGES)
    woken: list[str] = []

    def wake() -> None:
        woken.append("woken")
        harness.rules = keeper.rules
        harness.dispatcher.wake()

    app = api_of(store, keeper=keeper, wake=wake)
    async with harness.running():
        headers = bearer(await issue(store, Role.MEMBER, "alauda"))
        async with client_of(app) as client:
            client.headers.update(headers)
            yield Site(client, store, keeper, woken)


async def test_a_repository_is_made_as_the_example_says_and_answers_every_field(site: Site) -> None:
    document = await site.made()
    SHAPES.check("repository", document)
    config = document["build_config"]
    SHAPES.check("build_config", config)
    (tag,) = config["tag_configs"]
    SHAPES.check("tag_config", tag, full=True)
    assert {name: tag[name] for name in TAG} == TAG
    assert tag["docker_build_config_id"] == config["id"]
    assert (document["repo_path"], document["created_by"]) == ("alauda/docker_images_test", "the member")
    assert config["code_repo_path_url"] == "https://github.com/yournamespace/Docker-image"
    assert (await site.client.get(REPOSITORY)).json() == document
    page = (await site.client.get("/alauda/v1/repositories?namespace=alauda")).json()
    SHAPES.check("page", page)
    assert page == {"count": 1, "next": None, "previous": None, "results": [document]}


async def test_the_build_config_is_changed_as_the_example_says_and_is_the_answer(site: Site) -> None:
    config = (await site.made())["build_config"]
    (before,) = config["tag_configs"]
    sent = [before | {"docker_repo_tag": "release"}, TAG | {"dockerfile_location": "/aa"}]
    answer = await site.client.put(
        f"{REPOSITORY}/build-config", json={"build_node": "in", "tag_configs": sent}
    )
    after = answer.json()
    SHAPES.check("build_config", after)
    first, second = after["tag_configs"]
    assert first == before | {"docker_repo_tag": "release"}
    assert second["dockerfile_location"] == "/aa"
    assert second["id"] not in {before["id"], None}
    assert (await site.client.get(REPOSITORY)).json()["build_config"] == after


async def test_a_repository_is_deleted_without_a_word(site: Site) -> None:
    await site.made()
    answer = await site.client.delete(REPOSITORY)
    assert (answer.status_code, answer.content) == (204, b"")
    gone = await site.client.get(REPOSITORY)
    assert (gone.status_code, gone.json().keys()) == (404, {"detail"})


async def test_a_fresh_build_waits_and_knows_its_code(site: Site) -> None:
    await site.made()
    await site.store.add_build(**EARLIER, repo_url="https://github.com/yournamespace/Docker-image.git")
    document = await site.built()
    SHAPES.check("build", document)
    page = "https://github.com/yournamespace/Docker-image"
    assert document == document | {
        "started_at": None,
        "ended_at": None,
        "code_head_commit": ORDER["code_commit_id"],
        "code_repo_client": "GitHub",
        "code_repo_path": "yournamespace/Docker-image",
        "code_repo_type": "branch",
        "code_repo_type_value": "master",
        "created_by": "the member",
        "image_id": None,
        "docker_repo_path": "alauda/docker_images_test",
        "docker_repo_tag": "latest",
        "status": "W",
        "auto_created": False,
        "step_at": 1,
        "build_node": "in",
        "build_context_path": "/",
        "code_repo_http_url": page,
        "code_commit_http_url": f"{page}/commit/{ORDER['code_commit_id']}",
        "code_repo_branch_url": f"{page}/tree/master",
        "is_removable": True,
    }
    assert document["docker_repo_version_tag"].startswith("v2023")


async def test_only_the_tag_that_is_asked_for_is_built(site: Site) -> None:
    other = TAG | {"docker_repo_tag": "release", "dockerfile_location": "/release"}
    await site.made(build_config=NEW["build_config"] | {"tag_configs": [TAG, other]})
    await site.store.add_build(**EARLIER)
    document = await site.built(tag="release")
    assert (document["docker_repo_tag"], document["dockerfile_location"]) == ("release", "/release")
    assert (await site.client.get(BUILDS)).json()["count"] == 2


@pytest.mark.parametrize(
    ("order", "status", "why"),
    [
        ({"tag": "newest"}, 400, "tag: no tag configuration of alauda/docker_images_test has newest"),
        ({"tag": "any"}, 409, "release/* stands for several branch names: give the one to build"),
        ({"code_commit_id": "abc"}, 400, "the commit id is not 40 or 64 hexadecimal digits"),
        ({"repo_name": "absent"}, 404, "there is no such repository"),
        ({"tags": "latest"}, 400, "tags: is not known; did you mean tag?"),
    ],
)
async def test_what_cannot_be_built_is_refused_with_the_reason(
    site: Site, order: dict[str, str], status: int, why: str
) -> None:
    several = TAG | {"code_repo_type_value": "release/*", "docker_repo_tag": "any"}
    await site.made(build_config=NEW["build_config"] | {"tag_configs": [TAG, several]})
    await site.store.add_build(**EARLIER)
    answer = await site.client.post(BUILDS, json=ORDER | order)
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(why)


async def ended(store: Store, build: Build | str, state: BuildState, **change: Any) -> None:
    run_id = build if isinstance(build, str) else build.run_id
    for to, more in (
        (BuildState.TRIGGERING, {}),
        (BuildState.RUNNING, {"started_at": store.clock()}),
        (state, {"ended_at": store.clock() + 30} | change),
    ):
        assert await store.builds.transition(run_id, to, quiet, **more)


async def test_a_build_that_has_ended_has_every_field_of_the_example(site: Site) -> None:
    await site.made()
    await site.store.add_build(**EARLIER, repo_url="https://github.com/yournamespace/Docker-image.git")
    build_id = (await site.built())["build_id"]
    await ended(site.store, build_id, BuildState.SUCCEEDED, digest="sha256:a31664dde7e0" + "0" * 52)
    document = (await site.client.get(f"{BUILDS}/{build_id}")).json()
    SHAPES.check("build", document, full=True)
    assert (document["status"], document["step_at"], document["is_removable"]) == ("S", 50, False)
    assert document["image_id"] == "a31664dde7e0"
    page = (await site.client.get(f"{BUILDS}?namespace=alauda&page=1&repo_name=docker_images_test")).json()
    SHAPES.check("page", page)
    row, older = page["results"]
    SHAPES.check("row", row, full=True)
    SHAPES.check("row", older)
    assert row == {name: document.get(name, row["detail"]) for name in row}


@pytest.mark.parametrize(
    ("state", "letter", "step"),
    [(BuildState.RUNNING, "I", range(2, 50)), (BuildState.QUEUED, "W", range(2, 25))],
)
async def test_a_build_on_its_way_says_how_far_it_is(
    site: Site, state: BuildState, letter: str, step: range
) -> None:
    build = await site.store.add_build(is_public=True)
    for to in (BuildState.TRIGGERING, state):
        await site.store.builds.transition(build.run_id, to, quiet)
    document = (await site.client.get(f"{BUILDS}/{build.id}")).json()
    assert (document["status"], document["is_removable"]) == (letter, True)
    assert document["step_at"] in step


async def test_a_cancelled_build_has_failed_with_the_reason(site: Site) -> None:
    build = await site.store.add_build(is_public=True, **EARLIER)
    answer = await site.client.delete(f"{BUILDS}/{build.id}")
    assert (answer.status_code, answer.content, site.woken) == (204, b"", ["woken"])
    stopped = "cancelled by the member"
    await site.store.builds.transition(build.run_id, BuildState.CANCELLED, quiet, detail=stopped)
    (row,) = (await site.client.get(BUILDS)).json()["results"]
    assert (row["status"], row["detail"]) == ("F", stopped)
    assert (await site.client.delete(f"{BUILDS}/{build.id}")).status_code == 409


async def test_pages_lead_to_each_other_and_stand_still(site: Site) -> None:
    for number in range(45):
        await site.store.add_build(str(number), is_public=True)
    first = (await site.client.get(f"{BUILDS}?namespace=acme")).json()
    await site.store.add_build("meanwhile", is_public=True)
    second = (await site.client.get(first["next"])).json()
    third = (await site.client.get(second["next"])).json()
    ids = [row["build_id"] for page in (first, second, third) for row in page["results"]]
    assert len(ids) == len(set(ids)) == 45
    assert third["next"] is None
    assert (await site.client.get(second["previous"])).json()["results"] == first["results"]
    by_number = (await site.client.get(f"{BUILDS}?page=3")).json()
    assert [row["build_id"] for row in by_number["results"]] == ids[39:]


async def test_a_log_has_one_row_for_each_line(site: Site) -> None:
    build = await site.store.add_build(is_public=True)
    log = ["starting to build\nWARN", "ING: no cache\r\n\n", "ERROR in step 3\nthe ", "end"]
    for offset, text in enumerate(log):
        await site.store.builds.append_log(build.run_id, text, offset, restarted=False)
        site.store.clock.advance(10.25)
    unfinished = (await site.client.get(f"{BUILDS}/{build.id}/logs")).json()
    await ended(site.store, build, BuildState.SUCCEEDED)
    rows = (await site.client.get(f"{BUILDS}/{build.id}/logs")).json()
    assert unfinished == rows[:-1], "a line that may grow is not shown"
    for row in rows:
        SHAPES.check("log_row", row)
    begun = int(START)
    assert [tuple(row.values()) for row in rows] == [
        ("starting to build", "INFO", begun),
        ("WARNING: no cache", "WARNING", begun),
        ("", "INFO", begun + 10),
        ("ERROR in step 3", "ERROR", begun + 20),
        ("the end", "INFO", begun + 20),
    ]
    asked = f"{BUILDS}/{build.id}/logs?start_time={begun + 10}&end_time={begun + 10}"
    assert (await site.client.get(asked)).json() == [rows[2]]
    assert (await site.client.get(f"{BUILDS}/{build.id}/logs?end_time=1")).json() == []


async def test_what_there_is_not_is_said_in_the_same_shape(site: Site) -> None:
    answer = await site.client.get("/alauda/v1/nothing")
    assert (answer.status_code, answer.json().keys()) == (404, {"detail"})


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("error: failed to solve", "ERROR"),
        ("[WARN] deprecated", "WARNING"),
        ("2026-01-02T03:04:05Z ERROR no route", "ERROR"),
        ("fatal: not a git repository", "ERROR"),
        ("Warning: 3 packages", "WARNING"),
        ("errors: 0", "INFO"),
        ("error handling is done by the caller", "INFO"),
        ("0 errors, 0 warnings", "INFO"),
        ("", "INFO"),
    ],
)
def test_a_line_has_the_level_that_it_claims(line: str, level: str) -> None:
    assert level_of(line) == level
