"""What polling of Jenkins builds tells, also across restarts and for builds that vanish."""

import json
from collections.abc import Iterator

import pytest
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins, page, shown
from support.jenkins_builds import DECLARED, JOB, builder, declare, sent, status

from bridge.builders.base import Status
from bridge.builders.jenkins.builder import JenkinsBuilder
from bridge.errors import Permanent, RemoteError, Transient
from bridge.model.build import BuildState


@pytest.fixture
def ci_server() -> Iterator[FakeJenkins]:
    with fake_jenkins() as server:
        declare(server)
        yield server


async def until_gone(server: FakeJenkins, ci: JenkinsBuilder, handle: str) -> Status:
    """Poll as the daemon does, until the build is said to be gone; at most for ten minutes."""
    for _ in range(60):
        found = await ci.poll({"b-1": handle})
        if found:
            return found["b-1"]
        server.advance(10)
    raise AssertionError("the build never ended")


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


async def test_a_build_lost_in_a_restart_is_unknown_after_two_minutes_and_not_before(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB)
        handle = (await status(ci, handle)).handle or ""
        ci_server.restart()
        since = ci_server.clock()
        gone = await until_gone(ci_server, ci, handle)
    assert ci_server.clock() - since >= 120
    assert (gone.state, gone.raw) == (BuildState.UNKNOWN, "gone")
    assert "Jenkins was restarted meanwhile" in gone.detail
    assert "times in" in gone.detail


async def test_a_second_restart_begins_the_two_minutes_anew(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB)
        ci_server.restart()
        for _ in range(4):
            assert await ci.poll({"b-1": handle}) == {}
            ci_server.advance(35)
        ci_server.restart()
        assert await ci.poll({"b-1": handle}) == {}


async def test_after_a_crash_another_build_with_our_queue_number_is_not_taken_for_ours(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.restart(crash=True)
        theirs = await sent(ci, "somebody-else")
        assert json.loads(theirs)["queue"] == json.loads(handle)["queue"]
        assert await ci.poll({"b-1": handle}) == {}
        ci_server.finish(ci_server.start(JOB))
        assert (await until_gone(ci_server, ci, handle)).state is BuildState.UNKNOWN
        assert (await status(ci, theirs, "somebody-else")).state is BuildState.SUCCEEDED


async def test_without_our_id_a_queue_number_counts_only_in_the_run_that_gave_it(
    ci_server: FakeJenkins,
) -> None:
    ci_server.job(JOB, "TAGS")
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.restart(crash=True)
        await sent(ci, "b-2", tags=("other",))
        ci_server.finish(ci_server.start(JOB))
        assert await ci.poll({"b-1": handle}) == {}


async def test_a_build_that_was_seen_again_must_be_absent_anew_to_be_gone(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        build = ci_server.start(JOB)
        ci_server.left_life = 0
        for seen in (False, True, False):
            build.unseen = 0 if seen else 100
            for _ in range(1 if seen else 4):
                found = await ci.poll({"b-1": handle})
                assert bool(found) is seen
                ci_server.advance(35)


async def test_two_looks_are_too_few_to_give_a_build_up(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.restart(crash=True)
        for _ in range(3):
            assert await ci.poll({"b-1": handle}) == {}
            ci_server.advance(3600)
        assert (await until_gone(ci_server, ci, handle)).state is BuildState.UNKNOWN


async def test_a_build_that_a_look_found_must_be_absent_anew_to_be_gone(ci_server: FakeJenkins) -> None:
    """The lists lag behind, and only its item names the build."""
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.restart(crash=True)
        for _ in range(4):
            assert await ci.poll({"b-1": handle}) == {}
            ci_server.advance(35)
        item = {"id": 1, "task": {"url": f"{ci_server.url}job/docker/job/build-image/"}}
        item["actions"] = [{"parameters": [{"name": "BRIDGE_BUILD_ID", "value": "b-1"}]}]
        ci_server.trouble(match="/queue/item/1", reply=shown(item))
        assert (await status(ci, handle)).state is BuildState.QUEUED
        ci_server.advance(35)
        assert await ci.poll({"b-1": handle}) == {}


async def test_a_build_number_given_again_to_another_id_is_not_ours(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB)
        handle = (await status(ci, handle)).handle or ""
        declare(ci_server)
        await sent(ci, "b-2")
        ci_server.finish(ci_server.start(JOB))
        assert await ci.poll({"b-1": handle}) == {}


async def test_a_build_number_given_again_without_any_id_is_not_ours(ci_server: FakeJenkins) -> None:
    """The job was made anew by hand, without our parameter, and counts from 1."""
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB)
        handle = (await status(ci, handle)).handle or ""
        ci_server.restart(crash=True)
        ci_server.job(JOB, "TAGS")
        async with builder(ci_server) as other:
            await sent(other, "b-2")
        ci_server.finish(ci_server.start(JOB))
        assert await ci.poll({"b-1": handle}) == {}


@pytest.mark.parametrize("same", [True, False], ids=["survives", "is another"])
async def test_without_our_id_a_build_of_another_run_is_known_by_its_start(
    ci_server: FakeJenkins, same: bool
) -> None:
    ci_server.job(JOB, "TAGS")
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        build = ci_server.start(JOB)
        handle = (await status(ci, handle)).handle or ""
        ci_server.restart(crash=True)
        ci_server.job(JOB, "TAGS").builds.append(build)
        if not same:
            build.started += 60
        ci_server.finish(build)
        found = await ci.poll({"b-1": handle})
    assert [status.state for status in found.values()] == [BuildState.SUCCEEDED] * same


async def test_of_repeats_by_hand_the_oldest_is_ours_when_the_queue_number_is_not_known(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        for result in ("FAILURE", "SUCCESS"):
            await sent(ci)
            ci_server.finish(ci_server.start(JOB), result)
        found = await ci.find("b-1")
    assert isinstance(found, str)
    assert json.loads(found)["build"] == 1


async def test_a_build_that_comes_back_is_believed(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        build = ci_server.start(JOB)
        ci_server.jobs[JOB].builds.clear()
        ci_server.left_life = 0
        assert (await until_gone(ci_server, ci, handle)).state is BuildState.UNKNOWN
        ci_server.jobs[JOB].builds.append(build)
        ci_server.finish(build)
        assert (await status(ci, handle)).state is BuildState.SUCCEEDED


@pytest.mark.parametrize(
    ("loss", "words"),
    [("rotated", "oldest build kept"), ("renamed", "renamed or deleted"), ("deleted", "was deleted")],
)
async def test_the_reason_why_a_build_is_gone_is_reported(
    ci_server: FakeJenkins, loss: str, words: str
) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB)
        handle = (await status(ci, handle)).handle or ""
        ci_server.jobs[JOB].builds.clear()
        if loss == "renamed":
            ci_server.jobs["new-name"] = ci_server.jobs.pop(JOB)
        elif loss == "rotated":
            await sent(ci, "b-2")
            ci_server.start(JOB)
        assert words in (await until_gone(ci_server, ci, handle)).detail


async def test_looking_for_a_missing_build_is_rare(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.restart(crash=True)
        await ci.poll({"b-1": handle})
        ci_server.requests.clear()
        ci_server.advance(5)
        await ci.poll({"b-1": handle})
    assert len(ci_server.requests) == 2


async def test_an_item_between_queue_and_build_still_waits(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.start(JOB, unseen=3)
        assert (await status(ci, handle)).state is BuildState.QUEUED


async def test_a_repeat_by_hand_with_our_id_is_not_taken_for_our_build(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.finish(ci_server.start(JOB), "FAILURE")
        await sent(ci)
        ci_server.finish(ci_server.start(JOB))
        assert (await status(ci, handle)).state is BuildState.FAILED


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


@pytest.mark.parametrize("match", ["/queue/item/", "GET /api/json"])
async def test_a_look_that_fails_does_not_count_towards_being_gone(
    ci_server: FakeJenkins, match: str
) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.restart(crash=True)
        ci_server.trouble(match=match, reply=page("Starting Jenkins", 503), times=1000)
        for _ in range(20):
            assert await ci.poll({"b-1": handle}) == {}
            ci_server.advance(30)
        ci_server.troubles.clear()
        assert await ci.poll({"b-1": handle}) == {}
        assert (await until_gone(ci_server, ci, handle)).state is BuildState.UNKNOWN


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
