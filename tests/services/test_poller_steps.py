"""The parts of a build at its builder stand in its timeline, each once for each of its states."""

from dataclasses import replace

from support.scripted import ScriptedBuilder, Store
from support.services import add_queued, move, polling

from bridge.builders.base import RemoteStep, Status
from bridge.model.build import BuildState
from bridge.services.poller import MAX_STEPS

BUILD = RemoteStep("Build", BuildState.RUNNING)
BUILT = RemoteStep("Build", BuildState.SUCCEEDED, 12.3)
PUSH = RemoteStep("Push", BuildState.FAILED, 0.4, "unstable")
RUNS = Status(state=BuildState.RUNNING, raw="building", steps=[BUILD])
FAILED = Status(state=BuildState.FAILED, raw="FAILURE", detail="in Push", steps=[BUILT, PUSH])


async def recorded(store: Store, build_id: str) -> list[str]:
    return [step.detail for step in await store.builds.steps(build_id) if step.what == "step"]


async def test_a_part_is_recorded_when_it_begins_and_when_it_ends(store: Store) -> None:
    builder = ScriptedBuilder()
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    async with polling(store, builder) as harness:
        for status in (RUNS, RUNS, replace(RUNS, steps=()), replace(RUNS, steps=[BUILT])):
            await harness.polled(build, status)
        await harness.polled(build, FAILED)
    steps = await store.builds.steps(build.id)
    assert [(step.what, step.detail) for step in steps[-4:]] == [
        ("step", "Build: running"),
        ("step", "Build: succeeded after 12 s"),
        ("step", "Push: failed after 0 s (unstable)"),
        ("failed", "in Push"),
    ]


async def test_what_was_recorded_before_a_start_is_not_recorded_again(store: Store) -> None:
    builder = ScriptedBuilder()
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    for _ in range(2):
        async with polling(store, builder) as harness:
            await harness.polled(build, RUNS)
    assert await recorded(store, build.id) == ["Build: running"]


async def test_a_build_of_very_many_parts_has_some_of_them_in_its_timeline(store: Store) -> None:
    builder = ScriptedBuilder()
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    many = [RemoteStep(f"Stage {number}", BuildState.RUNNING) for number in range(MAX_STEPS + 1)]
    async with polling(store, builder) as harness:
        await harness.polled(build, replace(RUNS, steps=many))
    assert await recorded(store, build.id) == [f"Stage {number}: running" for number in range(MAX_STEPS)]
