"""What moved while no rule wanted the code, or while its host had lost it for a time, is no missed push."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.git import Origin, git, serve_http
from support.reconciling import RULE, ReconcilerHarness, heads, origins
from support.rules import NAMES, rules_of
from support.scripted import Store

from bridge.planning.looked_code import LOOK_SECONDS
from bridge.rules.loader import load_rules
from bridge.rules.match import RuleSet
from bridge.services.look_queue import EMPTY_SECONDS, UNREACHED_SECONDS

MAIN = "refs/heads/main"
MINUTE = timedelta(minutes=1)


def pushed(origin: Origin, *tags: str) -> str:
    """A commit on main, and tags on it."""
    commit = origin.commit({"a": "2"})
    origin.push()
    for tag in tags:
        origin.tag(tag)
    return commit


def lose(origin: Origin) -> dict[str, str]:
    """Remove all refs at the host; what they were."""
    lost = heads(origin)
    for ref in lost:
        git(origin.remote, "update-ref", "-d", ref)
    return lost


def restore(origin: Origin, lost: dict[str, str]) -> None:
    for ref, name in lost.items():
        git(origin.remote, "update-ref", ref, name)


async def commits(harness: ReconcilerHarness, name: str = "shop") -> list[str]:
    return [one.request.commit for one in await harness.builds() if one.repo_name == name]


def rules_for(harness: ReconcilerHarness, folder: Path, name: str, url: str) -> RuleSet:
    text = RULE.format(name=name, url=url, kind="Gitea")
    return replace(rules_of(folder, text), sources=harness.in_force.rules.sources)


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_is_pushed_while_no_rule_wants_it_is_not_built_once_one_does(
    store: Store, tmp_path: Path, *, restarted: bool
) -> None:
    made = origins(tmp_path / "code", ["shop", "docs"])
    with serve_http(tmp_path / "code") as base:
        urls = {name: f"{base}/{name}/remote.git" for name in made}

        def harness_of(names: list[str]) -> ReconcilerHarness:
            return ReconcilerHarness(store, tmp_path, {name: urls[name] for name in names}, poll=MINUTE)

        harness = harness_of(["shop", "docs"])
        both = harness.in_force.rules
        async with harness.running():
            await harness.begin()
            if not restarted:
                harness.rules = harness.in_force.rules = rules_for(harness, tmp_path, "docs", urls["docs"])
                await harness.advance(LOOK_SECONDS)
                pushed(made["shop"], "v1", "v2")
                await harness.advance(LOOK_SECONDS)
                harness.rules = harness.in_force.rules = both
                await harness.advance(0)
        if restarted:
            async with harness_of(["docs"]).running():
                pushed(made["shop"], "v1", "v2")
            harness = harness_of(["shop", "docs"])
        async with harness.running():
            await harness.begin()
            await harness.advance(LOOK_SECONDS)
            assert await harness.builds() == []
            commit = pushed(made["shop"])
            await harness.advance(LOOK_SECONDS)
            assert await commits(harness) == [commit]


async def test_what_is_pushed_while_there_is_no_rule_at_all_is_missed(store: Store, tmp_path: Path) -> None:
    """The folder of the rules was not mounted."""
    origin = origins(tmp_path / "code", ["shop"])["shop"]
    with serve_http(tmp_path / "code") as base:
        url = f"{base}/shop/remote.git"
        harness = ReconcilerHarness(store, tmp_path, {"shop": url}, poll=MINUTE)
        all_rules = harness.in_force.rules
        async with harness.running():
            await harness.begin()
            none = replace(load_rules([], NAMES), sources=all_rules.sources)
            harness.rules = harness.in_force.rules = none
            await harness.advance(LOOK_SECONDS)
            commit = pushed(origin)
            await harness.advance(LOOK_SECONDS)
            harness.rules = harness.in_force.rules = all_rules
            await harness.advance(0)
            await harness.advance(LOOK_SECONDS)
            assert await commits(harness) == [commit]


async def test_a_repository_that_is_empty_for_a_while_is_not_built_anew(store: Store, tmp_path: Path) -> None:
    origin = origins(tmp_path / "code", ["shop"])["shop"]
    pushed(origin, "v1", "v2")
    with serve_http(tmp_path / "code") as base:
        harness = ReconcilerHarness(store, tmp_path, {"shop": f"{base}/shop/remote.git"}, poll=MINUTE)
        async with harness.running():
            await harness.begin()
            lost = lose(origin)
            for _ in range(3):
                await harness.advance(UNREACHED_SECONDS)
            assert await harness.is_down("source:gitea")
            restore(origin, lost)
            await harness.advance(UNREACHED_SECONDS)
            assert not await harness.is_down("source:gitea")
            assert await harness.builds() == []
            commit = pushed(origin)
            await harness.advance(UNREACHED_SECONDS)
            assert await commits(harness) == [commit]


async def test_a_repository_that_stays_empty_was_emptied(store: Store, tmp_path: Path) -> None:
    origin = origins(tmp_path / "code", ["shop"])["shop"]
    with serve_http(tmp_path / "code") as base:
        harness = ReconcilerHarness(store, tmp_path, {"shop": f"{base}/shop/remote.git"})
        async with harness.running():
            await harness.begin()
            (before,) = lose(origin).values()
            for _ in range(int(EMPTY_SECONDS / UNREACHED_SECONDS)):
                await harness.advance(UNREACHED_SECONDS)
                assert await harness.named() == []
            for _ in range(3):
                await harness.advance(UNREACHED_SECONDS)
            assert await harness.named() == [(MAIN, before, "", "named")]
