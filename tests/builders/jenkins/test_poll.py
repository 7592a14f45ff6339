"""What polling tells of Jenkins builds, and what it asks of the server."""

import json

import pytest
from support.fake_jenkins_core import FakeJenkins, page, shown
from support.jenkins_builds import DECLARED, JOB, builder, sent, status

from bridge.errors import Permanent, RemoteError, Transient
from bridge.model.build import BuildState


async def test_a_build_is_followed_from_the_queue_to_its_end(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        queued = await status(ci, handle)
        build = ci_server.start(JOB)
        running = await status(ci, handle)
        assert running.handle
        ci_server.advance(42)
        ci_server.finish(build)
        ended = await status(ci, running.handle)
    assert (queued.state, queued.raw) == (BuildState.QUEUED, "BuildableItem")
    assert queued.detail == "Waiting for next available executor"
    assert (running.state, running.raw) == (BuildState.RUNNING, "building")
    assert json.loads(running.handle)["build"] == 1
    assert running.url == f"{ci_server.url}job/docker/job/build-image/1/"
    assert running.ended_at is None
    assert (ended.state, ended.raw) == (BuildState.SUCCEEDED, "SUCCESS")
    assert ended.started_at == pytest.approx(build.started, abs=0.01)
    assert ended.ended_at == pytest.approx(build.started + build.duration, abs=0.01)


@pytest.mark.parametrize(
    ("result", "state", "detail"),
    [
        ("FAILURE", BuildState.FAILED, ""),
        ("UNSTABLE", BuildState.FAILED, "unstable"),
        ("ABORTED", BuildState.CANCELLED, "aborted in Jenkins"),
        ("NOT_BUILT", BuildState.CANCELLED, "not built"),
        ("SOMETHING_NEW", BuildState.RUNNING, ""),
    ],
)
async def test_each_result_has_its_state_and_keeps_its_word(
    ci_server: FakeJenkins, result: str, state: BuildState, detail: str
) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.finish(ci_server.start(JOB), result)
        ended = await status(ci, handle)
    assert (ended.state, ended.raw, ended.detail) == (state, result, detail)
    assert ended.recognised == (result != "SOMETHING_NEW")


async def test_a_build_behind_another_says_what_it_waits_for(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        await sent(ci, "b-0")
        ci_server.start(JOB)
        waiting = await status(ci, await sent(ci))
    assert (waiting.raw, waiting.detail) == ("BlockedItem", "Build #1 is already in progress (ETA: N/A)")


async def test_a_thousand_running_builds_are_polled_in_four_requests_at_most(ci_server: FakeJenkins) -> None:
    handles = {}
    async with builder(ci_server) as ci:
        for number in range(1000):
            name = f"b-{number}"
            handles[name] = await sent(ci, name)
            ci_server.start(JOB)
        ci_server.requests.clear()
        found = await ci.poll(handles)
        first = len(ci_server.requests)
        again = await ci.poll({name: one.handle or "" for name, one in found.items()})
    assert {one.state for one in found.values()} == {BuildState.RUNNING}
    assert again == found
    assert len(found) == 1000
    assert first <= 4
    assert len(ci_server.requests) - first == 1


async def test_a_build_far_behind_the_newest_is_reached_in_two_requests(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB)
        handle = (await status(ci, handle)).handle or ""
        for number in range(300):
            await sent(ci, f"other-{number}")
            ci_server.finish(ci_server.start(JOB))
    ci_server.requests.clear()
    async with builder(ci_server) as fresh:
        assert (await status(fresh, handle)).state is BuildState.RUNNING
    assert len(ci_server.requests) == 2


async def test_builds_of_several_jobs_cost_one_request_each(ci_server: FakeJenkins) -> None:
    ci_server.job("other", *DECLARED)
    async with builder(ci_server) as ci, builder(ci_server, job="other") as other:
        handles = {"b-1": await sent(ci, "b-1"), "b-2": await sent(other, "b-2")}
        ci_server.requests.clear()
        found = await ci.poll(handles)
    assert set(found) == {"b-1", "b-2"}
    assert len(ci_server.requests) == 3


async def test_one_job_that_cannot_be_read_does_not_hide_the_others(ci_server: FakeJenkins) -> None:
    ci_server.job("other", *DECLARED)
    async with builder(ci_server) as ci, builder(ci_server, job="other") as other:
        handles = {"b-1": await sent(ci, "b-1"), "b-2": await sent(other, "b-2")}
        ci_server.trouble(match="job/other/", reply=page("Access Denied", 403))
        assert set(await ci.poll(handles)) == {"b-1"}


@pytest.mark.parametrize("code", [503, 502, 500, 429, 401, 403, 404, 302, 200])
async def test_no_answer_of_the_server_ever_ends_a_build_by_itself(ci_server: FakeJenkins, code: int) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.finish(ci_server.start(JOB))
        ci_server.trouble(reply=page("Starting Jenkins", code), times=1000)
        for _ in range(20):
            ci_server.advance(60)
            with pytest.raises(RemoteError):
                await ci.poll({"b-1": handle})
        ci_server.troubles.clear()
        assert (await status(ci, handle)).state is BuildState.SUCCEEDED


async def test_a_starting_server_is_transient(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.starting = 503
        with pytest.raises(Transient, match="starting"):
            await ci.poll({"b-1": handle})


async def test_an_item_that_left_the_queue_long_ago_is_found_among_the_builds(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.finish(ci_server.start(JOB))
        ci_server.advance(86_400)
        assert (await status(ci, handle)).state is BuildState.SUCCEEDED


async def test_an_orderly_restart_keeps_what_waits(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.restart()
        assert (await status(ci, handle)).state is BuildState.QUEUED
        ci_server.start(JOB)
        assert (await status(ci, handle)).state is BuildState.RUNNING


async def test_an_item_between_queue_and_build_still_waits(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB, unseen=3)
        assert (await status(ci, handle)).state is BuildState.QUEUED


async def test_a_handle_that_cannot_be_read_does_not_stop_the_others(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        found = await ci.poll({"b-1": await sent(ci), "b-2": "{}"})
        assert found["b-1"].state is BuildState.QUEUED
        assert found["b-2"].state is BuildState.UNKNOWN
        with pytest.raises(Permanent):
            await ci.log("[]", 0)


async def test_a_job_that_may_not_be_read_is_said_when_there_is_nothing_else_to_tell(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.trouble(match="allBuilds", reply=page("Access Denied", 403))
        with pytest.raises(Permanent, match="may not"):
            await ci.poll({"b-1": handle})


async def test_a_started_build_is_followed_through_its_item_when_the_list_lags_behind(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB)
        empty = shown({"nextBuildNumber": 1, "allBuilds": []})
        ci_server.trouble(match="allBuilds", reply=empty, times=2)
        found = await status(ci, handle)
    assert found.state is BuildState.RUNNING
    assert json.loads(found.handle or "")["build"] == 1
