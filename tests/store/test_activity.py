"""What the store knows of its daemon: its start, and what it rejected."""

import os
from pathlib import Path

import pytest
from support.scripted import START, Clock, Store, failing, open_store

from bridge import __version__
from bridge.errors import StoreError
from bridge.store.activity import DaemonStart, Rejected


async def test_the_last_start_is_kept_and_no_other(store: Store) -> None:
    assert await store.activity.last_start() is None
    for _ in range(2):
        store.clock.advance(60)
        await store.nodes.join("home", "node", [])
    start = DaemonStart(version=__version__, pid=os.getpid(), started_at=START + 120)
    assert await store.activity.last_start() == start


async def test_rejections_of_the_last_hour_are_counted_over_restarts(tmp_path: Path) -> None:
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        for _ in range(2):
            for source, count in (("github", 3), ("unknown", 1)):
                for _ in range(count):
                    store.deliveries.reject(source, "the signature does not match")
            await store.activity.keep_rejections()
        await store.activity.keep_rejections()
    clock.advance(1800)
    why = "the signature does not match"
    async with open_store(tmp_path, clock) as store:
        store.deliveries.reject("github", "the body is too large")
        await store.activity.keep_rejections()
        assert await store.activity.rejections() == [
            Rejected(source="github", reason=why, count=6),
            Rejected(source="unknown", reason=why, count=2),
            Rejected(source="github", reason="the body is too large", count=1),
        ]
        clock.advance(1860)
        assert [one.count for one in await store.activity.rejections()] == [1]


async def test_rejections_that_cannot_be_written_are_kept_for_the_next_time(store: Store) -> None:
    store.deliveries.reject("github", "no")
    async with failing(store):
        with pytest.raises(StoreError):
            await store.activity.keep_rejections()
    store.deliveries.reject("github", "no")
    await store.activity.keep_rejections()
    assert [one.count for one in await store.activity.rejections()] == [2]


async def test_clients_cannot_make_many_rows(store: Store) -> None:
    for number in range(200):
        store.deliveries.reject("unknown", f"{number} {'x' * 300}")
    await store.activity.keep_rejections()
    found = await store.activity.rejections()
    assert len(found) == 51
    assert (found[0].reason, found[0].count) == ("other reasons", 150)
    assert max(len(one.reason) for one in found) == 200
