"""One push that two webhooks report under two ids: it is built once."""

from pathlib import Path

import pytest
from support.pushes import pushing, sha
from support.scripted import Store

from bridge.model.delivery import DeliveryState
from bridge.planning.builds import REPEAT_SECONDS


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/both/x", "refs/tags/v1"])
async def test_the_same_push_under_another_id_builds_nothing_and_names_the_first(
    store: Store, tmp_path: Path, ref: str
) -> None:
    async with pushing(store, tmp_path) as here:
        first = await here.push("-a", ref)
        count = len(await here.builds())
        store.clock.advance(REPEAT_SECONDS - 1)
        second = await here.push("-a", ref)
        assert len(await here.builds()) == count > 0
    assert second.state is DeliveryState.IGNORED
    assert f"the same push came as delivery {first.delivery.id}" in second.detail


async def test_it_builds_when_somebody_asks_for_it_or_much_later(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("ab")
        twice = await here.push("ab")
        asked = await here.again(twice)
        assert asked.state is DeliveryState.DISPATCHED
        store.clock.advance(2 * REPEAT_SECONDS)
        later = await here.push("ab")
        assert later.state is DeliveryState.DISPATCHED


async def test_a_branch_that_is_set_there_back_and_there_again_is_built_each_time(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        for move in ("ab", "ba", "ab", "ba"):
            assert (await here.push(move)).state is DeliveryState.DISPATCHED
            assert (await here.push(move)).state is DeliveryState.IGNORED, "its second webhook"
            await here.drain()
    assert here.registry["main"] == sha("a")


async def test_a_tag_that_is_removed_and_made_again_is_built_again(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        for move in ("-a", "a-", "-a"):
            await here.push(move, "refs/tags/v1")
        assert len(await here.builds()) == 2


async def test_one_push_late_and_twice_builds_the_tags_of_its_commit_once(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("bc", "refs/heads/both/x")
        count = len(await here.builds())
        await here.push("ab", "refs/heads/both/x")
        late = len(await here.builds())
        assert late > count
        assert (await here.push("ab", "refs/heads/both/x")).state is DeliveryState.IGNORED
        assert len(await here.builds()) == late


async def test_what_the_first_did_not_build_the_second_does(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("-a", "refs/heads/paths/x", changed=["src/main.c"])
        first = await here.push("ab", "refs/heads/paths/x", changed=["README.md"])
        second = await here.push("ab", "refs/heads/paths/x", changed=["src/main.c"])
    assert first.state is DeliveryState.IGNORED
    assert second.state is DeliveryState.DISPATCHED
