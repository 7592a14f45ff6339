"""States of runs: their words, lists and single runs, and what is not there."""

import json

import pytest
from support.builder_contract import request
from support.fake_github import FakeGitHub
from support.fake_http import json_reply
from support.github_builds import builder

from bridge.builders.base import Handle, Sent, Status
from bridge.builders.github_actions.builder import GitHubActionsBuilder
from bridge.errors import Denied, RemoteError, Transient
from bridge.model.build import BuildState

WORDS = {
    ("queued", None): BuildState.QUEUED,
    ("requested", None): BuildState.QUEUED,
    ("waiting", None): BuildState.QUEUED,
    ("pending", None): BuildState.QUEUED,
    ("in_progress", None): BuildState.RUNNING,
    ("completed", None): BuildState.RUNNING,
    ("completed", "success"): BuildState.SUCCEEDED,
    ("completed", "neutral"): BuildState.SUCCEEDED,
    ("completed", "failure"): BuildState.FAILED,
    ("completed", "timed_out"): BuildState.FAILED,
    ("completed", "startup_failure"): BuildState.FAILED,
    ("completed", "action_required"): BuildState.FAILED,
    ("completed", "cancelled"): BuildState.CANCELLED,
    ("completed", "skipped"): BuildState.CANCELLED,
    ("completed", "stale"): BuildState.CANCELLED,
}


async def sent(ci: GitHubActionsBuilder, build_id: str = "b-1") -> Handle:
    outcome = await ci.trigger(request(build_id))
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


async def status_of(ci: GitHubActionsBuilder, handle: Handle) -> Status:
    return (await ci.poll({"b-1": handle}))["b-1"]


@pytest.mark.parametrize("words", WORDS)
async def test_each_word_of_github_has_its_state(github: FakeGitHub, words: tuple[str, str | None]) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        run = github.run("b-1")
        run.status, run.conclusion = words
        status = await status_of(ci, handle)
        assert status.state is WORDS[words]
        assert status.recognised
        assert (status.ended_at is not None) == status.state.terminal
        assert status.url == f"{github.url}acme/shop/actions/runs/{run.id}"


@pytest.mark.parametrize("words", [("completed", "exploded"), ("completed", "queued"), ("hibernating", None)])
async def test_a_word_that_is_not_known_ends_nothing(
    github: FakeGitHub, words: tuple[str, str | None]
) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        run = github.run("b-1")
        run.status, run.conclusion = words
        status = await status_of(ci, handle)
    assert (status.state, status.recognised) == (BuildState.RUNNING, False)
    assert status.raw in words


async def test_a_failure_names_the_job_and_the_step(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        github.finish(github.run("b-1"), "failure")
        status = await status_of(ci, handle)
        assert status.detail == "failed in the job 'image', in the step 'Build the image'"
        assert status.stage == "image / Build the image"
        github.trouble(match="/jobs", reply=json_reply({}, 500))
        github.run("b-1").conclusion = "timed_out"
        assert (await status_of(ci, handle)).detail == "it took longer than the workflow allows"


async def test_what_has_not_changed_is_asked_for_by_its_tag(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        first = await status_of(ci, handle)
        github.tags.clear()
        assert await status_of(ci, handle) == first
        github.start(github.run("b-1"))
        assert (await status_of(ci, handle)).state is BuildState.RUNNING
    (first_tag, first_status), (second_tag, second_status) = github.tags
    assert (first_status, second_status) == (304, 200)
    assert first_tag == second_tag is not None


async def test_many_runs_are_read_in_pages_and_old_ones_by_themselves(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handles = {"b-old": await sent(ci, "b-old")}
        for _ in range(600):
            github.add({}, title="nightly")
        handles |= {f"b-{n}": await sent(ci, f"b-{n}") for n in range(150)}
        before = len(github.requests)
        assert set(await ci.poll(handles)) == set(handles)
        lines = github.requests[before:]
    assert sum("/workflows/build.yml/runs?" in line for line in lines) <= 5
    assert sum("/actions/runs/" in line for line in lines) == 1
    assert len(lines) <= 6


async def test_a_run_that_is_gone_is_told_only_after_some_looks(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        github.runs.clear()
        for _ in range(3):
            assert await ci.poll({"b-1": handle}) == {}
            github.now += 45
        status = await status_of(ci, handle)
        assert (status.state, status.raw) == (BuildState.UNKNOWN, "gone")
        assert "4 times in 135 s while GitHub showed the workflow" in status.detail
        github.hidden = True
        github.now += 45
        assert await ci.poll({"b-1": handle}) == {}, "nothing is shown: that proves nothing"


async def test_a_hidden_workflow_is_told_when_many_are_polled(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handles = {f"b-{n}": await sent(ci, f"b-{n}") for n in range(5)}
        github.hidden = True
        with pytest.raises(Denied, match=r"shows no workflow build\.yml in acme/shop to this token"):
            await ci.poll(handles)


async def test_cancel_is_asked_for_once_and_told_when_it_is_refused(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        github.trouble(match="/cancel", reply=json_reply({}, 409))
        with pytest.raises(Transient, match="does not cancel the run now"):
            await ci.cancel(handle)
        github.trouble(match="/cancel", reply=json_reply({}, 403))
        with pytest.raises(Denied, match="may not do this"):
            await ci.cancel(handle)
        await ci.cancel(handle)
        assert (await status_of(ci, handle)).state is BuildState.CANCELLED
        asked = len([line for line in github.requests if "/cancel" in line])
        await ci.cancel(handle)
        github.runs.clear()
        await ci.cancel(handle)
        assert len([line for line in github.requests if "/cancel" in line]) == asked
        github.hidden = True
        with pytest.raises(RemoteError):
            await ci.cancel(handle)


async def test_a_run_that_does_not_end_is_ended_by_force_later(github: FakeGitHub) -> None:
    github.stuck = True
    async with builder(github) as ci:
        handle = await sent(ci)
        for _ in range(3):
            await ci.cancel(handle)
            github.now += 60
            assert (await status_of(ci, handle)).state is BuildState.QUEUED
        await ci.cancel(handle)
        assert (await status_of(ci, handle)).state is BuildState.CANCELLED
    asked = [line.rpartition("/")[2] for line in github.requests if "cancel" in line]
    assert asked == ["cancel", "cancel", "cancel", "force-cancel"]


async def test_a_run_that_ended_while_it_was_cancelled_is_no_failure(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        github.ends_first = True
        await ci.cancel(handle)
        assert (await status_of(ci, handle)).state is BuildState.SUCCEEDED


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "1795000090", "Date": "DATE"}, 90.0),
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "soon"}, None),
        ({"X_RateLimit_Remaining": "4999", "X_RateLimit_Reset": "1795000090", "Date": "DATE"}, None),
        ({"Retry_After": "33", "X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "1"}, 33.0),
    ],
)
@pytest.mark.parametrize("status", [403, 429])
async def test_limits_of_the_rate_say_when_to_come_back(
    github: FakeGitHub, headers: dict[str, str], after: float | None, status: int
) -> None:
    more = {name: value.replace("DATE", github.date) for name, value in headers.items()}
    async with builder(github) as ci:
        handle = await sent(ci)
        github.trouble(reply=json_reply({"message": "no more"}, status, **more))
        with pytest.raises(Denied if (status, after) == (403, None) else Transient) as caught:
            await ci.poll({"b-1": handle})
        assert getattr(caught.value, "after", None) == after


async def test_a_secondary_limit_without_a_pause_waits_a_minute(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        message = "You have exceeded a secondary rate limit. Please wait a few minutes"
        github.trouble(reply=json_reply({"message": message}, 403))
        with pytest.raises(Transient, match="fewer requests") as caught:
            await ci.poll({"b-1": handle})
    assert caught.value.after == 60.0


async def test_looks_count_only_while_the_workflow_is_shown(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        github.runs.clear()
        github.hidden = True
        for _ in range(5):
            assert await ci.poll({"b-1": handle}) == {}
            github.now += 45
        github.hidden = False
        assert await ci.poll({"b-1": handle}) == {}, "the first look that shows anything"


async def test_each_of_a_thousand_runs_is_seen_once_a_minute_by_few_requests(github: FakeGitHub) -> None:
    runs = [github.add({}, title="x") for _ in range(1000)]
    handles = {
        f"b-{run.id}": json.dumps(
            {"repository": "acme/shop", "workflow": "build.yml", "build": f"b-{run.id}", "run": run.id}
        )
        for run in runs
    }
    async with builder(github) as ci:
        assert (await ci.poll(handles)).keys() == handles.keys(), "a start sees all"
        assert len(github.requests) <= 12
        for _ in range(3):
            seen: set[str] = set()
            for _ in range(4):
                github.now += 15
                github.add({}, title="nightly")
                github.requests.clear()
                seen |= (await ci.poll(handles)).keys()
                assert len(github.requests) <= 8
            assert seen == handles.keys()
