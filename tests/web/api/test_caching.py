"""What caches may keep, and changes that are made only to what the caller has read."""

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from support.answers import bad, good
from support.api import api_of, bearer, client_of, issue
from support.keeping import keeper_of
from support.scripted import Store
from support.stored import document, put, tag_config_document
from support.trail import change_by

from bridge.model.access import Role
from bridge.web.api.codearts.ids import job_id_of

JOB = job_id_of(("acme", "tool"))
TOOL = "/v1/repositories/acme/tool"
DOCUMENTS = (
    "/v1/builds",
    "/v1/builds/{build}",
    "/v1/builds/{build}/logs",
    TOOL,
    "/alauda/v1/builds",
    "/alauda/v1/repositories/acme/tool",
    "/api/repos/acme/tool/builds",
    f"/v1/job/{JOB}/info",
    "/openapi.json",
)


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    await store.repositories.take({}, [], [], put(document("tool")))
    app = api_of(store, keeper=await keeper_of(store, store.path.parent))
    async with client_of(app) as opened:
        opened.headers["authorization"] = bearer(await issue(store, Role.ADMIN))["authorization"]
        yield opened


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_who_has_a_document_already_gets_no_body(
    store: Store, client: httpx.AsyncClient, path: str
) -> None:
    path = path.format(build=(await store.add_build(repo_name="tool")).id)
    first = await client.get(path)
    assert first.status_code == 200, first.text
    assert first.headers["cache-control"] == "private, no-cache"
    assert {"Authorization", "X-Auth-Token"} <= set(first.headers["vary"].split(", "))
    again = await client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    kept = ("etag", "cache-control", "vary")
    assert [again.headers[name] for name in kept] == [first.headers[name] for name in kept]
    assert "content-type" not in again.headers
    assert ("x-request-id" in again.headers) == ("x-request-id" in first.headers)


async def test_what_has_changed_is_sent_again(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build(repo_name="tool")
    tag = (await client.get(f"/v1/builds/{build.id}")).headers["etag"]
    await store.builds.request_cancel(build.id, "no longer wanted", change_by())
    now = await client.get(f"/v1/builds/{build.id}", headers={"if-none-match": tag})
    assert (now.status_code, now.headers["etag"] == tag) == (200, False)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("*", 304),
        ('"x", {}', 304),
        ("W/{}", 304),
        ('"x"', 200),
        ("", 200),
        ('"{}', 200),
    ],
)
async def test_a_list_of_tags_and_weak_ones(client: httpx.AsyncClient, given: str, status: int) -> None:
    tag = (await client.get("/v1/builds")).headers["etag"]
    answer = await client.get("/v1/builds", headers={"if-none-match": given.format(tag)})
    assert answer.status_code == status


async def test_who_may_see_more_gets_another_tag(store: Store, client: httpx.AsyncClient) -> None:
    await store.add_build(repo_name="tool")
    mine = await client.get("/v1/builds")
    others = bearer(await issue(store, Role.VIEWER, "globex"))
    theirs = await client.get("/v1/builds", headers=others | {"if-none-match": mine.headers["etag"]})
    assert good(theirs)["count"] == 0


async def test_what_is_no_document_is_kept_by_nobody(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build(repo_name="tool")
    paths = ("/v1/builds/none", "/v1/nothing", f"/v1/deliveries/{build.origin.delivery_id}/body")
    answers = [await client.get(path, headers={"if-none-match": "*"}) for path in paths]
    answers.append(await client.delete(f"/v1/builds/{build.id}", headers={"if-none-match": "*"}))
    answers.append(await client.get(f"/alauda/v1/builds/{build.id}/logs", headers={"if-none-match": "*"}))
    assert [answer.status_code for answer in answers] == [404, 404, 200, 200, 200]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert not any("etag" in answer.headers for answer in answers)


async def test_two_who_edit_the_same_do_not_overwrite_each_other(client: httpx.AsyncClient) -> None:
    read = {"if-match": (await client.get(TOOL)).headers["etag"]}
    path = f"{TOOL}/build-config"
    good(await client.put(path, json={"image": "acme/one"}, headers=read))
    why = bad(await client.put(path, json={"image": "acme/two"}, headers=read), 412)
    assert why == "it was changed since you read it: read it again, and make your change to that"
    now = await client.get(TOOL)
    assert good(now)["build_config"]["docker_repo_path"] == "acme/one"
    good(await client.put(path, json={"image": "acme/two"}, headers={"if-match": now.headers["etag"]}))


async def test_of_two_at_the_same_time_one_is_refused(client: httpx.AsyncClient) -> None:
    read = {"if-match": (await client.get(TOOL)).headers["etag"]}
    statuses = []

    async def change(image: str) -> None:
        answer = await client.put(f"{TOOL}/build-config", json={"image": image}, headers=read)
        statuses.append(answer.status_code)

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(change, f"acme/{number}")
    assert sorted(statuses) == [200, 412, 412, 412, 412]


async def test_the_alauda_dialect_compares_its_own_documents(client: httpx.AsyncClient) -> None:
    path = "/alauda/v1/repositories/acme/tool"
    read = {"if-match": (await client.get(path)).headers["etag"]}
    body = {"tag_configs": [tag_config_document(docker_repo_tag="other")]}
    statuses = [
        (await client.put(f"{path}/build-config", json=body, headers=headers)).status_code
        for headers in (read, read, {}, {"if-match": "*"}, {"if-match": ""})
    ]
    assert statuses == [200, 412, 200, 200, 412]


async def test_no_page_of_another_address_is_let_in_unless_it_is_named(client: httpx.AsyncClient) -> None:
    page = {"origin": "https://ci.example.com", "access-control-request-method": "GET"}
    asked = await client.options("/v1/builds", headers=page)
    answer = await client.get("/v1/builds", headers=page)
    assert (asked.status_code, answer.status_code) == (405, 200)
    found = {name for one in (asked, answer) for name in one.headers if name.startswith("access-control")}
    assert found == set()
