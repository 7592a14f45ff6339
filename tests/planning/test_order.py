"""Pushes in any order: a moving tag ends at the newest code, and goes back only when somebody asks for it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, permutations, product
from pathlib import Path

import pytest
from support.pushes import URL, pushing, sha
from support.scripted import Store

from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.planning.builds import REPEAT_SECONDS
from bridge.planning.notice_policy import NoticePolicy
from bridge.rules.manual import ManualPush


def orders(letters: str) -> list[Sequence[str]]:
    """The moves from one letter to the next, in every order."""
    return list(permutations("".join(move) for move in pairwise("-" + letters)))


PACES = ["all at once", "started", "finished"]


@pytest.mark.parametrize(
    ("letters", "on_newer", "pace"),
    [
        *product(["abc"], ["queue", "skip_waiting", "cancel"], PACES),
        ("abcd", "queue", "started"),
    ],
)
async def test_in_whatever_order_pushes_come_the_tag_ends_at_the_newest(
    store: Store, tmp_path: Path, letters: str, on_newer: str, pace: str
) -> None:
    async with pushing(store, tmp_path, on_newer) as here:
        for number, order in enumerate(orders(letters)):
            for move in order:
                await here.push(move, f"refs/heads/b{number}")
                if pace != "all at once":
                    await here.start()
                if pace == "finished":
                    await here.finish()
        for build in await here.builds():
            if build.state is BuildState.RUNNING and build.cancel_reason:
                await store.builds.transition(build.id, BuildState.SUPERSEDED, NoticePolicy(store.clock))
        await here.finish()
        await here.drain()
    ends = {here.registry.get(f"b{number}") for number in range(len(orders(letters)))}
    assert ends == {sha(letters[-1])}


async def test_the_same_is_so_with_repeats_and_wanted_redeliveries_in_between(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        for number, order in enumerate(orders("abc")):
            ref = f"refs/heads/b{number}"
            for place, move in enumerate(order):
                row = await here.push(move, ref)
                same = replace(row.delivery, id=f"again-{number}-{place}")
                assert not (await store.deliveries.put(same)).new, "the very same again is a repeat"
                await here.push(move, ref)
                if place == 0:
                    await here.again(row)
                await here.drain()
    assert {here.registry[f"b{number}"] for number in range(6)} == {sha("c")}


async def test_an_older_push_that_comes_late_is_ignored_and_says_why(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("bc")
        row = await here.push("ab")
        assert len(await here.builds()) == 1
    assert row.state is DeliveryState.IGNORED
    assert row.detail == f"acme/shop (main): older than what was already pushed: {sha('c')}"


async def test_of_two_that_are_newer_the_one_that_came_last_is_the_newest(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        for move in ("ab", "ac"):
            await here.push(move)
        row = await here.push("-a")
    assert row.detail == f"acme/shop (main): older than what was already pushed: {sha('c')}"


async def test_a_late_link_builds_the_newest_again_and_says_why(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("bc")
        await here.drain()
        await here.push("-a")
        await here.drain()
        assert here.registry["main"] == sha("a"), "no link says so"
        row = await here.push("ab")
        await here.drain()
        *_, build = await here.builds()
        steps = await store.builds.steps(build.id)
    assert here.registry["main"] == sha("c")
    assert (build.origin.cause, build.request.commit, build.origin.delivery_id) == (
        "order repair", sha("c"), row.delivery.id,
    )  # fmt: skip
    assert f"{sha('a')} is older and was built after #1" in steps[0].detail
    assert row.state is DeliveryState.DISPATCHED
    assert "older than what was already pushed" in row.detail
    first = (await here.builds())[0]
    assert build.request.tags[0] == "main"
    assert build.request.version_tag not in {None, first.request.version_tag}


async def test_older_code_that_still_waits_is_ended_instead(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("bc")
        await here.push("-a")
        row = await here.push("ab")
        newest, older = await here.builds()
    assert (newest.state, older.state) == (BuildState.WAITING, BuildState.SUPERSEDED)
    assert older.detail == f"older than what was already pushed: {sha('c')}"
    assert row.state is DeliveryState.IGNORED
    assert "acme/shop #2 was ended" in row.detail


async def test_a_link_that_builds_nothing_itself_puts_the_order_right_too(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("bc", "refs/heads/paths/x", changed=["src/c"])
        await here.drain()
        await here.push("-a", "refs/heads/paths/x")
        await here.drain()
        row = await here.push("ab", "refs/heads/paths/x", changed=["README"])
        await here.drain()
    assert here.registry["x"] == sha("c")
    assert row.state is DeliveryState.DISPATCHED


async def test_a_push_is_not_older_than_one_that_built_nothing(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("bc", "refs/heads/paths/x", changed=["README"])
        await here.push("ab", "refs/heads/paths/x", changed=["src/b"])
        await here.drain()
    assert here.registry["x"] == sha("b")


async def test_a_reset_goes_back_and_so_does_a_ref_that_is_removed_and_made_again(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        for moves, end in (("-a ab bc ca", "a"), ("ad db", "b"), ("be eb be", "e"), ("e- -a", "a")):
            for move in moves.split():
                await here.push(move)
                await here.drain()
            assert here.registry["main"] == sha(end), moves


async def test_pushes_without_a_known_link_count_as_they_come(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        for before, after in (("a", "b"), ("x", "y"), ("c", "d")):
            await here.push(before + after)
        await here.push("-f", before=None)
        await here.drain()
    assert here.registry["main"] == sha("f")


async def test_of_an_older_push_only_the_tags_of_its_own_commit_are_built(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("bc", "refs/heads/both/x")
        row = await here.push("ab", "refs/heads/both/x")
        await here.push("ab", "refs/heads/each/x")
        await here.push("-a", "refs/heads/each/x")
        await here.drain()
    assert here.registry["x"] == sha("c")
    assert here.registry[f"x-{sha('b')[:7]}"] == here.registry[sha("b")] == sha("b")
    assert here.registry[sha("a")] == sha("a")
    assert "so only the tags of its own commit are built" in row.detail


async def test_the_tags_of_a_late_commit_and_the_newest_again_come_of_one_delivery(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        for move in ("bc", "-a", "ab"):
            await here.push(move, "refs/heads/both/x")
            await here.drain()
    assert here.registry["x"] == sha("c")
    assert here.registry[sha("b")] == sha("b")


async def test_what_is_no_longer_in_the_rules_is_not_put_right(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        for move in ("bc", "-a"):
            await here.push(move)
            await here.drain()
    async with pushing(store, tmp_path, name="other") as here:
        here.sent = 2
        await here.push("ab")
        made = [(build.repo_name, build.request.commit) for build in await here.builds()]
    assert made[2:] == [("other", sha("b"))]


async def test_what_a_person_asks_for_goes_back_and_says_so(store: Store, tmp_path: Path) -> None:
    by_hand = ManualPush(
        namespace="acme",
        repo_name="shop",
        full_name="acme/shop",
        clone_url=URL,
        ref_kind="branch",
        ref_name="main",
        sha=sha("b"),
        by="ann",
    )
    async with pushing(store, tmp_path) as here:
        first = await here.push("-a")
        for move in ("ab", "bc"):
            await here.push(move)
        await here.drain()
        again = await here.again(first)
        await here.drain()
        assert here.registry["main"] == sha("a")
        (asked,) = await here.put(by_hand.delivery(store.clock()))
        await here.drain()
        assert here.registry["main"] == sha("b")
        late = await here.push("-a")
        await here.push("cd")
        await here.drain()
    assert here.registry["main"] == sha("d")
    why = f"older than {sha('c')}, which was already pushed; a person asked for it"
    assert why in again.detail
    assert why in asked.detail
    assert late.state is DeliveryState.IGNORED


async def test_the_tags_of_different_refs_are_not_compared(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("ab", "refs/heads/both/x")
        await here.push("bc", "refs/heads/paths/x")
        await here.drain()
        assert here.registry["x"] == sha("c")
        await here.push("-b", "refs/tags/x")
        await here.drain()
    assert here.registry["x"] == sha("b")


async def test_builds_of_one_tag_go_one_by_one_and_others_beside_them(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("-a")
        await here.push("ab")
        await here.push("-a", "refs/heads/other")
        started = [(build.origin.ref_name, build.request.commit) for build in await here.start()]
        assert started == [("main", sha("a")), ("other", sha("a"))]
        assert await here.start() == []
        await here.finish()
        (second,) = await here.start()
    assert second.request.commit == sha("b")


async def test_only_the_last_moves_of_a_ref_are_kept(store: Store, tmp_path: Path) -> None:
    letters = [chr(number) for number in range(ord("a"), ord("a") + 120)]
    async with pushing(store, tmp_path) as here:
        for before, after in pairwise(letters):
            await here.push(before + after, "refs/heads/each/x")
        count = await store.database.read(
            lambda connection: connection.exec_driver_sql("SELECT count(*) FROM ref_move").scalar_one()
        )
        store.clock.advance(REPEAT_SECONDS)
        row = await here.push(letters[110] + letters[111], "refs/heads/each/x")
    assert count == 100
    assert "older than what was already pushed" in row.detail


@pytest.mark.parametrize("moves", ["-a ab bc xy ya", "-a ab bc xb ba", "-a ab bc xy yb ba", "-a ab xa"])
async def test_a_ref_that_goes_back_after_a_push_that_was_not_reported_is_built(
    store: Store, tmp_path: Path, moves: str
) -> None:
    async with pushing(store, tmp_path) as here:
        for move in moves.split():
            await here.push(move, "refs/heads/x")
            await here.drain()
    assert here.registry["x"] == sha("a")
