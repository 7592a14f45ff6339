"""Names that would be the same tag get distinct tags, and the build says so."""

from datetime import timedelta
from pathlib import Path

import pytest
from support.pushes import RULE, PushHarness, pushing, sha
from support.rules import rules_of
from support.scripted import Store

from bridge.model.delivery import DeliveryState
from bridge.registry import FORGES

MONTH = timedelta(days=30)


@pytest.mark.parametrize(
    ("first", "second"),
    [("name/x/y", "name/x-y"), ("name/x-y", "name/x/y"), ("name/x/y", "name/x--y"), ("name/x/y", "name/x+y")],
)
async def test_the_second_of_two_names_that_would_be_one_tag_is_made_distinct(
    store: Store, tmp_path: Path, first: str, second: str
) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("-a", f"refs/heads/{first}")
        row = await here.push("-b", f"refs/heads/{second}")
        await here.push("ac", f"refs/heads/{first}")
        again = await here.push("bd", f"refs/heads/{second}")
        await here.drain()
        builds = await here.builds()
    tags = [build.request.tags[0] for build in builds]
    assert tags[0] == tags[2] == "x-y"
    assert tags[1] == tags[3] != "x-y"
    assert tags[1].startswith("x-y-")
    assert (here.registry[tags[0]], here.registry[tags[1]]) == (sha("c"), sha("d"))
    for one in (row, again):
        assert f"x-y stands for {first.removeprefix('name/')} already" in one.detail
        assert f"becomes {tags[1]}" in one.detail
    assert row.state is DeliveryState.DISPATCHED


async def test_no_branch_and_no_tag_takes_the_literal_tag_of_another(store: Store, tmp_path: Path) -> None:
    head, _, configs = RULE.partition("  tag_configs:\n")
    latest = "    - {code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}\n"
    rule = f"{head}  tag_configs:\n{latest}{configs}".replace("ON_NEWER", "queue")
    rule = rule.replace("CONCURRENCY", "9").replace("BUILDER", "jenkins")
    harness = PushHarness(store, rules_of(tmp_path, rule), {"Simple": FORGES["Simple"]})
    async with harness.running():
        await harness.push("-b")
        rows = [await harness.push("-a", ref) for ref in ("refs/heads/latest", "refs/tags/latest")]
        await harness.drain()
    assert harness.registry["latest"] == sha("b")
    tags = [row.explanation[0]["matches"][0]["tags"][0] for row in rows]
    assert [harness.registry[tag] for tag in dict.fromkeys(tags)] == [sha("a")] * 2
    for row, tag in zip(rows, tags, strict=True):
        assert f"latest is the tag of acme/shop, for the branch main: latest becomes {tag}" in row.detail


async def test_one_name_of_two_refs_is_one_tag(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("-a", "refs/heads/name/x")
        row = await here.push("-b", "refs/tags/x")
        await here.drain()
    assert here.registry["x"] == sha("b"), "the order of arrival decides"
    assert row.detail == "acme/shop (x)"


async def test_a_tag_that_names_the_commit_needs_no_other_name(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("-a", "refs/heads/both/x")
        await here.push("-a", "refs/tags/x")
        names = await store.database.read(
            lambda connection: connection.exec_driver_sql("SELECT tag, original FROM tag_name").fetchall()
        )
    assert [tuple(row) for row in names] == [("x", "x")]


@pytest.mark.parametrize(("again", "holds"), [("name/x/y", True), ("name/x-y", False)])
async def test_a_tag_is_held_as_long_as_its_own_name_is_built_now_and_then(
    store: Store, tmp_path: Path, again: str, *, holds: bool
) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("-a", "refs/heads/name/x/y")
        store.clock.advance(20 * 86_400)
        await here.push("ab", f"refs/heads/{again}")
        store.clock.advance(20 * 86_400)
        await store.prune(deliveries=MONTH, builds=MONTH)
        await here.push("bc", "refs/heads/name/x-y")
        (*_, last) = await here.builds()
    assert (last.request.tags == ("x-y",)) is not holds


@pytest.mark.parametrize(
    ("deliveries", "builds", "left"), [(1, 30, ["tag_name", "tip"]), (30, 1, ["delivery", "ref_move"])]
)
async def test_moves_go_with_the_deliveries_and_what_tags_stand_for_with_the_builds(
    store: Store, tmp_path: Path, deliveries: int, builds: int, left: list[str]
) -> None:
    async with pushing(store, tmp_path) as here:
        await here.push("-a", "refs/heads/name/x")
    store.clock.advance(10 * 86_400)
    await store.prune(deliveries=timedelta(days=deliveries), builds=timedelta(days=builds))
    tables = ("delivery", "ref_move", "tag_name", "tip")
    count = "SELECT count(*) FROM "
    found = [
        table
        for table in tables
        if await store.database.read(
            lambda connection, table=table: connection.exec_driver_sql(count + table).scalar()  # type: ignore[misc]
        )
    ]
    assert found == left
