"""Every end of a build is counted once, whoever brought it about, and its times are measured."""

from itertools import count

import pytest
from support.scripted import START, ScriptedBuilder, Store, quiet
from support.services import move, polling, triggering
from support.trail import change_by

from bridge.builders.base import Rejected, Status
from bridge.model.build import Build, BuildState
from bridge.runtime.metrics import REGISTRY
from bridge.services.poller import QUEUE_SECONDS

_NAMES = count()
SUCCESS = Status(state=BuildState.SUCCEEDED, raw="SUCCESS", started_at=START + 5, ended_at=START + 65)


@pytest.fixture
def builder() -> ScriptedBuilder:
    """One whose series no other test has."""
    return ScriptedBuilder(name=f"counted-{next(_NAMES)}")


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"buildbridge_{name}", labels)


def ended(builder: ScriptedBuilder, state: BuildState) -> float | None:
    return value("builds_total", builder=builder.name, state=state)


async def add_queued(store: Store, builder: ScriptedBuilder) -> Build:
    """A build that the builder has taken just now."""
    await store.add_build(builder=builder.name)
    build = await store.builds.claim(builder.name, None, quiet)
    assert build is not None
    return await move(store, build, BuildState.QUEUED, handle="handle-1")


async def test_a_build_that_the_builder_rejects_has_failed(store: Store, builder: ScriptedBuilder) -> None:
    builder.triggers.append(Rejected("no such job"))
    await store.add_build(builder=builder.name)
    async with triggering(store, builder):
        pass
    assert ended(builder, BuildState.FAILED) == 1.0
    assert value("delivery_to_trigger_seconds_count", builder=builder.name) is None


async def test_a_build_that_ends_before_it_was_sent_is_counted(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build(builder=builder.name)
    await store.builds.request_cancel(build.id, "cancelled by ann", change_by())
    async with triggering(store, builder):
        pass
    assert ended(builder, BuildState.CANCELLED) == 1.0


async def test_the_times_of_a_build_are_measured_at_its_end(store: Store, builder: ScriptedBuilder) -> None:
    build = await add_queued(store, builder)
    async with polling(store, builder) as harness:
        await harness.polled(build, SUCCESS)
    assert ended(builder, BuildState.SUCCEEDED) == 1.0
    assert value("build_queue_seconds_sum", builder=builder.name) == 5.0
    assert value("build_duration_seconds_sum", builder=builder.name) == 60.0
    assert value("polls_total", builder=builder.name, outcome="answered") == value(
        "poll_seconds_count", builder=builder.name
    )


async def test_a_builder_whose_clock_is_behind_gives_no_negative_time(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store, builder)
    behind = Status(state=BuildState.FAILED, raw="FAILURE", started_at=START - 50, ended_at=START - 60)
    async with polling(store, builder) as harness:
        await harness.polled(build, behind)
    assert value("build_queue_seconds_sum", builder=builder.name) == 0.0
    assert value("build_duration_seconds_sum", builder=builder.name) == 0.0


async def test_a_build_without_a_known_end_is_counted_as_unknown(
    store: Store, builder: ScriptedBuilder
) -> None:
    await add_queued(store, builder)
    async with polling(store, builder) as harness:
        await harness.advance(QUEUE_SECONDS + 1)
    assert ended(builder, BuildState.UNKNOWN) == 1.0


async def test_the_time_to_the_trigger_begins_with_the_delivery_and_another_run_has_none(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build(builder=builder.name)
    store.clock.advance(4)
    async with triggering(store, builder) as harness:
        await harness.settled()
        assert value("delivery_to_trigger_seconds_sum", builder=builder.name) == 4.0
        await store.builds.transition(build.run_id, BuildState.FAILED, quiet, ended_at=store.clock())
        await store.builds.retry(build.id, change_by("ann"), "again")
        await harness.advance(3600)
        assert value("triggers_total", builder=builder.name, outcome="sent") == 2.0
    assert value("delivery_to_trigger_seconds_count", builder=builder.name) == 1.0
