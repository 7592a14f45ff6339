"""The logs of many builds: a few in each round, and each to its end before the builder may forget it."""

import pytest
from support.scripted import ScriptedBuilder, Store
from support.services import add_queued, polling

from bridge.builders.base import LogChunk, Status
from bridge.errors import Permanent, Transient
from bridge.model.build import BuildState
from bridge.services.builder_calls import LOG_BUDGET

RUNNING = Status(state=BuildState.RUNNING, raw="building")
SUCCESS = Status(state=BuildState.SUCCEEDED, raw="SUCCESS")


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def test_of_many_running_builds_a_few_logs_are_read_in_a_round_and_all_in_turn(
    store: Store, builder: ScriptedBuilder
) -> None:
    count = 3 * LOG_BUDGET
    builds = [await add_queued(store, str(number), tags=(str(number),)) for number in range(count)]
    builder.statuses = {build.id: RUNNING for build in builds}
    async with polling(store, builder) as harness:
        for _ in range(6):
            await harness.advance(5)
            assert len(builder.called("log")) <= len(builder.called("poll")) * LOG_BUDGET
        assert len(set(builder.called("log"))) == count, "each once before any twice"


async def test_the_end_of_a_long_log_is_read_before_the_builder_may_forget_it(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    pieces = [LogChunk(text=f"{number}\n", next=number, more=number < 200) for number in range(1, 201)]
    builder.logs.extend(pieces)
    async with polling(store, builder) as harness:
        await harness.polled(build, SUCCESS)
    text = "".join(one.text for one in await store.builds.log(build.id))
    assert text.endswith("\n200\n")
    assert builder.called("release") == ["handle-1"]


async def test_a_log_whose_end_could_not_be_read_is_read_later_and_released_then(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    builder.logs.extend([LogChunk(text="one\n", next=4, more=True), Transient("503")])
    async with polling(store, builder) as harness:
        ended = await harness.polled(build, SUCCESS)
        assert ended.state is BuildState.SUCCEEDED, "its state does not wait"
        assert builder.called("release") == []
        builder.logs.append(LogChunk(text="two\n", next=8, more=False))
        await harness.advance(600)
        text = "".join(one.text for one in await store.builds.log(build.id))
        assert text == "one\ntwo\n"
        assert builder.called("release") == ["handle-1"]


async def test_a_log_that_is_gone_is_not_waited_for(store: Store, builder: ScriptedBuilder) -> None:
    build = await add_queued(store)
    builder.logs.append(Permanent("the log is gone"))
    async with polling(store, builder) as harness:
        await harness.polled(build, SUCCESS)
    assert builder.called("release") == ["handle-1"]
