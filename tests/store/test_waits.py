"""What open builds and notices wait for, as lists of them ask it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Engine, event
from support.listed import notice_about
from support.outbox import claim
from support.scripted import START, Store, quiet
from support.trail import change_by

from bridge.model.build import Build, BuildState
from bridge.model.notice import EventName, NoticeState
from bridge.model.outbox import PUSH_SECONDS
from bridge.store.sql.notices import add
from bridge.store.values import BuildChange, Cursor, NoticeRow
from bridge.store.waits import Wait


async def waits(store: Store, *builds: Build) -> list[Wait | None]:
    """What each waits for, as it is now."""
    now = [await store.build(build.id) for build in builds]
    found = await store.waits.of_builds(now)
    return [found.get(build.id) for build in builds]


async def busy(store: Store, *builds: Build) -> None:
    for build in builds:
        assert await store.builds.transition(build.id, BuildState.TRIGGERING, quiet)


async def test_a_repository_with_few_places_names_the_first_build_that_has_one(store: Store) -> None:
    builds = [await store.add_build(str(number), tags=(str(number),), concurrency=2) for number in range(3)]
    first, second, third = builds
    await busy(store, second)
    assert await waits(store, first, third) == [Wait(kind="busy", name="here", count=1)] * 2
    await busy(store, first)
    assert await waits(store, *builds) == [
        None,
        None,
        Wait(kind="places", ahead=await store.build(first.id), count=2),
    ]


async def test_what_keeps_all_builds_of_a_builder_is_named(store: Store) -> None:
    waiting, running = await store.add_build("1"), await store.add_build("2", tags=("other",))
    await busy(store, running)
    assert await waits(store, waiting, running) == [Wait(kind="busy", name="here", count=1), None]
    await store.health.degrade("builder:here", "no answer")
    down = Wait(kind="down", name="here", why="no answer", since=START)
    assert await waits(store, waiting, running) == [down, down]
    await store.health.degrade("disk:here", "full")
    full = Wait(kind="down", name="here", why="full", since=START)
    assert await waits(store, waiting, running) == [full, down], "a build that runs needs no more room"
    await store.health.restore("builder:here", "it answers")
    await store.health.restore("disk:here", "room")
    await store.health.degrade("builder:there", "of another")
    assert (await waits(store, waiting))[0] == Wait(kind="busy", name="here", count=1)


async def test_a_build_that_is_tried_again_says_when_and_one_that_is_to_end_why(store: Store) -> None:
    build = await store.add_build()
    await busy(store, build)
    later = BuildChange(detail="no answer", next_at=START + 60)
    assert await store.builds.transition(build.id, BuildState.WAITING, quiet, **later)
    assert await waits(store, build) == [Wait(kind="again", why="no answer", until=START + 60)]
    store.clock.advance(61)
    assert await waits(store, build) == [None], "it is due: what kept it before is its own detail"
    assert await store.builds.request_cancel(build.id, "cancelled by ann", change_by())
    assert await waits(store, build) == [Wait(kind="end", why="cancelled by ann")]
    assert await store.builds.transition(build.id, BuildState.CANCELLED, quiet)
    assert await waits(store, build) == [None]


async def test_a_page_costs_the_same_reads_however_many_builds_wait(store: Store) -> None:
    builds = [await store.add_build(str(number)) for number in range(30)]
    with statements(store) as few:
        assert len(await store.waits.of_builds(builds[:2])) == 1
    with statements(store) as many:
        assert len(await store.waits.of_builds(builds)) == 29
    assert len(few) == len(many) <= 4


async def test_a_notice_names_what_keeps_its_channel_or_goes_first(store: Store) -> None:
    build = await store.add_build()
    for name in ("a", "b", "c"):
        notice = notice_about(name, build, START, "mail" if name == "c" else "team")
        await store.database.write(partial(add, notice=notice, dedupe=name, build=build))
    assert await of_notices(store) == {"b": Wait(kind="order", name="a")}
    await claim(store, "team")
    await store.notices.end("a", NoticeState.PENDING, "503", next_at=START + 10)
    assert (await of_notices(store))["a"] == Wait(kind="again", why="503", until=START + 10)
    await store.health.pause("channel:team", START + 600, "130101")
    paused = Wait(kind="paused", name="team", why="130101", until=START + 600)
    assert await of_notices(store) == {"a": paused, "b": paused}
    await store.health.degrade("channel:team", "no such robot", pause=900)
    down = Wait(kind="down", name="team", why="no such robot", since=START)
    assert await of_notices(store) == {"a": down, "b": down}
    await store.health.restore("channel:team", "it works")
    await store.notices.end("a", NoticeState.SENT, "")
    assert await of_notices(store) == {}


async def test_a_pause_that_is_over_keeps_nothing(store: Store) -> None:
    await store.notices.add([notice_about("a", None, START)])
    await store.health.pause("channel:team", START + 600, "130101")
    store.clock.advance(600)
    assert await of_notices(store) == {}


async def test_a_notice_that_is_due_names_quiet_hours_or_the_rate(store: Store) -> None:
    success = replace(notice_about("a", None, START), event=EventName.SUCCESS)
    await store.notices.add([success, notice_about("b", None, START)])
    await store.notices.note_wait("team", quiet_until=START + 3600, rate_until=START + 7)
    await store.notices.note_wait("another", quiet_until=0.0, rate_until=START + 9)
    quiet_hours = Wait(kind="quiet", name="team", until=START + 3600)
    rate = Wait(kind="rate", name="team", until=START + 7)
    assert (await of_notices(store))["a"] == quiet_hours
    await store.notices.end("a", NoticeState.SENT, "")
    assert await of_notices(store) == {"b": rate}, "what is urgent does not wait for the morning"
    await store.notices.note_wait("team", quiet_until=0.0, rate_until=START + 8)
    assert (await of_notices(store))["b"].until == START + 8
    store.clock.advance(8)
    assert await of_notices(store) == {}


async def test_a_notice_waits_for_the_other_builds_of_its_push_for_a_while(store: Store) -> None:
    first, second = await store.add_build("1"), await store.add_build("2")
    ended = replace(first, state=BuildState.FAILED, origin=second.origin)
    notice = notice_about("a", ended, START)
    await store.database.write(partial(add, notice=notice, dedupe="a", build=ended))
    assert await of_notices(store) == {"a": Wait(kind="push", until=START + PUSH_SECONDS)}
    await store.notices.note_wait("team", quiet_until=0.0, rate_until=START + 60)
    assert (await of_notices(store))["a"].kind == "push"
    store.clock.advance(PUSH_SECONDS)
    assert (await of_notices(store))["a"].kind == "rate", "it has waited long enough for them"
    await store.builds.request_cancel(second.id, "cancelled by ann", change_by())
    store.clock.advance(-PUSH_SECONDS)
    assert await store.builds.transition(second.id, BuildState.CANCELLED, quiet)
    assert (await of_notices(store))["a"].kind == "rate", "no build of the push is open"


async def of_notices(store: Store) -> dict[str, Wait]:
    rows: Sequence[NoticeRow] = (await store.notices.page(Cursor(), 100)).rows
    return dict(await store.waits.of_notices([row for row in rows if row.notice.channel != "message"]))


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """The statements that are read meanwhile."""
    found: list[str] = []
    engine: Engine = store.database._engine

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT"):
            found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)
