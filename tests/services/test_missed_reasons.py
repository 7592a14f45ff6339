"""Why a push is thought missed: what is said is true, also after restarts and beside other nodes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.git import Origin, serve_http
from support.reconciling import ReconcilerHarness, heads, origins
from support.scripted import Store, delivery_of

from bridge.planning.looked_code import LOOK_SECONDS
from bridge.runtime.clock import moment

MAIN = "refs/heads/main"
NEVER = "no webhook has ever come from the source gitea"
SIGNATURE = "the signature is wrong: it was made with another secret or over another body"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return origins(tmp_path / "code", ["shop"])["shop"]


@pytest.fixture
def url(tmp_path: Path, origin: Origin) -> Iterator[str]:
    assert origin.remote.exists()
    with serve_http(tmp_path / "code") as base:
        yield f"{base}/shop/remote.git"


@asynccontextmanager
async def at_work(store: Store, folder: Path, url: str) -> AsyncIterator[ReconcilerHarness]:
    harness = ReconcilerHarness(store, folder, {"shop": url})
    async with harness.running():
        await harness.begin()
        yield harness


def push(origin: Origin) -> tuple[str, str]:
    before, after = heads(origin)[MAIN], origin.commit({"a": "2"})
    origin.push()
    return before, after


async def why(harness: ReconcilerHarness) -> str:
    await harness.look()
    (missed,) = await harness.missed()
    return missed.reason


async def test_after_a_restart_it_is_said_between_which_times_that_was(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    await store.nodes.join("home", "node", [])
    async with at_work(store, tmp_path, url):
        looked_at = store.clock()
    store.clock.advance(100)
    push(origin)
    await store.nodes.join("home", "node", [])
    began = store.clock()
    await store.deliveries.put(delivery_of("early", began + 1, source="other"))
    async with at_work(store, tmp_path, url) as harness:
        expected = f"for a time between {moment(looked_at)} and {moment(began)}"
        assert await why(harness) == f"the bridge was not running {expected}"


async def test_who_takes_the_duty_from_another_node_has_not_begun_then(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    await store.nodes.join("home", "node", [])
    store.clock.advance(LOOK_SECONDS)
    async with at_work(store, tmp_path, url):
        pass
    store.clock.advance(100)
    push(origin)
    async with at_work(store, tmp_path, url) as harness:
        assert await why(harness) == NEVER


async def test_requests_that_were_rejected_meanwhile_are_counted_with_why(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with at_work(store, tmp_path, url) as harness:
        store.deliveries.reject("gitea", "an earlier reason")
        await store.activity.keep_rejections()
        await harness.advance(LOOK_SECONDS)
        push(origin)
        for source, reason in [("gitea", SIGNATURE)] * 4 + [("gitea", "the token is wrong")]:
            store.deliveries.reject(source, reason)
        store.deliveries.reject("other", SIGNATURE)
        await store.activity.keep_rejections()
        assert await why(harness) == (
            f"{NEVER}; 5 requests of the source were rejected meanwhile: {SIGNATURE}"
        )


async def test_while_deliveries_of_the_source_wait_for_a_decision_nothing_is_named(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    harness = ReconcilerHarness(store, tmp_path, {"shop": url})
    harness.pause_dispatcher()
    async with harness.running():
        await harness.begin()
        before, after = push(origin)
        await harness.push("shop", url, MAIN, before, after)
        for _ in range(3):
            await harness.look()
        assert await harness.named() == []
    async with at_work(store, tmp_path, url) as harness:
        await harness.look()
        assert await harness.named() == []
        assert len(await harness.builds()) == 1
        _, second = push(origin)
        await harness.look()
        assert [one[:3] for one in await harness.named()] == [(MAIN, after, second)]
