"""The words of the servers, polls of many builds, and builds that vanish."""

from collections.abc import Mapping

import pytest
from support.builder_contract import request
from support.drone_builds import builder
from support.fake_drone import FakeDrone

from bridge.builders.base import Handle, Sent, Status
from bridge.builders.drone.builder import DroneBuilder
from bridge.model.build import BuildState

WORDS: Mapping[str, BuildState] = {
    "created": BuildState.QUEUED,
    "pending": BuildState.QUEUED,
    "waiting_on_dependencies": BuildState.QUEUED,
    "blocked": BuildState.QUEUED,
    "running": BuildState.RUNNING,
    "success": BuildState.SUCCEEDED,
    "failure": BuildState.FAILED,
    "error": BuildState.FAILED,
    "declined": BuildState.FAILED,
    "killed": BuildState.CANCELLED,
    "canceled": BuildState.CANCELLED,
    "skipped": BuildState.CANCELLED,
}


async def sent(ci: DroneBuilder, build_id: str = "b-1") -> Handle:
    outcome = await ci.trigger(request(build_id))
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


async def polled(ci: DroneBuilder, handle: Handle) -> Status | None:
    return (await ci.poll({"b-1": handle})).get("b-1")


@pytest.mark.parametrize("word", WORDS)
async def test_a_word_has_its_state(word: str, api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        server.builds[0].word = word
        status = await polled(ci, handle)
    assert status is not None
    assert (status.state, status.raw, status.recognised) == (WORDS[word], word, True)


async def test_a_failure_names_the_step(api: str, server: FakeDrone) -> None:
    step = "job 2" if api == "drone-0.5" else "build"
    async with builder(server, api) as ci:
        handle = await sent(ci)
        server.start(server.builds[0])
        server.finish(server.builds[0], "failure")
        status = await polled(ci, handle)
    assert status is not None
    assert (status.stage, status.detail) == (step, f"failed in the step {step!r}")


async def test_a_word_that_is_not_known_ends_nothing_and_is_kept(api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        server.builds[0].word = "hibernated" * 20
        server.builds[0].finished = server.now
        status = await polled(ci, handle)
    assert status is not None
    assert (status.state, status.recognised, status.ended_at) == (BuildState.RUNNING, False, None)
    assert status.raw == ("hibernated" * 20)[:64]


async def test_a_status_has_the_times_and_the_page_of_the_build(api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        waiting = await polled(ci, handle)
        server.start(server.builds[0])
        began = server.now
        server.finish(server.builds[0])
        status = await polled(ci, handle)
    assert waiting is not None
    assert (waiting.started_at, waiting.ended_at) == (None, None)
    assert status is not None
    assert (status.started_at, status.ended_at) == (began, server.now)
    page = {"drone": "acme/shop/1", "woodpecker": "repos/7/pipeline/1"}[api]
    assert status.url == f"{server.url}{page}"


async def test_open_builds_far_apart_cost_a_page_each_and_no_more(api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        handles = {"b-1": await sent(ci)}
        for _ in range(1000):
            server.add({})
        handles["b-2"] = await sent(ci, "b-2")
        before = len(server.requests)
        found = await ci.poll(handles)
        assert set(found) == set(handles)
        assert len(server.requests) == before + 2


async def test_a_build_that_its_page_does_not_show_is_read_by_itself_and_not_often(
    api: str, server: FakeDrone
) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        for _ in range(400):
            server.add({})
        del server.builds[1:390]
        before = len(server.requests)
        assert await polled(ci, handle) is not None, "on the first page now"
        assert len(server.requests) <= before + 2
        for _ in range(400):
            server.add({})
        del server.builds[200:300]
        before = len(server.requests)
        assert await polled(ci, handle) is not None
        assert len(server.requests) <= before + 3
        assert await polled(ci, handle) is None, "left out until it is due"
        server.now += 31
        assert await polled(ci, handle) is not None


async def test_a_build_that_was_deleted_is_unknown_only_after_several_looks(
    api: str, server: FakeDrone
) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        server.add({})
        del server.builds[0]
        looks = 0
        while (status := await polled(ci, handle)) is None:
            server.now += 15
            looks += 1
            assert looks < 20
    assert status.state is BuildState.UNKNOWN
    assert status.raw == "gone"
    assert 8 <= looks <= 10, "two minutes, however often it is polled"
    assert "no build of acme/shop with its number 1 is ours, 5 times in 120 s" in status.detail


async def test_a_build_that_was_seen_again_has_to_be_absent_anew(api: str, server: FakeDrone) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        kept = server.builds[0]
        for _ in range(5):
            server.builds = []
            for _ in range(3):
                assert await polled(ci, handle) is None
                server.now += 31
            server.builds = [kept]
            assert await polled(ci, handle) is not None


async def test_an_empty_list_of_a_repository_that_is_not_shown_proves_no_absence(
    api: str, server: FakeDrone
) -> None:
    async with builder(server, api) as ci:
        handle = await sent(ci)
        server.builds.clear()
        server.hidden = True
        for _ in range(12):
            assert await polled(ci, handle) is None
            server.now += 31
