"""The end of a build that was asked for: the builder hears of it, and is not pressed."""

import pytest
from support.scripted import ScriptedBuilder, Store
from support.services import add_queued, move, polling
from support.trail import change_by

from bridge.builders.base import Status
from bridge.errors import Permanent, Transient
from bridge.model.build import BuildState
from bridge.services.poller import STOP_SECONDS, STOPS

RUNNING = Status(state=BuildState.RUNNING, raw="building", started_at=1_700_000_010.0)
SUCCESS = Status(state=BuildState.SUCCEEDED, raw="SUCCESS", ended_at=1_700_000_070.0)


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def test_the_builder_is_asked_once_and_after_a_pause_again_a_few_times(
    store: Store, builder: ScriptedBuilder
) -> None:
    """A job that tidies up for some seconds must not be interrupted in that, too."""
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    other = await move(store, await add_queued(store, "2"), BuildState.RUNNING)
    builder.statuses.update({build.id: RUNNING, other.id: RUNNING})
    await store.builds.request_cancel(build.id, "cancelled by ann", change_by())
    async with polling(store, builder) as harness:
        await harness.advance(STOP_SECONDS - 1)
        assert builder.called("cancel") == ["handle-1"]
        await harness.advance(1)
        assert builder.called("cancel") == ["handle-1"] * 2
        for _ in range(20):
            await harness.advance(STOP_SECONDS)
        assert builder.called("cancel") == ["handle-1"] * STOPS
        assert (await store.build(build.id)).state is BuildState.RUNNING, "the builder says when it is over"
        ended = Status(state=BuildState.CANCELLED, raw="ABORTED", detail="by bridge")
        after = await harness.polled(build, ended)
    assert (after.state, after.detail) == (BuildState.CANCELLED, "cancelled by ann")
    assert (await store.steps(build.id)).count("stop") == STOPS


@pytest.mark.parametrize("error", [Transient("503"), RuntimeError("a bug"), TimeoutError()])
async def test_a_builder_that_did_not_answer_is_asked_again_however_often(
    store: Store, builder: ScriptedBuilder, error: Exception
) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    builder.statuses[build.id] = RUNNING
    builder.cancels.extend([error] * STOPS)
    await store.builds.request_cancel(build.id, "cancelled by ann", change_by())
    async with polling(store, builder) as harness:
        for _ in range(STOPS):
            await harness.advance(STOP_SECONDS)
    assert len(builder.called("cancel")) == STOPS + 1
    assert (await store.steps(build.id)).count("stop") == 1


async def test_a_builder_that_refuses_is_quoted_with_the_build(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    builder.statuses[build.id] = RUNNING
    builder.cancels.append(Permanent("this user may not stop builds (403)"))
    await store.builds.request_cancel(build.id, "cancelled by ann", change_by())
    async with polling(store, builder):
        after = await store.build(build.id)
    assert (after.state, after.detail) == (
        BuildState.RUNNING,
        "not stopped: this user may not stop builds (403)",
    )
    (step,) = [step for step in await store.builds.steps(build.id) if step.what == "stop"]
    assert step.detail == after.detail


async def test_a_build_that_was_quicker_than_its_cancellation_has_succeeded(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    await store.builds.request_cancel(build.id, "cancelled by ann", change_by())
    builder.statuses[build.id] = SUCCESS
    async with polling(store, builder):
        after = await store.build(build.id)
    assert (after.state, after.detail) == (BuildState.SUCCEEDED, "")
