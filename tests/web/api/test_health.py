"""What watches the daemon asks: is it alive, is it ready, how does it fare."""

import resource
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import httpx
import pytest
from support.answers import bad
from support.api import api_of
from support.engines import postgres
from support.scripted import Store, eventually, failing

from bridge.store.sql import database
from bridge.web import metrics
from bridge.web.api import health


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    served = api_of(store, tokens=[])
    transport = httpx.ASGITransport(served)
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge.example.com") as opened:
        yield opened


async def test_health_names_what_is_down_and_is_degraded_not_dead(
    store: Store, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok", "down": []}
    await store.health.degrade("builder:here", "a secret reason")
    answer = await client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded", "down": ["builder:here"]}


async def test_health_is_bad_when_the_writer_no_longer_shows_itself(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BEAT_SECONDS", -1.0)
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "dead")


BUSY = "canceling statement due to lock timeout" if postgres() else "database is locked"


@asynccontextmanager
async def full_disk(_store: Store) -> AsyncIterator[None]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@asynccontextmanager
async def read_only(store: Store) -> AsyncIterator[None]:
    """SQLite says of a connection that must not write what it says of a file system that was mounted so."""
    connection = await store.database.write(lambda connection: connection)
    connection.exec_driver_sql("PRAGMA query_only=ON")
    yield
    connection.exec_driver_sql("PRAGMA query_only=OFF")


@pytest.mark.parametrize(
    ("outage", "why"),
    [
        pytest.param(full_disk, "the store cannot be written: d", marks=pytest.mark.sqlite),
        pytest.param(
            read_only,
            "the store cannot be written: attempt to write a readonly database",
            marks=pytest.mark.sqlite,
        ),
        (failing, f"the store cannot be written: {BUSY}"),
    ],
)
async def test_a_store_that_takes_no_write_is_shown_with_the_reason_until_it_takes_one_again(
    store: Store,
    client: httpx.AsyncClient,
    asking_each_time: None,
    outage: Callable[[Store], AbstractAsyncContextManager[None]],
    why: str,
) -> None:
    await store.health.degrade("builder:here", "a secret reason")
    async with outage(store):
        for _ in range(2):
            answer = await client.get("/healthz")
            assert answer.status_code == 503
            shown = answer.json()
            assert shown.pop("reason").startswith(why)
            assert shown == {"status": "degraded", "down": ["builder:here", "store"]}
        assert "buildbridge_store_down 1.0" in (await client.get("/metrics")).text
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "degraded", "down": ["builder:here"]})
    assert "buildbridge_store_down 0.0" in (await client.get("/metrics")).text


async def test_who_asks_about_a_store_that_is_locked_for_long_does_not_wait_as_long(
    store: Store, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.05)
    async with failing(store, busy_seconds=60):
        with anyio.fail_after(10):
            answer = await client.get("/healthz")
        assert answer.status_code == 503
        assert answer.json()["reason"] == "the store took no write for 0.05 s"
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(client.get, "/healthz")

    async def recovered() -> bool:
        return bool((await client.get("/healthz")).json() == {"status": "ok", "down": []})

    assert await eventually(recovered)


@pytest.fixture
def asking_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", 0.0)
    monkeypatch.setattr(metrics, "FRESH_SECONDS", 0.0)


async def test_ready_means_that_the_store_takes_a_write(
    store: Store, client: httpx.AsyncClient, asking_each_time: None
) -> None:
    assert (await client.get("/readyz")).json() == {"status": "ready"}
    async with failing(store):
        assert "store cannot be used" in bad(await client.get("/readyz"), 503)
    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.sqlite
async def test_on_a_full_disk_no_one_is_ready(
    store: Store, client: httpx.AsyncClient, asking_each_time: None
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    async with full_disk(store):
        bad(await client.get("/readyz"), 503)
    assert (await client.get("/readyz")).status_code == 200


async def test_who_asks_again_and_again_does_not_wear_the_disk_out(
    store: Store, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", 3600.0)
    assert (await client.get("/readyz")).status_code == 200
    async with failing(store):
        assert (await client.get("/readyz")).status_code == 200, "it took a write just now"


async def test_a_write_that_failed_is_none_that_was_just_taken(
    store: Store, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", 3600.0)
    async with failing(store):
        for _ in range(2):
            bad(await client.get("/readyz"), 503)
    assert (await client.get("/readyz")).status_code == 200
