"""Nodes of one PostgreSQL database as its tables know them: beats, leases, duties, calls, and who is gone."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import anyio
import pytest
from anyio.abc import TaskStatus
from support.postgres import Server

from bridge.errors import StoreDied, StoreError
from bridge.model.node import LEASE_SECONDS
from bridge.store.base import Store
from bridge.store.nodes import NODES
from bridge.store.open import open_store
from bridge.store.sql import queue
from bridge.store.sql.idempotency import HELD_SECONDS
from bridge.store.values import Claim, KeptAnswer

DUTIES = ["dispatch", "upkeep"]


class Site:
    """Stores on one database, each as a daemon has it."""

    def __init__(self, postgres: Server, stack: AsyncExitStack) -> None:
        self._postgres = postgres
        self._url = postgres.make_database()
        self._stack = stack

    async def open(self) -> Store:
        return await self._stack.enter_async_context(open_store(self._url, exclusive=True))

    async def join(self, name: str) -> Store:
        store = await self.open()
        await store.nodes.join(f"home-{name}", name, DUTIES)
        return store

    def execute(self, statement: str) -> None:
        self._postgres.execute(self._url.rpartition("/")[2], statement)

    def age(self, name: str, seconds: float) -> None:
        self.execute(f"UPDATE node SET beat_at = beat_at - {seconds} WHERE name = '{name}'")


@pytest.fixture
async def site(postgres: Server) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        yield Site(postgres, stack)


async def holders(store: Store) -> dict[str, str | None]:
    """The names of who has each duty."""
    roll = await store.nodes.roll()
    names = {node.id: node.name for node in roll.nodes}
    return {duty.name: None if duty.node is None else names[duty.node] for duty in roll.duties}


async def last_beat(store: Store, name: str) -> dict[str, float]:
    return {node.id: node.beat_at for node in (await store.nodes.roll()).nodes if node.name == name}


async def write(store: Store) -> None:
    await store.health.degrade("builder:here", "it is away")


async def test_a_node_knows_since_when_it_is_there_only_where_no_other_one_was(site: Site) -> None:
    one, two = await site.join("one"), await site.join("two")
    assert one.nodes.alone_since is not None
    assert two.nodes.alone_since is None
    await one.nodes.leave()
    three = await site.join("three")
    assert three.nodes.alone_since is None
    await two.nodes.leave()
    await three.nodes.leave()
    assert (await site.join("four")).nodes.alone_since is not None


async def test_who_came_after_a_killed_node_was_alone_as_it_finds_later(site: Site) -> None:
    killed, after = await site.join("killed"), await site.join("after")
    joined_by = time.time()
    last = await last_beat(after, "killed")
    await after.nodes.take([], last)
    assert after.nodes.alone_since is not None
    assert after.nodes.alone_since <= joined_by
    other = await site.join("other")
    await after.nodes.beat(DUTIES)
    await other.nodes.take([], await last_beat(other, "after"))
    assert other.nodes.alone_since is None, "that one was there when this one came"
    assert killed.nodes.alone_since is not None


async def test_a_duty_is_one_nodes_until_that_gives_it_up(site: Site) -> None:
    one, two = await site.join("one"), await site.join("two")
    await one.nodes.take(["dispatch"])
    await two.nodes.take(DUTIES)
    assert await holders(one) == {"dispatch": "one", "upkeep": "two"}
    await two.nodes.release(DUTIES)
    assert await holders(one) == {"dispatch": "one", "upkeep": None}
    await one.nodes.release(["dispatch"])
    await two.nodes.take(DUTIES)
    assert await holders(one) == {"dispatch": "two", "upkeep": "two"}
    await two.nodes.leave()
    assert await holders(one) == {"dispatch": None, "upkeep": None}
    assert [node.name for node in (await one.nodes.roll()).nodes] == ["one"]


async def test_who_is_taken_for_gone_writes_nothing_more(site: Site) -> None:
    late, other = await site.join("late"), await site.join("other")
    await late.nodes.take(DUTIES)
    await write(late)
    last = await last_beat(other, "late")
    site.age("late", LEASE_SECONDS + 1)
    await other.nodes.take(DUTIES)
    assert set((await holders(other)).values()) == {"late"}, "no one has waited for it"
    site.age("late", -LEASE_SECONDS - 1)
    await other.nodes.take(DUTIES, last)
    assert await holders(other) == dict.fromkeys(DUTIES, "other")
    with pytest.raises(StoreDied, match="other nodes have taken over what this one did"):
        await write(late)
    with pytest.raises(StoreDied):
        await late.nodes.beat(DUTIES)
    assert late.death is not None
    assert (await other.health.get("builder:here")).down_since is not None, "what it wrote before is there"
    await other.health.restore("builder:here", "it is back")
    assert (await late.health.get("builder:here")).down_since is None, "it can read"


async def test_a_beat_keeps_the_duties(site: Site) -> None:
    late, other = await site.join("late"), await site.join("other")
    await late.nodes.take(DUTIES)
    last = await last_beat(other, "late")
    await late.nodes.beat(DUTIES)
    await other.nodes.take(DUTIES, last)
    assert set((await holders(other)).values()) == {"late"}


async def test_after_the_clock_of_the_server_was_set_back_all_times_are_of_the_new_one(site: Site) -> None:
    one, two = await site.join("one"), await site.join("two")
    await two.nodes.take(DUTIES)
    await two.nodes.release(["upkeep"])
    for times in (
        "node SET beat_at = beat_at + 3600, started_at = started_at + 3600",
        "duty SET since = since + 3600",
    ):
        site.execute(f"UPDATE {times}")
    await one.nodes.beat(DUTIES)
    roll = await one.nodes.roll()
    found = {time for node in roll.nodes for time in (node.beat_at, node.started_at)}
    assert max(found | {duty.since for duty in roll.duties}) <= roll.at


async def test_who_starts_again_on_its_machine_takes_its_own_place(site: Site) -> None:
    before, other = await site.join("same"), await site.join("other")
    await before.nodes.take(DUTIES)
    again = await site.open()
    assert not await again.nodes.join("home-same", "same", DUTIES), "there is another one"
    assert await holders(other) == dict.fromkeys(DUTIES, None)
    with pytest.raises(StoreDied):
        await write(before)
    await write(again)


async def test_a_copy_of_another_machines_folder_is_no_node_beside_it(site: Site) -> None:
    first, copy = await site.open(), await site.open()
    await first.nodes.join("home", "one:8080", DUTIES)
    with pytest.raises(
        StoreError, match=r"the node one:8080 has the same name of its folder: .*delete the file"
    ):
        await copy.nodes.join("home", "two:8080", DUTIES)
    await write(first)
    site.age("one:8080", LEASE_SECONDS + 1)
    await copy.nodes.join("home", "two:8080", DUTIES)
    with pytest.raises(StoreDied):
        await write(first)


async def test_the_machine_that_has_begun_a_duty_is_known_after_it_is_gone(site: Site) -> None:
    one, two = await site.join("one"), await site.join("two")
    await one.nodes.take(["dispatch"])
    await one.nodes.settle("dispatch")
    await two.nodes.settle("dispatch")  # it is not its own
    await one.nodes.leave()
    (duty,) = (await two.nodes.roll()).duties
    assert (duty.node, duty.home) == (None, "home-one")
    await two.nodes.take(["dispatch"])
    assert (await two.nodes.roll()).duties[0].home == "home-one", "until it has begun"
    await two.nodes.settle("dispatch")
    assert (await two.nodes.roll()).duties[0].home == "home-two"


async def next_call(store: Store) -> str:
    async with aclosing(store.nodes.calls()) as calls:
        return await anext(calls)


@asynccontextmanager
async def repeated(work: Callable[[], object]) -> AsyncIterator[None]:
    """It is done again and again: what no one listens for yet is lost."""

    async def run() -> None:
        while True:
            work()
            await anyio.sleep(0.05)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            yield
            tasks.cancel_scope.cancel()


async def test_nodes_hear_what_others_call_and_not_themselves(site: Site) -> None:
    one, two = await site.join("one"), await site.join("two")

    def call() -> None:
        two.nodes.call("own")
        one.nodes.call("dispatch")

    async with repeated(call):
        assert [await next_call(two) for _ in range(4)] == ["dispatch"] * 4


async def test_a_call_that_could_not_be_written_keeps_no_later_one_from_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await site.join("one"), await site.join("two")
    with monkeypatch.context() as behind:
        behind.setattr(queue, "MAX_WAITING", 0)
        one.nodes.call("dispatch")
    async with repeated(lambda: one.nodes.call("dispatch")):
        assert await next_call(two) == "dispatch"


async def test_who_leaves_says_so(site: Site) -> None:
    stays, heard = await site.join("stays"), ""
    goes = await site.join("goes")
    async with anyio.create_task_group() as tasks:

        async def listen(*, task_status: TaskStatus[None]) -> None:
            nonlocal heard
            async with aclosing(stays.nodes.calls()) as calls:
                async for heard in calls:
                    if heard == NODES:
                        return
                    task_status.started()

        async with repeated(lambda: goes.nodes.call("hello")):
            await tasks.start(listen)
        await goes.nodes.leave()
    assert heard == NODES


async def test_a_connection_that_is_cut_hears_no_more_and_says_so(site: Site) -> None:
    store = await site.join("one")
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    async with repeated(lambda: site.execute(cut)):
        with pytest.raises(StoreError, match="cannot be read"):
            await next_call(store)


async def test_a_key_is_held_by_who_answers_it_until_that_is_done_or_for_too_long(site: Site) -> None:
    one, two = await site.join("one"), await site.join("two")
    claim = await one.idempotency_keys.claim("ann", "k", "a request")
    assert not (await one.idempotency_keys.claim("ann", "k", "a request")).is_held, "its own"
    assert (await two.idempotency_keys.claim("ann", "k", "a request")).is_held
    assert (await two.idempotency_keys.claim("ann", "k", "another request")).is_held
    assert not (await two.idempotency_keys.claim("ann", "other", "a request")).is_held
    await two.idempotency_keys.release(claim.id)
    assert (await two.idempotency_keys.claim("ann", "k", "a request")).is_held, "it is not its to release"
    await one.idempotency_keys.release(claim.id)
    assert not (await two.idempotency_keys.claim("ann", "k", "a request")).is_held
    assert (await one.idempotency_keys.claim("ann", "k", "a request")).is_held, "now the other has it"
    site.execute(f"UPDATE idempotency_key SET held_at = held_at - {HELD_SECONDS - 30}")
    assert (await one.idempotency_keys.claim("ann", "k", "a request")).is_held
    site.execute("UPDATE idempotency_key SET held_at = held_at - 30")
    assert not (await one.idempotency_keys.claim("ann", "k", "a request")).is_held
    await one.idempotency_keys.answer(claim.id, answer := KeptAnswer(201, "text/plain", b"done"))
    assert await two.idempotency_keys.claim("ann", "k", "a request") == Claim(
        claim.id, same=True, answer=answer
    )
    await two.idempotency_keys.claim("ann", "another", "a request")
    await two.nodes.leave()
    assert not (await one.idempotency_keys.claim("ann", "another", "a request")).is_held
