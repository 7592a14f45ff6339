"""Pages of lists: newest first, the same whatever is added meanwhile, and found by an index."""

import re
from collections.abc import Awaitable, Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from support.filled import TEAMS, counting, fill
from support.scripted import Store, open_store

from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import EventName, NoticeState
from bridge.store.sqlite import listing
from bridge.store.values import BuildFilter, Cursor, DeliveryFilter, MessageFilter, NoticeFilter


async def numbers(store: Store, **place: Any) -> list[int]:
    page = await store.builds.page(Cursor(**place), 2, BuildFilter(repo_name="shop"))
    return [build.number for build in page.rows]


async def test_pages_are_newest_first_and_end(store: Store) -> None:
    for key in range(5):
        await store.add_build(str(key), repo_name="shop" if key else "web")
    pages = [
        await store.builds.page(Cursor(number=number), 2, BuildFilter(repo_name="shop"))
        for number in (1, 2, 3)
    ]
    assert [[build.number for build in page.rows] for page in pages] == [[4, 3], [2, 1], []]
    assert [(page.newer, page.older) for page in pages] == [(False, True), (True, False), (True, False)]
    assert {page.count for page in pages} == {4}


async def test_a_page_beside_a_row_stands_still_while_rows_are_added(store: Store) -> None:
    made = [await store.add_build(str(key)) for key in range(6)]
    assert await numbers(store) == [6, 5]
    await store.add_build("later")
    assert await numbers(store, before=made[4].id) == [4, 3]
    assert await numbers(store, before=made[2].id) == [2, 1]
    assert await numbers(store, before=made[0].id) == []
    assert await numbers(store, after=made[3].id) == [6, 5]
    assert await numbers(store, after=made[5].id) == [7]


async def test_what_is_very_much_is_not_counted_to_its_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "COUNTED", 3)
    for key in range(5):
        await store.add_build(str(key))
    assert (await store.builds.page(Cursor(), 2)).count == 3


TEAM_NAMES = [f"team-{number:03}" for number in range(TEAMS)]
FILTERS: list[dict[str, Any]] = [
    {},
    {"namespace": "acme"},
    {"namespace": "acme", "repo_name": "shop"},
    {"repo_name": "shop"},
    {"repo_name": "none"},
    {"states": [BuildState.FAILED]},
    {"states": [BuildState.UNKNOWN]},
    {"states": list(BuildState)},
    {"namespace": "acme", "states": [BuildState.FAILED, BuildState.CANCELLED]},
    {"namespace": "acme", "repo_name": "shop", "states": [BuildState.WAITING, BuildState.UNKNOWN]},
    {"repo_name": "shop", "states": [BuildState.RUNNING]},
    {"states": []},
    {"build_id": "x"},
    {"delivery_id": "7"},
    {"namespace": "acme", "repo_name": "shop", "number": 3},
]
READABLE = [
    None,
    frozenset[str](),
    frozenset({"team-001"}),
    frozenset({"acme", "globex"}),
    frozenset(TEAM_NAMES),
]


def is_wanted(build: Build, only: BuildFilter) -> bool:
    """What the filter says, asked of one build."""
    states = [*BuildState] if only.states is None else only.states
    pairs = [(only.build_id, build.id), (only.delivery_id, build.origin.delivery_id)]
    pairs += [(only.namespace, build.namespace), (only.repo_name, build.repo_name)]
    return (
        all(wanted in {None, value} for wanted, value in pairs)
        and only.number in {None, build.number}
        and build.state in states
        and (only.readable is None or build.namespace in only.readable or build.origin.is_public)
    )


async def test_a_page_has_what_is_asked_for_whoever_asks(store: Store) -> None:
    """A caller of 200 namespaces with nine states takes no longer statement than one of two with one."""
    await fill(store, 600)
    of_all = (await store.builds.page(Cursor(), 1000)).rows
    middle = of_all[300].id
    for filters, readable in product(FILTERS, READABLE):
        only = BuildFilter(readable=readable, **filters)
        wanted = [build.id for build in of_all if is_wanted(build, only)]
        older = [build_id for build_id in wanted if build_id < middle]
        newer = [build_id for build_id in wanted if build_id > middle]
        for cursor, rows in (
            (Cursor(), wanted[:20]),
            (Cursor(number=3), wanted[40:60]),
            (Cursor(before=middle), older[:20]),
            (Cursor(after=middle), newer[-20:]),
        ):
            page = await store.builds.page(cursor, 20, only)
            assert [build.id for build in page.rows] == rows, (only, cursor)
            assert page.count == len(wanted), only


async def test_no_page_takes_longer_in_a_larger_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "COUNTED", 50)
    steps = [await steps_of_pages(tmp_path / str(many), many) for many in (6_000, 12_000)]
    for asked, few in steps[0].items():
        assert steps[1][asked] <= 1.1 * few + 50, (asked, few, steps[1][asked])


async def steps_of_pages(folder: Path, many: int) -> dict[str, int]:
    """What each page takes with so many builds, half of them public."""
    found = {}
    async with open_store(folder) as store:
        await fill(store, many, teams=4)
        middle = await store.builds.by_number("acme", "shop", many // 2 + 3)
        assert middle is not None
        cursors = (Cursor(), Cursor(number=3), Cursor(before=middle.id), Cursor(after=middle.id))
        for filters, readable, cursor in product(FILTERS, READABLE, cursors):
            place = "before" if cursor.before else "after" if cursor.after else cursor.number
            only = BuildFilter(readable=readable, **filters)
            with counting(store) as counted:
                await store.builds.page(cursor, 20, only)
            found[f"{filters} {len(readable or ()) if readable is not None else None} {place}"] = counted[
                "steps"
            ]
    return found


def explained(store: Store) -> Callable[[], Awaitable[list[list[str]]]]:
    """From now on what SQLite does for each query, when it is asked for."""
    asked: list[tuple[str, Any]] = []
    event.listen(
        store.database._engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, values, *_rest: asked.append((statement, values)),
    )

    async def plans() -> list[list[str]]:
        return [
            [
                row.detail
                for row in await store.database.read(
                    lambda connection, one=one: connection.exec_driver_sql(  # type: ignore[misc]
                        f"EXPLAIN QUERY PLAN {one[0]}", one[1]
                    ).all()
                )
            ]
            for one in asked[:2]
        ]

    return plans


ONE_NAMESPACE = {"namespace": "acme"}
ONE_REPOSITORY = {"namespace": "acme", "repo_name": "shop"}
LISTS: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    *(
        ("deliveries", DeliveryFilter, filters)
        for filters in ({}, ONE_NAMESPACE, ONE_REPOSITORY, {"source": "x"}, {"forge": "Gitee"})
    ),
    ("deliveries", DeliveryFilter, {"state": DeliveryState.DEAD}),
    *(
        ("notices", NoticeFilter, filters)
        for filters in ({}, ONE_NAMESPACE, ONE_REPOSITORY, {"build_id": "x"}, {"channel": "team"})
    ),
    ("notices", NoticeFilter, {"state": NoticeState.DEAD}),
    *(
        ("messages", MessageFilter, filters)
        for filters in ({}, ONE_NAMESPACE, ONE_REPOSITORY, {"event": EventName.FAIL})
    ),
]


@pytest.mark.parametrize("readable", [None, frozenset({"acme"}), frozenset({"acme", "globex"})])
@pytest.mark.parametrize(("port", "only", "filters"), LISTS)
async def test_no_other_list_is_sorted_or_searched_for_row_by_row(
    store: Store,
    port: str,
    only: Callable[..., Any],
    filters: dict[str, Any],
    readable: frozenset[str] | None,
) -> None:
    plans = explained(store)
    await getattr(store, port).page(Cursor(before=7), 20, only(readable=readable, **filters))
    # Pages of several namespaces are merged from as many short ones.
    alone = len(readable or ()) < 2 or "namespace" in filters
    for plan in await plans():
        assert not [line for line in plan if "TEMP B-TREE" in line and alone], plan
        reads = [line for line in plan if re.search(" (delivery|build|notice|message)( |$)", line)]
        assert all("INDEX" in line or "PRIMARY KEY" in line for line in reads), plan
        assert reads
