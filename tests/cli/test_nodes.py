"""`status` and `doctor` about the nodes of one PostgreSQL database."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.chinese import HAN, english_of
from support.commands import command
from support.daemon import Daemon
from support.postgres import Server
from support.records import CONFIG, RULE

from bridge import __version__
from bridge.runtime.home import node_name
from bridge.store.open import open_store

URL = "https://git.example.com/shop.git"
OFFERS = ("dispatch", "server:jenkins")


class Database:
    """A configuration with a database, whose nodes are in this process."""

    def __init__(self, folder: Path, url: str, stack: AsyncExitStack) -> None:
        self._url = url
        self._stack = stack
        store = {"url": url, "folder": str(folder / "here")}
        self.daemon = Daemon(folder, {**CONFIG, "store": store}, {"shop.yaml": RULE.format(url=URL)})

    async def join(self, name: str, *duties: str, key_ids: Collection[str] = ()) -> None:
        """Have one more node, which can do all and does these."""
        store = await self._stack.enter_async_context(open_store(self._url, exclusive=True))
        await store.nodes.join(f"home of {name}", name, OFFERS, key_ids=key_ids)
        await store.nodes.take(duties)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self._url) as connection:
            connection.execute(statement.encode())

    async def command(self, *words: str) -> tuple[int, list[dict[str, Any]], str]:
        done = await asyncio.to_thread(command, "--config", self.daemon.config, *words)
        assert done.stderr == ""
        return done.status, done.documents if "--json" in words else [], done.stdout

    async def found(self) -> dict[str | None, dict[str, Any]]:
        """What `doctor` says of the nodes, by what each line is about."""
        _, documents, _ = await self.command("doctor", "--json")
        return {one["about"]: one for one in documents if one["check"] == "nodes"}

    async def problems(self) -> list[str]:
        _, (document,), _ = await self.command("status", "--json")
        problems: list[str] = document["problems"]
        return problems


@pytest.fixture
async def database(tmp_path: Path, postgres: Server) -> AsyncIterator[Database]:
    async with AsyncExitStack() as stack:
        yield Database(tmp_path, postgres.make_database(), stack)


async def test_all_is_well_where_each_duty_has_a_node(database: Database) -> None:
    await database.join("a:1", "dispatch")
    await database.join("b:1", "server:jenkins")
    database.execute("UPDATE duty SET since = since - 3600")
    database.execute("UPDATE node SET started_at = started_at - 3600")
    assert await database.problems() == []
    found = await database.found()
    assert found[None]["state"] == "ok"
    assert found[None]["what"] == "a:1, b:1: each was heard of within 60 s"
    status, documents, _ = await database.command("doctor", "--json")
    (daemon,) = (one for one in documents if one["check"] == "daemon")
    assert (daemon["state"], daemon["what"]) == ("skipped", "it runs on other machines, and not on this one")
    assert status == 0
    _, _, shown = await database.command("status")
    assert "daemon         runs on other machines" in shown
    (line,) = (one for one in shown.splitlines() if one.startswith("b:1"))
    assert line.split()[:3] == ["b:1", __version__, "up"]
    assert line.endswith("  server:jenkins")


async def test_the_daemon_is_the_node_of_this_machine_not_the_one_that_started_last(
    database: Database,
) -> None:
    own = node_name(database.daemon.port)
    await database.join(own, *OFFERS)
    await database.join("b:1")
    database.execute(f"UPDATE node SET pid = 7, version = '0.1' WHERE name = '{own}'")
    _, (document,), _ = await database.command("status", "--json")
    assert (document["daemon"]["pid"], document["daemon"]["version"]) == (7, "0.1")
    assert document["problems"] == [f"the daemon is of version 0.1, not {__version__}: restart it"]


async def test_a_node_that_is_late_is_a_problem(database: Database) -> None:
    await database.join("a:1", *OFFERS)
    await database.join("b:1")
    database.execute("UPDATE node SET beat_at = beat_at - 180 WHERE name = 'b:1'")
    assert await database.problems() == ["the node b:1 was last heard of 3m ago"]
    found = await database.found()
    assert list(found) == ["b:1"]
    assert (found["b:1"]["state"], found["b:1"]["what"]) == ("fail", "it was last heard of 3m ago")


async def test_a_node_of_another_release_is_no_problem_but_doctor_warns(database: Database) -> None:
    await database.join("a:1", *OFFERS)
    await database.join("b:1")
    database.execute("UPDATE node SET version = '0.1' WHERE name = 'b:1'")
    assert await database.problems() == []
    found = await database.found()
    assert list(found) == ["b:1"]
    assert found["b:1"]["state"] == "warn"
    assert found["b:1"]["what"] == f"it is of version 0.1, and this command of {__version__}"


async def test_what_no_node_does_for_a_minute_is_a_problem(database: Database) -> None:
    await database.join("a:1", *OFFERS)
    database.execute("UPDATE duty SET node_id = NULL WHERE name = 'server:jenkins'")
    database.execute("UPDATE node SET started_at = started_at - 3600")
    assert await database.problems() == [], "it changes its node just now"
    database.execute("UPDATE duty SET since = since - 120")
    assert await database.problems() == ["no node does server:jenkins, for 2m by now"]
    found = await database.found()
    assert list(found) == ["server:jenkins"]
    assert found["server:jenkins"]["state"] == "fail"
    assert "another machine takes it up after 300 s" in found["server:jenkins"]["cure"]
    # None had it before, and none can do it now.
    database.execute("DELETE FROM duty WHERE name = 'server:jenkins'")
    assert await database.problems() == ["no node does server:jenkins, for 1h by now"]
    database.execute("UPDATE node SET offers = '[\"dispatch\"]'")
    assert await database.problems() == []


async def test_nodes_that_only_receive_leave_everything_waiting(database: Database) -> None:
    await database.join("a:1")
    database.execute("UPDATE node SET offers = '[]'")
    said = "no node works: start one without `--only receive`"
    assert await database.problems() == [said]
    assert [one["what"] for one in (await database.found()).values()] == [said]


async def test_nodes_whose_keys_of_tokens_differ_are_named_with_the_cure(database: Database) -> None:
    await database.join("b:1", *OFFERS, key_ids=["old", "new"])
    await database.join(own := node_name(database.daemon.port), key_ids=["new", "old"])
    await database.join("c:1")
    assert await database.problems() == [], "the third is of a release that does not say them"
    database.execute("UPDATE node SET key_ids = '[\"other\"]' WHERE name = 'b:1'")
    cure = "`buildbridge doctor` says what to do"
    assert await database.problems() == [f"the node b:1 has other keys of the tokens than {own}: {cure}"]
    found = await database.found()
    assert list(found) == ["b:1"]
    assert (found["b:1"]["state"], found["b:1"]["what"]) == (
        "fail",
        f"it has other keys of the tokens than {own}: one refuses what the other makes",
    )
    assert "copy the file `api.key` from one to the other" in found["b:1"]["cure"]
    database.execute(f"DELETE FROM node WHERE name = '{own}'")
    assert await database.problems() == []
    await database.join("d:1", key_ids=["old"])
    assert await database.problems() == [f"the node d:1 has other keys of the tokens than b:1: {cure}"]
    database.execute("UPDATE node SET beat_at = beat_at - 180 WHERE name = 'd:1'")
    assert await database.problems() == ["the node d:1 was last heard of 3m ago"]


async def test_without_a_node_doctor_says_so(database: Database) -> None:
    await database.join("a:1")
    database.execute("DELETE FROM node")
    found = await database.found()
    assert (found[None]["state"], found[None]["what"]) == ("fail", "no daemon serves the database")


async def test_people_read_it_in_chinese(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    await database.join("a:1", "dispatch", key_ids=["one"])
    await database.join("b:1")
    await database.join("c:1", key_ids=["other"])
    database.execute("UPDATE node SET version = '0.1', started_at = started_at - 3600")
    database.execute("UPDATE node SET beat_at = beat_at - 180 WHERE name = 'b:1'")
    _, _, doctor = await database.command("--language", "zh-CN", "doctor")
    lines = [line for line in doctor.splitlines() if "节点" in line.partition("\uff1a")[0]]
    assert len(lines) == 6
    _, _, status = await database.command("--language", "zh-CN", "status")
    lines += status[status.index("节点") :].splitlines()[:2] + status.splitlines()[-3:]
    for line in lines:
        assert HAN.search(line), line
        assert english_of(line) == [], line
