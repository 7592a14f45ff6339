"""How soon builds are looked at again: never later than the builder's interval says."""

from dataclasses import replace
from itertools import count

import pytest
from support.harness import PollerHarness
from support.scripted import ScriptedBuilder, Store
from support.services import add_queued, move

from bridge.builders.base import Status
from bridge.model.build import Build, BuildState
from bridge.services.pace import HINT_SECONDS, SHORTENED, SHORTEST_SECONDS, YOUNG_SECONDS, Pace

LONGEST = 10.0
SHORT = LONGEST * SHORTENED
KEYS = map(str, count())


def waits(pace: Pace, *builds: Build) -> float:
    return pace.wait(builds, lambda: 0.0)


async def running_for(store: Store, seconds: float) -> Build:
    build = await move(store, await add_queued(store, next(KEYS)), BuildState.RUNNING)
    return replace(build, started_at=store.clock() - seconds)


async def ended(
    store: Store, seconds: float, state: BuildState = BuildState.SUCCEEDED, **changes: str
) -> None:
    build = await move(store, await add_queued(store, next(KEYS), **changes), BuildState.RUNNING)
    await store.builds.update(build.id, started_at=store.clock() - seconds)
    await move(store, build, state, ended_at=store.clock())


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        *((0, SHORT), (YOUNG_SECONDS - 1, SHORT), (YOUNG_SECONDS, LONGEST)),
        *((539, LONGEST), (540, SHORT), (660, SHORT), (661, LONGEST)),
    ],
)
async def test_a_build_is_looked_at_often_while_it_is_young_and_when_it_usually_ends(
    store: Store, age: float, expected: float
) -> None:
    for seconds in (1, 500, 600, 900, 650):
        await ended(store, seconds)
    await ended(store, 2, BuildState.FAILED)
    build = await running_for(store, age)
    pace = Pace(LONGEST, store.builds, store.clock)
    await pace.learn([build])
    # The median of what succeeded is 600 s, and a tenth of it is near.
    assert waits(pace, build) == expected
    assert waits(pace, await running_for(store, 100), build) == expected


async def test_the_newest_builds_of_its_own_repository_say_how_long_one_usually_takes(store: Store) -> None:
    build = await running_for(store, 0)
    for seconds in (*[5] * 10, *[100] * 9):
        await ended(store, seconds)
    for _ in range(5):
        await ended(store, 7, repo_name="docs")
        await ended(store, 7, namespace="globex")
    assert await store.builds.usual_seconds(build) == 100


async def test_what_waits_at_the_builder_or_has_no_like_is_looked_at_as_its_interval_says(
    store: Store,
) -> None:
    queued, old = await add_queued(store, next(KEYS)), await running_for(store, 3600)
    queued = replace(queued, triggered_at=store.clock() - YOUNG_SECONDS)
    pace = Pace(LONGEST, store.builds, store.clock)
    await pace.learn([queued, old])
    assert waits(pace, queued, old) == LONGEST


async def test_after_a_hint_all_are_looked_at_each_second_for_a_while(store: Store) -> None:
    old = await running_for(store, 3600)
    pace = Pace(LONGEST, store.builds, store.clock)
    pace.hint()
    assert waits(pace, old) == SHORTEST_SECONDS
    store.clock.advance(HINT_SECONDS)
    assert waits(pace, old) == LONGEST


async def test_polls_that_take_long_are_made_less_often_but_no_less_than_promised(store: Store) -> None:
    young = await running_for(store, 0)
    pace = Pace(LONGEST, store.builds, store.clock)
    for took, expected in ((0.1, SHORT), (0.5, 5.0), (3.0, LONGEST)):
        pace.polled(took)
        assert waits(pace, young) == expected


async def test_waits_vary_below_the_interval(store: Store) -> None:
    pace = Pace(LONGEST, store.builds, store.clock)
    found = {pace.wait([]) for _ in range(50)}
    assert len(found) > 1
    assert 0.9 * LONGEST <= min(found) <= max(found) <= LONGEST


async def test_how_long_builds_usually_take_is_looked_up_once_for_each(store: Store) -> None:
    build = await running_for(store, 100)
    pace = Pace(LONGEST, store.builds, store.clock)
    await pace.learn([build])
    await ended(store, 100)
    await pace.learn([build])
    assert waits(pace, build) == LONGEST
    await pace.learn([])
    await pace.learn([build])
    assert waits(pace, build) == SHORT


async def test_a_server_that_takes_long_to_answer_is_asked_less_often(store: Store) -> None:
    builder = ScriptedBuilder()
    builder.poll_interval = LONGEST
    await move(store, await add_queued(store), BuildState.RUNNING, started_at=store.clock())
    poller = PollerHarness(store, builder).poller

    def slowly() -> dict[str, Status]:
        store.clock.advance(0.25)
        return {}

    assert (await poller.round() or 0.0) <= SHORT
    builder.polls.append(slowly)
    assert (await poller.round() or 0.0) > SHORT
