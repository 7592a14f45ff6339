"""What is known of schedules: when each is due, that it is claimed once, and what its branch was last."""

import pytest
from support.scripted import SHA, START, Store, delivery_of, new_build

from bridge.model.event import RefMove
from bridge.model.notice import EventName, Notice, ServiceFacts
from bridge.planning.ref_history import head
from bridge.store.sql import history
from bridge.store.sql.schedules import Schedules

CODE = new_build("any").code
URL = "https://git.example.com/moved.git"
A, B = "a" * 40, "b" * 40


@pytest.fixture
def schedules(store: Store) -> Schedules:
    return Schedules(store.database)


async def test_the_longest_due_comes_first_and_what_is_known_keeps_its_time(schedules: Schedules) -> None:
    await schedules.sync({"late": START + 20, "early": START + 10, "gone": START})
    await schedules.sync({"late": START + 99, "early": START + 99, "new": START + 30})
    assert await schedules.due(START + 20) == [("early", START + 10), ("late", START + 20)]
    assert await schedules.next_due() == START + 10
    await schedules.sync({})
    assert await schedules.next_due() is None


async def test_a_due_time_is_claimed_once_with_all_that_it_asks_for(
    store: Store, schedules: Schedules
) -> None:
    await schedules.sync({"nightly": START})
    facts = ServiceFacts(subject="nightly", detail="missed once")

    async def claim() -> bool:
        asked = delivery_of("due", START, source="schedule")
        notice = Notice(
            id=asked.id, channel="message", event=EventName.DEGRADED, facts=facts, created_at=START
        )
        return await schedules.claim("nightly", START, START + 60, asked, [notice])

    assert [await claim(), await claim()] == [True, False]
    assert len(await store.deliveries.claim(10)) == len(await store.events()) == 1
    assert await schedules.due(START + 60) == [("nightly", START + 60)]


async def moved(store: Store, before: str | None, after: str | None, branch: str = "main") -> None:
    move = RefMove(CODE, f"refs/heads/{branch}", before, after, {}, URL if before is None else None)
    store.clock.advance(1)
    await store.database.write(lambda connection: history.record_move(connection, move, store.clock()))


async def known(
    schedules: Schedules, branch: str = "main", repo_name: str = "shop"
) -> tuple[str | None, str | None]:
    """The commit of a branch, and where its code is."""
    found = await schedules.branch(CODE, branch, "acme", repo_name)
    return head(found), found.clone_url


async def test_a_branch_is_where_its_moves_led(store: Store, schedules: Schedules) -> None:
    assert await known(schedules) == (None, None)
    await moved(store, A, B)
    assert await known(schedules) == (B, None)
    await moved(store, None, A)
    assert await known(schedules) == (B, URL), "the first move came late"
    await moved(store, None, A, "other")
    assert await known(schedules) == (B, URL)
    await store.add_build()
    await moved(store, B, None)
    assert await known(schedules) == (None, URL), "it was removed, whatever was built of it"


async def test_a_branch_of_which_no_move_is_known_is_what_was_last_built_of_it(
    store: Store, schedules: Schedules
) -> None:
    for key, sha in (("1", A), ("2", B)):
        await store.add_build(key, sha=sha)
    await store.add_build("3", ref="refs/heads/other", repo_url=URL)
    for other in range(4):  # so that their numbers are higher
        await store.add_build(f"web {other}", repo_name="web", repo_url="https://git.example.com/web.git")
        await store.add_build(f"lab {other}", namespace="lab", repo_url="https://git.example.com/lab.git")
    assert await known(schedules, "main", "shop") == (B, URL)
    assert await known(schedules, "other", "shop") == (SHA, URL)
    assert await known(schedules, "new", "shop") == (None, URL)
    assert await known(schedules, "main", "none") == (None, None)
