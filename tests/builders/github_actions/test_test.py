"""`builders test` and `check` name what is wrong with a workflow, its repository and the token."""

from typing import Any

import pytest
from support.builder_contract import request
from support.fake_actions import workflow
from support.fake_github import FakeGitHub
from support.github_builds import builder

from bridge.builders.base import Sent, Target
from bridge.errors import Denied, Permanent

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "read only": (
        {"permissions": {"pull": True, "push": False}},
        "its user needs to write to the repository",
    ),
    "disabled": ({"state": "disabled_manually"}, "is disabled in GitHub: enable it"),
    "archived": ({"archived": True}, "belongs to an archived repository"),
    "not by hand": ({"files": {"": "on: push"}}, "has no `on: workflow_dispatch`: add it"),
    "no title": (
        {"files": {"": workflow(title=None)}},
        "write `run-name: ${{ inputs.BRIDGE_BUILD_ID }}` into it",
    ),
    "no id": ({"files": {"": workflow("TAGS", "COMMIT")}}, "declare the input BRIDGE_BUILD_ID"),
    "no images": ({"files": {"": workflow("BRIDGE_BUILD_ID", "REF")}}, "declare the inputs IMAGE and TAGS"),
    "no commit": ({"files": {"": workflow("BRIDGE_BUILD_ID", "TAGS")}}, "declare the input COMMIT"),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_named_with_its_cure(github: FakeGitHub, name: str) -> None:
    changes, why = MISTAKES[name]
    async with builder(github) as ci:
        assert "; it " not in await ci.test()
        for field, value in changes.items():
            setattr(github, field, value)
        found = await ci.test()
    assert why in found
    assert found.isprintable()


async def test_what_is_not_shown_is_told_by_its_name(github: FakeGitHub) -> None:
    async with builder(github, workflow="other.yml") as ci:
        with pytest.raises(Denied, match=r"shows no workflow other\.yml in acme/shop"):
            await ci.test()
    async with builder(github, repository="acme/other") as ci:
        with pytest.raises(Denied, match="shows no repository acme/other to this caller"):
            await ci.test()
    github.files[""] = "a: ["
    async with builder(github) as ci:
        with pytest.raises(Permanent, match=r"the workflow build\.yml is not YAML"):
            await ci.test()


async def test_what_was_seen_of_a_workflow_is_advice_for_rules(github: FakeGitHub) -> None:
    github.files[""] = workflow("BRIDGE_BUILD_ID", "TAGS", "COMMIT", "CHANNEL", title=None)
    targets = [Target(repository="acme/shop", image="x", clone_url=None, parameters=("CHANNEL", "DEBUG"))]
    async with builder(github) as ci:
        assert ci.seen is None
        assert isinstance(await ci.trigger(request()), Sent)
        seen = ci.seen
        assert seen is not None
        assert seen.parameters == ("CHANNEL", "COMMIT", "TAGS")
        found = ci.advice(targets, [seen])
        assert [one.repository for one in found] == [None, "acme/shop"]
        assert "does not show BRIDGE_BUILD_ID in the titles of its runs" in found[0].problem
        assert "does not declare, and so does not get, DEBUG" in found[1].problem
        assert "`buildbridge builders test github` sees it anew" in found[1].problem
    async with builder(github, workflow="other.yml") as ci:
        assert ci.advice(targets, [seen]) == []
    async with builder(github, event="image") as ci:
        assert [one.repository for one in ci.advice(targets, [seen])] == [None], "an event carries everything"
