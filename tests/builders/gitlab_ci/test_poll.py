"""The words of GitLab, polls of many pipelines, and pipelines that vanish."""

from collections.abc import Mapping, Sequence

import pytest
from support.builder_contract import request
from support.fake_gitlab import PROJECT, FakeGitLab, Job, Pipeline, moment
from support.fake_http import json_reply
from support.gitlab_builds import builder

from bridge.builders.base import Handle, Sent, Status
from bridge.builders.gitlab_ci.builder import GitLabBuilder
from bridge.builders.gitlab_ci.model import PIPELINE, GitLabRef
from bridge.model.build import BuildState

WORDS: Mapping[str, BuildState] = {
    "created": BuildState.QUEUED,
    "waiting_for_resource": BuildState.QUEUED,
    "preparing": BuildState.QUEUED,
    "waiting_for_callback": BuildState.QUEUED,
    "pending": BuildState.QUEUED,
    "scheduled": BuildState.QUEUED,
    "manual": BuildState.QUEUED,
    "running": BuildState.RUNNING,
    "success": BuildState.SUCCEEDED,
    "failed": BuildState.FAILED,
    "canceled": BuildState.CANCELLED,
    "skipped": BuildState.CANCELLED,
}


async def sent(ci: GitLabBuilder, build_id: str = "b-1") -> Handle:
    outcome = await ci.trigger(request(build_id))
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


async def polled(ci: GitLabBuilder, handle: Handle) -> Status | None:
    return (await ci.poll({"b-1": handle})).get("b-1")


@pytest.mark.parametrize("word", WORDS)
async def test_a_word_has_its_state(word: str, server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.pipelines[0].word = word
        status = await polled(ci, handle)
    assert status is not None
    assert (status.state, status.raw, status.recognised) == (WORDS[word], word, True)
    assert bool(status.hint) == (
        word in {"waiting_for_resource", "waiting_for_callback", "scheduled", "manual"}
    )


async def test_a_pipeline_that_is_being_cancelled_has_not_ended(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.start(server.pipelines[0])
        await ci.cancel(handle)
        first, second = await polled(ci, handle), await polled(ci, handle)
    assert first is not None
    assert second is not None
    assert first.raw in {"canceling", "canceled"}
    assert (second.state, second.raw) == (BuildState.CANCELLED, "canceled")


async def test_canceling_is_no_end(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.pipelines[0].word = "canceling"
        status = await polled(ci, handle)
    assert status is not None
    assert (status.state, status.recognised, status.hint) == (BuildState.RUNNING, True, "is being cancelled")


async def test_a_word_that_is_not_known_ends_nothing_and_is_kept(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.pipelines[0].word = "hibernated" * 20
        server.pipelines[0].finished = server.now
        status = await polled(ci, handle)
    assert status is not None
    assert (status.state, status.recognised, status.ended_at) == (BuildState.RUNNING, False, None)
    assert status.raw == ("hibernated" * 20)[:64]


async def test_a_status_has_the_times_and_the_page(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        waiting = await polled(ci, handle)
        server.start(server.pipelines[0])
        began = server.now
        server.finish(server.pipelines[0])
        status = await polled(ci, handle)
    assert waiting is not None
    assert (waiting.started_at, waiting.ended_at) == (None, None)
    assert status is not None
    assert (status.started_at, status.ended_at) == (began + 0.085, server.now + 0.085)
    assert status.url == f"https://git.example.com/{PROJECT}/-/pipelines/{server.pipelines[0].id}"


async def test_times_without_a_zone_are_utc_and_pages_that_are_none_are_left_out(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        number = server.pipelines[0].id
        answer = {
            "id": number,
            "status": "running",
            "created_at": "2026-11-18T19:06:41+08:00",
            "started_at": "2026-11-18T11:06:42",
            "web_url": "javascript:alert(1)",
        }
        server.trouble(match="/pipelines/", reply=json_reply(answer))
        status = await polled(ci, handle)
    assert status is not None
    assert (status.started_at, status.url) == (1_795_000_002.0, None)


async def test_the_job_that_failed_is_named(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        pipeline = server.pipelines[0]
        server.start(pipeline)
        pipeline.jobs[0].word, pipeline.jobs[0].may_fail = "failed", True
        pipeline.jobs[1].name, pipeline.jobs[1].reason = "image\n", "runner_system_failure"
        server.finish(pipeline, "failed")
        pipeline.jobs.append(Job(1, "lint", word="success"))
        status = await polled(ci, handle)
        assert status is not None
        assert status.detail == "failed in the job 'image' of the stage 'build': runner system failure"
        assert status.stage == "build / image"
        pipeline.jobs[1].reason = "Because <b>"
        status = await polled(ci, handle)
    assert status is not None
    assert status.detail == "failed in the job 'image' of the stage 'build'"


async def test_an_end_that_cannot_be_read_now_waits_for_the_next_poll(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.start(server.pipelines[0])
        server.finish(server.pipelines[0], "failed")
        server.trouble(match="/jobs", reply=json_reply({}, 500))
        assert await polled(ci, handle) is None
        status = await polled(ci, handle)
    assert status is not None
    assert status.state is BuildState.FAILED


async def test_many_that_end_at_once_are_told_in_turns(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handles = {f"b-{number}": await sent(ci, f"b-{number}") for number in range(30)}
        for pipeline in server.pipelines:
            server.finish(pipeline)
        before = len(server.requests)
        found = dict(await ci.poll(handles))
        assert len(found) == 20
        assert len(server.requests) == before + 21
        rest = {name: handle for name, handle in handles.items() if name not in found}
        found |= await ci.poll(rest)
    assert set(found) == set(handles)
    assert all(status.ended_at for status in found.values())


async def test_a_change_behind_very_many_others_is_seen(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handles = {f"b-{number}": await sent(ci, f"b-{number}") for number in range(4)}
        await ci.poll(handles)
        ours, now = list(server.pipelines), server.now
        for _ in range(250):
            server.add({})
        for pipeline in ours:
            server.start(pipeline)
        server.now = now + 5
        statuses = await ci.poll(handles)
    assert [status.state for status in statuses.values()] == [BuildState.RUNNING] * 4


async def test_a_pipeline_that_ended_by_a_call_that_seemed_to_fail_is_cancelled(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.trouble(match="/cancel", acts=True, reply=json_reply({}, 502))
        await ci.cancel(handle)
        status = await polled(ci, handle)
    assert status is not None
    assert status.state is BuildState.CANCELLED


async def test_an_old_pipeline_among_many_new_ones_is_read_by_itself_and_not_often(
    server: FakeGitLab,
) -> None:
    async with builder(server) as ci:
        handles = {f"b-{number}": await sent(ci, f"b-{number}") for number in range(2)}
        for _ in range(1000):
            server.add({})
        handles |= {f"b-{number}": await sent(ci, f"b-{number}") for number in range(2, 5)}
        before = len(server.requests)
        assert set(await ci.poll(handles)) == set(handles)
        assert len(server.requests) == before + 4, "two pages, and the two old ones"
        assert set(await ci.poll(handles)) == {"b-2", "b-3", "b-4"}, "the others are not due"
        server.now += 31
        assert set(await ci.poll(handles)) == set(handles)


def handles_of(pipelines: Sequence[Pipeline]) -> dict[str, Handle]:
    """The handles of pipelines by their numbers."""
    found = {}
    for one in pipelines:
        document = {"id": one.id, "status": one.word, "created_at": moment(one.created), "sha": one.sha}
        found[str(one.id)] = GitLabRef.of(PROJECT, PIPELINE.validate_python(document)).handle
    return found


async def cost(server: FakeGitLab, ci: GitLabBuilder, handles: Mapping[str, Handle]) -> int:
    """How many requests a poll takes that tells of all."""
    before = len(server.requests)
    assert set(await ci.poll(handles)) == set(handles)
    return len(server.requests) - before


async def test_a_thousand_running_pipelines_cost_one_request_and_a_page_for_each_hundred_once_a_minute(
    server: FakeGitLab,
) -> None:
    handles = handles_of([server.add({}) for _ in range(1000)])
    async with builder(server) as ci:
        assert await cost(server, ci, handles) == 10
        for _ in range(5):
            server.now += 5
            assert await cost(server, ci, handles) == 1
        server.now += 36
        assert await cost(server, ci, handles) == 10


async def test_what_changes_between_whole_lists_is_seen_at_once(server: FakeGitLab) -> None:
    made = [server.add({}) for _ in range(150)]
    async with builder(server) as ci:
        await cost(server, ci, handles_of(made))
        server.start(made[0])
        made.append(server.add({}))
        handles = handles_of(made)
        assert await cost(server, ci, handles) == 1, "a new one is a change, too"
        server.start(made[1])
        made[1].updated -= 8
        statuses = await ci.poll(handles)
        running = {name for name, status in statuses.items() if status.state is BuildState.RUNNING}
        assert running == {str(made[0].id), str(made[1].id)}, "one of them became visible late"
        made[2].word = "running"
        assert (await ci.poll(handles))[str(made[2].id)].state is BuildState.QUEUED
        server.now += 61
        assert (await ci.poll(handles))[str(made[2].id)].state is BuildState.RUNNING, "without a new time"


async def test_among_very_many_others_each_is_told_of_in_turn(server: FakeGitLab) -> None:
    handles = handles_of([server.add({}) for _ in range(150)])
    async with builder(server) as ci:
        await cost(server, ci, handles)
        for _ in range(300):
            server.add({})
        shown: set[str] = set()
        for _ in range(8):
            before = len(server.requests)
            shown |= set(await ci.poll(handles))
            assert len(server.requests) - before <= 3 + 3 + 20, "changes, the newest, and some by themselves"
            server.now += 5
    assert shown == set(handles)


async def test_without_times_of_changes_everything_is_listed_each_time(server: FakeGitLab) -> None:
    handles = handles_of([server.add({}) for _ in range(150)])
    server.tells_changes = False
    async with builder(server) as ci:
        assert [await cost(server, ci, handles) for _ in range(3)] == [2, 2, 2]


async def test_two_projects_have_a_list_each(server: FakeGitLab) -> None:
    handles = handles_of([server.add({}) for _ in range(20)])
    by_number = {f"{name} ": handle.replace(f'"{PROJECT}"', "42") for name, handle in handles.items()}
    async with builder(server) as ci:
        assert [await cost(server, ci, handles | by_number) for _ in range(2)] == [2, 2]


async def test_two_answers_may_round_the_time_of_a_pipeline_differently(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.pipelines[0].created += 1
        assert await polled(ci, handle) is not None
        server.pipelines[0].created += 1
        assert await polled(ci, handle) is None


async def test_a_pipeline_that_was_deleted_is_unknown_only_after_several_looks(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        number = server.pipelines.pop().id
        looks = 0
        while (status := await polled(ci, handle)) is None:
            server.now += 15
            looks += 1
            assert looks < 20
    assert (status.state, status.raw) == (BuildState.UNKNOWN, "gone")
    assert looks == 8, "two minutes"
    assert f"no pipeline of {PROJECT} with the number {number} is ours, 9 times in 120 s" in status.detail


async def test_while_the_project_is_not_shown_no_pipeline_is_gone(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.hidden = True
        for _ in range(12):
            assert await polled(ci, handle) is None
            server.now += 31


async def test_what_a_person_tries_again_there_keeps_its_number(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        pipeline = server.pipelines[0]
        server.finish(pipeline, "failed")
        server.start(pipeline)
        pipeline.finished = None
        status = await polled(ci, handle)
        assert status is not None
        assert status.state is BuildState.RUNNING
        assert await ci.find(request("b-1")) == handle
