"""Pages of lists: newest first, the same whatever is added meanwhile, and found by an index."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import event
from support.scripted import Store

from bridge.model.build import BuildState
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


READABLE = pytest.mark.parametrize("readable", [None, frozenset(), frozenset({"acme", "globex"})])


@READABLE
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"namespace": "acme"},
        {"namespace": "acme", "repo_name": "shop"},
        {"states": [BuildState.FAILED]},
        {"states": [BuildState.QUEUED, BuildState.RUNNING]},
        {"build_id": "x"},
    ],
)
async def test_no_page_is_sorted_or_searched_for_row_by_row(
    store: Store, filters: dict[str, Any], readable: frozenset[str] | None
) -> None:
    plans = explained(store)
    await store.builds.page(Cursor(before="y"), 20, BuildFilter(readable=readable, **filters))
    # Pages of several alternatives are merged from as many short ones.
    alone = len(readable or ()) < 2 and len(filters.get("states", [""])) == 1
    for plan in await plans():
        assert not [line for line in plan if "TEMP B-TREE" in line and alone], plan
        assert all("INDEX" in line for line in plan if " build" in line), plan


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
    alone = len(readable or ()) < 2 or "namespace" in filters
    for plan in await plans():
        assert not [line for line in plan if "TEMP B-TREE" in line and alone], plan
        reads = [line for line in plan if re.search(" (delivery|build|notice|message)( |$)", line)]
        assert all("INDEX" in line or "PRIMARY KEY" in line for line in reads), plan
        assert reads
