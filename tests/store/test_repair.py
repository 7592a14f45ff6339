"""Older code that came late: what is built again, what is ended, and what is left to who asked for it."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.pushes import URL, PushHarness, pushing, sha
from support.scripted import Store
from support.trail import change_by

from bridge.model.build import Build, BuildState
from bridge.rules.manual import ManualPush


async def by_hand(here: PushHarness, letter: str) -> None:
    """Somebody asks for a build of main at the commit of this letter."""
    asked = ManualPush(
        namespace="acme",
        repo_name="shop",
        full_name="acme/shop",
        clone_url=URL,
        ref_kind="branch",
        ref_name="main",
        sha=sha(letter),
        by="ann",
    )
    await here.put(asked.delivery(here.store.clock()))


async def overtaken(here: PushHarness, ref: str) -> None:
    """The newest code is built, then older code, and then comes the link that tells."""
    for move in ("bc", "-a", "ab"):
        await here.push(move, ref)
        await here.drain()


def states(builds: list[Build]) -> list[tuple[str, BuildState]]:
    return [(build.request.commit, build.state) for build in builds]


@pytest.mark.parametrize(
    "ref", ["refs/heads/main", "refs/heads/paths/x", "refs/heads/both/x", "refs/heads/app/x"]
)
async def test_the_newest_is_built_again_just_as_it_was_built(store: Store, tmp_path: Path, ref: str) -> None:
    async with pushing(store, tmp_path, concurrency=7) as here:
        await overtaken(here, ref)
        builds = await here.builds()
    first, again = builds[0], builds[-1]
    assert again.origin.cause == "order repair"
    assert first.request.parameters == {"SIDE": "left"}
    assert [one.channel for one in first.subscriptions] == ["team"]

    def timeless(build: Build) -> list[str | None]:
        """The tags, but for the one that says when it was built."""
        at = build.request.version_tag
        return ["its time" if tag == at != build.request.commit else tag for tag in build.request.tags]

    assert timeless(again) == timeless(first)
    same = {name: getattr(first.request, name) for name in ("build_id", "number", "tags", "version_tag")}
    assert replace(again.request, **same) == first.request
    assert replace(again.origin, delivery_id=first.origin.delivery_id, cause="push") == first.origin
    assert (again.subscriptions, again.concurrency, again.pushed) == (first.subscriptions, 7, first.pushed)


async def test_what_is_built_again_goes_to_the_builder_that_the_rule_names_now(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        for move in ("bc", "-a"):
            await here.push(move)
            await here.drain()
    async with pushing(store, tmp_path, builder="here") as here:
        here.sent = 2
        await here.push("ab")
    (again,) = await store.builds.in_state("here", BuildState.WAITING)
    assert again.request.commit == sha("c")


async def test_what_was_put_right_leaves_alone_what_somebody_asks_for_later(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        for move in ("bc", "-a", "ab"):
            await here.push(move)
        await by_hand(here, "a")
        await here.drain()
        await here.push("-b")
        await here.drain()
        assert states(await here.builds()) == [
            (sha("c"), BuildState.SUCCEEDED),
            (sha("a"), BuildState.SUPERSEDED),
            (sha("a"), BuildState.SUCCEEDED),
        ]
    assert here.registry["main"] == sha("a")


async def test_a_tag_that_code_waits_for_in_vain_is_built_again(store: Store, tmp_path: Path) -> None:
    """The newest was ended by older code, which is ended in turn: nothing would hold the tag."""
    async with pushing(store, tmp_path, "skip_waiting") as here:
        for move in ("bc", "-a", "ab"):
            await here.push(move)
        assert states(await here.builds()) == [
            (sha("c"), BuildState.SUPERSEDED),
            (sha("a"), BuildState.SUPERSEDED),
            (sha("c"), BuildState.WAITING),
        ]
        ended = (await here.builds())[1]
    assert ended.ended_at == store.clock()
    assert ended.detail == ended.superseded == f"older than what was already pushed: {sha('c')}"


async def test_the_newest_that_has_begun_is_not_begun_again_for_older_code_that_waits(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("bc")
        await here.start()
        await here.push("-a")
        await here.push("ab")
        assert states(await here.builds()) == [
            (sha("c"), BuildState.RUNNING),
            (sha("a"), BuildState.SUPERSEDED),
        ]


async def test_what_waits_in_its_right_place_is_not_ended_with_what_came_late(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        for move in ("-a", "bc", "ad", "db"):
            await here.push(move)
        assert states(await here.builds()) == [
            (sha("a"), BuildState.WAITING),
            (sha("c"), BuildState.WAITING),
            (sha("d"), BuildState.SUPERSEDED),
        ]


async def test_code_that_no_link_calls_older_is_not_ended_with_what_is(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        for move in ("bc", "-a", "xy", "yb"):
            await here.push(move)
        assert states(await here.builds()) == [
            (sha("c"), BuildState.WAITING),
            (sha("a"), BuildState.WAITING),
            (sha("y"), BuildState.SUPERSEDED),
        ]


async def test_a_build_by_hand_that_waits_is_not_ended_with_what_came_late(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("bc")
        await here.push("-a")
        await by_hand(here, "a")
        await here.push("ab")
        assert states(await here.builds()) == [
            (sha("c"), BuildState.WAITING),
            (sha("a"), BuildState.SUPERSEDED),
            (sha("a"), BuildState.WAITING),
        ]


@pytest.mark.parametrize("on_newer", ["queue", "skip_waiting"])
async def test_a_redelivery_that_waits_is_ended_by_a_newer_push_only(
    store: Store, tmp_path: Path, on_newer: str
) -> None:
    async with pushing(store, tmp_path, on_newer) as here:
        await here.push("bc")
        first = await here.push("-a")
        await here.again(first)
        await here.push("ab")
        assert states(await here.builds())[1:3] == [
            (sha("a"), BuildState.SUPERSEDED),
            (sha("a"), BuildState.WAITING),
        ]
        await here.push("cd")
        asked = (await here.builds())[2]
    assert asked.state is (BuildState.WAITING if on_newer == "queue" else BuildState.SUPERSEDED)


async def test_an_order_repair_of_a_redelivery_is_not_what_the_person_asked_for(
    store: Store, tmp_path: Path
) -> None:
    ref = "refs/heads/paths/x"
    async with pushing(store, tmp_path) as here:
        for move in ("bc", "zd", "-a"):
            await here.push(move, ref)
            await here.drain()
    async with pushing(store, tmp_path, name="other") as here:
        here.sent = 3
        link = await here.push("ab", ref, changed=["README"])
    async with pushing(store, tmp_path) as here:
        here.sent = 4
        await here.again(link)
        assert states(await here.builds())[3:] == [(sha("c"), BuildState.WAITING)]
        await here.push("cz", ref, changed=["README"])
        assert states(await here.builds())[3:] == [
            (sha("c"), BuildState.SUPERSEDED),
            (sha("d"), BuildState.WAITING),
        ]


async def test_a_build_by_hand_ends_nothing_and_is_not_put_right(store: Store, tmp_path: Path) -> None:
    """No one knows yet that it is older; who asked for it wants it all the same."""
    async with pushing(store, tmp_path, "cancel") as here:
        await here.push("bc")
        await by_hand(here, "a")
        assert [state for _, state in states(await here.builds())] == [BuildState.WAITING] * 2
        await here.drain()
        await here.push("ab")
        await here.drain()
        assert len(await here.builds()) == 2
    assert here.registry["main"] == sha("a")


async def test_a_newer_push_leaves_the_word_of_who_cancelled_before_it(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path, "cancel") as here:
        await here.push("-a")
        (old,) = await here.start()
        assert await store.builds.request_cancel(old.id, "by ann", change_by())
        await here.push("ab")
    marked = await store.build(old.id)
    assert marked.cancel_reason == "by ann"
    assert marked.superseded == f"superseded by #2: {sha('b')} was pushed"


async def test_tags_of_its_own_commit_alone_make_no_build_the_newest(store: Store, tmp_path: Path) -> None:
    """Each keeps its place, so there is nothing to put right."""
    async with pushing(store, tmp_path) as here:
        await overtaken(here, "refs/heads/each/x")
        commits = [build.request.commit for build in await here.builds()]
    assert commits == [sha("c"), sha("a"), sha("b")]


async def test_a_retry_of_code_that_came_late_does_not_hide_that_it_was_built(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        for move in ("bc", "-a"):
            await here.push(move)
            await here.drain()
        _, older = await here.builds()
        await store.builds.retry(older.id, change_by("ann"), "again")
        await here.push("ab")
        assert states(await here.builds()) == [
            (sha("c"), BuildState.SUCCEEDED),
            (sha("a"), BuildState.WAITING),
            (sha("c"), BuildState.WAITING),
        ]
        await here.drain()
    assert here.registry["main"] == sha("c"), "the newest is built after what was retried"
