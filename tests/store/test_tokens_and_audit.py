"""What is kept of tokens, and of who changed what."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, update
from support.engines import indexes
from support.scripted import START, Clock, Store, delivery_of, quiet
from support.trail import change_by, noted

from bridge.model.access import IssuedToken, Principal, Role
from bridge.model.audit import Action, AuditEntry
from bridge.model.build import BuildState
from bridge.runtime.redaction import Redactor
from bridge.store.open import open_store
from bridge.store.schema_callers import audit, token
from bridge.store.values import Cursor

ANN = Principal(name="ann", role=Role.ADMIN, token_id="a-token")
DAY = timedelta(days=1)


def issued(token_id: str, **changes: object) -> IssuedToken:
    values: dict[str, object] = {
        "id": token_id,
        "name": "ci",
        "role": Role.MEMBER,
        "namespaces": frozenset({"acme", "globex"}),
        "key_id": "k1",
        "created_at": START,
        "created_by": "root",
    }
    return IssuedToken(**(values | changes))  # type: ignore[arg-type]


async def test_a_token_is_kept_as_it_was_made_and_found_by_its_id_or_access_key(store: Store) -> None:
    first = issued("1")
    second = issued("2", access_key="AK", namespaces=None, role=Role.ADMIN, expires_at=START + 5)
    for one in (first, second):
        await store.tokens.add(one, change_by())
    assert await store.tokens.get("1") == first
    assert await store.tokens.get("2") == await store.tokens.by_access_key("AK") == second
    assert await store.tokens.get("AK") is None
    assert await store.tokens.by_access_key("1") is None
    assert await store.tokens.newest(10) == [second, first]
    assert await store.tokens.newest(1) == [second]


async def test_a_token_is_revoked_once_and_stays_in_the_list(store: Store) -> None:
    await store.tokens.add(issued("1"), change_by())
    await store.tokens.add(issued("2"), change_by())
    store.clock.advance(60)
    assert await store.tokens.revoke("1", change_by())
    store.clock.advance(60)
    assert not await store.tokens.revoke("1", change_by())
    assert not await store.tokens.revoke("none", change_by())
    assert [one.revoked_at for one in await store.tokens.newest(10)] == [None, START + 60]


@pytest.mark.parametrize("damage", [{"role": "emperor"}, {"namespaces": "{"}, {"namespaces": "7"}])
async def test_a_token_whose_rights_cannot_be_read_has_none(store: Store, damage: dict[str, str]) -> None:
    await store.tokens.add(issued("1", role=Role.ADMIN), change_by())
    await store.database.write(lambda connection: connection.execute(update(token).values(damage)).rowcount)
    found = await store.tokens.get("1")
    assert found is not None
    assert found.namespaces == frozenset()
    assert not found.principal.may(Role.VIEWER, "acme")


async def test_an_entry_says_who_changed_what_from_where_and_when(store: Store) -> None:
    change = {"before": {"state": "waiting"}, "after": [1, None]}
    await noted(store, ANN, Action.BUILD_CANCELLED, "a-build", origin="192.0.2.7", **change)
    page = await store.audit.page(Cursor(), 10)
    (entry,) = page.rows
    assert page.count == 1
    assert entry == AuditEntry(
        id=entry.id,
        at=START,
        name="ann",
        token_id="a-token",
        action="build.cancelled",
        subject="a-build",
        origin="192.0.2.7",
        before={"state": "waiting"},
        after=[1, None],
    )


async def test_entries_are_listed_newest_first_and_pages_stand_still(store: Store) -> None:
    async def add(subject: str) -> None:
        await noted(store, ANN, Action.TOKEN_REVOKED, subject, origin="cli")

    for number in range(5):
        await add(str(number))
    first = await store.audit.page(Cursor(), 2)
    await add("meanwhile")
    second = await store.audit.page(Cursor(before=first.rows[-1].id), 2)
    assert [entry.subject for entry in (*first.rows, *second.rows)] == ["4", "3", "2", "1"]
    assert (first.older, second.older, second.newer) == (True, True, True)


async def test_entries_of_one_caller_and_of_one_action_are_read_by_an_index(store: Store) -> None:
    bob = Principal(name="bob", role=Role.MEMBER)
    for who, action in ((ANN, Action.TOKEN_ADDED), (bob, Action.TOKEN_ADDED), (bob, Action.TOKEN_REVOKED)):
        await noted(store, who, action, who.name, origin="cli")
    pages = [
        await store.audit.page(Cursor(), 9, name="bob"),
        await store.audit.page(Cursor(), 9, action=Action.TOKEN_ADDED),
        await store.audit.page(Cursor(), 9, name="bob", action=Action.TOKEN_ADDED),
    ]
    assert [(page.count, [one.subject for one in page.rows]) for page in pages] == [
        (2, ["bob", "bob"]),
        (2, ["bob", "ann"]),
        (1, ["bob"]),
    ]
    for columns in ("name", "action", "name, action"):
        where = dict.fromkeys(columns.split(", "), "x")
        query = select(audit.c.id).filter_by(**where).order_by(audit.c.id.desc())
        found = await store.database.read(partial(indexes, query=query))
        assert found, columns


async def test_what_changes_nothing_has_no_entry(store: Store) -> None:
    build = await store.add_build()
    await store.tokens.add(issued("1"), change_by())
    for _ in range(2):
        await store.builds.request_cancel(build.id, "by ann", change_by("ann"))
        await store.tokens.revoke("1", change_by("bob"))
        await store.sessions.end("none", change_by())
        await store.notices.drop("none", "by ann", change_by())
        await store.builds.resolve(build.run_id, BuildState.FAILED, "no", quiet, change_by())
    trail = (await store.audit.page(Cursor(), 9)).rows
    assert [entry.name for entry in reversed(trail)] == ["li", "ann", "bob"]


async def test_what_is_asked_for_twice_is_done_and_noted_once(store: Store) -> None:
    build = await store.add_build()
    await store.builds.transition(build.run_id, BuildState.FAILED, quiet)
    order = delivery_of("order", START)
    claim = (await store.idempotency_keys.claim("ann", "k", "r")).id
    for _ in range(2):
        await store.deliveries.order(order, change_by("orders"))
        await store.deliveries.redeliver(order.id, change_by("redelivers"), "again")
        await store.builds.retry(build.id, change_by("retries"), "again", claim)
    trail = (await store.audit.page(Cursor(), 9)).rows
    assert [(entry.name, entry.after) for entry in reversed(trail)] == [
        ("orders", None),
        ("redelivers", {"delivery_id": "again"}),
        ("retries", {"run": 2}),
    ]


async def test_no_secret_reaches_an_entry(tmp_path: Path) -> None:
    redact: Callable[[str], str] = Redactor(["canary-secret"]).foreign
    async with open_store(f"sqlite://{tmp_path}/b.db", exclusive=True, redact=redact) as opened:
        after = {"why": "it says canary-secret", "secret": "another"}
        await noted(opened, ANN, Action.TOKEN_ADDED, "x", origin="cli", before={"password": "p"}, after=after)
        (entry,) = (await opened.audit.page(Cursor(), 1)).rows
    assert (entry.before, entry.after) == ({"password": "***"}, {"why": "it says ***", "secret": "***"})


async def test_an_entry_that_is_damaged_says_what_can_still_be_read(store: Store) -> None:
    await noted(store, ANN, Action.TOKEN_ADDED, "x", origin="cli", after={"a": 1})
    await store.database.write(
        lambda connection: connection.execute(update(audit).values(after="{")).rowcount
    )
    (entry,) = (await store.audit.page(Cursor(), 1)).rows
    assert (entry.name, entry.after) == ("ann", None)


async def test_entries_go_with_the_builds_of_their_time(store: Store) -> None:
    clock: Clock = store.clock
    await noted(store, ANN, Action.TOKEN_ADDED, "old", origin="cli")
    clock.advance(DAY.total_seconds())
    await noted(store, ANN, Action.TOKEN_ADDED, "new", origin="cli")
    clock.advance(60)
    assert await store.prune(deliveries=timedelta(seconds=1), builds=DAY) == 1
    assert [entry.subject for entry in (await store.audit.page(Cursor(), 10)).rows] == ["new"]
