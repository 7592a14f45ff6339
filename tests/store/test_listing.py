"""Pages of lists: newest first, the same whatever is added meanwhile, and found by an index."""

from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from support.filled import TEAMS, counting, fill, fill_lists
from support.scripted import Store, open_store

from bridge.errors import CannotList
from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import EventName, NoticeState
from bridge.store.sql import listing
from bridge.store.values import BuildFilter, Cursor
from bridge.web.api.core.errors import Invalid
from bridge.web.api.operation import Arguments
from bridge.web.api.queries import BuildQuery, DeliveryQuery, MessageQuery, NoticeQuery


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
    {"delivery_id": "00000007"},
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


ASKED: dict[str, tuple[type[Arguments], dict[str, list[Any]]]] = {
    "builds": (
        BuildQuery,
        {
            "build_id": [None, "x", "3"],
            "delivery_id": [None, "00000007"],
            "namespace": [None, "acme"],
            "repo_name": [None, "shop"],
            "state": [None, BuildState.UNKNOWN],
            "status": [None, "F"],
        },
    ),
    "deliveries": (
        DeliveryQuery,
        {
            "namespace": [None, "acme"],
            "repo_name": [None, "shop"],
            "state": [None, DeliveryState.DEAD, DeliveryState.DISPATCHED],
            "source": [None, "one", "two"],
            "repo": [None, "acme/shop-web", "none"],
            "ref": [None, "main", "refs/tags/v5"],
            "sha": [None, "deadbee"],
        },
    ),
    "notices": (
        NoticeQuery,
        {
            "namespace": [None, "acme"],
            "repo_name": [None, "shop"],
            "build_id": [None, "00000007"],
            "channel": [None, "team", "mail"],
            "state": [None, NoticeState.SENT, NoticeState.DEAD],
        },
    ),
    "messages": (
        MessageQuery,
        {
            "namespace": [None, "acme"],
            "repo_name": [None, "shop"],
            "event": [None, EventName.SUCCESS, EventName.FAIL],
        },
    ),
}
"""What may be asked of each list: many rows have each of it, and none has some of it together."""
CALLERS = [None, frozenset[str](), frozenset({"acme"}), frozenset({"acme", *TEAM_NAMES[:9]})]


def accepted(port: str) -> list[Any]:
    """Every filter that the API takes, for each kind of caller."""
    query, values = ASKED[port]
    assert {*values} == {*query.model_fields} - {"page", "before", "after", "until"}, "a filter is left out"
    found = []
    for given in product(*values.values()):
        with suppress(Invalid):
            found.append(query(**dict(zip(values, given, strict=True))).filter)  # type: ignore[attr-defined]
    return [replace(only, readable=readable) for only in found for readable in CALLERS]


async def steps_of_pages(folder: Path, many: int) -> dict[str, int]:
    """What a page of each list takes, for all that can be asked for, with so many rows in each table."""
    found = {}
    async with open_store(folder) as store:
        await fill(store, many, teams=4)
        await fill_lists(store)
        for port in ASKED:
            page = getattr(store, port).page
            row = (await page(Cursor(number=many // 2), 1)).rows[0]
            middle = row.notice.id if port == "notices" else row.id
            cursors = {
                "page 3": Cursor(number=3),
                "before": Cursor(before=middle),
                "after": Cursor(after=middle),
            }
            for only, (place, cursor) in product(accepted(port), cursors.items()):
                with counting(store) as counted:
                    try:
                        await page(cursor, 20, only)
                    except CannotList:
                        assert only.source or only.repo or only.ref or only.sha
                        assert only.namespaces is not None or only.source
                found[f"{only} {place}"] = counted["steps"]
    return found


@pytest.mark.sqlite
async def test_no_page_takes_longer_in_a_larger_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever filters go together, and whoever asks."""
    monkeypatch.setattr(listing, "COUNTED", 50)
    few, more = [await steps_of_pages(tmp_path / str(many), many) for many in (2_000, 4_000)]
    assert few.keys() == more.keys()
    slower = {asked: (steps, more[asked]) for asked, steps in few.items() if more[asked] > 1.1 * steps + 50}
    assert not slower
