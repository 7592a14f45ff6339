"""Image tags: which build made each last, and whether it stands for older code than before."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from support.filled import counting, fill
from support.scripted import Store, new_build, open_store, quiet
from support.trail import change_by

from bridge.model.build import MANUAL, Build, BuildState
from bridge.model.event import RefMove
from bridge.model.plan import TagSet, Tip
from bridge.store.sql import history, reports
from bridge.store.sqlite import migrate

KEY = ("acme", "shop")
TAGS = ("latest", "main-1")
CODE, REF = "Simple https://git.example.com/shop", "refs/heads/main"


async def ends(store: Store, build: Build, to: BuildState = BuildState.SUCCEEDED, **change: Any) -> None:
    store.clock.advance(60)
    change.setdefault("ended_at", store.clock())
    for state in (BuildState.TRIGGERING, BuildState.QUEUED) if build.state is BuildState.WAITING else ():
        await store.builds.transition(build.run_id, state, quiet)
    assert await store.builds.transition(build.run_id, to, quiet, **change)


async def moved(store: Store, before: str | None, after: str) -> None:
    """The branch was moved from the commit of one key to that of another."""
    move = RefMove(CODE, REF, before and before * 40, after * 40, {})
    store.clock.advance(1)
    await store.database.write(lambda connection: history.record_move(connection, move, store.clock()))


async def built(store: Store, key: str, **changes: Any) -> Build:
    build = await store.add_build(key, **{"pushed": key * 40, "tags": TAGS, **changes})
    await ends(store, build, digest=f"sha256:{key}")
    return await store.build(build.id)


async def standing(
    store: Store, key: tuple[str, str] = KEY, **only: Any
) -> dict[str, tuple[int, str | None, int]]:
    """The number and digest of the build that made each tag, and the number of the newer one, 0 for none."""
    return {
        one.tag: (one.build.number, one.build.digest, one.newer.number if one.newer else 0)
        for one in await store.reports.tags(key, 50, **only)
    }


async def set_tip(store: Store, build: Build, tag_set: str) -> None:
    new = Tip(TagSet(*KEY, tag_set), CODE, REF, build.pushed)
    await store.database.write(lambda connection: history.set_tip(connection, new, store.clock()))


async def test_each_tag_is_of_the_build_that_made_it_last(store: Store) -> None:
    assert await standing(store) == {}
    await built(store, "1")
    await built(store, "2", tags=("latest",))
    failed = await store.add_build("3", tags=TAGS)
    await ends(store, failed, BuildState.FAILED)
    await store.add_build("4", tags=TAGS)
    assert await standing(store) == {"latest": (2, "sha256:2", 0), "main-1": (1, "sha256:1", 0)}
    assert [one.tag for one in await store.reports.tags(KEY, 1)] == ["latest"], "the newest first"
    assert await standing(store, ("acme", "none")) == {}


async def test_a_run_that_fails_leaves_the_tag_of_the_run_before(store: Store) -> None:
    build = await built(store, "1")
    again = await store.builds.retry(build.id, change_by("ann"), "once more")
    assert await standing(store) == dict.fromkeys(TAGS, (1, "sha256:1", 0))
    await ends(store, again, BuildState.FAILED)
    assert await standing(store) == dict.fromkeys(TAGS, (1, "sha256:1", 0))
    once_more = await store.builds.retry(build.id, change_by("ann"), "once more")
    await ends(store, once_more, digest="sha256:new")
    assert await standing(store) == dict.fromkeys(TAGS, (1, "sha256:new", 0))


async def test_a_builder_that_got_no_names_made_no_tag(store: Store) -> None:
    build = await store.add_build("1", tags=TAGS)
    await ends(store, build, images_passed=False)
    assert await standing(store) == {}


async def test_a_build_that_is_found_to_have_succeeded_made_its_tags_when_it_ended(store: Store) -> None:
    lost = await store.add_build("1", tags=TAGS)
    await ends(store, lost, BuildState.UNKNOWN)
    ended_at = store.clock()
    await built(store, "2", tags=("latest",))
    await ends(store, await store.build(lost.id), ended_at=ended_at)
    numbers = {tag: number for tag, (number, _, _) in (await standing(store)).items()}
    assert numbers == {"latest": 2, "main-1": 1}


async def test_an_older_build_that_ran_again_has_moved_the_tag_back(store: Store) -> None:
    older = await built(store, "1")
    await moved(store, "1", "2")
    await built(store, "2")
    await ends(store, await store.builds.retry(older.id, change_by("ann"), "once more"), digest="sha256:back")
    assert await standing(store) == dict.fromkeys(TAGS, (1, "sha256:back", 2))
    await built(store, "3")
    assert await standing(store) == dict.fromkeys(TAGS, (3, "sha256:3", 0))


async def test_a_build_of_an_older_push_has_moved_the_tag_back_whatever_its_number(store: Store) -> None:
    newest = await built(store, "1", tag_set="one")
    await built(store, "2", tag_set="one")
    await moved(store, "2", "1")
    await set_tip(store, newest, "one")
    assert await standing(store) == dict.fromkeys(TAGS, (2, "sha256:2", 1))
    await ends(store, await store.builds.retry(newest.id, change_by("ann"), "once more"), digest="sha256:1")
    assert await standing(store) == dict.fromkeys(TAGS, (1, "sha256:1", 0)), "it is of the newest push again"


async def test_a_person_builds_newer_code_than_any_push_did(store: Store) -> None:
    await built(store, "1")
    await moved(store, None, "1")
    await moved(store, "1", "2")
    by_a_person = replace(new_build("").origin, cause=MANUAL)
    newer = await built(store, "2", origin=by_a_person)
    assert await standing(store) == dict.fromkeys(TAGS, (2, "sha256:2", 0)), "its push was ignored"
    await built(store, "3", origin=by_a_person)
    assert await standing(store) == dict.fromkeys(TAGS, (3, "sha256:3", 0)), "it is not known how old that is"
    await moved(store, "2", "4")
    await built(store, "4")
    await ends(store, await store.builds.retry(newer.id, change_by("ann"), "once more"))
    assert await standing(store) == dict.fromkeys(TAGS, (2, None, 4))


async def test_builds_of_the_same_push_or_of_different_refs_are_not_compared(store: Store) -> None:
    first = await store.add_build("1", pushed="a" * 40, tags=TAGS)
    await ends(store, first)
    await ends(store, await store.add_build("2", pushed="a" * 40, tags=TAGS))
    await ends(store, await store.builds.retry(first.id, change_by("ann"), "once more"))
    assert await standing(store) == dict.fromkeys(TAGS, (1, None, 0))
    await built(store, "3", tag_set="another")
    await ends(store, await store.builds.retry(first.id, change_by("ann"), "once more"))
    assert await standing(store) == dict.fromkeys(TAGS, (1, None, 0))


async def test_newer_code_that_did_not_make_the_tag_moves_nothing_back(store: Store) -> None:
    older = await built(store, "1", tag_set="one")
    await moved(store, "1", "b")
    failed = await store.add_build("2", tag_set="one", pushed="b" * 40, tags=TAGS)
    await ends(store, failed, BuildState.FAILED)
    await set_tip(store, failed, "one")
    assert await standing(store) == dict.fromkeys(TAGS, (older.number, "sha256:1", 0))


async def test_everyone_sees_the_tags_of_public_builds_only(store: Store) -> None:
    await built(store, "1", is_public=True)
    await built(store, "2", tags=("secret",))
    assert set(await standing(store)) == {*TAGS, "secret"}
    assert set(await standing(store, public=True)) == set(TAGS)


async def test_tags_go_with_their_builds(store: Store) -> None:
    await built(store, "1", tags=("old",))
    store.clock.advance(100)
    await built(store, "2", tags=("new",))
    await store.prune(deliveries=timedelta(days=9), builds=timedelta(seconds=150))
    assert set(await standing(store)) == {"new"}


async def test_the_newest_build_of_each_ref(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, name in enumerate(("main", "other", "main", "third")):
        await store.add_build(str(key), ref=f"refs/heads/{name}", is_public=name == "other")
        store.clock.advance(1)
    assert [build.number for build in await store.reports.refs(KEY, 20)] == [4, 3, 2]
    assert [build.number for build in await store.reports.refs(KEY, 2)] == [4, 3]
    assert [build.number for build in await store.reports.refs(KEY, 20, public=True)] == [2]
    monkeypatch.setattr(reports, "_REFS_AMONG", 2)
    assert [build.number for build in await store.reports.refs(KEY, 20)] == [4, 3]


async def test_the_verdict_on_a_ref(store: Store) -> None:
    main, said = "refs/heads/main", []
    assert await store.reports.verdict(KEY, main) is None
    first = await store.add_build("1", ref=main)
    said.append(await store.reports.verdict(KEY, main))
    await ends(store, first, BuildState.FAILED)
    for key, to in enumerate((BuildState.CANCELLED, BuildState.SUPERSEDED, BuildState.SUCCEEDED), 2):
        build = await store.add_build(str(key), ref=main)
        said.append(await store.reports.verdict(KEY, main))
        await ends(store, build, to)
        said.append(await store.reports.verdict(KEY, main))
    assert said == [BuildState.WAITING, *[BuildState.FAILED] * 5, BuildState.SUCCEEDED]
    assert await store.reports.verdict(KEY) is BuildState.SUCCEEDED
    assert await store.reports.verdict(KEY, "refs/heads/none") is None
    assert await store.reports.verdict(KEY, main, public=True) is None


@pytest.mark.sqlite
async def test_none_of_it_takes_longer_of_more_builds(tmp_path: Path) -> None:
    asked: list[Callable[[Store, bool], Awaitable[Any]]] = [
        lambda store, public: store.reports.tags(KEY, 50, public=public),
        lambda store, public: store.reports.refs(KEY, 20, public=public),
        lambda store, public: store.reports.verdict(KEY, "refs/heads/main", public=public),
        lambda store, public: store.reports.verdict(KEY, public=public),
        lambda store, public: store.reports.verdict(KEY, "refs/heads/none", public=public),
    ]
    steps: list[list[int]] = []
    for many in (6_000, 12_000):
        async with open_store(tmp_path / str(many)) as store:
            await fill(store, many)
            await store.database.write(lambda connection: connection.execute(text(FILL_TAGS)))
            steps.append([])
            for ask in asked:
                for public in (False, True):
                    with counting(store) as counted:
                        await ask(store, public)
                    steps[-1].append(counted["steps"])
    for few, more in zip(*steps, strict=True):
        assert more <= 1.1 * few + 50, steps


FILL_TAGS = """
INSERT INTO built_tag SELECT namespace, repo_name, 'tag-' || number, id, run, is_public, ended_at, number
FROM build WHERE state = 'succeeded'
"""


@pytest.mark.sqlite
async def test_a_store_of_before_has_the_tags_of_what_it_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").mkdir()
    async with open_store(tmp_path / "new") as store:
        older = await built(store, "1")
        await moved(store, "1", "2")
        await built(store, "2")
        await ends(
            store, await store.builds.retry(older.id, change_by("ann"), "once more"), digest="sha256:back"
        )
        third = await built(store, "3", tags=("third",))
        await ends(
            store, await store.builds.retry(third.id, change_by("ann"), "once more"), BuildState.FAILED
        )
        damaged = await built(store, "4", tags=("damaged",))
        await ends(store, await store.add_build("5", tags=("none",)), images_passed=False)
        expected = await standing(store)
    assert expected.pop("damaged")[0] == 4
    assert expected["latest"] == (1, "sha256:back", 2)
    assert expected["third"] == (3, "sha256:3", 0)
    old = tmp_path / "bridge.db"
    with monkeypatch.context() as before:
        before.setattr(migrate, "REVISION", "0028")
        migrate.apply_migrations(old)
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("ATTACH ? AS new", (str(tmp_path / "new" / "bridge.db"),))
        for table in ("build", "earlier_run", "tip", "ref_move"):
            columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
            connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table}")
        connection.execute("UPDATE build SET request = '{' WHERE id = ?", (damaged.id,))
    migrate.upgrade(old)
    async with open_store(tmp_path) as store:
        assert await standing(store) == expected
