"""What goes out with a trigger, and what comes of its answers."""

import json
from typing import Any

import pytest
from pydantic import ValidationError
from support.builder_contract import request
from support.fake_gitlab import HEAD, PROJECT, TOKEN, TRIGGER, FakeGitLab, fake_gitlab
from support.fake_http import json_reply
from support.gitlab_builds import builder, make

from bridge.builders.base import Ambiguous, Outcome, Rejected, Retry, Sent, Target
from bridge.builders.gitlab_ci.order import OURS
from bridge.errors import Denied, RemoteError

INPUTS = {"BRIDGE_BUILD_ID": "build_id", "IMAGE": "image", "TAGS": "tags"}


async def triggered(server: FakeGitLab, build: Any = None, **settings: Any) -> Outcome:
    async with builder(server, **settings) as ci:
        return await ci.trigger(build or request())


def order(server: FakeGitLab) -> Any:
    return json.loads(next(filter(None, server.bodies)))


def target(repository: str, *parameters: str) -> Target:
    return Target(repository=repository, image="shop", clone_url=None, parameters=parameters)


def test_the_names_of_what_every_build_has_are_those_of_a_request() -> None:
    assert set(request().variables()) == OURS


async def test_all_variables_travel_and_the_full_name_of_the_ref(server: FakeGitLab) -> None:
    wanted = request(branch=None, tag="v1 ü", ref="refs/tags/v1 ü", parameters={"TARGET": "a&b=c\n"})
    outcome = await triggered(server, wanted)
    assert isinstance(outcome, Sent)
    assert (outcome.caveat, outcome.images_passed) == ("", True)
    assert order(server)["ref"] == "refs/tags/v1 ü"
    (pipeline,) = server.pipelines
    assert (pipeline.values, pipeline.ref, pipeline.source) == (wanted.variables(), "v1 ü", "api")


async def test_a_trigger_token_goes_alone_and_the_other_token_reads(server: FakeGitLab) -> None:
    server.scopes = ["read_api"]
    async with builder(server, trigger_token=TRIGGER) as ci:
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Sent)
        (pipeline,) = server.pipelines
        assert pipeline.source == "trigger"
        assert pipeline.values == {**request().variables(), "TRIGGER_PAYLOAD": "{}"}
        assert await ci.find(request("b-1")) == outcome.handle
        assert "b-1" in await ci.poll({"b-1": outcome.handle})
        with pytest.raises(Denied, match="the scope api"):
            await ci.cancel(outcome.handle)
    assert not any(TRIGGER in line or TOKEN in line for line in server.requests)


async def test_a_trigger_token_of_another_project_waits_for_a_person(server: FakeGitLab) -> None:
    outcome = await triggered(server, trigger_token="glptt-of-another-project")
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert "trigger token is not one of this project" in outcome.why


def test_a_trigger_token_cannot_be_the_only_one() -> None:
    server = FakeGitLab()
    server.url = "http://127.0.0.1:1/"
    with pytest.raises(ValidationError, match="a trigger token cannot read pipelines: add `token`"):
        type(make(server)).Settings.model_validate(
            {"url": server.url, "trigger_token": TRIGGER, "project": PROJECT}
        )


async def test_inputs_take_the_place_of_variables(server: FakeGitLab) -> None:
    server.minimum_role, server.spec = "no_one_allowed", set(INPUTS.values())
    outcome = await triggered(server, request(parameters={"TARGET": "x"}), inputs=INPUTS)
    assert isinstance(outcome, Sent)
    assert outcome.caveat == "the pipeline has no input for TARGET"
    (pipeline,) = server.pipelines
    assert pipeline.values == {}
    assert pipeline.inputs == {
        "build_id": "b-1",
        "image": "registry.example.com/acme/shop",
        "tags": "latest",
    }


async def test_inputs_without_images_are_told(server: FakeGitLab) -> None:
    server.spec = {"target"}
    wanted = request(parameters={"TARGET": "x"})
    outcome = await triggered(server, wanted, inputs={"TARGET": "target"})
    assert isinstance(outcome, Sent)
    assert not outcome.images_passed
    assert "IMAGE, TAGS" in outcome.caveat
    assert server.pipelines[0].inputs == {"target": "x"}


async def test_inputs_that_the_pipeline_does_not_declare_are_named(server: FakeGitLab) -> None:
    outcome = await triggered(server, inputs=INPUTS)
    assert isinstance(outcome, Rejected)
    assert "declare each of `inputs`" in outcome.why


@pytest.mark.parametrize("trigger_token", [None, TRIGGER])
async def test_variables_that_the_token_may_not_set_wait_for_a_person(
    trigger_token: str | None, server: FakeGitLab
) -> None:
    server.minimum_role = "no_one_allowed"
    outcome = await triggered(server, trigger_token=trigger_token)
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert "ci_pipeline_variables_minimum_override_role" in outcome.why
    assert server.pipelines == []


async def test_a_branch_that_went_on_is_told_and_a_fixed_ref_is_expected_to_fetch(server: FakeGitLab) -> None:
    wanted = request(commit="2" * 40)
    async with builder(server) as ci:
        outcome = await ci.trigger(wanted)
        assert isinstance(outcome, Sent)
        assert ci.found(outcome.handle, wanted).caveat == outcome.caveat
    assert f"builds {HEAD[:12]}, the newest commit of master, in place of {'2' * 12}" in outcome.caveat
    fixed = await triggered(server, request("b-2", commit="2" * 40), ref="builds")
    assert isinstance(fixed, Sent)
    assert fixed.caveat == ""
    assert server.pipeline("b-2").ref == "builds"


async def test_a_project_below_a_path_is_asked_by_its_encoded_path_or_by_its_number() -> None:
    with fake_gitlab("/git") as server:
        assert isinstance(await triggered(server), Sent)
        assert server.requests[0] == "POST /git/api/v4/projects/acme%2Ftools%2Fshop/pipeline"
        outcome = await triggered(server, request("b-2"), project=42)
        assert isinstance(outcome, Sent)
        assert server.requests[1] == "POST /git/api/v4/projects/42/pipeline"


@pytest.mark.parametrize("url", ["https://git.example.com/api/v4", "https://git.example.com/git/api/v4/"])
def test_an_address_with_the_api_is_a_mistake(url: str) -> None:
    with pytest.raises(ValidationError, match="without /api/v4"):
        make(FakeGitLab(), url=url)


@pytest.mark.parametrize("project", ["shop", "../x", "a/..", "a//b", "a b/c", "/a/b", "a/b/", 0, -1])
def test_a_project_has_a_full_path_or_a_number(project: str | int) -> None:
    with pytest.raises(ValidationError, match="project"):
        make(FakeGitLab(), url="http://127.0.0.1:1/", project=project)


@pytest.mark.parametrize(
    "answer",
    [
        {"id": 1 << 54, "status": "created", "created_at": "2026-11-26T10:00:00Z"},
        {"id": 5, "status": "created", "created_at": "soon"},
        {"id": 5, "status": "created"},
        {"message": "accepted"},
    ],
)
async def test_an_answer_that_names_no_pipeline_proves_nothing(answer: Any, server: FakeGitLab) -> None:
    server.trouble(match="POST", reply=json_reply(answer, 201))
    assert isinstance(await triggered(server), Ambiguous)


async def test_a_project_that_was_moved_is_told(server: FakeGitLab) -> None:
    server.trouble(match="POST", reply=json_reply({}, 301, Location="https://git.example.com/api/v4/x"))
    outcome = await triggered(server)
    assert isinstance(outcome, Rejected)
    assert "or `project` where it was moved" in outcome.why


async def test_cancel_touches_only_ours_and_only_while_it_goes_on(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Sent)
        pipeline = server.pipelines[0]
        pipeline.created += 60
        await ci.cancel(outcome.handle)
        assert pipeline.word == "created", "another pipeline with our number"
        pipeline.created -= 60
        await ci.cancel(outcome.handle)
        assert pipeline.word == "canceled"
        asked = len(server.requests)
        await ci.cancel(outcome.handle)
        assert len(server.requests) == asked + 1, "the end was seen, and not asked for again"


async def test_a_cancel_that_is_refused_is_told_while_the_pipeline_goes_on(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Sent)
        server.may_cancel = False
        with pytest.raises(Denied, match="does not let this token cancel"):
            await ci.cancel(outcome.handle)
        server.trouble(match="/cancel", reply=json_reply({}, 500))
        with pytest.raises(RemoteError, match="500"):
            await ci.cancel(outcome.handle)


def test_what_rules_pass_and_no_input_takes_is_told_before_any_build() -> None:
    server = FakeGitLab()
    server.url = "http://127.0.0.1:1/"
    targets = [target("acme/shop", "TARGET", "bad-name"), target("acme/b")]
    (bad,) = make(server).advice(targets, [])
    assert bad.repository == "acme/shop"
    assert "called bad-name" in bad.problem
    found = make(server, inputs={"IMAGE": "image", "TARGT": "target"}).advice(targets, [])
    assert [one.repository for one in found] == [None, None, "acme/shop"]
    assert "none for BRIDGE_BUILD_ID" in found[0].problem
    assert "`inputs` names TARGT, which no build has" in found[1].problem
    assert "none for TARGET, bad-name" in found[2].problem
    inputs = INPUTS | {"TARGET": "target", "bad-name": "name"}
    with pytest.raises(ValidationError, match="inputs"):
        make(server, inputs=inputs)
    (images,) = make(server, inputs={"BRIDGE_BUILD_ID": "id"}).advice([target("acme/b")], [])
    assert "none for the images" in images.problem
