"""`Idempotency-Key`: what is asked for under a key is done once, whatever happens to the answer."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import func, select
from support.answers import bad
from support.api import api_of, bearer, client_of, issue
from support.harness import DispatcherHarness
from support.keeping import keeper_of
from support.listed import newest_deliveries
from support.scripted import SHA, Store, eventually, open_store, quiet
from support.stored import document, put
from support.trail import change_by

from bridge.model.access import Role
from bridge.model.build import BuildState
from bridge.registry import FORGES
from bridge.store.schema_callers import idempotency_key
from bridge.store.sql.idempotency import KEPT_SECONDS, MAX_KEYS
from bridge.web.api import idempotency
from bridge.web.api.codearts.ids import job_id_of

KEY = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
TOOL = {"namespace": "acme", "repo_name": "tool"}
ORDER = TOOL | {"tag": "latest", "code_commit_id": SHA}
JOB = job_id_of(("acme", "tool"))
SIGN_IN = {
    "auth": {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "api.tokens", "password": "t" * 20}},
        }
    }
}


@asynccontextmanager
async def served(store: Store, *, decides: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is an admin; without `decides` no dispatcher makes builds of what is asked for."""
    keeper = await keeper_of(store, store.path.parent / "rules")
    harness = DispatcherHarness(store, keeper.rules, FORGES)
    app = api_of(store, keeper=keeper, wake=harness.dispatcher.wake, tokens=["t" * 20])
    async with client_of(app) as client:
        client.headers["authorization"] = f"Bearer {'t' * 20}"
        if not decides:
            yield client
            return
        async with harness.running():
            yield client


@pytest.fixture
async def ended(store: Store) -> str:
    """The id of a build that has ended, of a repository that is known."""
    (store.path.parent / "rules").mkdir()
    await store.repositories.take({}, [], [], put(document("tool")))
    build = await store.add_build(repo_name="tool", namespace="acme")
    await store.builds.transition(build.run_id, BuildState.FAILED, quiet)
    return build.id


async def made(store: Store) -> tuple[int, int, int]:
    """How many deliveries, builds and runs there are."""
    deliveries = await newest_deliveries(store, 100)
    found = [build for one in deliveries for build in await store.builds.of_delivery(one.id)]
    return len(deliveries), len(found), sum(build.run for build in found)


async def kept(store: Store) -> int:
    query = select(func.count()).select_from(idempotency_key)
    return await store.database.read(lambda connection: connection.execute(query).scalar_one())


CALLS: Mapping[str, tuple[str, Any, tuple[int, int, int]]] = {
    "own trigger": ("/v1/builds", ORDER, (2, 2, 2)),
    "own retry": ("/v1/builds/{build}/retry", None, (1, 1, 2)),
    "own redelivery": ("/v1/deliveries/{delivery}/redeliver", None, (2, 1, 1)),
    "own repository": ("/v1/repositories/acme", document("new"), (1, 1, 1)),
    "alauda trigger": ("/alauda/v1/builds", ORDER, (2, 2, 2)),
    "drone restart": ("/api/repos/acme/tool/builds/1", None, (1, 1, 2)),
    "codearts run": ("/v3/jobs/build", {"job_id": JOB, "scm": {"build_commit_id": SHA}}, (2, 2, 2)),
}
"""A call in each dialect, and what there is when it was done once, beside the one build before."""


@pytest.mark.parametrize("name", CALLS)
async def test_the_same_again_is_answered_alike_and_done_once(store: Store, ended: str, name: str) -> None:
    path, body, expected = CALLS[name]
    build = await store.build(ended)
    path = path.format(build=ended, delivery=build.origin.delivery_id)
    async with served(store) as client:
        first = await client.post(path, json=body, headers=KEY)
        again = await client.post(path, json=body, headers=KEY)
    assert first.is_success, first.text
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert await made(store) == expected


async def test_an_empty_answer_is_given_again(store: Store, ended: str) -> None:
    await store.builds.retry(ended, change_by("max"), "asked for")
    async with served(store) as client:
        answers = [await client.post("/api/repos/acme/tool/builds/1/1", headers=KEY) for _ in range(2)]
    assert [(one.status_code, one.content) for one in answers] == [(204, b"")] * 2
    assert (await store.steps(ended)).count("cancel") == 1


async def test_a_long_answer_is_made_anew(store: Store, ended: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MAX_ANSWER", 100)
    async with served(store) as client:
        headers = KEY
        first, again = [await client.post("/v1/builds", json=ORDER, headers=headers) for _ in range(2)]
    assert first.json()["data"]["build_id"] == again.json()["data"]["build_id"]
    assert await made(store) == (2, 2, 2)
    answers = await store.database.read(
        lambda connection: connection.execute(select(idempotency_key.c.body)).scalars().all()
    )
    assert answers == [None]


async def test_without_a_key_and_with_another_one_it_is_done_again(store: Store, ended: str) -> None:
    async with served(store) as client:
        for headers in ({}, {}, KEY, {"idempotency-key": "another"}):
            assert (await client.post("/v1/builds", json=ORDER, headers=headers)).status_code == 201
    assert (await made(store))[0] == 5


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/builds", ORDER | {"code_commit_id": "f" * 40}),
        ("/alauda/v1/builds", ORDER),
        ("/v1/repositories/acme", document("new")),
    ],
)
async def test_a_key_stands_for_one_request(store: Store, ended: str, path: str, body: Any) -> None:
    async with served(store) as client:
        await client.post("/v1/builds", json=ORDER, headers=KEY)
        other = await client.post(path, json=body, headers=KEY)
        assert other.status_code == 422
        assert "this Idempotency-Key was sent with another request" in other.text
    assert (await made(store))[0] == 2


async def test_a_key_belongs_to_who_sends_it(store: Store, ended: str) -> None:
    async with served(store) as client:
        answers = [
            await client.post("/v1/builds", json=ORDER, headers=KEY | bearer(await issue(store, Role.MEMBER)))
            for _ in range(2)
        ]
    assert {answer.status_code for answer in answers} == {201}
    assert (await made(store))[0] == 3


async def test_while_it_is_being_done_the_same_is_a_conflict(store: Store, ended: str) -> None:
    async with half_done(store) as client:
        why = bad(await client.post("/v1/builds", json=ORDER, headers=KEY), 409)
    assert why == "a request with this Idempotency-Key is being done: send it again in a moment"


@asynccontextmanager
async def half_done(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """An order that is on disk, and whose builds are not made before the end of the block."""

    async def is_stored() -> bool:
        return (await made(store))[0] == 2

    async with served(store, decides=False) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(partial(client.post, "/v1/builds", json=ORDER, headers=KEY))
        await eventually(is_stored)
        yield client
        tasks.cancel_scope.cancel()


async def test_it_holds_over_a_restart(store: Store, ended: str) -> None:
    async with served(store) as client:
        first = await client.post(f"/v1/builds/{ended}/retry", headers=KEY)
    async with open_another(store) as reopened, served(reopened) as client:
        again = await client.post(f"/v1/builds/{ended}/retry", headers=KEY)
        assert (again.status_code, again.content) == (200, first.content)
        assert await made(reopened) == (1, 1, 2)


@asynccontextmanager
async def open_another(store: Store) -> AsyncIterator[Store]:
    """The store as the next process finds it."""
    await anyio.to_thread.run_sync(store.database.close)
    async with open_store(store.path.parent, store.clock) as reopened:
        yield reopened


async def test_what_was_asked_for_before_a_kill_is_answered_after_it(store: Store, ended: str) -> None:
    """The process ends after the order is on disk, and before its builds are made."""
    async with half_done(store):
        pass
    async with open_another(store) as reopened, served(reopened) as client:
        again = await client.post("/v1/builds", json=ORDER, headers=KEY)
        assert again.status_code == 201, again.text
        (asked, _) = await newest_deliveries(reopened, 10)
        assert again.json()["data"]["delivery_id"] == asked.id
        assert await made(reopened) == (2, 2, 2)


class _KilledError(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("name", ["own trigger", "own retry", "own redelivery", "drone restart"])
async def test_what_was_done_before_a_kill_is_not_done_again(
    store: Store, ended: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends after all was done, and before the answer was kept."""
    path, body, expected = CALLS[name]
    path = path.format(build=ended, delivery=(await store.build(ended)).origin.delivery_id)

    async def killed(*_: object) -> None:
        raise _KilledError

    async with served(store) as client:
        with monkeypatch.context() as patch:
            patch.setattr(store.idempotency_keys, "answer", killed)
            with pytest.raises(_KilledError):
                await client.post(path, json=body, headers=KEY)
    assert await made(store) == expected
    # Meanwhile the run that was asked for has ended: another one would be possible.
    await store.builds.transition(f"{ended}.2", BuildState.FAILED, quiet)
    async with open_another(store) as reopened, served(reopened) as client:
        again = await client.post(path, json=body, headers=KEY)
        assert again.is_success, again.text
        assert await made(reopened) == expected


async def test_what_failed_is_tried_again(store: Store, ended: str) -> None:
    await store.builds.retry(ended, change_by("max"), "asked for")
    path = f"/v1/builds/{ended}/retry"
    async with served(store) as client:
        assert "has not ended" in bad(await client.post(path, headers=KEY), 409)
        await store.builds.transition(f"{ended}.2", BuildState.FAILED, quiet)
        assert (await client.post(path, headers=KEY)).json()["data"]["run"] == 3


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "two words", "a\tb"])
async def test_what_is_no_key_is_refused_and_nothing_is_done(store: Store, ended: str, key: str) -> None:
    async with served(store) as client:
        answer = await client.post("/v1/builds", json=ORDER, headers={"idempotency-key": key})
    assert bad(answer, 400).startswith("Idempotency-Key: send 1 to 255 letters")
    assert (await made(store))[0] == 1


async def test_the_longest_key_is_kept_as_its_digest(store: Store, ended: str) -> None:
    key = "secret-" * 36 + "key"
    assert len(key) == 255
    async with served(store) as client:
        for _ in range(2):
            answer = await client.post("/v1/builds", json=ORDER, headers={"idempotency-key": key})
            assert answer.status_code == 201
    query = select(idempotency_key.c.key)
    found = await store.database.read(lambda connection: connection.execute(query).scalar_one())
    assert (len(found), (await made(store))[0]) == (64, 2)


@pytest.mark.parametrize(
    ("seconds", "deliveries"), [(KEPT_SECONDS - 1, 2), (KEPT_SECONDS, 3)], ids=["a day", "a day and more"]
)
async def test_keys_are_kept_for_a_day(store: Store, ended: str, seconds: float, deliveries: int) -> None:
    async with served(store) as client:
        await client.post("/v1/builds", json=ORDER, headers=KEY)
        store.clock.advance(seconds)
        await client.post("/v1/builds", json=ORDER, headers=KEY)
    assert (await made(store))[0] == deliveries


async def test_of_each_caller_the_newest_keys_are_kept(store: Store) -> None:
    keys = store.idempotency_keys
    other = await keys.claim("other", "k", "request")
    claims = [await keys.claim("one", str(number), "request") for number in range(MAX_KEYS + 1)]
    again = [(await keys.claim("one", key, "request")).id for key in ("1", str(MAX_KEYS))]
    assert again == [claims[1].id, claims[-1].id]
    assert (await keys.claim("one", "0", "request")).id != claims[0].id
    assert (await keys.claim("other", "k", "request")).id == other.id
    assert await kept(store) == MAX_KEYS + 1


async def test_old_keys_go_with_other_old_rows(store: Store) -> None:
    await store.idempotency_keys.claim("one", "k", "request")
    store.clock.advance(KEPT_SECONDS)
    await store.prune(deliveries=timedelta(days=9), builds=timedelta(days=9))
    assert await kept(store) == 0


READS: Mapping[str, Any] = {
    "/v3/auth/tokens": SIGN_IN,
    "/v1/record/brief": [],
    "/v1/job/check/webhook-url": {
        "job_id": JOB,
        "notice_type": "WECOM",
        "webhook_url": "https://qyapi.weixin.qq.com/x?key=y",
    },
}


@pytest.mark.parametrize("path", READS)
async def test_of_what_changes_nothing_no_answer_is_kept(store: Store, ended: str, path: str) -> None:
    async with served(store) as client:
        for _ in range(2):
            assert (await client.post(path, json=READS[path], headers=KEY)).is_success
    assert await kept(store) == 0


async def test_an_order_without_a_token_keeps_nothing(store: Store, ended: str) -> None:
    async with served(store) as client:
        client.headers.pop("authorization")
        assert (await client.post("/v1/builds", json=ORDER, headers=KEY)).status_code == 404
    assert await kept(store) == 0
