"""The Drone-style API: each call as its documentation writes it, with the fields and words that it shows."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.api import api_of, bearer, client_of, issue
from support.keeping import keeper_of
from support.scripted import Store, quiet
from support.shapes import Shapes

from bridge.model.access import Role
from bridge.model.build import Build, BuildState
from bridge.model.event import Person

SHAPES = Shapes(Path(__file__).parent / "shapes" / "drone.yaml")
RULE = """
namespace: acme
repo_name: {name}
is_public: {public}
build_config:
  code_repo_client: Gitee
  code_repo_namespace: acme
  code_repo_name: {name}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: latest, is_active: {active}}}
"""
SHOP = "/api/repos/acme/shop"


@pytest.fixture
async def woken() -> list[str]:
    return []


@pytest.fixture
async def client(store: Store, tmp_path: Path, woken: list[str]) -> AsyncIterator[httpx.AsyncClient]:
    for name, public, active in (
        ("shop", "true", "true"),
        ("secret", "false", "true"),
        ("idle", "true", "false"),
        ("hidden", "false", "false"),
    ):
        text = RULE.format(name=name, public=public, active=active)
        (tmp_path / f"{name}.yaml").write_text(text)
    keeper = await keeper_of(store, tmp_path)
    async with client_of(api_of(store, keeper=keeper, wake=lambda: woken.append("asked"))) as opened:
        yield opened


async def member(store: Store) -> dict[str, str]:
    return bearer(await issue(store, Role.MEMBER, "acme"))


async def made(store: Store, key: str = "1", *, public: bool = True, **changes: Any) -> Build:
    author = Person("adminuser", "admin@example.com")
    return await store.add_build(key, is_public=public, author=author, **changes)


async def ended(store: Store, build: Build, state: BuildState = BuildState.FAILED) -> None:
    for to, change in (
        (BuildState.TRIGGERING, {}),
        (BuildState.RUNNING, {"started_at": store.clock()}),
        (state, {"ended_at": store.clock() + 20}),
    ):
        assert await store.builds.transition(build.run_id, to, quiet, **change)  # type: ignore[arg-type]


async def test_what_has_not_ended_is_listed(store: Store, client: httpx.AsyncClient) -> None:
    gone = await made(store)
    await ended(store, gone)
    waiting = await made(store, "2")
    private = await made(store, "3", repo_name="secret", public=False)
    await made(store, "4", namespace="other", public=False)
    answer = await client.get("/api/builds", headers=await member(store))
    listed = answer.json()
    for document in listed:
        SHAPES.check("activity", document)
    assert [one["full_name"] for one in listed] == ["acme/secret", "acme/shop"]
    assert (listed[0]["number"], listed[1]["number"]) == (private.number, waiting.number)
    assert listed[1] | {"created_at": 0} == {
        "owner": "acme",
        "name": "shop",
        "full_name": "acme/shop",
        "number": 2,
        "event": "push",
        "status": "pending",
        "created_at": 0,
        "started_at": 0,
        "commit": waiting.request.commit,
        "branch": "main",
        "ref": "refs/heads/main",
        "message": waiting.origin.subject,
        "author": "adminuser",
        "author_avatar": "https://secure.gravatar.com/avatar/e64c7d89f26bd1972efa854d13d7dd61",
        "author_email": "admin@example.com",
    }
    assert (await client.get("/api/builds")).status_code == 401


async def test_the_builds_of_a_repository_are_listed_the_newest_first(
    store: Store, client: httpx.AsyncClient
) -> None:
    first = await made(store)
    await ended(store, first, BuildState.SUCCEEDED)
    await made(store, "2")
    listed = (await client.get(f"{SHOP}/builds")).json()
    for document in listed:
        SHAPES.check("build", document)
    assert [(one["number"], one["status"]) for one in listed] == [(2, "pending"), (1, "success")]
    begun = int(store.clock())
    assert (listed[1]["enqueued_at"], listed[1]["started_at"], listed[1]["finished_at"]) == (
        begun,
        begun,
        begun + 20,
    )
    ids = {one["id"] for one in listed}
    assert len(ids) == 2
    assert (await client.get(f"{SHOP}/builds?limit=1&page=2")).json() == listed[1:]


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (BuildState.SUCCEEDED, "success"),
        (BuildState.FAILED, "failure"),
        (BuildState.CANCELLED, "killed"),
        (BuildState.SUPERSEDED, "killed"),
        (BuildState.UNKNOWN, "error"),
    ],
)
async def test_a_build_has_one_job_with_the_same_word(
    store: Store, client: httpx.AsyncClient, state: BuildState, word: str
) -> None:
    build = await made(store)
    await ended(store, build, state)
    document = (await client.get(f"{SHOP}/builds/1")).json()
    SHAPES.check("build", document, "jobs")
    (job,) = document["jobs"]
    SHAPES.check("job", job)
    assert (document["status"], job["status"], job["number"]) == (word, word, 1)
    assert job["exit_code"] == (0 if state is BuildState.SUCCEEDED else 1)


async def test_a_restart_is_the_same_build_that_waits_again(
    store: Store, client: httpx.AsyncClient, woken: list[str]
) -> None:
    build = await made(store)
    early = await client.post(f"{SHOP}/builds/1", headers=await member(store))
    assert early.status_code == 409
    await ended(store, build)
    before = (await client.get(f"{SHOP}/builds/1")).json()
    store.clock.advance(600)
    answer = await client.post(f"{SHOP}/builds/1", headers=await member(store))
    after = answer.json()
    assert answer.status_code == 200
    SHAPES.check("build", after)
    assert woken == ["asked"]
    changed = {"status": "pending", "enqueued_at": int(store.clock()), "started_at": 0, "finished_at": 0}
    del before["jobs"]
    assert after == before | changed


async def test_a_log_ends_with_an_empty_element(store: Store, client: httpx.AsyncClient) -> None:
    build = await made(store)
    for offset, text in enumerate(['first "line"\nsec', "ond\n\nthi", "rd\r\n陶 without an end"]):
        await store.builds.append_log(build.run_id, text, offset, restarted=False)
    unfinished = (await client.get(f"{SHOP}/logs/1/1")).json()
    await ended(store, build)
    answer = await client.get(f"{SHOP}/logs/1/1")
    assert [*unfinished[:-1], *answer.json()[-2:]] == answer.json(), "a line that may grow is not shown"
    assert answer.json() == [
        {"proc": "build", "pos": 0, "out": 'first "line"'},
        {"proc": "build", "pos": 1, "out": "second"},
        {"proc": "build", "pos": 2},
        {"proc": "build", "pos": 3, "out": "third"},
        {"proc": "build", "pos": 4, "out": "陶 without an end"},
        {},
    ]
    other = await made(store, "2")
    assert (await client.get(f"{SHOP}/logs/{other.number}/1")).json() == [{}]
    assert (await client.get(f"{SHOP}/logs/1/2")).status_code == 404


async def test_a_long_log_is_whole(store: Store, client: httpx.AsyncClient) -> None:
    build = await made(store)
    for number in range(250):
        await store.builds.append_log(build.run_id, f"line {number}\nand ", number, restarted=False)
    await ended(store, build)
    lines = json.loads((await client.get(f"{SHOP}/logs/1/1")).content)
    assert [line["pos"] for line in lines[:-1]] == list(range(251))
    assert lines[1]["out"] == "and line 1"


async def test_a_build_is_cancelled_without_a_word(
    store: Store, client: httpx.AsyncClient, woken: list[str]
) -> None:
    build = await made(store)
    answer = await client.request("DELETE", f"{SHOP}/builds/1/1", headers=await member(store))
    assert (answer.status_code, answer.content, woken) == (204, b"", ["asked"])
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert (await store.build(build.id)).cancel_reason == "cancelled by the member"
    again = await client.request("DELETE", f"{SHOP}/builds/1/1", headers=await member(store))
    assert again.status_code == 409


@pytest.mark.parametrize("known", [True, False], ids=["token", "no token"])
@pytest.mark.parametrize("name", ["shop", "secret", "idle", "hidden", "absent"])
@pytest.mark.parametrize("path", ["builds", "builds/1", "logs/1/1"])
async def test_what_builds_no_push_is_not_there_and_what_is_private_takes_a_token(
    store: Store, client: httpx.AsyncClient, path: str, name: str, *, known: bool
) -> None:
    await made(store, repo_name=name, public=name in {"shop", "idle"})
    headers = await member(store) if known else {}
    answer = await client.get(f"/api/repos/acme/{name}/{path}", headers=headers)
    visible = name == "shop" or (name == "secret" and known)
    assert answer.status_code == (200 if visible else 404)
    if not visible:
        assert answer.json().keys() == {"message"}


@pytest.mark.parametrize(("method", "path"), [("POST", "builds/1"), ("DELETE", "builds/1/1")])
async def test_who_has_no_token_changes_nothing(
    store: Store, client: httpx.AsyncClient, method: str, path: str
) -> None:
    await made(store)
    await made(store, "2", repo_name="secret", public=False)
    assert (await client.request(method, f"{SHOP}/{path}")).status_code == 401
    assert (await client.request(method, f"/api/repos/acme/secret/{path}")).status_code == 404


async def test_a_bare_token_opens_as_the_documentation_writes_it(
    store: Store, client: httpx.AsyncClient
) -> None:
    await made(store, repo_name="secret", public=False)
    bare = (await member(store))["authorization"].removeprefix("Bearer ")
    answer = await client.get("/api/repos/acme/secret/builds", headers={"authorization": bare})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/api/nothing", f"{SHOP}/builds/-1"])
async def test_what_is_no_path_of_this_dialect_is_not_found_in_its_words(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, list(answer.json())) == (404, ["message"])


async def test_no_build_is_forked(client: httpx.AsyncClient, store: Store) -> None:
    build = await made(store)
    await store.builds.transition(build.run_id, BuildState.FAILED, quiet)
    answer = await client.post(f"{SHOP}/builds/1?fork=true", headers=await member(store))
    assert answer.status_code == 400
    assert answer.json()["message"] == "fork: a build runs again under its own number here: leave fork out"
    assert (await store.build(build.id)).state is BuildState.FAILED
