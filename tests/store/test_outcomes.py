"""How builds have ended is counted as they end: the counts are what a recount of the builds would find."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from support.engines import execute
from support.filled import counting, fill
from support.scripted import START, Store, open_store, quiet
from support.trail import change_by

from bridge.model.build import RETRIED, TRANSITIONS
from bridge.store.sqlite import migrate
from bridge.store.values import Cursor

SHOP = ("acme", "shop")
_HOUR = 3600
_RECOUNT = """
SELECT namespace, repo_name, CAST(floor(created_at) AS INTEGER) / 3600, is_public, state, count(*) FROM build
WHERE state IN ('succeeded', 'failed', 'cancelled', 'superseded', 'unknown') GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
"""
_COUNTED = "SELECT namespace, repo_name, hour, is_public, state, count FROM outcome ORDER BY 1, 2, 3, 4, 5"


def both(path: Path) -> tuple[list[Any], list[Any]]:
    """The counts, and a recount."""
    return execute(path, _COUNTED), execute(path, _RECOUNT)


async def live(store: Store, choose: Random, steps: int) -> None:
    """Builds are made, moved and retried, and old ones deleted, a few minutes apart."""
    for number in range(steps):
        store.clock.advance(choose.random() * _HOUR / 2)
        if number % 50 == 49:
            await store.prune(deliveries=timedelta(days=1), builds=timedelta(hours=choose.randrange(9, 20)))
        if number % 3 == 0:
            repo_name = choose.choice(["shop", "web"])
            await store.add_build(str(number), repo_name=repo_name, is_public=choose.random() < 0.5)
        newest = (await store.builds.page(Cursor(), 30)).rows
        for build in choose.sample(newest, min(2, len(newest))):
            to = choose.choice(sorted(TRANSITIONS[build.state]))
            if to == RETRIED:
                await store.builds.retry(build.id, change_by("ann"), "again")
            else:
                await store.builds.transition(build.run_id, to, quiet)


@pytest.mark.parametrize("seed", range(2))
async def test_the_counts_are_those_of_a_recount(store: Store, seed: int) -> None:
    choose = Random(seed)
    await live(store, choose, 120)
    counts, recounts = both(store.path)
    assert counts == recounts
    assert len(counts) > 10
    builds = (await store.builds.page(Cursor(), 1000)).rows
    for _ in range(50):
        begin = START + choose.random() * 40 * _HOUR
        end = begin + choose.choice([-_HOUR, 60, _HOUR, 2.5 * _HOUR, 30 * _HOUR]) * choose.random()
        for edge in (begin, begin // _HOUR * _HOUR):
            for public in (False, True):
                found = await store.reports.outcomes(SHOP, edge, end, public=public)
                assert found == of_those(builds, edge, end, public=public)


def of_those(builds: Any, begin: float, end: float, *, public: bool) -> Counter[str]:
    return Counter(
        build.state
        for build in builds
        if build.repo_name == "shop" and begin <= build.created_at < end and build.state.terminal
        if build.origin.is_public or not public
    )


@pytest.mark.sqlite
async def test_builds_of_an_older_store_are_counted_when_it_is_upgraded(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(store, Random(7), 60)
    path = tmp_path / "older" / "bridge.db"
    path.parent.mkdir()
    with monkeypatch.context() as old:
        old.setattr(migrate, "REVISION", "0019")
        migrate.apply_migrations(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ATTACH ? AS newer", (str(store.path),))
        names = ", ".join(row[1] for row in connection.execute("PRAGMA table_info(build)"))
        connection.execute(f"INSERT INTO build ({names}) SELECT {names} FROM newer.build")
    migrate.upgrade(path)
    assert both(path) == both(store.path)
    assert both(path)[0]


@pytest.mark.sqlite
async def test_many_builds_take_no_longer_to_report_on(tmp_path: Path) -> None:
    until = START // _HOUR * _HOUR
    steps = []
    for many in (20_000, 40_000):
        async with open_store(tmp_path / str(many)) as store:
            await fill(store, many)
            with counting(store) as counted:
                found = await store.reports.outcomes(SHOP, until - 600 * _HOUR, until)
            assert sum(found.values()) > many / 2
            steps.append(counted["steps"])
    assert steps[1] < 1.3 * steps[0], steps
