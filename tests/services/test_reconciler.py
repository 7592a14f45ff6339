"""Pushes that no webhook reported: named or built once, whatever arrives late and whenever a process dies."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.git import HeldLine, Origin, git, serve_http
from support.reconciling import NONE, RULE, ReconcilerHarness, heads, origins, without_addresses
from support.rules import NAMES, rules_of
from support.scripted import Store, eventually, failing
from support.sshd import serve_ssh

from bridge.model.missed import MissedState
from bridge.planning.looked_code import LOOK_SECONDS
from bridge.rules.sources import SourceFacts, Sources
from bridge.runtime.clock import moment
from bridge.runtime.git.access import CloneAccess
from bridge.services.reconciler import GRACE_SECONDS, MOVING_SECONDS

MAIN = "refs/heads/main"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return origins(tmp_path / "code", ["shop"])["shop"]


@pytest.fixture
def url(tmp_path: Path, origin: Origin) -> Iterator[str]:
    with serve_http(tmp_path / "code") as base:
        yield f"{base}/shop/remote.git"


@asynccontextmanager
async def looking(store: Store, folder: Path, url: str, **source: Any) -> AsyncIterator[ReconcilerHarness]:
    """At work, after the first look at acme/shop."""
    harness = ReconcilerHarness(store, folder, {"shop": url}, **source)
    async with harness.running():
        await harness.begin()
        yield harness


def pushed(origin: Origin) -> tuple[str, str]:
    """What main was, and is, after a push that no webhook has reported yet."""
    before, after = heads(origin)[MAIN], origin.commit({"a": "2"})
    origin.push()
    return before, after


async def test_a_push_without_a_webhook_is_named_once_with_why(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url) as harness:
        before, after = pushed(origin)
        await harness.advance(LOOK_SECONDS)
        assert await harness.named() == []
        await harness.advance(GRACE_SECONDS)
        for _ in range(3):
            await harness.look()
        (missed,) = await harness.missed()
        assert (missed.ref, missed.before, missed.after) == (MAIN, before, after)
        assert missed.reason == "no webhook has ever come from the source gitea"
        assert missed.state is MissedState.NAMED
        assert await harness.builds() == []
        notices = await harness.service_notices("message")
        assert [(subject, detail) for _, subject, detail in notices] == [
            ("pushes of acme/shop", f"main: moved without a webhook: {missed.reason}")
        ]


async def test_what_a_webhook_reports_within_the_grace_is_not_missed(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url, missed="build") as harness:
        first, second = pushed(origin)
        await harness.advance(LOOK_SECONDS)
        await harness.push("shop", url, MAIN, first, second)
        await harness.advance(GRACE_SECONDS)
        await harness.look()
        assert await harness.named() == []
        assert len(await harness.builds()) == 1


async def test_a_ref_with_a_name_that_no_push_may_have_keeps_no_other_from_being_seen(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    # No store can make it shorter: a database has a bound for what it finds by index.
    name = "/".join(sha256(b"%d" % number).hexdigest() for number in range(50))
    async with looking(store, tmp_path, url) as harness:
        before, after = pushed(origin)
        origin.push(f"main:{name}")
        await harness.look()
        assert await harness.named() == [(MAIN, before, after, "named")]
        (code,) = await store.looks.states()
        look = await store.looks.last(code)
        assert (look.failed_since, set(look.refs)) == (None, {MAIN})


@pytest.mark.parametrize("webhook_first", [False, True])
async def test_a_missed_push_is_built_once_with_its_late_webhook(
    store: Store, tmp_path: Path, origin: Origin, url: str, *, webhook_first: bool
) -> None:
    async with looking(store, tmp_path, url, missed="build") as harness:
        first, second = pushed(origin)
        await harness.advance(LOOK_SECONDS)
        if webhook_first:
            await harness.push("shop", url, MAIN, first, second)
        await harness.advance(GRACE_SECONDS)
        if not webhook_first:
            await harness.push("shop", url, MAIN, first, second)
        (build,) = await harness.builds()
        assert (build.request.commit, build.request.repo_url, build.request.source) == (second, url, "gitea")
        assert [one.state for one in await harness.missed()] == ([] if webhook_first else [MissedState.BUILT])
        steps = [step.detail for step in await store.builds.steps(build.id)]
        noted = any("no webhook had reported the push" in detail for detail in steps)
        assert noted is not webhook_first


async def test_a_named_push_whose_webhook_comes_late_says_so(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url) as harness:
        first, second = pushed(origin)
        await harness.look()
        assert [one.state for one in await harness.missed()] == [MissedState.NAMED]
        await harness.push("shop", url, MAIN, first, second)
        await harness.look()
        assert [one.state for one in await harness.missed()] == [MissedState.LATE]
        assert len(await harness.builds()) == 1


async def test_a_branch_that_was_reset_to_what_the_last_look_saw_is_missed(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url) as harness:
        first, second = heads(origin)[MAIN], origin.commit({"a": "2"})
        await harness.push("shop", url, MAIN, first, second)
        await harness.look()
        await harness.look()
        assert await harness.named() == [(MAIN, second, first, "named")]


async def test_code_that_only_some_rules_name_the_source_of_is_missed_once(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    harness = ReconcilerHarness(store, tmp_path, {"shop": url})
    text = RULE.format(name="shop", url=url, kind="Gitea")
    naming = text.replace("repo_name: shop", "repo_name: app", 1).replace(
        "  code_repo_client: Gitea\n", "  code_repo_client: Gitea\n  code_repo_source: gitea\n"
    )
    sources = harness.rules.sources
    both = rules_of(tmp_path, f"{naming}---\n{text}", names=replace(NAMES, sources=sources))
    harness.rules = harness.in_force.rules = replace(both, sources=sources)
    async with harness.running():
        await harness.begin()
        _, after = pushed(origin)
        await harness.look()
        assert [one[2] for one in await harness.named()] == [after]
        assert len(await harness.service_notices("message")) == 1


async def test_other_refs_than_the_rules_build_are_not_named(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url, missed="build") as harness:
        origin.commit({"a": "2"})
        origin.push("main:refs/heads/feature", "main:refs/pull/1/head")
        await harness.look()
        assert await harness.named() == []


async def test_a_polled_host_needs_no_webhook(store: Store, tmp_path: Path, origin: Origin, url: str) -> None:
    async with looking(store, tmp_path, url, poll=timedelta(minutes=1)) as harness:
        _, second = pushed(origin)
        tag = origin.tag("v1")
        await harness.advance(60)
        await harness.advance(60)
        builds = await harness.builds()
        assert sorted((one.request.ref, one.request.commit) for one in builds) == [
            (MAIN, second),
            ("refs/tags/v1", second),
        ]
        assert tag != second
        assert await harness.named() == []
        assert await harness.service_notices("message") == []


@pytest.mark.parametrize("poll", [None, timedelta(minutes=1)])
async def test_what_a_webhook_reports_while_the_host_is_asked_is_newer(
    store: Store, tmp_path: Path, origin: Origin, poll: timedelta | None
) -> None:
    line = HeldLine()
    with serve_http(tmp_path / "code", line=line) as base:
        url = f"{base}/shop/remote.git"
        async with looking(store, tmp_path, url, missed="build", poll=poll) as harness:
            first, second = pushed(origin)
            if poll is None:
                await harness.advance(
                    LOOK_SECONDS
                )  # the ref is a suspect, and its grace ends with the next look
            third = origin.commit({"a": "3"})
            line.held = True
            store.clock.advance(GRACE_SECONDS * 1.1)
            harness.reconciler.wake()
            await eventually(line.waits.is_set)
            origin.push()
            if poll is not None:
                await harness.push("shop", url, MAIN, first, second)
            await harness.push("shop", url, MAIN, second, third)
            line.held = False
            line.released.set()
            for _ in range(3):
                await harness.look()
            commits = [one.request.commit for one in await harness.builds()]
            assert commits == ([third] if poll is None else [second, third])
            assert await harness.missed() == []


async def test_each_move_at_a_polled_host_is_built_at_once(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url, poll=timedelta(seconds=10)) as harness:
        commits = []
        for _ in range(3):
            commits.append(pushed(origin)[1])
            await harness.advance(11)
            assert [one.request.commit for one in await harness.builds()] == commits


async def test_a_reset_that_no_webhook_reports_is_built_at_a_polled_host(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url, poll=timedelta(minutes=1)) as harness:
        first, second = pushed(origin)
        await harness.push("shop", url, MAIN, first, second)
        git(origin.work, "reset", "--quiet", "--hard", first)
        origin.push()
        for _ in range(3):
            await harness.advance(66)
        assert [one.request.commit for one in await harness.builds()] == [second, first]


async def test_a_branch_that_moves_at_every_look_is_missed(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url) as harness:
        before, after = pushed(origin)
        await harness.advance(LOOK_SECONDS)
        for _ in range(round(MOVING_SECONDS / GRACE_SECONDS)):
            assert await harness.named() == []
            _, after = pushed(origin)
            await harness.advance(GRACE_SECONDS)
        assert await harness.named() == [(MAIN, before, after, "named")]


async def test_the_newest_push_is_built_once_where_only_its_webhook_arrives(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url, missed="build") as harness:
        _, first = pushed(origin)
        await harness.advance(LOOK_SECONDS)
        _, second = pushed(origin)
        await harness.advance(GRACE_SECONDS)
        assert await harness.named() == []
        await harness.push("shop", url, MAIN, first, second)
        await harness.advance(GRACE_SECONDS)
        await harness.advance(LOOK_SECONDS)
        assert [one.request.commit for one in await harness.builds()] == [second]


async def test_where_webhooks_come_late_one_that_is_under_way_is_not_missed(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url, missed="build") as harness:
        first, second = pushed(origin)
        await harness.advance(LOOK_SECONDS)
        await harness.push("shop", url, MAIN, first, second)
        _, third = pushed(origin)
        store.clock.advance(2 * GRACE_SECONDS)
        await harness.settled()
        assert await harness.named() == []
        await harness.push("shop", url, MAIN, second, third)
        await harness.look()
        assert await harness.named() == []
        assert [one.request.commit for one in await harness.builds()] == [second, third]


async def test_code_is_asked_for_over_ssh_with_the_key_of_the_source(store: Store, tmp_path: Path) -> None:
    origin = origins(tmp_path / "code", ["shop"])["shop"]
    with serve_ssh(tmp_path / "ssh") as server:
        harness = ReconcilerHarness(store, tmp_path, {"shop": server.url(origin.remote)})
        harness.in_force.access = CloneAccess(
            source="gitea", base="https://127.0.0.1", ssh_key=server.key, known_hosts=server.known_hosts
        )
        async with harness.running():
            await harness.begin()
            pushed(origin)
            await harness.look()
            assert [one[0] for one in await harness.named()] == [MAIN]
    assert git(origin.remote, "rev-parse", "main") == (await harness.missed())[0].after


async def test_late_webhooks_of_moves_in_between_build_nothing_again(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url, missed="build") as harness:
        objects = [heads(origin)[MAIN], *(origin.commit({"a": text}) for text in "234")]
        origin.push()
        await harness.look()
        for before, after in pairwise(objects):
            await harness.push("shop", url, MAIN, before, after)
        await harness.look()
        assert [one.request.commit for one in await harness.builds()] == [objects[-1]]
        last = origin.commit({"a": "5"})
        origin.push()
        await harness.push("shop", url, MAIN, objects[-1], last)
        await harness.look()
        assert [one.request.commit for one in await harness.builds()] == [objects[-1], last]
        assert len(await harness.named()) == 1


async def test_away_ten_minutes_each_missed_ref_is_named_and_each_newest_one_built_once(
    store: Store, tmp_path: Path
) -> None:
    names = [f"shop{number}" for number in range(10)]
    made = origins(tmp_path / "code", names)
    with serve_http(tmp_path / "code") as base:
        urls = {name: f"{base}/{name}/remote.git" for name in names}
        for origin in made.values():
            origin.push("main:refs/heads/release/1")
            origin.tag("v1")
        harness = ReconcilerHarness(store, tmp_path, urls, missed="build")
        async with harness.running():
            await harness.begin()
        stopped, seen = store.clock(), {name: heads(origin) for name, origin in made.items()}
        moved = {name: _move_four(origin) for name, origin in made.items()}
        store.clock.advance(600)
        await store.nodes.join("home", "node", [])
        harness = ReconcilerHarness(store, tmp_path, urls, missed="build")
        async with harness.running():
            await harness.begin()
            await harness.advance(GRACE_SECONDS)
            for name in names[::2]:  # some arrive late
                for ref, steps in moved[name].items():
                    for before, after in pairwise([seen[name].get(ref, NONE), *steps]):
                        await harness.push(name, urls[name], ref, before, after)
            for _ in range(3):
                await harness.look()
            missed = await harness.missed()
            expected = {
                (f"acme/{name}", ref): (seen[name].get(ref, ""), steps[-1].replace(NONE, ""))
                for name in names
                for ref, steps in moved[name].items()
            }
            assert len(expected) == len(missed) == 40
            assert {(one.repo, one.ref): (one.before, one.after) for one in missed} == expected
            away = f"between {moment(stopped)} and {moment(stopped + 600)}"
            assert {one.reason for one in missed} == {f"the bridge was not running for a time {away}"}
            built = sorted((one.repo_name, one.request.ref, one.pushed) for one in await harness.builds())
            wanted = [(name[5:], ref, after) for (name, ref), (_, after) in expected.items() if after]
            assert built == sorted(wanted)
            assert len(built) == 30


def _move_four(origin: Origin) -> dict[str, list[str]]:
    """Create a tag, move a branch twice, force another one, delete a tag; what each was set to."""
    forced = origin.commit({"a": "forced"})
    git(origin.work, "reset", "--quiet", "--hard", "HEAD~1")
    _, first = pushed(origin)
    second = origin.commit({"a": "3"})
    origin.push("main", f"+{forced}:refs/heads/release/1", ":refs/tags/v1")
    tag = origin.tag("v2")
    return {
        MAIN: [first, second],
        "refs/heads/release/1": [forced],
        "refs/tags/v1": [NONE],
        "refs/tags/v2": [tag],
    }


async def test_who_dies_between_the_looks_or_before_its_row_finds_the_same_again(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url, missed="build") as harness:
        _, second = pushed(origin)
        await harness.advance(LOOK_SECONDS)
    async with looking(store, tmp_path, url, missed="build") as harness:
        async with failing(store):
            await harness.advance(GRACE_SECONDS)
        assert await harness.named() == []
    async with looking(store, tmp_path, url, missed="build") as harness:
        await harness.advance(GRACE_SECONDS)
        await harness.look()
        assert [one[2] for one in await harness.named()] == [second]
        assert [one.request.commit for one in await harness.builds()] == [second]


async def test_who_dies_with_the_row_before_its_delivery_is_decided_builds_it_once(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    harness = ReconcilerHarness(store, tmp_path, {"shop": url}, missed="build")
    harness.pause_dispatcher()
    async with harness.running():
        await harness.begin()
        _, second = pushed(origin)
        await harness.look()
        assert [one[3] for one in await harness.named()] == ["built"]
        assert await harness.builds() == []
    async with looking(store, tmp_path, url, missed="build") as harness:
        await harness.look()
        assert len(await harness.named()) == 1
        assert [one.request.commit for one in await harness.builds()] == [second]


async def test_two_that_look_at_once_build_once(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    harness = ReconcilerHarness(store, tmp_path, {"shop": url}, missed="build")
    harness.add(harness.another())
    async with harness.running():
        await harness.begin()
        pushed(origin)
        await harness.look()
        await harness.look()
        assert len(await harness.named()) == len(await harness.builds()) == 1


async def test_code_is_asked_for_where_its_source_has_it_and_not_where_an_earlier_look_was(
    store: Store, tmp_path: Path, origin: Origin
) -> None:
    moved = tmp_path / "code" / "scm" / "acme" / "shop.git"
    moved.parent.mkdir(parents=True)
    origin.remote.rename(moved)
    with serve_http(tmp_path / "code") as base:
        harness = ReconcilerHarness(store, tmp_path, {"shop": f"{base}/none"})
        facts = SourceFacts("Gitea", clone_form="scm/{}.git", host=base)
        harness.in_force.rules = without_addresses(harness.rules, Sources({"gitea": facts}))
        harness.in_force.access = CloneAccess(source="gitea", base=base, username="bot", token="-")
        await store.looks.fail("Gitea acme/shop", "http://127.0.0.1:1/acme/shop.git", "no answer", 1.0)
        async with harness.running():
            await harness.begin()
    known = await store.looks.last("Gitea acme/shop")
    assert (known.clone_url, known.error) == (f"{base}/scm/acme/shop.git", "")
    assert MAIN in known.refs


async def test_a_host_that_did_not_answer_is_the_reason_and_is_logged_once(
    store: Store, tmp_path: Path, origin: Origin
) -> None:
    with serve_http(tmp_path / "code") as base:
        url = f"{base}/shop/remote.git"
        harness = ReconcilerHarness(store, tmp_path, {"shop": url})
        async with harness.running():
            await harness.begin()
            hidden = origin.remote.rename(tmp_path / "hidden")
            with capture_logs() as lines:
                for _ in range(3):
                    await harness.advance(LOOK_SECONDS)
            assert [line["event"] for line in lines if "look" in line["event"]] == ["look.failed"]
            began = moment(store.clock() - 2 * LOOK_SECONDS)
            hidden.rename(origin.remote)
            pushed(origin)
            # It was asked after 5 and after 15 minutes: the next look is 20 minutes later.
            await harness.advance(4 * LOOK_SECONDS - 2 * GRACE_SECONDS)
            await harness.advance(GRACE_SECONDS)
            assert not await harness.missed()
            await harness.advance(GRACE_SECONDS)
            await harness.advance(GRACE_SECONDS)
            (missed,) = await harness.missed()
            assert missed.reason == f"the Git host did not answer for a time from {began} on"


async def test_a_named_tag_is_late_whichever_of_its_two_objects_the_webhook_names(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url) as harness:
        commit, first, second = heads(origin)[MAIN], origin.tag("v1"), origin.tag("v2")
        await harness.look()
        assert [one[3] for one in await harness.named()] == ["named", "named"]
        await harness.push("shop", url, "refs/tags/v1", NONE, commit)
        await harness.look()
        assert await harness.named() == [
            ("refs/tags/v1", "", first, "late"),
            ("refs/tags/v2", "", second, "named"),
        ]
        await harness.push("shop", url, "refs/tags/v2", NONE, second)
        await harness.look()
        assert [one[3] for one in await harness.named()] == ["late", "late"]


async def test_a_late_webhook_that_names_the_commit_of_an_annotated_tag_builds_nothing_again(
    store: Store, tmp_path: Path, origin: Origin, url: str
) -> None:
    async with looking(store, tmp_path, url, missed="build") as harness:
        commit, tag = heads(origin)[MAIN], origin.tag("v1")
        await harness.look()
        await harness.push("shop", url, "refs/tags/v1", NONE, commit)
        await harness.look()
        assert await harness.named() == [("refs/tags/v1", "", tag, "built")]
        assert [one.request.commit for one in await harness.builds()] == [commit]
