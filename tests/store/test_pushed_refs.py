"""What deliveries moved: kept with each decision, shown in lists, and found again."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.filled import counting
from support.listed import newest_deliveries
from support.scripted import SHA, Clock, Store, delivery_of, new_build, open_store, quiet
from support.trail import change_by

from bridge.errors import CannotList
from bridge.model.delivery import DeliveryState, id_after
from bridge.model.event import Ref
from bridge.planning.builds import plan
from bridge.store.sql.pushed_refs import MAX_AUTHOR, MAX_KEPT, MAX_OF_COMMIT
from bridge.store.sqlite import migrate
from bridge.store.values import Cursor, Decision, DeliveryFilter, PushedRef

HOSTILE = ("<script>alert(1)</script>", "{{ 7*7 }}", "\u202egnp.exe", "%' OR 1=1 --", "修" * 300, "refs", "/")
OTHER_SHA = "0123456f" + 32 * "0"


def moved(ref: str | None = "main", sha: str | None = SHA, **changes: Any) -> dict[str, Any]:
    """One ref of an explanation, as the dispatcher writes it."""
    kind = ref and "branch"
    facts = {"event": "push", "repo": "Acme/Shop", "ref_kind": kind, "ref_name": ref, "sha": sha}
    return facts | {"author": "Ann", "reason": "no rule", "matches": [], "rejections": []} | changes


def tag(name: str, **changes: Any) -> dict[str, Any]:
    return moved(name, ref_kind="tag", **changes)


async def decide(store: Store, key: str, *explanation: Any, builds: bool = False, **changes: Any) -> str:
    delivery = delivery_of(key, store.clock(), **changes)
    await store.deliveries.put(delivery)
    state = DeliveryState.DISPATCHED if builds else DeliveryState.IGNORED
    new = [new_build(delivery.id)] if builds else []
    decision = Decision(state=state, detail="", explanation=list(explanation), builds=new)
    await store.deliveries.record_decision(delivery.id, decision, quiet, plan)
    return delivery.id


async def keys(store: Store, **only: Any) -> list[str]:
    return [head.key for head in await newest_deliveries(store, 10, DeliveryFilter(**only))]


async def test_a_list_and_a_delivery_show_the_first_ref_and_count_the_others(store: Store) -> None:
    several = await decide(store, "several", moved(), moved("dev"), tag("v1"), builds=True)
    removed = await decide(store, "removed", moved("old", "0" * 40))
    ping = await decide(store, "ping", moved(None, None, repo="acme/tool", author=None))
    empty = await decide(store, "empty", moved(None, None, repo=None, author=None))
    await store.deliveries.put(delivery_of("waits", store.clock()))
    heads = {head.id: head for head in await newest_deliveries(store, 10)}
    first = PushedRef(repo="Acme/Shop", ref=Ref("branch", "main"), sha=SHA, author="Ann")
    assert (heads[several].pushed, heads[several].other_refs) == (first, 2)
    assert heads[removed].pushed == replace(first, ref=Ref("branch", "old"), sha=None)
    assert heads[ping].pushed == PushedRef(repo="acme/tool", ref=None, sha=None, author=None)
    assert heads[empty].pushed is None
    assert next(head for head in heads.values() if head.key == "waits").pushed is None
    for delivery_id in (several, removed, ping, empty):
        found = await store.deliveries.get(delivery_id)
        assert found is not None
        assert found[0].head == heads[delivery_id]


async def test_deliveries_are_found_by_what_they_moved(store: Store) -> None:
    await decide(store, "a", moved(), builds=True)
    await decide(store, "b", moved("dev", OTHER_SHA), tag("main"))
    await decide(store, "c", moved(repo="globex/shop"))
    await decide(store, "d", tag("v1"))
    assert await keys(store, repo="acme/shop") == await keys(store, repo="ACME/SHOP") == ["d", "b", "a"]
    assert await keys(store, ref="main") == ["c", "b", "a"]
    assert await keys(store, ref="refs/heads/main") == ["c", "a"]
    assert await keys(store, ref="refs/tags/main") == ["b"]
    assert await keys(store, ref="Main") == await keys(store, repo="shop") == []
    assert await keys(store, repo="acme/shop", ref="main") == ["b", "a"]
    assert await keys(store, sha="0123456f") == ["b"]
    assert await keys(store, sha="0123456") == ["d", "c", "b", "a"]
    assert await keys(store, sha="0123456".upper()) == ["d", "c", "b", "a"]
    assert await keys(store, sha="0123456", ref="main") == ["c", "b", "a"]
    assert await keys(store, sha=SHA, repo="acme/shop", ref="v1") == ["d"]
    assert await keys(store, sha="0" * 40) == await keys(store, sha="fffffff") == []
    ignored, dispatched = DeliveryState.IGNORED, DeliveryState.DISPATCHED
    for only in ({"repo": "acme/shop"}, {"ref": "main"}, {"repo": "acme/shop", "ref": "main"}, {"sha": SHA}):
        every = await keys(store, **only)
        assert await keys(store, **only, state=dispatched) == ["a"]
        assert await keys(store, **only, state=ignored) == [key for key in every if key != "a"]
        assert await keys(store, **only, state=DeliveryState.STORED) == []


async def test_a_delivery_with_many_refs_of_one_repository_is_one_row(store: Store) -> None:
    made = [await decide(store, f"{n}", moved("a"), moved("b"), tag("a")) for n in range(5)]
    for only in (DeliveryFilter(repo="acme/shop"), DeliveryFilter(ref="a"), DeliveryFilter(sha=SHA)):
        pages = [await store.deliveries.page(Cursor(number=number), 2, only) for number in (1, 2, 3)]
        assert [[head.id for head in page.rows] for page in pages] == [made[:2:-1], made[2:0:-1], made[:1]]
        assert {page.count for page in pages} == {5}


async def test_what_is_kept_of_a_delivery_has_a_bound_and_its_count_none(store: Store) -> None:
    refs = [moved(f"b{number}", author="x" * 1000) for number in range(MAX_KEPT + 5)]
    await decide(store, "many", *refs)
    (head,) = await newest_deliveries(store, 1)
    assert head.pushed is not None
    assert (head.pushed.author, head.other_refs) == ("x" * MAX_AUTHOR, MAX_KEPT + 4)
    assert await keys(store, ref=f"b{MAX_KEPT - 1}") == ["many"]
    assert await keys(store, ref=f"b{MAX_KEPT}") == []


async def test_filters_that_no_index_knows_together_are_refused_with_a_cure(store: Store) -> None:
    for only in ({"repo": "a"}, {"ref": "a"}, {"sha": SHA}):
        for scope in ({"namespace": "acme"}, {"readable": frozenset({"acme"})}):
            with pytest.raises(CannotList, match="or list builds by namespace and repo_name"):
                await keys(store, **only, **scope)
        with pytest.raises(CannotList, match="leave out source"):
            await keys(store, **only, source="plain")


async def test_a_list_begins_at_a_time(store: Store) -> None:
    for key in ("a", "b", "c"):
        await decide(store, key, moved())
        store.clock.advance(10)
    begin = Cursor(before=id_after(store.clock() - 20))
    for only in (DeliveryFilter(), DeliveryFilter(repo="acme/shop"), DeliveryFilter(sha=SHA)):
        page = await store.deliveries.page(begin, 10, only)
        assert [head.key for head in page.rows] == ["b", "a"]
    page = await store.deliveries.page(Cursor(before=id_after(store.clock() - 20.001)), 10)
    assert [head.key for head in page.rows] == ["a"]


async def test_refs_go_with_their_delivery(store: Store) -> None:
    await decide(store, "old", moved())
    store.clock.advance(3600)
    await decide(store, "new", moved())
    await store.prune(deliveries=timedelta(seconds=60), builds=timedelta(days=1))
    assert await keys(store, repo="acme/shop") == await keys(store, sha=SHA) == ["new"]
    count = "SELECT count(*) FROM pushed_ref"
    assert await store.database.read(lambda one: one.exec_driver_sql(count).scalar_one()) == 1


async def test_a_redelivery_has_refs_once_it_is_decided(store: Store) -> None:
    first = await decide(store, "a", moved())
    again = await store.deliveries.redeliver(first, change_by())
    heads = {head.id: head.pushed for head in await newest_deliveries(store, 10)}
    assert heads[first] is not None
    assert heads[again] is None


async def test_texts_of_strangers_are_found_as_they_are(store: Store) -> None:
    for number, text in enumerate(HOSTILE):
        await decide(store, f"{number}", moved(text, repo=text, author=text))
        (head,) = await newest_deliveries(store, 10, DeliveryFilter(repo=text, ref=f"refs/heads/{text}"))
        assert head.key == f"{number}"
        assert head.pushed is not None
        assert (head.pushed.repo, head.pushed.ref) == (text, Ref("branch", text))


@pytest.mark.sqlite
async def test_a_commit_of_very_many_deliveries_is_no_long_list(store: Store) -> None:
    """A host that sends one commit for ever keeps no one from it, and a page costs what it did."""

    async def steps() -> int:
        with counting(store) as counted:
            page = await store.deliveries.page(Cursor(), 20, DeliveryFilter(sha=SHA[:7]))
        assert len(page.rows) == 20
        return counted["steps"]

    async def more(many: int) -> None:
        for number in range(many):
            await decide(store, f"{store.clock()} {number}", moved())
        store.clock.advance(1)

    await more(MAX_OF_COMMIT)
    few = await steps()
    await more(2 * MAX_OF_COMMIT)
    assert await steps() < 1.1 * few + 50
    newest = (await newest_deliveries(store, 1))[0].id
    page = await store.deliveries.page(Cursor(), 1000, DeliveryFilter(sha=SHA))
    assert (page.rows[0].id, page.count) == (newest, MAX_OF_COMMIT)


@pytest.mark.sqlite
async def test_a_commit_is_found_without_a_look_at_the_rest_of_its_repository(store: Store) -> None:
    async def steps() -> int:
        with counting(store) as counted:
            assert await keys(store, sha=OTHER_SHA, repo="acme/shop", ref=dev, state=ignored) == ["one"]
        return counted["steps"]

    dev, ignored = "refs/heads/dev", DeliveryState.IGNORED
    await decide(store, "one", moved("dev", OTHER_SHA))
    few = await steps()
    for number in range(200):
        await decide(store, f"{number}", moved("dev"))
    assert await steps() < few + 50


OLD: Sequence[tuple[str, str]] = (
    ("a", json.dumps([moved(), tag("v1"), moved("gone", "0" * 40)])),
    ("b", json.dumps([moved(None, None, repo=None, author=None)])),
    ("c", "[]"),
    ("d", '[{"half'),
    ("e", "[3, null]"),
    ("f", json.dumps([moved("x" * 1000, author="y" * 1000)])),
    ("g", json.dumps([moved(f"b{number}") for number in range(MAX_KEPT + 5)])),
)


@pytest.mark.sqlite
async def test_deliveries_of_an_older_store_are_found_as_those_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there are more than one step fills, and where what was decided is damaged."""
    path = tmp_path / "bridge.db"
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "REVISION", "0031")
        migrate.apply_migrations(path)
    put = (
        "INSERT INTO delivery (id, source, forge, key, event, headers, body, received_at, state, explanation)"
    )
    put += " VALUES (?, 'plain', 'Simple', ?, 'push', '{}', x'', 1, 'ignored', ?)"
    many = [(f"n{number:05}", json.dumps([moved("many")])) for number in range(2500)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(put, [(name, name, explanation) for name, explanation in [*OLD, *many]])
    async with open_store(tmp_path, Clock()) as store:
        only = DeliveryFilter(ref="many")
        assert len((await store.deliveries.page(Cursor(), 3000, only)).rows) == len(many)
        old = await store.deliveries.page(Cursor(before="h"), 20)
        assert [head.id for head in old.rows] == ["g", "f", "e", "d", "c", "b", "a"]
        for head in old.rows:
            found = await store.deliveries.get(head.id)
            assert found is not None
            assert (found[0].head.pushed, found[0].head.other_refs) == (head.pushed, head.other_refs)
        assert await keys(store, repo="acme/shop", ref="gone") == ["a"]
        assert await keys(store, ref=f"b{MAX_KEPT}") == []
