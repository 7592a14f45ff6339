"""When a Jenkins build counts as gone, and which builds are never taken for it."""

import json

import pytest
from support.builder_contract import request
from support.fake_jenkins_core import FakeJenkins, page, shown
from support.fake_jenkins_state import Build
from support.jenkins_builds import JOB, builder, declare, sent, status

from bridge.builders.base import Status
from bridge.builders.jenkins.builder import JenkinsBuilder
from bridge.model.build import BuildState


async def until_gone(server: FakeJenkins, ci: JenkinsBuilder, handle: str) -> Status:
    """Poll as the daemon does, until the build is said to be gone; at most for ten minutes."""
    for _ in range(60):
        found = await ci.poll({"b-1": handle})
        if found:
            return found["b-1"]
        server.advance(10)
    raise AssertionError("the build never ended")


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


async def test_a_build_that_was_missed_until_too_many_followed_is_not_said_to_be_deleted(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.finish(ci_server.start(JOB))
        now = ci_server.clock()
        ci_server.jobs[JOB].builds += [Build(n, 10 + n, {}, now, result="SUCCESS") for n in range(2, 2002)]
        ci_server.advance(301)
        gone = await until_gone(ci_server, ci, handle)
    assert "it is not among the newest 2000 builds" in gone.detail


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
        found = await ci.find(request("b-1"))
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


async def test_a_repeat_by_hand_with_our_id_is_not_taken_for_our_build(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        ci_server.finish(ci_server.start(JOB), "FAILURE")
        await sent(ci)
        ci_server.finish(ci_server.start(JOB))
        assert (await status(ci, handle)).state is BuildState.FAILED


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
