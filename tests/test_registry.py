"""Every kind that a configuration may name can be made, and keeps its contract's words."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel
from support.notices import Messages
from support.sources import check_vendor_page, source_of, titles_without_address

import bridge
from bridge.builders.base import Builder
from bridge.channels.base import Channel, ChannelContext
from bridge.channels.reasons import reasons
from bridge.config.loader import load_config
from bridge.forges.request import Request
from bridge.registry import BUILDERS, CHANNELS, FORGE_ADAPTERS, FORGES, KINDS, channel_plans, chinese_of
from bridge.runtime.clock import system_clock

PACKAGE = Path(bridge.__file__).parent
BY_NAME: Mapping[str, type[Builder | Channel]] = {**BUILDERS, **CHANNELS}
"""The adapters that a configuration names and that are imported for it only."""
LOAD = """
import sys
from pathlib import Path
from bridge.config.loader import load_config
from bridge.registry import FORGES, KINDS

load_config(Path(sys.argv[1]), KINDS, {})
FORGES["GitHub"]
print(*sys.modules)
"""


def test_notices_in_chinese_say_why_requests_were_rejected(tmp_path: Path) -> None:
    (tmp_path / "bridge.yaml").write_text("builders: {none: {kind: dummy}}\n")
    config = load_config(tmp_path / "bridge.yaml", KINDS, {})
    say = reasons("zh-CN", chinese_of(config))
    why = "no webhook has ever come from the source hub; 5 requests of the source were rejected meanwhile: "
    assert say(f"{why}the token is wrong") == (
        "来源 hub 从未发来过 Webhook；期间拒绝了该来源的 5 次请求：令牌不对"  # noqa: RUF001  # as Chinese is written
    )


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_builder_stands_under_its_own_kind(kind: str) -> None:
    assert issubclass(BUILDERS[kind], Builder)
    assert BUILDERS[kind].kind == kind
    assert issubclass(KINDS.builders[kind], BaseModel)


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_builder_says_which_of_its_settings_are_where_its_builds_are(kind: str) -> None:
    fields, place = KINDS.builders[kind].model_fields, BUILDERS[kind].place
    assert set(place) <= set(fields)
    assert ("url" in place and len(place) > 1) == ("url" in fields)


def test_a_local_builder_moves_with_its_folder_and_finds_what_is_beside_the_store() -> None:
    def moves(before: str | None, after: str | None) -> bool:
        settings = [KINDS.builders["local"].model_construct(folder=at) for at in (before, after)]
        return BUILDERS["local"].moves(*settings)

    assert [moves(None, "/b"), moves("/a", "/a")] == [False, False]
    assert [moves("/a", "/b"), moves("/a", None)] == [True, True]


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_channel_stands_under_its_own_kind(kind: str) -> None:
    assert issubclass(CHANNELS[kind], Channel)
    assert CHANNELS[kind].kind == kind
    assert issubclass(KINDS.channels[kind], BaseModel)


def test_a_forge_stands_under_its_own_kind_and_forges_are_distinguished_by_their_hosts() -> None:
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


def test_loading_a_configuration_imports_the_builders_and_channels_that_it_names_and_no_other(
    tmp_path: Path,
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(
        "sources: {github: {kind: GitHub, secrets: [a-secret]}}\nbuilders: {here: {kind: local}}\n"
    )
    done = subprocess.run([sys.executable, "-c", LOAD, file], capture_output=True, text=True, check=True)
    imported = done.stdout.split()
    adapters = {kind for kind, adapter in BY_NAME.items() if adapter.__module__ in imported}
    assert adapters == {"local", "MESSAGE"}
    assert not {"jenkins", "requests", "aiosmtplib"}.intersection(imported)


def test_each_channel_knows_what_all_others_and_the_builders_say_in_chinese(tmp_path: Path) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(
        "sources: {github: {kind: GitHub, secrets: [a-secret-of-sixteen]}}\n"
        "builders: {here: {kind: local}}\n"
        "channels:\n"
        "  team: {kind: SLACK, url: 'https://hooks.slack.com/services/T0/B0/0123456789abcdef'}\n"
        "  topic: {kind: NTFY, url: 'https://ntfy.sh/a-topic-that-is-hard-to-guess'}\n"
    )
    plans = channel_plans(load_config(file, KINDS, {}), Messages(), system_clock)
    contexts = [plan.context for plan in plans.values()]
    known = [context.sentences for context in contexts if isinstance(context, ChannelContext)]
    assert len(known) == 3
    for kind in ("SLACK", "NTFY"):
        assert all(CHANNELS[kind].chinese.items() <= found.items() for found in known)
    assert all(BUILDERS["local"].chinese.items() <= found.items() for found in known)


@pytest.mark.parametrize("kind", FORGE_ADAPTERS)
def test_a_forge_names_the_page_of_its_vendor(kind: str) -> None:
    check_vendor_page(FORGE_ADAPTERS[kind])


def test_every_page_that_a_source_names_by_title_has_its_address() -> None:
    sourced = [file for file in PACKAGE.rglob("*.py") if source_of(file)]
    assert len(sourced) > len(FORGE_ADAPTERS)
    found = {file.relative_to(PACKAGE).as_posix(): titles_without_address(file) for file in sourced}
    assert {file: titles for file, titles in found.items() if titles} == {}
