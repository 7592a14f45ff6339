"""What `builders test` says of the commonest mistakes."""

from dataclasses import replace
from typing import Any

import pytest
from support.builder_contract import request
from support.fake_gitlab import TRIGGER, FakeGitLab
from support.fake_http import Reply, json_reply
from support.gitlab_builds import builder

from bridge.builders.base import Retry
from bridge.errors import Denied, RemoteError


async def said(server: FakeGitLab, **settings: Any) -> str:
    async with builder(server, **settings) as ci:
        return await ci.test()


async def test_it_says_that_the_project_may_be_built_and_until_when(server: FakeGitLab) -> None:
    text = await said(server, ref="builds")
    assert text == "signed in; the project acme/tools/shop may be built; the token expires on 2027-01-31"
    assert server.pipelines == []


async def test_a_gitlab_that_tells_nothing_of_tokens_is_asked_all_the_same(server: FakeGitLab) -> None:
    server.shows_token = False
    assert await said(server) == "signed in; the project acme/tools/shop may be built"
    server.trouble(match="/personal_access_tokens/", reply=json_reply({}, 401))
    assert await said(server) == "signed in; the project acme/tools/shop may be built"


async def test_a_wrong_token_is_named(server: FakeGitLab) -> None:
    with pytest.raises(Denied, match="rejects the token"):
        await said(server, token="wrong")


@pytest.mark.parametrize(
    ("status", "document", "why"),
    [
        (401, {"error": "invalid_token", "error_description": "Token is expired."}, "the token has expired"),
        (401, {"error": "invalid_token", "error_description": "Token was revoked."}, "the token was revoked"),
        (403, {"error": "insufficient_scope", "scope": "api read_api"}, "make one with the scope api"),
        (403, {"message": "403 Forbidden"}, "may not do this"),
    ],
)
async def test_what_gitlab_says_of_a_token_is_told_before_and_by_a_trigger(
    status: int, document: dict[str, str], why: str, server: FakeGitLab
) -> None:
    server.trouble(times=2, reply=json_reply(document, status))
    async with builder(server) as ci:
        with pytest.raises(Denied, match=why):
            await ci.test()
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert why in outcome.why


async def test_a_sign_in_page_in_place_of_the_answer_to_a_trigger_is_told(server: FakeGitLab) -> None:
    server.trouble(reply=Reply(404, body=b"<html><title>Sign in</title></html>"))
    async with builder(server) as ci:
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Retry)
    assert "a sign-in page answers in place of GitLab" in outcome.why


async def test_a_project_that_is_not_shown_is_named(server: FakeGitLab) -> None:
    with pytest.raises(Denied, match=r"shows no project 'acme/other'.*changes %2F, write its number"):
        await said(server, project="acme/other")
    with pytest.raises(Denied, match="shows no project 43 ") as caught:
        await said(server, project=43)
    assert "number" not in str(caught.value)


async def test_an_address_without_gitlab_is_named(server: FakeGitLab) -> None:
    with pytest.raises(RemoteError, match="check `url`"):
        await said(server, url=f"{server.url}ci")


MISTAKES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "archived": ({"project_fields": {"archived": True}}, {}, "is archived"),
    "CI/CD is off": ({"project_fields": {"builds_access_level": "disabled"}}, {}, "CI/CD is off"),
    "scope": ({"scopes": ["read_api"]}, {}, "may not start pipelines: it needs the scope api"),
    "scope to read": (
        {"scopes": ["read_user"], "level": 40},
        {"trigger_token": TRIGGER},
        "may not read pipelines: it needs the scope read_api",
    ),
    "scope to cancel": (
        {"scopes": ["read_api"], "level": 40},
        {"trigger_token": TRIGGER},
        "may not cancel pipelines",
    ),
    "role": ({"level": 20}, {}, "user is Reporter there, and needs the role Developer"),
    "role to find": ({"level": 30}, {"trigger_token": TRIGGER}, "to Maintainers: unless"),
    "variables": ({"minimum_role": "maintainer"}, {}, "only the role Maintainer may set variables"),
    "no variables": ({"minimum_role": "no_one_allowed"}, {}, "no one may set variables"),
    "no variables by triggers": (
        {"minimum_role": "no_one_allowed", "level": 40},
        {"trigger_token": TRIGGER},
        "no one may set variables",
    ),
    "ref": ({"refs": {"master"}}, {"ref": "builds"}, "no branch or tag 'builds': correct `ref`"),
    "file": ({"file": None}, {}, "there is no .gitlab-ci.yml in master"),
    "file of the ref": ({"file": None}, {"ref": "builds"}, "there is no .gitlab-ci.yml in builds"),
    "no id": ({}, {"inputs": {"IMAGE": "image"}}, "none for BRIDGE_BUILD_ID"),
    "no images": ({}, {"inputs": {"BRIDGE_BUILD_ID": "id"}}, "none for the images to build"),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_named(name: str, server: FakeGitLab) -> None:
    state, settings, words = MISTAKES[name]
    for attribute, value in state.items():
        setattr(server, attribute, value)
    text = await said(server, **settings)
    assert text.startswith("signed in; the project acme/tools/shop is there; the token expires")
    assert {why for _, _, why in MISTAKES.values() if why in text} == {words}, "and nothing else"


@pytest.mark.parametrize("level", [40, 50])
async def test_a_role_that_suffices_is_no_mistake(level: int, server: FakeGitLab) -> None:
    server.level, server.minimum_role = level, "maintainer"
    assert "may be built" in await said(server)


async def test_a_role_that_is_not_asked_for_is_no_mistake(server: FakeGitLab) -> None:
    server.minimum_role = "maintainer"
    server.project_fields = {"restrict_user_defined_variables": False}
    assert "may be built" in await said(server)


async def test_a_role_by_the_group_counts_and_one_that_is_not_shown_is_no_mistake(server: FakeGitLab) -> None:
    server.minimum_role = "maintainer"
    both = {"project_access": {"access_level": 20}, "group_access": {"access_level": 40}}
    server.project_fields = {"permissions": both}
    assert "may be built" in await said(server)
    server.project_fields = {"permissions": {"project_access": None, "group_access": None}}
    assert "may be built" in await said(server)
    server.project_fields = {"permissions": both, "ci_pipeline_variables_minimum_override_role": "astronaut"}
    assert "may be built" in await said(server)


INPUTS = {"BRIDGE_BUILD_ID": "id", "IMAGE": "image"}
FILE = b"""
spec:
  inputs: {id: {default: ''}, image: , level: {type: number, default: 3}}
---
workflow: {name: 'image $[[ inputs.id | expand_vars ]]'}
build: {script: [!reference [.make, script], "make $[[ inputs.image ]]"]}
"""


async def test_inputs_need_no_right_to_set_variables(server: FakeGitLab) -> None:
    server.minimum_role, server.file = "no_one_allowed", FILE
    assert "may be built" in await said(server, inputs=INPUTS)


FILES: dict[str, tuple[tuple[bytes, bytes], str]] = {
    "undeclared": (
        (
            b"image: ,",
            b"",
        ),
        "the pipeline declares no input image",
    ),
    "typed": ((b"image: ,", b"image: {type: boolean},"), "takes no text in image"),
    "needed": ((b"{type: number, default: 3}", b"{type: number}"), "the pipeline needs level"),
    "name": ((b"inputs.id |", b"inputs.identity |"), "`workflow: name:` of the pipeline does not show"),
    "no name": ((b"workflow:", b"flow:"), "`workflow: name:` of the pipeline does not show"),
    "no head": ((b"---", b"spec_ends: here"), "declares no input id, image"),
}


@pytest.mark.parametrize("name", FILES)
async def test_a_file_that_does_not_go_with_the_inputs_is_told(name: str, server: FakeGitLab) -> None:
    change, words = FILES[name]
    server.file = FILE.replace(*change)
    assert server.file != FILE
    assert words in await said(server, inputs=INPUTS)


@pytest.mark.parametrize(
    "file",
    [
        b"- a\n- list",
        b"a: [",
        b"a: !!bool x",
        b"\xff",
        b"",
        b"include: x.yml\nworkflow: 1\n---\n",
        FILE + b"#" * (1 << 20),
    ],
)
async def test_a_file_that_cannot_be_read_is_left_to_gitlab(file: bytes, server: FakeGitLab) -> None:
    server.file = file
    assert "workflow" not in await said(server, inputs=INPUTS)


async def test_a_name_that_may_be_in_another_file_is_no_mistake(server: FakeGitLab) -> None:
    server.file = FILE.replace(
        b"workflow: {name: 'image $[[ inputs.id | expand_vars ]]'}", b"include: all.yml"
    )
    assert "may be built" in await said(server, inputs=INPUTS)


@pytest.mark.parametrize("place", ["ci/build.yml@acme/pipelines", "https://git.example.com/build.yml"])
async def test_a_file_in_another_place_is_not_looked_for(place: str, server: FakeGitLab) -> None:
    server.project_fields = {"ci_config_path": place}
    assert "may be built" in await said(server)
    server.project_fields = {"ci_config_path": "ci/build.yml"}
    assert "there is no ci/build.yml in master" in await said(server)


async def test_what_a_test_has_seen_of_the_inputs_is_told_by_check(server: FakeGitLab) -> None:
    server.file = FILE.replace(b"image: ,", b"")
    async with builder(server, inputs=INPUTS) as ci:
        assert ci.seen is None
        await ci.test()
        assert ci.seen is not None
        (advice,) = ci.advice([], [ci.seen])
        assert "declares no input image" in advice.problem
        assert "as it was seen at 2026-11-18" in advice.problem
        server.file = FILE
        await ci.test()
        assert ci.advice([], [ci.seen]) == []
    async with builder(server, inputs=INPUTS, ref="builds") as other:
        assert other.advice([], [replace(ci.seen, parameters=())]) == [], "another ref has another file"
    async with builder(server) as by_variables:
        await by_variables.test()
        assert by_variables.seen is None


async def test_a_token_that_cannot_be_asked_now_is_an_error(server: FakeGitLab) -> None:
    server.trouble(match="/self", reply=json_reply({}, 503))
    with pytest.raises(RemoteError, match="503"):
        await said(server)
