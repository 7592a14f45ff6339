"""Every kind that a configuration may name can be made, and keeps its contract's words."""

import subprocess
import sys

import pytest
from pydantic import BaseModel

from bridge.builders.base import Builder
from bridge.channels.base import Channel
from bridge.forges.request import Request
from bridge.registry import BUILDERS, CHANNELS, FORGES, KINDS


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_builder_stands_under_its_own_kind(kind: str) -> None:
    assert issubclass(BUILDERS[kind], Builder)
    assert BUILDERS[kind].kind == kind
    assert issubclass(KINDS.builders[kind], BaseModel)


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_channel_stands_under_its_own_kind(kind: str) -> None:
    assert issubclass(CHANNELS[kind], Channel)
    assert CHANNELS[kind].kind == kind
    assert issubclass(KINDS.channels[kind], BaseModel)


def test_a_forge_stands_under_its_own_kind_and_forges_are_told_apart_by_their_hosts() -> None:
    assert {kind: forge.kind for kind, forge in FORGES.items()} == {kind: kind for kind in FORGES}
    assert len({forge.host for forge in FORGES.values()}) == len(FORGES)
    both = {"x-gitea-event": "push", "x-github-event": "push"}
    assert [forge.kind for forge in FORGES.values() if forge.recognises(Request(both, b"{}"))] == ["Gitea"]


@pytest.mark.parametrize("kind", [*BUILDERS, *CHANNELS])
def test_a_builder_and_a_channel_have_a_starter(kind: str) -> None:
    assert (BUILDERS if kind in BUILDERS else CHANNELS).text(kind, "starter.yaml")


def test_a_file_that_is_missing_beside_an_adapter_is_named_with_its_path() -> None:
    with pytest.raises(
        FileNotFoundError, match=r"jenkins has no guide\.md: create bridge/builders/jenkins/guide\.md"
    ):
        BUILDERS.text("jenkins", "guide.md")


def test_a_kind_that_there_is_not_is_not_there() -> None:
    assert "teamcity" not in BUILDERS
    assert len(BUILDERS) == len(KINDS.builders)
    with pytest.raises(KeyError):
        BUILDERS["teamcity"]


def test_nobody_pays_for_an_adapter_that_is_not_named() -> None:
    code = "import sys, bridge.registry; print([name for name in sys.modules if name.startswith('jenkins')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
