"""What `builders test` says of the commonest mistakes."""

from typing import Any

import pytest
from support.fake_gitlab import TRIGGER, FakeGitLab
from support.fake_http import json_reply
from support.gitlab_builds import builder

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


async def test_a_wrong_token_is_named(server: FakeGitLab) -> None:
    with pytest.raises(Denied, match="rejects the token"):
        await said(server, token="wrong")


async def test_a_project_that_is_not_shown_is_named(server: FakeGitLab) -> None:
    with pytest.raises(Denied, match=r"shows no project 'acme/other'.*changes %2F, write its number"):
        await said(server, project="acme/other")
    with pytest.raises(Denied, match="shows no project 43 ") as told:
        await said(server, project=43)
    assert "number" not in str(told.value)


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
    "no variables": ({"minimum_role": "no_one_allowed"}, {}, "nobody may set variables"),
    "no variables by triggers": (
        {"minimum_role": "no_one_allowed", "level": 40},
        {"trigger_token": TRIGGER},
        "nobody may set variables",
    ),
    "ref": ({"refs": {"master"}}, {"ref": "builds"}, "no branch or tag 'builds': correct `ref`"),
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
    assert {told for _, _, told in MISTAKES.values() if told in text} == {words}, "and nothing else"


@pytest.mark.parametrize("level", [40, 50])
async def test_a_role_that_suffices_is_no_mistake(level: int, server: FakeGitLab) -> None:
    server.level, server.minimum_role = level, "maintainer"
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


async def test_inputs_need_no_right_to_set_variables(server: FakeGitLab) -> None:
    server.minimum_role = "no_one_allowed"
    inputs = {"BRIDGE_BUILD_ID": "id", "IMAGE": "image"}
    assert "may be built" in await said(server, inputs=inputs)


async def test_a_token_that_cannot_be_asked_now_is_an_error(server: FakeGitLab) -> None:
    server.trouble(match="/self", reply=json_reply({}, 503))
    with pytest.raises(RemoteError, match="503"):
        await said(server)
