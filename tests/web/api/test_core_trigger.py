"""Builds that a caller asks for: which ref, which commit, which tags, and what is rejected."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.git import Origin
from support.harness import DispatcherHarness
from support.listed import newest_deliveries
from support.rules import rules_of
from support.scripted import SHA, Store

from bridge.model.access import Principal, Role
from bridge.model.audit import Action
from bridge.model.build import Build
from bridge.rules.lending import Lending
from bridge.rules.schema import BuildRepository
from bridge.store.values import Cursor
from bridge.web.api.core import trigger
from bridge.web.api.core.errors import Conflict, Forbidden, Invalid, Unavailable
from bridge.web.api.core.trigger import BuildTrigger, Order, config_of_tag, first_active_branch, ref_of

RULE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "{url}"
  parameters: {{BUILD_ARGS: "--pull", COLOUR: red}}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: old, docker_repo_tag: old, is_active: false}}
    - {{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}}
    - {{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: debug, dockerfile_location: /d}}
    - {{code_repo_type: branch, code_repo_type_value: "release/*", docker_repo_tag: "{{branch}}"}}
    - {{code_repo_type: tag, code_repo_type_value: "v*", docker_repo_tag: "{{tag}}"}}
"""
MEMBER = Principal(name="max", role=Role.MEMBER, namespaces=frozenset({"acme"}))


class Site:
    """A repository with real code, the dispatcher, and the core that asks it for builds."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.origin = Origin(folder / "git")
        self.first = self.origin.commit({"f": "1"})
        self.origin.push()
        (folder / "rules").mkdir()
        text = RULE.format(url=self.origin.url)
        self.harness = DispatcherHarness(store, rules_of(folder / "rules", text), {})
        wake = self.harness.dispatcher.wake
        self.core = BuildTrigger(store, store.clock, wake, lambda *_: (Lending(None), None))

    @property
    def rule(self) -> BuildRepository:
        found = self.harness.rules.repository("acme", "shop")
        assert found is not None
        return found

    async def ask(
        self, caller: Principal = MEMBER, kind: Any = "branch", name: str = "main", **more: Any
    ) -> list[Build]:
        order = Order(ref_kind=kind, ref_name=name, **more)
        return await self.core.trigger(caller, self.rule, order, "192.0.2.7")


@asynccontextmanager
async def site_of(store: Store, folder: Path) -> AsyncIterator[Site]:
    site = Site(store, folder)
    async with site.harness.running():
        yield site


async def test_what_was_ordered_before_does_not_say_where_a_branch_is(store: Store, tmp_path: Path) -> None:
    """Nobody pushed to the bridge: only the host knows what is the newest."""
    async with site_of(store, tmp_path) as site:
        second = site.origin.commit({"f": "2"})
        site.origin.push()
        older = await site.ask(commit=site.first)
        assert {build.request.commit for build in older} == {site.first}
        assert {build.request.commit for build in await site.ask()} == {second}
        third = site.origin.commit({"f": "3"})
        site.origin.push()
        assert {build.request.commit for build in await site.ask()} == {third}


async def test_a_branch_is_built_at_its_head_with_all_its_tags(store: Store, tmp_path: Path) -> None:
    async with site_of(store, tmp_path) as site:
        builds = await site.ask()
    assert [build.request.tags for build in builds] == [("latest",), ("debug",)]
    assert {build.request.commit for build in builds} == {site.first}
    assert {(build.origin.cause, build.origin.by) for build in builds} == {("manual", "max")}
    (entry,) = (await store.audit.page(Cursor(), 10)).rows
    assert (entry.name, entry.action, entry.subject, entry.origin) == (
        "max",
        Action.BUILD_TRIGGERED,
        "acme/shop",
        "192.0.2.7",
    )


async def test_only_what_a_tag_configuration_builds_is_built(store: Store, tmp_path: Path) -> None:
    async with site_of(store, tmp_path) as site:
        (build,) = await site.ask(docker_repo_tag="debug")
    assert (build.request.tags, build.request.dockerfile) == (("debug",), "/d")


async def test_a_tag_is_built_at_the_commit_behind_it(store: Store, tmp_path: Path) -> None:
    async with site_of(store, tmp_path) as site:
        site.origin.tag("v1.0")
        (build,) = await site.ask(kind="tag", name="v1.0")
    assert (build.request.tags, build.request.commit) == (("v1.0",), site.first)


async def test_a_given_commit_asks_no_host(store: Store, tmp_path: Path) -> None:
    async with site_of(store, tmp_path) as site:
        builds = await site.ask(commit=SHA)
    assert {build.request.commit for build in builds} == {SHA}


async def test_declared_parameters_take_the_place_of_those_of_the_rule(store: Store, tmp_path: Path) -> None:
    async with site_of(store, tmp_path) as site:
        build, _ = await site.ask(parameters={"COLOUR": "{blue}"})
    assert build.request.parameters == {"BUILD_ARGS": "--pull", "COLOUR": "{blue}"}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"commit": "abc"}, "the commit id is not 40 or 64"),
        (
            {"parameters": {"OTHER": "1"}},
            "OTHER is no parameter of acme/shop, which has BUILD_ARGS, COLOUR: add it to `parameters`",
        ),
        ({"parameters": {"COLOUR": "x" * 8193}}, "the value of COLOUR is over 8192 characters"),
    ],
)
async def test_what_cannot_be_asked_for_is_rejected(
    store: Store, tmp_path: Path, more: dict[str, Any], why: str
) -> None:
    async with site_of(store, tmp_path) as site:
        with pytest.raises(Invalid) as rejected:
            await site.ask(**more)
        assert str(rejected.value).startswith(why)
    assert await newest_deliveries(store, 10) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [("gone", "the host has no branch gone: correct the name"), ("feature", "nothing is built: ")],
)
async def test_where_there_is_nothing_to_build_the_reason_is_told(
    store: Store, tmp_path: Path, name: str, why: str
) -> None:
    async with site_of(store, tmp_path) as site:
        site.origin.push("main:feature")
        with pytest.raises(Conflict) as rejected:
            await site.ask(name=name)
    assert str(rejected.value).startswith(why)


async def test_who_may_not_build_there_is_told_so(store: Store, tmp_path: Path) -> None:
    stranger = Principal(name="sam", role=Role.MEMBER, namespaces=frozenset({"globex"}))
    async with site_of(store, tmp_path) as site:
        for caller in (stranger, Principal(name="vic", role=Role.VIEWER)):
            with pytest.raises(Forbidden):
                await site.ask(caller)
    assert await newest_deliveries(store, 10) == []


async def test_what_is_not_decided_in_time_is_built_later(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger, "DECIDE_SECONDS", 0.05)
    site = Site(store, tmp_path)
    with pytest.raises(Unavailable, match="is asked for as delivery"):
        await site.ask()
    (row,) = await newest_deliveries(store, 10)
    async with site.harness.running():
        await site.harness.settled()
    assert len(await store.builds.of_delivery(row.id)) == 2


async def test_the_configuration_of_a_tag_names_the_ref(store: Store, tmp_path: Path) -> None:
    rule = Site(store, tmp_path).rule
    assert ref_of(config_of_tag(rule, "debug")) == "main"
    assert ref_of(first_active_branch(rule)) == "main"
    with pytest.raises(Invalid, match="no tag configuration of acme/shop has nothing: it has old, latest"):
        config_of_tag(rule, "nothing")
    with pytest.raises(Conflict, match="stands for several branch names"):
        ref_of(config_of_tag(rule, "{branch}"))
