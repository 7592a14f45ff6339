"""A push that does not go on from what was seen last builds without its path filter: more has changed."""

from pathlib import Path

import pytest
from support.pushes import pushing, sha
from support.scripted import Store

from bridge.model.delivery import DeliveryState

REF = "refs/heads/paths/x"


@pytest.mark.parametrize(
    ("seen", "push", "last"),
    [
        (["-a"], "bc", "a"),  # the push from a to b was lost
        (["-a", "ab"], "ac", "b"),  # a reset to a was not reported, or a forced push names its fork point
        (["-a", "a-"], "bc", "nothing"),
        (["-a", "ab", "ba"], "bc", "a"),
    ],
)
async def test_what_the_push_does_not_list_is_built_all_the_same(
    store: Store, tmp_path: Path, seen: list[str], push: str, last: str
) -> None:
    async with pushing(store, tmp_path) as here:
        for move in seen:
            await here.push(move, REF, changed=["src/main.c"])
        row = await here.push(push, REF, changed=["README"])
        await here.drain()
    assert row.state is DeliveryState.DISPATCHED
    assert here.registry["x"] == sha("c")
    shown = sha(last) if len(last) == 1 else last
    why = f"builds without checking `paths`: the push begins at {sha(push[0])}, and {shown} was seen last"
    assert why in row.detail
    assert why in row.explanation[0]["matches"][0]["notes"]
    assert all("does not count" not in one["why"] for one in row.explanation[0]["rejections"])


async def test_what_goes_on_from_what_was_seen_is_filtered_and_so_is_its_repetition(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("-a", REF, changed=["src/main.c"])
        rows = [await here.push(move, REF, changed=["README"]) for move in ("ab", "bc", "ca", "ad")]
        rows += [await here.push("bc", REF, changed=["README"]), await here.again(rows[0])]
        rows.append(await here.push("de", REF, changed=["README"]))
        count = len(await here.builds())
    assert count == 1
    assert {row.state for row in rows} == {DeliveryState.IGNORED}


async def test_pushes_that_are_decided_together_see_each_other(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        moves = [("-a", "src/main.c"), ("ab", "README"), ("bc", "README"), ("de", "README")]
        together = [here.delivery(move, REF, changed=[name]) for move, name in moves]
        rows = await here.put(*together)
        tags = [build.request.commit for build in await here.builds()]
    assert [row.state for row in rows] == [
        DeliveryState.DISPATCHED,
        DeliveryState.IGNORED,
        DeliveryState.IGNORED,
        DeliveryState.DISPATCHED,
    ]
    assert tags == [sha("a"), sha("e")]


async def test_a_ref_that_was_never_seen_is_filtered(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        row = await here.push("ab", REF, changed=["README"])
    assert row.state is DeliveryState.IGNORED
