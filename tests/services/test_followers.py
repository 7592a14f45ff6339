"""What waits in the store is found though no one calls: soon after it was written, and at its time."""

import pytest
from support.harness import TriggererHarness
from support.scripted import ScriptedBuilder, Store, beside, eventually

from bridge.builders.base import Ambiguous, Retry
from bridge.services.base import Crew


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def test_what_another_process_writes_is_found(store: Store, builder: ScriptedBuilder) -> None:
    crew, triggerer = Crew(), TriggererHarness(store, builder).triggerer
    triggerer.tick = 3600.0
    async with crew.running([triggerer]), beside(store) as other:
        store.feed.follow(crew.wake_followers)
        await other.add_build("1", tags=("1",))
        await eventually(lambda: len(builder.called("trigger")) == 1)
        await other.add_build("2", tags=("2",))
        await eventually(lambda: len(builder.called("trigger")) == 2)


async def test_a_builder_that_is_to_be_asked_later_is_asked_then(
    store: Store, builder: ScriptedBuilder
) -> None:
    await store.add_build()
    triggerer = TriggererHarness(store, builder).triggerer
    builder.triggers.append(Retry("the settings are changed now", 7.0, outdated=True))
    assert await triggerer.round() == 7.0
    store.clock.advance(7)
    builder.triggers.append(Ambiguous("no answer"))
    builder.settle_seconds = 50.0
    assert await triggerer.round() == 10.0, "it is looked for again, before it is sent once more"
    assert len(builder.called("trigger")) == 2
    store.clock.advance(10)
    await triggerer.round()
    assert len(builder.called("find")) == 2
