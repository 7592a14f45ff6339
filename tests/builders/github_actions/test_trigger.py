"""Triggers of GitHub Actions: what is sent, what the answers mean, and how a run is recognised."""

import json
from typing import Any

import pytest
from support.builder_contract import request, timed
from support.fake_actions import workflow
from support.fake_github import FakeGitHub
from support.fake_http import Reply, json_reply
from support.github_builds import builder

from bridge.builders.base import Ambiguous, Outcome, Rejected, Retry, Search, Sent
from bridge.errors import RemoteError
from bridge.model.build import BuildState

DISPATCH = "POST /repos/acme/shop/actions/workflows/build.yml/dispatches"
PAYLOAD = "github.event.client_payload.build"

MERGES = "a0: &a0 {k: v}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 6)
)
"""Merges of merges: a few lines that are a hundred thousand."""


def listening(**more: Any) -> str:
    """A workflow that events start, whose title shows our id."""
    title = f"${{{{ {PAYLOAD}.BRIDGE_BUILD_ID }}}}"
    return json.dumps({"run-name": title, "on": {"repository_dispatch": more or {"types": ["image"]}}})


def orders(github: FakeGitHub) -> list[dict[str, Any]]:
    """The bodies of the triggers that were sent."""
    made = zip(github.requests, github.bodies, strict=True)
    return [json.loads(body) for line, body in made if line.startswith("POST") and "dispatches" in line]


async def outcome_of(github: FakeGitHub, **settings: Any) -> Outcome:
    async with builder(github, **settings) as ci:
        return await ci.trigger(request())


async def sent_of(call: Any) -> str:
    outcome = await call
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


async def test_a_workflow_gets_the_inputs_that_it_declares_at_what_was_pushed(github: FakeGitHub) -> None:
    github.files["feature/x"] = workflow("BRIDGE_BUILD_ID", "TAGS", "COMMIT", "CHANNEL")
    async with builder(github) as ci:
        outcome = await ci.trigger(
            request(
                ref="refs/heads/feature/x", branch="feature/x", parameters={"CHANNEL": "beta", "DEBUG": "1"}
            )
        )
    assert isinstance(outcome, Sent)
    assert outcome.caveat == "the workflow does not receive DEBUG"
    assert outcome.images_passed
    assert json.loads(outcome.handle)["run"] == github.run("b-1").id
    inputs = {"BRIDGE_BUILD_ID": "b-1", "TAGS": "latest", "COMMIT": "1" * 40, "CHANNEL": "beta"}
    ref = "refs/heads/feature/x"
    assert orders(github) == [{"ref": ref, "inputs": inputs, "return_run_details": True}]


async def test_an_enterprise_server_that_gives_no_number_is_asked_without_and_the_run_found_by_its_title(
    github: FakeGitHub,
) -> None:
    github.gives_ids = False
    async with builder(github) as ci:
        first, second = await ci.trigger(request("b-1")), await ci.trigger(request("b-10"))
        assert isinstance(first, Sent)
        assert isinstance(second, Sent)
        assert "took the build, and did not say its run yet" in first.detail
        polled = await ci.poll({"b-1": first.handle, "b-10": second.handle})
        assert [json.loads(polled[name].handle or "").get("run") for name in ("b-1", "b-10")] == [
            github.run("b-1").id,
            github.run("b-10").id,
        ]
        assert await ci.find(request("b-1")) is not None
    assert ["return_run_details" in order for order in orders(github)] == [True, False, False]
    assert len(github.runs) == 2


async def test_a_run_that_is_not_listed_yet_stays_queued_and_is_told_if_it_never_is(
    github: FakeGitHub,
) -> None:
    github.gives_ids = False
    async with builder(github) as ci:
        handle = await sent_of(ci.trigger(request()))
        github.unlisted.add(github.run("b-1").id)
        github.add({}, title="b-1.2")
        github.add({}, title="x-b-1")
        github.add({}, title="b-10")
        assert await ci.poll({"b-1": handle}) == {}
        assert (await ci.log(handle, 0)).text == ""
        with pytest.raises(RemoteError, match="cannot be cancelled"):
            await ci.cancel(handle)
        github.now += 1900
        status = (await ci.poll({"b-1": handle}))["b-1"]
        assert (status.state, status.raw) == (BuildState.UNKNOWN, "never shown")
        github.unlisted.clear()
        status = (await ci.poll({"b-1": handle}))["b-1"]
        assert status.state is BuildState.QUEUED, "seen late, it is ours all the same"
        await ci.cancel(handle)
    assert github.run("b-1").conclusion == "cancelled"


async def test_an_event_carries_all_variables_and_its_run_is_found_by_its_title(github: FakeGitHub) -> None:
    github.files[""] = listening()
    async with builder(github, event="image") as ci:
        outcome = await ci.trigger(request(parameters={"DEBUG": "1"}))
        assert isinstance(outcome, Sent)
        assert outcome.caveat == ""
        status = (await ci.poll({"b-1": outcome.handle}))["b-1"]
        assert status.state is BuildState.QUEUED
        assert await ci.find(request("b-1")) == status.handle
        assert await ci.find(request("b-2")) is None
    (order,) = orders(github)
    assert order["event_type"] == "image"
    assert order["client_payload"]["build"]["DEBUG"] == "1"
    assert order["client_payload"]["build"]["COMMIT"] == "1" * 40


@pytest.mark.parametrize("title", [None, "image of ${{ inputs.TAGS }}", "inputs.BRIDGE_BUILD_ID"])
async def test_without_our_id_in_titles_a_run_is_known_by_its_number_alone_and_doubts_stay(
    github: FakeGitHub, title: str | None
) -> None:
    github.files[""] = workflow(title=title)
    async with builder(github) as ci:
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Sent)
        assert "does not show BRIDGE_BUILD_ID in its `run-name`" in outcome.detail
        assert (await ci.poll({"b-1": outcome.handle}))["b-1"].state is BuildState.QUEUED
        assert await ci.find(request("b-2")) is Search.UNSEARCHABLE
        github.gives_ids = False
        doubt = await ci.trigger(request("b-2"))
        assert isinstance(doubt, Ambiguous)
        assert "no title of a run shows its id: declare the input BRIDGE_BUILD_ID" in doubt.why
        tested = await ci.test()
    assert "does not show BRIDGE_BUILD_ID in the titles of its runs: declare the input" in tested
    assert len(github.runs) == 2


async def test_an_event_without_our_id_in_titles_is_told_as_a_doubt(github: FakeGitHub) -> None:
    github.files[""] = '{"run-name": "image", "on": ["repository_dispatch"]}'
    outcome = await outcome_of(github, event="image")
    assert isinstance(outcome, Ambiguous)
    assert f"write `run-name: ${{{{ {PAYLOAD}.BRIDGE_BUILD_ID }}}}` into it" in outcome.why


async def test_a_branch_whose_runs_could_not_be_found_is_not_built_while_others_can(
    github: FakeGitHub,
) -> None:
    """Absence would be proven by a workflow that is not the one that ran."""
    github.files["master"] = workflow(title=None)
    outcome = await outcome_of(github)
    assert isinstance(outcome, Rejected)
    assert "at refs/heads/master does not show our build id" in outcome.why
    assert github.runs == []


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (None, "has no workflow build.yml: add it there, or set `branch`"),
        ("on: push", "has no `on: workflow_dispatch`: add it"),
        ("on: [push, pull_request]", "has no `on: workflow_dispatch`: add it"),
        (
            workflow("BRIDGE_BUILD_ID", CHANNEL={"required": True}),
            "set CHANNEL in `parameters` of the rule",
        ),
        ("a: [", "is not YAML: correct it"),
        ("[" * 5000, "is not YAML: correct it"),
        ("on: !!bool x", "is not YAML: correct it"),
        ("on: push\n---\non: workflow_dispatch", "is not YAML: correct it"),
        (MERGES + "on: push", "is not YAML: correct it"),
    ],
)
async def test_a_workflow_that_cannot_run_there_is_told_and_not_asked_for(
    github: FakeGitHub, file: str | None, why: str
) -> None:
    github.files["master"] = file
    outcome = await outcome_of(github)
    assert isinstance(outcome, Rejected)
    assert why in outcome.why
    assert orders(github) == []


@pytest.mark.parametrize(("types", "starts"), [({"types": "image"}, True), ({"types": ["other"]}, False)])
async def test_an_event_starts_only_a_workflow_that_listens_to_its_type(
    github: FakeGitHub, types: Any, starts: bool
) -> None:
    github.files[""] = listening(**types)
    outcome = await outcome_of(github, event="image")
    assert isinstance(outcome, Sent if starts else Rejected)
    if isinstance(outcome, Rejected):
        assert "has no `on: repository_dispatch` for the type image: add it" in outcome.why


@pytest.mark.parametrize(
    "file", [{"encoding": "none", "content": ""}, {"encoding": "base64", "content": "abc"}, {"type": "dir"}]
)
async def test_a_file_that_is_not_shown_as_one_keeps_the_build_waiting(
    github: FakeGitHub, file: dict[str, str]
) -> None:
    github.trouble(match="/contents/", reply=json_reply(file))
    async with builder(github) as ci:
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Retry), outcome
        assert not outcome.denied
        assert isinstance(await ci.trigger(request()), Sent)


async def test_merge_keys_ask_for_no_endless_work(github: FakeGitHub) -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 40)]
    github.files["master"] = "\n".join([*lines, "on: workflow_dispatch"])
    async with builder(github) as ci:
        assert isinstance(await ci.trigger(request()), Rejected)


async def test_the_newest_code_in_place_of_the_pushed_one_is_told(github: FakeGitHub) -> None:
    github.files[""] = workflow("BRIDGE_BUILD_ID", "TAGS")
    async with builder(github) as ci:
        handle = await sent_of(ci.trigger(request(commit="2" * 40)))
        status = (await ci.poll({"b-1": handle}))["b-1"]
        assert status.detail == (
            "it is of 111111111111, the newest commit of the branch, in place of 222222222222"
        )


async def test_with_a_fixed_branch_its_workflow_runs_for_tags_too(github: FakeGitHub) -> None:
    github.files |= {"builds": workflow(), "v1": None}
    async with builder(github, branch="builds") as ci:
        await sent_of(ci.trigger(request(ref="refs/tags/v1", branch=None, tag="v1")))
    (order,) = orders(github)
    assert order["ref"] == "refs/heads/builds"
    assert order["inputs"]["TAG"] == "v1"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("No ref found for: refs/heads/master", "the branch or tag is not in the repository"),
        (
            "Cannot trigger a 'workflow_dispatch' on a disabled workflow",
            "it is disabled in GitHub: enable it",
        ),
        ("Required input 'X' not provided", "it requires an input that no one gives"),
        ("inputs are too large.", "does not take parameters this long"),
        ("Repository was archived so is read-only.", "the repository is archived"),
        ("ghp_token-of-the-tests", "GitHub answered 422"),
    ],
)
async def test_refusals_are_told_in_our_words(github: FakeGitHub, message: str, why: str) -> None:
    github.trouble(match="/dispatches", reply=json_reply({"message": message}, 422))
    outcome = await outcome_of(github)
    assert isinstance(outcome, Rejected)
    assert why in outcome.why
    assert message not in outcome.why


async def test_a_workflow_that_changed_meanwhile_is_read_again(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        await sent_of(ci.trigger(request()))
        github.trouble(
            match="/dispatches", reply=json_reply({"message": "Unexpected inputs provided: []"}, 422)
        )
        github.files[""] = workflow("BRIDGE_BUILD_ID", "TAGS")
        # The file is read just before the call: what changed in between shows only afterwards.
        github.trouble(match="ref=master", reply=contents(github, workflow()))
        outcome = await ci.trigger(request("b-2"))
        assert isinstance(outcome, Retry)
        assert outcome.outdated
        assert isinstance(await ci.trigger(request("b-2")), Sent)


async def test_a_refusal_stands_when_the_workflow_cannot_be_read_again(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        await sent_of(ci.trigger(request()))
        github.trouble(match="/dispatches", reply=json_reply({"message": "Repository was archived"}, 422))
        github.trouble(
            match="contents/.github/workflows/build.yml?ref=master", reply=contents(github, workflow())
        )
        github.trouble(match="/contents/", reply=json_reply({}, 500))
        outcome = await ci.trigger(request("b-2"))
    assert isinstance(outcome, Rejected)
    assert "the repository is archived" in outcome.why


def contents(github: FakeGitHub, text: str) -> Reply:
    now, github.files[""] = github.files[""], text
    found = github.contents(".github/workflows/build.yml", "")
    github.files[""] = now
    assert found
    return found


async def test_a_second_call_by_a_person_with_our_inputs_is_not_ours(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent_of(ci.trigger(request()))
        github.add(github.run("b-1").values, title="b-1")
        assert await ci.find(request("b-1")) == handle


async def test_a_run_far_back_is_found_and_its_absence_proven(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent_of(ci.trigger(request()))
        for _ in range(200):
            github.add({}, title="nightly")
        assert await ci.find(request("b-1")) == handle, "alone on the last page"
        assert await ci.find(request("b-2")) is None


async def test_what_may_be_further_back_than_is_searched_is_not_proven_to_be_absent(
    github: FakeGitHub,
) -> None:
    now = int(github.now)
    for _ in range(2001):
        github.add({}, title="nightly")
    async with builder(github) as ci:
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE
        assert await ci.find(request(timed(now))) is Search.UNSEARCHABLE
        github.runs[10].created = now - 2 * 86_400
        assert await ci.find(request(timed(now))) is None, "all there is older"
        github.runs[10].created = -1e10
        assert await ci.find(request(timed(now))) is Search.UNSEARCHABLE, "that is no time"


async def test_a_run_that_many_others_hide_is_not_told_to_be_missing(github: FakeGitHub) -> None:
    """As after this process was stopped for long."""
    github.gives_ids = False
    async with builder(github) as ci:
        handle = await sent_of(ci.trigger(request()))
        run = github.run("b-1")
        for _ in range(2001):
            github.add({}, title="nightly")
        github.now += 1900
        assert await ci.poll({"b-1": handle}) == {}, "it may be further back"
        del github.runs[-1000:]
        found = [await ci.poll({"b-1": handle}) for _ in range(4)]
    assert [json.loads(one["b-1"].handle or "")["run"] for one in found if one] == [run.id]


async def test_a_run_on_a_page_that_cannot_be_read_is_not_told_to_be_missing(github: FakeGitHub) -> None:
    github.gives_ids = False
    async with builder(github) as ci:
        handle = await sent_of(ci.trigger(request()))
        for _ in range(150):
            github.add({}, title="nightly")
        github.now += 1900
        github.trouble(match="page=2", reply=json_reply({}, 500))
        assert await ci.poll({"b-1": handle}) == {}
        assert (await ci.poll({"b-1": handle}))["b-1"].state is BuildState.QUEUED


async def test_a_run_that_is_listed_late_is_ours_while_another_is_still_looked_for(
    github: FakeGitHub,
) -> None:
    github.gives_ids = False
    async with builder(github) as ci:
        handles = {name: await sent_of(ci.trigger(request(name))) for name in ("b-1", "b-2")}
        late = github.run("b-1")
        github.unlisted |= {run.id for run in github.runs}
        for _ in range(1500):
            github.add({}, title="nightly")
        github.now += 1900
        assert {status.raw for status in (await ci.poll(handles)).values()} == {"never shown"}
        github.unlisted.discard(late.id)
        github.runs.sort(key=lambda run: run is late)
        github.now += 5
        assert (await ci.poll(handles))["b-1"].state is BuildState.QUEUED


async def test_what_an_event_starts_is_read_again_after_ten_minutes(github: FakeGitHub) -> None:
    github.files[""] = listening()
    async with builder(github, event="image") as ci:
        await sent_of(ci.trigger(request()))
        github.files[""] = "on: push"
        github.now += 601
        outcome = await ci.trigger(request("b-2"))
    assert isinstance(outcome, Rejected)
    assert "has no `on: repository_dispatch`" in outcome.why


async def test_a_request_that_was_given_up_has_a_minute_to_be_carried_out(github: FakeGitHub) -> None:
    async with builder(github, timeout="1s") as ci:
        assert ci.settle_seconds >= 60
