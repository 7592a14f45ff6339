"""What our own API changes: builds that are asked for, ended and run again, and repeated deliveries."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from support.answers import bad, good
from support.api import api_of, bearer, client_of, issue
from support.harness import DispatcherHarness
from support.keeping import keeper_of
from support.scripted import SHA, START, Store, delivery_of, quiet
from support.stored import document, put, tag_config_document
from support.trail import change_by, earlier_repositories

from bridge.model.access import Role
from bridge.model.build import BuildState
from bridge.model.notice import EventName, Subscription
from bridge.planning.notice_policy import NoticePolicy
from bridge.registry import FORGES
from bridge.runtime.clock import when
from bridge.web.api.core.resolving import resolve

TOOL = {"namespace": "acme", "repo_name": "tool"}
TAGS = (
    tag_config_document(),
    tag_config_document("release/*", docker_repo_tag="any"),
    tag_config_document("v1", code_repo_type="tag", docker_repo_tag="one"),
)


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """An admin, with a dispatcher behind the API."""
    await earlier_repositories(store).take({}, [], [], put(document("tool", *TAGS)))
    keeper = await keeper_of(store, store.path.parent)
    harness = DispatcherHarness(store, keeper.rules, FORGES)
    async with (
        harness.running(),
        client_of(api_of(store, keeper=keeper, wake=harness.dispatcher.wake)) as opened,
    ):
        opened.headers["authorization"] = bearer(await issue(store, Role.ADMIN))["authorization"]
        yield opened


async def trail(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    """Who changed what, the newest first."""
    entries = good(await client.get("/v1/audit"))["results"]
    return [(entry["action"], entry["subject"]) for entry in entries]


@pytest.mark.parametrize(
    ("order", "built"),
    [
        ({"tag": "latest"}, ("branch", "master", "latest")),
        ({"branch": "master"}, ("branch", "master", "latest")),
        ({"tag": "any", "branch": "release/1"}, ("branch", "release/1", "any")),
        ({"tag": "one"}, ("tag", "v1", "one")),
    ],
)
async def test_a_build_is_asked_for_by_tag_or_branch(
    store: Store, client: httpx.AsyncClient, order: dict[str, str], built: tuple[str, str, str]
) -> None:
    await store.add_build(repo_name="tool")
    answer = await client.post("/v1/builds", json=TOOL | order | {"code_commit_id": SHA})
    assert answer.status_code == 201, answer.text
    build = answer.json()["data"]
    found = (build["code_repo_type"], build["code_repo_type_value"], build["docker_repo_tag"])
    assert (found, build["code_head_commit"]) == (built, SHA)
    assert (build["created_by"], build["auto_created"]) == ("the admin", False)
    assert await trail(client) == [("build.triggered", "acme/tool")]


async def test_a_commit_may_be_written_in_capitals(store: Store, client: httpx.AsyncClient) -> None:
    await store.add_build(repo_name="tool")
    order = TOOL | {"tag": "latest", "code_commit_id": SHA.upper()}
    answer = await client.post("/v1/builds", json=order)
    assert (answer.status_code, answer.json()["data"]["code_head_commit"]) == (201, SHA)


@pytest.mark.parametrize(
    ("order", "status", "why"),
    [
        ({}, 400, "give tag, as a tag configuration has it, or branch"),
        ({"tag": "any"}, 409, "release/* stands for several branch names"),
        ({"tag": "one", "branch": "master"}, 400, "branch: one is built of tags: leave branch out"),
    ],
)
async def test_an_order_that_says_too_little_or_too_much_is_refused(
    client: httpx.AsyncClient, order: dict[str, str], status: int, why: str
) -> None:
    answer = await client.post("/v1/builds", json=TOOL | order)
    assert bad(answer, status).startswith(why)


async def test_a_build_is_ended_and_run_again(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build(repo_name="tool")
    await store.builds.append_log(build.run_id, "the first run\n", 1, restarted=False)
    assert "has not ended" in bad(await client.post(f"/v1/builds/{build.id}/retry"), 409)
    assert good(await client.delete(f"/v1/builds/{build.id}")) is None
    bad(await client.delete(f"/v1/builds/{build.id}"), 409)
    await store.builds.transition(build.run_id, BuildState.CANCELLED, quiet)
    again = good(await client.post(f"/v1/builds/{build.id}/retry"))
    assert (again["build_id"], again["number"], again["run"], again["state"]) == (build.id, 1, 2, "waiting")
    await store.builds.append_log(f"{build.id}.2", "the second run\n", 1, restarted=False)

    async def log(query: str) -> list[Any]:
        return [row["message"] for row in good(await client.get(f"/v1/builds/{build.id}/logs{query}"))]

    assert await log("") == await log("?run=2") == ["the second run\n"]
    assert await log("?run=1") == ["the first run\n"]
    assert await log("?run=3") == []
    assert await trail(client) == [("build.retried", build.id), ("build.cancelled", build.id)]


async def test_a_person_says_how_a_build_ended_that_no_one_knows(
    store: Store, client: httpx.AsyncClient
) -> None:
    said = {"state": "succeeded", "reason": "the image is in the registry"}
    build = await store.add_build(
        repo_name="tool", subscriptions=(Subscription(channel="team", events=frozenset({EventName.SUCCESS})),)
    )
    path = f"/v1/builds/{build.id}/resolve"
    assert "is not unknown: it is waiting" in bad(await client.post(path, json=said), 409)
    await store.builds.append_log(build.run_id, "pushed\n", 7, restarted=False)
    await store.builds.transition(build.run_id, BuildState.UNKNOWN, quiet, detail="no answer", ended_at=START)
    for wrong in ({"state": "running", "reason": "x"}, {"state": "failed"}, said | {"reason": ""}):
        bad(await client.post(path, json=wrong), 400)
    ended = good(await client.post(path, json=said))
    why = "resolved by the admin: the image is in the registry"
    assert (ended["state"], ended["detail"], ended["ended_at"]) == ("succeeded", why, when(START))
    assert good(await client.post(path, json=said))["state"] == "succeeded", "the same again is no mistake"
    assert "it is succeeded" in bad(await client.post(path, json=said | {"state": "failed"}), 409)
    (notice,) = good(await client.get(f"/v1/notices?build_id={build.id}&channel=team"))["results"]
    assert notice["event"] == "buildJobSuccess"
    assert [step.what for step in await store.builds.steps(build.id)][-2:] == ["unknown", "succeeded"]
    entry = good(await client.get("/v1/audit"))["results"][-1]
    assert (entry["action"], entry["before"], entry["after"]) == (
        "build.resolved",
        {"state": "unknown"},
        {"state": "succeeded"},
    )


async def test_what_the_builder_says_meanwhile_stands(store: Store) -> None:
    """The poller has seen that it runs: a person who saw the page of before does not end it."""
    build = await store.add_build(repo_name="tool")
    await store.builds.transition(build.run_id, BuildState.UNKNOWN, quiet)
    await store.builds.transition(build.run_id, BuildState.RUNNING, quiet)
    policy = NoticePolicy(store.clock)
    assert await resolve(store.builds, build, "failed", "no", policy, change=change_by()) is None
    assert (await store.build(build.id)).state is BuildState.RUNNING


async def test_a_delivery_shows_what_was_sent_and_comes_again(
    store: Store, client: httpx.AsyncClient
) -> None:
    delivery = delivery_of("k", store.clock(), body=b"<script>\xff", headers={"x-event": "push"})
    await store.deliveries.put(delivery)
    path = f"/v1/deliveries/{delivery.id}"
    body = await client.get(f"{path}/body")
    assert (body.content, body.headers["content-type"]) == (b"<script>\xff", "application/octet-stream")
    assert body.headers["x-content-type-options"] == "nosniff"
    assert good(await client.get(f"{path}/headers")) == {"x-event": "push"}
    answer = await client.post(f"{path}/redeliver")
    assert answer.status_code == 201
    again = answer.json()["data"]
    assert (again["id"] != delivery.id, again["key"], again["replay"]) == (True, "k", 1)
    assert await trail(client) == [("delivery.redelivered", delivery.id)]


async def test_builders_and_channels_say_since_when_and_why_they_are_down(
    store: Store, client: httpx.AsyncClient
) -> None:
    await store.health.degrade("builder:jenkins", "no route to host")
    found = {part["name"]: part for part in good(await client.get("/v1/health"))}
    assert found["builder:jenkins"] == {
        "name": "builder:jenkins",
        "state": "down",
        "since": "2023-11-14T22:13:20.000Z",
        "why": "no route to host",
        "paused_until": None,
        "restored_at": None,
        "last_error": "no route to host",
        "last_error_at": "2023-11-14T22:13:20.000Z",
    }
    never = {"restored_at": None, "last_error": "", "last_error_at": None}
    up = {"name": "channel:team", "state": "up", "since": None, "why": "", "paused_until": None, **never}
    assert (found["channel:team"], found["builder:here"]["state"]) == (up, "up")
    store.clock.advance(60)
    await store.health.restore("builder:jenkins", "it answers again")
    found = {part["name"]: part for part in good(await client.get("/v1/health"))}
    assert found["builder:jenkins"]["restored_at"] == "2023-11-14T22:14:20.000Z"
    assert found["builder:jenkins"]["last_error"] == "no route to host"
