"""Sessions of browsers in the store: until when they are there, and how many."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from support.scripted import START, Store
from support.trail import change_by

from bridge.model.access import IssuedToken, Principal, Role
from bridge.model.session import IDLE_SECONDS, LONGEST_SECONDS, MAX_OF_TOKEN, Session
from bridge.store.schema_callers import session as table
from bridge.store.values import Cursor

DAY = timedelta(days=1)
STATIC = Principal(name="api.tokens", role=Role.ADMIN)
TOKEN = IssuedToken(
    id="t", name="ci", role=Role.MEMBER, namespaces=None, key_id="k", created_at=START, created_by="root"
)


def session(name: str, **changes: Any) -> Session:
    values: dict[str, Any] = {
        "id": name,
        "name": "ann",
        "role": Role.MEMBER,
        "token_id": "t",
        "proof": None,
        "created_at": START,
        "seen_at": START,
        "expires_at": START + LONGEST_SECONDS,
        "address": "192.0.2.7",
        "agent": "a browser",
    }
    return Session(**(values | changes))


def of(token_id: str | None) -> Principal:
    return Principal(name="ann", role=Role.MEMBER, token_id=token_id)


async def count(store: Store) -> int:
    query = select(func.count()).select_from(table)
    return await store.database.read(lambda connection: connection.execute(query).scalar_one())


async def test_a_session_is_kept_as_it_was_made_and_listed_for_its_token(store: Store) -> None:
    first = session("1")
    second = session("2", token_id=None, proof="p", created_at=START + 1)
    for one in (first, second):
        await store.sessions.add(one, change_by())
    assert await store.sessions.get("1") == first
    assert await store.sessions.get("none") is None
    assert await store.sessions.newest(9) == [second, first]
    assert await store.sessions.newest(1) == [second]
    assert await store.sessions.newest(9, of("t")) == [first]
    assert await store.sessions.newest(9, STATIC) == [second]
    assert await store.sessions.newest(9, of("another")) == []


async def test_pages_of_sessions_stand_still_while_others_begin_and_end(store: Store) -> None:
    names = "abcdefg"  # three pairs begin at one time each
    for place, name in enumerate(names):
        await store.sessions.add(session(name, created_at=START + place // 2), change_by())
    await store.sessions.add(session("static", token_id=None, created_at=START - 1), change_by())

    async def shown(cursor: Cursor) -> tuple[list[Session], str, bool, bool]:
        found = await store.sessions.page(cursor, 3, of("t"))
        return [*found.rows], "".join(one.id for one in found.rows), found.newer, found.older

    first, *said = await shown(Cursor())
    assert said == ["gfe", False, True]
    await store.sessions.add(session("new", created_at=START + 9), change_by())
    for ended in "ef":
        assert await store.sessions.end(ended, change_by())
    second, *said = await shown(Cursor(before=first[-1].place))
    assert said == ["dcb", True, True]
    _, *said = await shown(Cursor(before=second[-1].place))
    assert said == ["a", True, False]
    _, *said = await shown(Cursor(after=second[-1].place))
    assert said == ["gdc", True, True]
    _, *said = await shown(Cursor(after=second[0].place))
    assert said == ["newg", False, True]
    assert (await store.sessions.page(Cursor(), 3)).count == 7


async def test_a_session_ends_once(store: Store) -> None:
    await store.sessions.add(session("1"), change_by())
    assert await store.sessions.end("1", change_by())
    assert not await store.sessions.end("1", change_by())
    assert await store.sessions.get("1") is None
    assert await store.sessions.newest(9) == []


async def test_a_session_ends_a_week_after_its_last_use_and_a_month_after_its_begin(store: Store) -> None:
    await store.sessions.add(session("1"), change_by())
    await store.sessions.add(session("idle"), change_by())
    step = IDLE_SECONDS - 1
    for _ in range(4):
        store.clock.advance(step)
        assert await store.sessions.get("1") is not None
        await store.sessions.seen("1")
    assert await store.sessions.get("idle") is None
    found = await store.sessions.get("1")
    assert found is not None
    assert found.ends_at == START + LONGEST_SECONDS
    store.clock.advance(LONGEST_SECONDS - 4 * step - 1)
    assert [one.id for one in await store.sessions.newest(9)] == ["1"]
    store.clock.advance(1)
    assert await store.sessions.get("1") is None
    assert not await store.sessions.end("1", change_by())


async def test_sessions_that_have_ended_are_forgotten(store: Store) -> None:
    await store.sessions.add(session("old", expires_at=START + 1), change_by())
    await store.sessions.add(session("new"), change_by())
    store.clock.advance(1)
    await store.prune(deliveries=DAY, builds=DAY)
    assert await count(store) == 1
    store.clock.advance(IDLE_SECONDS)
    await store.prune(deliveries=DAY, builds=DAY)
    assert await count(store) == 0


async def test_one_token_has_so_many_sessions_and_the_oldest_end(store: Store) -> None:
    await store.sessions.add(session("of another", token_id="other", created_at=START - 1), change_by())
    await store.sessions.add(session("static", token_id=None, created_at=START - 1), change_by())
    for number in range(MAX_OF_TOKEN + 2):
        await store.sessions.add(session(f"{number}", created_at=START + number), change_by())
    found = {one.id for one in await store.sessions.newest(1000, of("t"))}
    assert found == {str(number) for number in range(2, MAX_OF_TOKEN + 2)}
    assert await count(store) == MAX_OF_TOKEN + 2


async def test_with_a_token_its_sessions_end(store: Store) -> None:
    await store.tokens.add(TOKEN, change_by())
    for name, token_id in ("1", "t"), ("2", "other"), ("3", None):
        await store.sessions.add(session(name, token_id=token_id), change_by())
    await store.tokens.revoke("t", change_by())
    assert {one.id for one in await store.sessions.newest(9)} == {"2", "3"}


async def test_when_a_token_was_used_is_kept(store: Store, tmp_path: Path) -> None:
    await store.tokens.add(TOKEN, change_by())
    store.clock.advance(60)
    await store.tokens.used("t")
    found = await store.tokens.get("t")
    assert found is not None
    assert found.last_used_at == START + 60
