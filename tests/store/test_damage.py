"""A row that cannot be read any more: its own work ends with the reason, and the others go on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.daemon import SECRET, Daemon, running
from support.engines import execute
from support.listed import newest_deliveries
from support.pushes import pushing
from support.rules import shop_rule
from support.scripted import Store, quiet
from support.sending import push_body, send
from support.waiting import eventually

from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.store.values import Cursor

URL = "file:///nowhere/shop.git"
GONE = {"kind": "jenkins", "url": "http://127.0.0.1:9", "username": "u", "token": "a-token", "job": "x"}
CONFIG: dict[str, Any] = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": GONE},
    "channels": {"team": {"kind": "WECOM", "url": "http://127.0.0.1:9/?key=abcdef", "allow_private": True}},
    "notices": {"default": [{"channel": "team", "enabled_event_type_names": ["serviceDegraded"]}]},
}
NO_JSON = "'{\"half'"
NO_TEXT = "CAST(x'7b22ff227d' AS TEXT)"
"""A byte of the disk is another one now."""


def damage(path: Path, *changes: tuple[str, str, str, str]) -> None:
    """Set a column of a row to an expression, each: the table, the id, the column, the expression."""
    for table, row_id, column, expression in changes:
        execute(path, f"UPDATE {table} SET {column} = {expression} WHERE id = ?", row_id)


@pytest.mark.sqlite
def test_the_daemon_ends_what_it_cannot_read_goes_on_with_the_rest_and_the_commands_show_both(
    tmp_path: Path,
) -> None:
    with running(
        tmp_path, CONFIG, {"shop.yaml": shop_rule(URL, "**", public=True, builder="here")}
    ) as daemon:
        answers = [send(daemon.url, push_body(URL, f"refs/heads/b{n}"), f"push {n}") for n in range(4)]
        builds = [one["build_id"] for one in eventually(lambda: four(daemon))]
        (notice,) = eventually(lambda: listed(daemon, "notices", "pending"))
        assert daemon.stop() == 0
    again = [daemon.command("deliveries", "redeliver", answers[0].json()["id"]) for _ in range(6)]
    stored = [done.stdout.split()[1] for done in again]
    damage(
        daemon.database,
        ("delivery", stored[0], "body", "x'28b52ffd00'"),
        ("delivery", stored[1], "body", "'a text'"),
        ("delivery", stored[2], "headers", NO_JSON),
        ("delivery", stored[3], "headers", NO_TEXT),
        ("delivery", stored[4], "headers", "'3'"),
        ("build", builds[0], "request", NO_JSON),
        ("build", builds[1], "origin", NO_TEXT),
        ("build", builds[2], "subscriptions", "'{}'"),
        ("notice", notice, "facts", NO_TEXT),
    )
    here = {"kind": "local", "command": ["true"]}
    with running(
        tmp_path,
        CONFIG | {"builders": {"here": here}},
        {"shop.yaml": shop_rule(URL, "**", public=True, builder="here")},
    ) as daemon:
        eventually(lambda: len(listed(daemon, "deliveries", "dead")) == 5)
        eventually(lambda: not listed(daemon, "deliveries", "stored"))
        eventually(lambda: len(daemon.builds(state="unknown")) == 3)
        eventually(lambda: daemon.builds(build_id=builds[3])[0]["ended_at"])
        eventually(lambda: notice in listed(daemon, "notices", "dead"))
        states = {one["build_id"]: one["state"] for one in daemon.builds()}
        shown = [
            daemon.command(what, *more)
            for what, names in {"deliveries": stored[:5], "builds": builds[:3], "notices": [notice]}.items()
            for more in (("list",), ("list", "--json"), *(("show", name) for name in names))
        ]
        explained = daemon.command("explain", "--delivery", stored[0])
        assert send(daemon.url, push_body(URL, "refs/heads/new"), "a new one").status_code == 202
        eventually(lambda: daemon.builds(state="failed") or daemon.builds(state="succeeded"))
        assert daemon.stop() == 0
    assert [states[build] for build in builds[:3]] == ["unknown"] * 3
    assert states[builds[3]] in {"failed", "succeeded"}
    assert {done.status for done in shown} == {0}
    assert all("damaged: what the store has as its " in done.stdout for done in shown)
    assert all("Traceback" not in done.stdout + done.stderr for done in [*shown, explained])
    assert "its body cannot be read" in explained.stderr
    assert daemon.said("store.row_damaged", build_id=builds[0])


def four(daemon: Daemon) -> list[dict[str, Any]]:
    """The builds, oldest first, once there are four."""
    found = daemon.builds(state="waiting")
    return sorted(found, key=lambda one: one["number"]) if len(found) == 4 else []


def listed(daemon: Daemon, table: str, state: str) -> list[str]:
    """The ids of the rows in this state."""
    name = {"deliveries": "delivery", "notices": "notice"}[table]
    rows = execute(daemon.database, f"SELECT id FROM {name} WHERE state = ? ORDER BY id", state)
    return [row[0] for row in rows]


DOCUMENTS = [NO_JSON, "'3'", pytest.param(NO_TEXT, marks=pytest.mark.sqlite)]
"""PostgreSQL keeps no text that is none."""


@pytest.mark.parametrize("expression", DOCUMENTS)
async def test_a_damaged_build_keeps_no_later_push_of_its_repository_from_being_planned(
    store: Store, expression: str
) -> None:
    """Nor its own end from being written, when it was with its builder already."""
    old = await store.add_build("1")
    await store.builds.claim("here", None, quiet)
    await store.builds.transition(old.id, BuildState.RUNNING, quiet, handle="7")
    damage(store.path, ("build", old.id, "request", expression), ("build", old.id, "origin", expression))
    assert (await store.schedules.branch("Simple x", "main", "acme", "shop")).built is None
    assert (await store.add_build("2")).number == 2
    (followed,) = await store.builds.in_state("here", BuildState.RUNNING)
    assert (followed.handle, followed.origin.ref_name, bool(followed.damage)) == ("7", "main", True)
    ended = await store.builds.transition(old.id, BuildState.SUCCEEDED, quiet)
    assert ended is not None
    assert ended.state is BuildState.SUCCEEDED


@pytest.mark.parametrize("expression", DOCUMENTS)
async def test_a_damaged_build_is_listed_with_the_others_and_keeps_none_from_its_builder(
    store: Store, expression: str
) -> None:
    first, second, other = [await store.add_build(name) for name in ("1", "2", "3")]
    damage(store.path, *(("build", second.id, column, expression) for column in ("request", "origin")))
    found = (await store.builds.page(Cursor(), 10)).rows
    assert {one.id: bool(one.damage) for one in found} == {first.id: False, second.id: True, other.id: False}
    claimed = await store.builds.claim("here", None, quiet)
    assert claimed is not None
    assert claimed.id == first.id
    # It writes the tag of the third one, and that of the second cannot be read.
    assert await store.builds.claim("here", None, quiet) is None
    await store.builds.transition(first.id, BuildState.FAILED, quiet)
    claimed = await store.builds.claim("here", None, quiet)
    assert claimed is not None
    assert claimed.id == other.id
    assert (await store.build(second.id)).state is BuildState.UNKNOWN


WORDS: dict[str, Callable[[Store, str], Any]] = {
    "delivery": lambda store, _row_id: newest_deliveries(store, 10),
    "build": lambda store, row_id: store.builds.get(row_id),
}


@pytest.mark.parametrize("table", WORDS)
async def test_a_state_that_nobody_knows_is_shown_as_damage(store: Store, table: str) -> None:
    build = await store.add_build("1")
    row_id = build.id if table == "build" else build.origin.delivery_id
    damage(store.path, (table, row_id, "state", "'wierd'"))
    found = await WORDS[table](store, row_id)
    shown = found[0] if isinstance(found, list) else found
    assert shown.detail == "damaged: what the store has as its state cannot be read"
    assert shown.state in {DeliveryState.DEAD, BuildState.UNKNOWN}


async def test_newest_code_that_cannot_be_read_is_not_built_again(store: Store, tmp_path: Path) -> None:
    """The newest was built, then older code, and then comes the link that tells."""
    async with pushing(store, tmp_path) as here:
        for move in ("bc", "-a"):
            await here.push(move, "refs/heads/main")
            await here.drain()
        before = await here.builds()
        damage(store.path, ("build", before[0].id, "request", NO_JSON))
        await here.push("ab", "refs/heads/main")
        await here.drain()
        told = [row.detail for row in await newest_deliveries(store, 10)]
        assert len(await here.builds()) == len(before)
    assert any("#1 cannot be built again: damaged: " in detail for detail in told), told
