"""Builds of which the builder made one run, or which it told too little, say so to the end."""

import pytest
from support.fake_jenkins import fake_jenkins
from support.jenkins_builds import declare, make
from support.listed import newest_notices
from support.scripted import ScriptedBuilder, Store
from support.services import add_queued, polling, triggering

from bridge.builders.base import Retry, Sent, Status
from bridge.model.build import BuildState
from bridge.model.notice import BuildFacts
from bridge.store.values import NoticeFilter

RUNNING = Status(state=BuildState.RUNNING, raw="building")
SUCCESS = Status(state=BuildState.SUCCEEDED, raw="SUCCESS")


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def told(store: Store) -> list[tuple[str | None, tuple[str, ...]]]:
    """Detail and images of each notice in the app, the newest first."""
    rows = await newest_notices(store, 20, NoticeFilter(channel="message"))
    facts = [row.notice.facts for row in rows if isinstance(row.notice.facts, BuildFacts)]
    return [(one.detail, one.images) for one in facts]


async def test_builds_that_the_builder_merged_name_each_other_in_their_end_and_its_notice(
    store: Store, builder: ScriptedBuilder
) -> None:
    one, two, alone = [await add_queued(store, key, tags=(key,)) for key in "123"]
    await store.builds.update(two.id, handle=one.handle)
    builder.statuses = {build.id: RUNNING for build in (one, two, alone)}
    async with polling(store, builder) as harness:
        builder.statuses = {build.id: SUCCESS for build in (one, two, alone)}
        await harness.advance(5)
        ended = [await store.build(build.id) for build in (one, two, alone)]
    assert [build.detail for build in ended] == [
        f"one run for this build and {two.full_name} #{two.number}",
        f"one run for this build and {one.full_name} #{one.number}",
        "",
    ]
    assert {detail for detail, _ in (await told(store))[:3]} == {build.detail or None for build in ended}
    assert (await store.steps(one.id)).count("queued") == 2, "its state and the caveat, once"


async def test_what_a_builder_was_not_told_is_said_at_the_end_and_no_image_is_listed(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.append(Sent("handle", caveat="the job does not receive X", images_passed=False))
    async with triggering(store, builder):
        pass
    builder.statuses[build.id] = SUCCESS
    async with polling(store, builder):
        after = await store.build(build.id)
    assert (after.state, after.detail) == (BuildState.SUCCEEDED, "the job does not receive X")
    assert (await told(store))[0] == ("the job does not receive X", ())


@pytest.mark.parametrize("lost", [False, True], ids=["triggered", "found after its answer was lost"])
async def test_a_build_that_is_found_has_the_caveat_of_one_that_was_triggered(
    store: Store, lost: bool
) -> None:
    with fake_jenkins() as jenkins:
        declare(jenkins, "BRIDGE_BUILD_ID", "COMMIT")
        if lost:
            jenkins.trouble("reset", "POST", acts=True)
        ci = make(jenkins)
        build = await store.add_build(builder=ci.name, parameters={"FLAVOUR": "sweet"})
        async with triggering(store, ci):
            after = await store.build(build.id)
        await ci.aclose()
    assert ("ambiguous" in await store.steps(build.id)) is lost
    assert after.state is BuildState.QUEUED
    assert after.caveat == "the job does not receive the images to build (IMAGE, TAGS), FLAVOUR"
    assert not after.images_passed


async def test_a_request_that_has_to_be_made_anew_is_no_fault_of_the_builder(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.append(Retry("the job has just been changed", outdated=True))
    async with triggering(store, builder) as harness:
        assert not await harness.down()
        await harness.advance(2)
        assert (await store.build(build.id)).state is BuildState.QUEUED
    assert await store.events() == []


async def test_a_request_is_made_anew_when_the_builder_says_and_holds_up_no_other(
    store: Store, builder: ScriptedBuilder
) -> None:
    first = await store.add_build()
    builder.triggers.append(Retry("there is no job yet", 30.0, outdated=True))
    async with triggering(store, builder) as harness:
        assert (await store.build(first.id)).state is BuildState.WAITING
        other = await store.add_build("2", tags=("2",))
        await harness.advance(29)
        assert (await store.build(other.id)).state is BuildState.QUEUED
        assert (await store.build(first.id)).state is BuildState.WAITING
        await harness.advance(2)
        assert (await store.build(first.id)).state is BuildState.QUEUED
    assert await store.events() == []
