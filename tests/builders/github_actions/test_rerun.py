"""Another run of a build as GitHub's own re-run: one attempt more of the same run, or else a new run."""

import json
from typing import Any

import pytest
from support.builder_contract import request as request_for
from support.builder_sites import ended, log_from
from support.fake_actions import HEAD, Run, workflow
from support.fake_github import MONTH, MOST_RERUNS, FakeGitHub
from support.fake_http import json_reply
from support.github_builds import builder

from bridge.builders.actions.builder import FORCE_AFTER
from bridge.builders.base import Ambiguous, Handle, Retry, Search, Sent
from bridge.builders.github_actions.builder import GitHubActionsBuilder
from bridge.errors import Transient
from bridge.model.build import BuildRequest, BuildState, EarlierRun

FIRST, SECOND = "b-1", "b-1.2"
QUEUED, RUNNING, SUCCEEDED = BuildState.QUEUED, BuildState.RUNNING, BuildState.SUCCEEDED


async def sent(ci: GitHubActionsBuilder, request: BuildRequest) -> Sent:
    outcome = await ci.trigger(request)
    assert isinstance(outcome, Sent), outcome
    return outcome


async def first(ci: GitHubActionsBuilder, github: FakeGitHub, end: str = "failure") -> Handle:
    """The handle of a first run that has ended."""
    handle = (await sent(ci, request_for(FIRST))).handle
    run = github.run(FIRST)
    github.start(run, "of the first\n")
    github.stop(run) if end == "cancelled" else github.finish(run, end)
    return handle


def another(github: FakeGitHub, handle: Handle, build_id: str = SECOND, **more: Any) -> BuildRequest:
    return request_for(build_id, previous=EarlierRun(handle=handle, followed_at=github.now), **more)


async def state(ci: GitHubActionsBuilder, handle: Handle) -> BuildState | None:
    status = (await ci.poll({"b": handle})).get("b")
    return status.state if status else None


def is_new(run: Run, github: FakeGitHub) -> bool:
    """Whether the second run of our build is a new one, and the first run got no attempt for it."""
    return github.runs[-1].values["BRIDGE_BUILD_ID"] == SECOND and len(github.runs) == 2 and not run.past


@pytest.mark.parametrize("end", ["success", "failure", "cancelled"])
@pytest.mark.parametrize("event", [None, "image"], ids=["by hand", "by an event"])
async def test_another_run_is_another_attempt_with_the_same_number_and_inputs(
    github: FakeGitHub, end: str, event: str | None
) -> None:
    if event:
        shown = "${{ github.event.client_payload.build.BRIDGE_BUILD_ID }}"
        github.files[""] = json.dumps({"run-name": shown, "on": {"repository_dispatch": {"types": [event]}}})
    async with builder(github, event=event) as ci:
        earlier = await first(ci, github, end)
        earlier = (await ended(ci, earlier)).handle or earlier
        run = github.run(FIRST)
        again = await sent(ci, another(github, earlier))
        assert again.detail == f"re-run as attempt 2 of run {run.id}"
        assert again.images_passed
        assert (len(github.runs), run.attempt, run.values["BRIDGE_BUILD_ID"]) == (1, 2, FIRST)
        assert await state(ci, again.handle) is QUEUED
        github.start(run, "of the second\n")
        assert await state(ci, again.handle) is RUNNING
        third = another(github, again.handle, "b-1.3")
        github.finish(run)
        assert (await ended(ci, again.handle)).state is SUCCEEDED
        assert (await sent(ci, third)).detail == f"re-run as attempt 3 of run {run.id}"
    assert (len(github.runs), run.attempt) == (1, 3)


async def test_each_run_of_a_build_has_the_state_the_reason_and_the_log_of_its_own_attempt(
    github: FakeGitHub,
) -> None:
    async with builder(github) as ci:
        earlier = await first(ci, github)
        run, ended_at = github.run(FIRST), github.now
        _, offset = await log_from(ci, earlier)
        again = (await sent(ci, another(github, earlier))).handle
        github.now += 100
        github.start(run, "of the second\n")
        github.finish(run)
        before, after = (await ci.poll({FIRST: earlier, SECOND: again})).values()
        assert (before.state, before.ended_at) == (BuildState.FAILED, float(int(ended_at)))
        assert before.detail == "failed in the job 'image', in the step 'Build the image'"
        assert (after.state, after.detail) == (SUCCEEDED, "")
        assert after.started_at is not None
        assert after.started_at > ended_at
        assert "of the first\n" in (await log_from(ci, earlier))[0]
        assert await log_from(ci, earlier, offset) == ("", offset)
        text, _ = await log_from(ci, again)
        assert "of the second\n" in text
        assert "of the first" not in text


@pytest.mark.parametrize("many", [False, True], ids=["alone", "by pages"])
async def test_what_a_person_runs_again_at_github_changes_no_run_of_ours(
    github: FakeGitHub, many: bool
) -> None:
    async with builder(github) as ci:
        others = {f"c-{n}": (await sent(ci, request_for(f"c-{n}"))).handle for n in range(9 if many else 0)}
        handle = await first(ci, github)
        github.again(github.run(FIRST))
        found = await ci.poll({FIRST: handle, **others})
        assert found.keys() == {FIRST, *others}
        assert found[FIRST].state is BuildState.FAILED
        await ci.cancel(handle)
        assert github.run(FIRST).status == "queued"
        github.trouble(match="/attempts/1", reply=json_reply({}, 500))
        assert (await ci.poll({FIRST: handle, **others})).keys() == others.keys()


async def test_an_attempt_that_is_not_shown_yet_waits(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        earlier = await first(ci, github)
        again = (await sent(ci, another(github, earlier))).handle
        run = github.run(FIRST)
        old = run.past.pop()
        github.runs[0] = old
        assert await state(ci, again) is None
        with pytest.raises(Transient, match="does not show the attempt yet"):
            await ci.cancel(again)
        with pytest.raises(Transient, match="does not show the run and its logs now"):
            await ci.log(again, 0)
        assert await state(ci, earlier) is BuildState.FAILED
        github.runs[0] = run
        assert await state(ci, again) is QUEUED
        await ci.cancel(again)
        assert await state(ci, again) is BuildState.CANCELLED


async def test_the_end_of_an_attempt_is_not_forced_for_the_one_before(github: FakeGitHub) -> None:
    github.stuck = True
    async with builder(github) as ci:
        handle = (await sent(ci, request_for(FIRST))).handle
        await ci.cancel(handle)
        github.now += FORCE_AFTER
        github.finish(github.run(FIRST))
        again = (await sent(ci, another(github, handle))).handle
        await ci.cancel(again)
        assert await state(ci, again) is QUEUED
        github.now += FORCE_AFTER
        await ci.cancel(again)
        assert await state(ci, again) is BuildState.CANCELLED


def grown_old(github: FakeGitHub) -> None:
    github.now += MONTH


def worn_out(github: FakeGitHub) -> None:
    github.run(FIRST).attempt = MOST_RERUNS + 1


def forbidden(github: FakeGitHub) -> None:
    refusal = {"message": "Resource not accessible by personal access token"}
    github.trouble(match="/rerun", reply=json_reply(refusal, 403))


def missing(github: FakeGitHub) -> None:
    github.trouble(match="/rerun", reply=json_reply({"message": "Not Found"}, 404))


def run_by_a_person(github: FakeGitHub) -> None:
    """Between our look at the run and our request."""
    github.trouble(match="/rerun", reply=json_reply({"message": "This workflow is already running"}, 403))


def running(github: FakeGitHub) -> None:
    github.run(FIRST).status = "in_progress"


def of_other_inputs(github: FakeGitHub) -> None:
    github.files[HEAD] = workflow("BRIDGE_BUILD_ID", "IMAGE")


def of_a_broken_file(github: FakeGitHub) -> None:
    github.files[HEAD] = "on: ["


def without_a_file(github: FakeGitHub) -> None:
    github.files[HEAD] = None


@pytest.mark.parametrize(
    "bring_about",
    [
        grown_old,
        worn_out,
        forbidden,
        missing,
        run_by_a_person,
        running,
        of_other_inputs,
        of_a_broken_file,
        without_a_file,
    ],
)
async def test_a_run_that_cannot_be_repeated_is_followed_by_a_new_one(
    github: FakeGitHub, bring_about: Any
) -> None:
    async with builder(github) as ci:
        await first(ci, github)
        run = github.run(FIRST)
        bring_about(github)
        handle = json.dumps(
            {"repository": "acme/shop", "workflow": "build.yml", "build": FIRST, "run": run.id}
            | {"attempt": run.attempt}
        )
        request = another(github, handle)
        outcome = await sent(ci, request)
        assert is_new(run, github)
        assert outcome.detail == ""
        assert await ci.find(request) == outcome.handle


async def test_a_run_that_is_gone_is_followed_by_a_new_one(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        earlier = await first(ci, github)
        github.runs.clear()
        request = another(github, earlier)
        assert await ci.find(request) is None
        assert await ci.find(request) is None
        assert (await sent(ci, request)).detail == ""


@pytest.mark.parametrize("ends", [True, False], ids=["and it has ended", "and it goes on"])
async def test_a_run_that_a_person_has_run_again_is_followed_by_a_new_one(
    github: FakeGitHub, ends: bool
) -> None:
    async with builder(github) as ci:
        earlier = await first(ci, github)
        run = github.run(FIRST)
        github.again(run)
        if ends:
            github.finish(run)
        request = another(github, earlier)
        outcome = await sent(ci, request)
        assert await ci.find(request) == outcome.handle
    assert (len(github.runs), run.attempt) == (2, 2)


@pytest.mark.parametrize(
    "handle",
    [
        "b-1",
        json.dumps({"repository": "acme/shop", "workflow": "build.yml", "build": FIRST, "since": 1.0}),
        json.dumps({"repository": "acme/other", "workflow": "build.yml", "build": FIRST, "run": 7}),
        json.dumps({"repository": "acme/shop", "workflow": "other.yml", "build": FIRST, "run": 7}),
    ],
    ids=["of another kind", "without a number", "of another repository", "of another workflow"],
)
async def test_a_run_of_another_place_is_not_asked_for(github: FakeGitHub, handle: Handle) -> None:
    async with builder(github) as ci:
        request = another(github, handle)
        await sent(ci, request)
        assert await ci.find(another(github, handle, "b-9.2")) is None
    assert not any("/actions/runs/" in line for line in github.requests)


@pytest.mark.parametrize("acts", [True, False], ids=["carried out", "not carried out"])
async def test_a_request_without_an_answer_is_found_by_the_number_of_its_attempt(
    github: FakeGitHub, acts: bool
) -> None:
    async with builder(github) as ci:
        earlier = await first(ci, github)
        request = another(github, earlier)
        github.trouble("reset", "/rerun", acts=acts)
        assert isinstance(await ci.trigger(request), Ambiguous)
    async with builder(github) as ci:
        found = await ci.find(request)
        if not acts:
            assert found is None
            found = (await sent(ci, request)).handle
        assert isinstance(found, str)
        assert ci.found(found, request).images_passed
        run = github.run(FIRST)
        github.start(run)
        assert await state(ci, found) is RUNNING
        github.finish(run)
        assert await ci.find(request) == found
        github.again(run)
        assert await ci.find(request) == found, "a person's comes after ours"
        assert await state(ci, found) is SUCCEEDED
    assert (len(github.runs), [one.attempt for one in (*run.past, run)]) == (1, [1, 2, 3])


async def test_an_attempt_that_goes_on_before_its_number_is_shown_is_not_asked_for_again(
    github: FakeGitHub,
) -> None:
    async with builder(github) as ci:
        earlier = await first(ci, github)
        run = github.run(FIRST)
        run.status, run.conclusion = "queued", None
        found = await ci.find(another(github, earlier))
        assert isinstance(found, str)
        assert await state(ci, found) is None
        run.attempt = 2
        assert await state(ci, found) is QUEUED


async def test_an_attempt_of_a_person_from_before_is_not_ours(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        earlier = await first(ci, github)
        github.again(github.run(FIRST))
        github.now += 3600
        request = another(github, earlier)
        github.trouble("reset", "/dispatches")
        assert isinstance(await ci.trigger(request), Ambiguous)
        assert await ci.find(request) is None
        handle = (await sent(ci, request)).handle
        github.again(github.run(SECOND))
        assert await ci.find(request) == handle
    assert len(github.runs) == 2


async def test_where_titles_show_no_id_a_re_run_can_still_be_found(github: FakeGitHub) -> None:
    github.files[""] = workflow(title=None)
    async with builder(github) as ci:
        earlier = await first(ci, github)
        request = another(github, earlier)
        assert await ci.find(request) is Search.UNSEARCHABLE
        github.trouble("reset", "/rerun", acts=True)
        assert isinstance(await ci.trigger(request), Ambiguous)
        assert isinstance(await ci.find(request), str)


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (401, {}, Retry),
        (429, {"Retry_After": "7"}, Retry),
        (403, {"Retry_After": "7"}, Retry),
        (503, {}, Retry),
        (500, {}, Ambiguous),
        (200, {}, Ambiguous),
    ],
)
async def test_an_answer_that_proves_nothing_starts_no_new_run(
    github: FakeGitHub, status: int, headers: dict[str, str], outcome: type
) -> None:
    async with builder(github) as ci:
        earlier = await first(ci, github)
        github.trouble(match="/rerun", reply=json_reply({}, status, **headers))
        assert isinstance(await ci.trigger(another(github, earlier)), outcome)
    assert len(github.runs) == 1


async def test_a_run_that_cannot_be_read_now_is_asked_for_later(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        earlier = await first(ci, github)
        github.trouble(match="/actions/runs/", reply=json_reply({}, 500))
        assert isinstance(await ci.trigger(another(github, earlier)), Retry)
    assert len(github.runs) == 1
