"""Any line of a log is found by its number, which it keeps while the log grows, and by what it says."""

import random
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest
from sqlalchemy import Connection, event
from support.examples import examples
from support.filled import add_long_log, counting
from support.older import make_older
from support.scripted import Store
from support.services import add_queued, move
from support.trail import change_by

from bridge.errors import StoreError
from bridge.model.build import BuildState, run_id_of
from bridge.store.logs import MAX_EXCERPT, MAX_LINE, MAX_LINES, MAX_TEXT, NumberedLine
from bridge.store.open import open_store
from bridge.store.sql.builds import Builds
from bridge.store.sqlite import migrate
from bridge.store.values import unchanged


async def append(store: Store, build_id: str, text: str, piece: int = 777) -> None:
    for at in range(0, len(text), piece):
        await store.builds.append_log(build_id, text[at : at + piece], at + piece, restarted=False)


async def numbered(store: Store, build_id: str, first: int = 1, count: int = MAX_LINES) -> dict[int, str]:
    """The lines by their numbers, without the mark."""
    found = await store.logs.lines(build_id, first, count)
    return {row.number: row.text for row in found.rows if row.number is not None}


def limited(store: Store, limit: int) -> Store:
    store.builds = Builds(store.database, store.clock, unchanged, store.audit, limit)
    return store


TEXT = "".join(f"{number:04} 构建 naïve 🚀 {'.' * (number % 70)}\n" for number in range(1, 1501))


@pytest.mark.parametrize("piece", [7, 777, 1 << 20])
async def test_each_line_has_its_number_however_the_log_came(store: Store, piece: int) -> None:
    build = await add_queued(store)
    text = TEXT if piece > 7 else TEXT[:4000]
    await append(store, build.id, text, piece)
    *lines, rest = text.split("\n")
    for first in (1, 2, 50, len(lines) - 3, len(lines)):
        found = await store.logs.lines(build.id, first, 30)
        expected = list(enumerate(lines, 1))[first - 1 : first + 29]
        assert [(row.number, row.text) for row in found.rows][: len(expected)] == expected
        assert found.total == len(lines) + bool(rest)
        assert found.open is bool(rest)
    assert (await store.logs.lines(build.id, len(lines) + 2, 30)).rows == ()


async def test_the_last_lines_are_found_without_their_numbers(store: Store) -> None:
    build = await add_queued(store)
    await append(store, build.id, f"{TEXT}an unfinished one")
    found = await store.logs.lines(build.id, 0, 10)
    assert found.rows == (NumberedLine(1501, "an unfinished one", 17),)
    assert found.open
    last = await store.logs.lines(build.id, 1 - MAX_LINES, MAX_LINES + 500)
    assert (len(last.rows), last.rows[-1].number, last.total) == (MAX_LINES, 1501, 1501)
    few = await store.logs.lines(build.id, -5000, 3)
    assert [row.number for row in few.rows] == [1, 2, 3], "before its beginning there is nothing"


async def test_no_log_has_no_lines(store: Store) -> None:
    build = await add_queued(store)
    for build_id, run in ((build.id, None), (build.id, 7), ("none", None)):
        found = await store.logs.lines(build_id, 1, 10, run=run)
        assert (found.total, found.open, found.rows) == (0, False, ())
        assert (await store.logs.search(build_id, "a", run=run)).count == 0


@pytest.mark.parametrize("seed", range(examples(30)))
async def test_a_number_stays_that_of_its_line_whatever_happens_to_the_log(store: Store, seed: int) -> None:
    """Unfinished lines are taken back, the log is cut, its mark moves, half lines go."""
    dice = random.Random(seed)
    limited(store, 4 << 10)
    build = await add_queued(store)
    whole = "".join(f"{number} {'x' * dice.choice([0, 3, 40, 300])}\n" for number in range(1, 250))
    at = 0
    while at < len(whole):
        part = whole[at : at + dice.choice([1, 30, 200, 700, 1000])]
        await store.builds.append_log(build.id, part, at, restarted=False)
        at += len(part)
        assert (await store.logs.lines(build.id, 1, 1)).total == whole[:at].count("\n") + (
            whole[at - 1] != "\n"
        )
        lines = await numbered(store, build.id)
        true = dict(enumerate(whole[:at].splitlines(), 1))
        cut = [number for number, line in lines.items() if true[number] != line]
        assert all(
            true[number].startswith(lines[number]) or true[number].endswith(lines[number]) for number in cut
        )
        assert len(cut) <= 2, "only those beside the mark are not whole"
        assert max(lines) == len(true), "the end is kept"
    rows = (await store.logs.lines(build.id, 1, MAX_LINES)).rows
    mark = next(place for place, row in enumerate(rows) if row.number is None)
    assert "bytes are left out here" in rows[mark].text
    behind = rows[mark + 1].number
    assert behind is not None
    assert (await store.logs.lines(build.id, behind - 1, 2)).rows == rows[mark : mark + 2]
    assert (await store.logs.lines(build.id, behind, 1)).rows == rows[mark + 1 : mark + 2]


async def test_an_unfinished_line_that_becomes_another_is_one_line(store: Store) -> None:
    def masked(text: str) -> str:
        return text.replace("secret", "***")

    store.builds = Builds(store.database, store.clock, masked, store.audit)
    build = await add_queued(store)
    for part in ("one\nit has a sec", "ret\nthree\n"):
        await store.builds.append_log(build.id, part, 0, restarted=False)
    assert await numbered(store, build.id) == {1: "one", 2: "it has a ***", 3: "three"}


async def test_a_log_that_starts_again_goes_on_with_its_numbers(store: Store) -> None:
    build = await add_queued(store)
    await store.builds.append_log(build.id, "one\ntwo", 7, restarted=False)
    await store.builds.append_log(build.id, "one\n", 4, restarted=True)
    again = "--- the log starts again ---"
    assert await numbered(store, build.id) == {1: "one", 2: "two", 3: again, 4: "one"}


async def test_each_run_has_its_own_lines(store: Store) -> None:
    build = await add_queued(store)
    await append(store, build.id, "one\ntwo\n")
    await move(store, build, BuildState.FAILED)
    again = await store.builds.retry(build.id, change_by("ann"), "again")
    await append(store, again.run_id, "three\n")
    for run, lines in ((1, ["one", "two"]), (2, ["three"]), (None, ["three"])):
        found = await store.logs.lines(build.id, 1, 10, run=run)
        assert [row.text for row in found.rows] == lines
        assert found.total == len(lines)
    assert (await store.logs.search(build.id, "o", run=1)).rows == ((1, "one"), (2, "two"))
    assert (await store.logs.search(build.id, "o")).count == 0


async def test_of_a_very_long_line_both_ends_are_read(store: Store) -> None:
    build = await add_queued(store)
    await append(store, build.id, "first\na" + "m" * (5 * MAX_LINE) + "z\nlast", 100_003)
    found = (await store.logs.lines(build.id, 1, 10)).rows
    assert [row.number for row in found] == [1, 2, 3]
    assert found[1].length == 5 * MAX_LINE + 2
    assert len(found[1].text) == MAX_LINE
    assert (found[1].text[0], found[1].text[-1]) == ("a", "z")


async def test_what_is_read_at_once_is_bounded(store: Store) -> None:
    build = await add_queued(store)
    await append(
        store, build.id, "".join(f"{number:04}{'x' * 20_000}\n" for number in range(1, 201)), 1 << 18
    )
    forwards = await store.logs.lines(build.id, 1, MAX_LINES)
    backwards = await store.logs.lines(build.id, 1, MAX_LINES, from_end=True)
    assert [row.number for row in forwards.rows] == list(range(1, len(forwards.rows) + 1))
    assert [row.number for row in backwards.rows] == list(range(201 - len(backwards.rows), 201))
    for found in (forwards, backwards):
        assert MAX_TEXT // 2 < sum(len(row.text) for row in found.rows) < MAX_TEXT + MAX_LINE
    few = await store.logs.lines(build.id, 10, 20, from_end=True)
    assert [row.number for row in few.rows] == list(range(10, 30)), "what fits is not cut"


@pytest.mark.sqlite
async def test_any_line_of_a_long_log_is_read_as_fast_as_of_a_short_one(store: Store) -> None:
    steps = []
    for number, pieces in enumerate((40, 800)):
        build = await store.add_build(str(number))
        await add_long_log(store, build, pieces)
        total = (await store.logs.lines(build.id, 1, 1)).total
        with counting(store) as counted:
            for first in (1, total // 2, total - 50):
                assert (await store.logs.lines(build.id, first, 40)).rows[0].number == first
        steps.append(counted["steps"])
    assert steps[1] <= 1.3 * steps[0], steps


@pytest.mark.parametrize("piece", [3, 777])
async def test_a_search_finds_every_line_once_in_any_case(store: Store, piece: int) -> None:
    build = await add_queued(store)
    await append(store, build.id, "An Error\nnothing\nerror, ERROR, error\n构建失败\nlast error", piece)
    found = await store.logs.search(build.id, "ErRoR")
    assert found.rows == ((1, "An Error"), (3, "error, ERROR, error"), (5, "last error"))
    assert found.count == 3
    assert (await store.logs.search(build.id, "构建")).rows == ((4, "构建失败"),)
    assert (await store.logs.search(build.id, "g\ner")).count == 0, "a line is searched, not the log"


async def test_what_is_searched_for_is_a_text_and_no_pattern(store: Store) -> None:
    build = await add_queued(store)
    await append(store, build.id, "a.c\nabc\n100%\n(a|b)\n")
    for text, lines in ((".", [1]), ("%", [3]), ("(a|b)", [4]), ("_", [])):
        assert [number for number, _ in (await store.logs.search(build.id, text)).rows] == lines


async def test_colours_split_no_match_and_letters_that_grow_shift_none(store: Store) -> None:
    build = await add_queued(store)
    await append(store, build.id, "İstanbul\nthe \x1b[31mer\x1b[1mror\x1b[0m is here\nİİİİ error\n", 5)
    assert (await store.logs.search(build.id, "error")).rows == ((2, "the error is here"), (3, "İİİİ error"))


async def test_of_a_long_line_the_part_with_the_match_is_shown(store: Store) -> None:
    build = await add_queued(store)
    await append(store, build.id, f"{'a' * 5000} the needle {'b' * 5000}\n{'needle' * 100}\n")
    (_, excerpt), (_, other) = (await store.logs.search(build.id, "needle")).rows
    assert "the needle" in excerpt
    assert len(excerpt) == len(other) == MAX_EXCERPT


async def test_lines_behind_what_was_left_out_are_found_by_their_true_numbers(store: Store) -> None:
    limited(store, 8 << 10)
    build = await add_queued(store)
    await append(store, build.id, "".join(f"line {number:04} {'.' * 80}\n" for number in range(1, 401)))
    found = await store.logs.search(build.id, "LINE 0399")
    assert [number for number, _ in found.rows] == [399]
    assert (await store.logs.search(build.id, "bytes are left out")).count == 0, "the mark is no line"


async def test_all_are_counted_and_a_thousand_shown_of_a_hundred_thousand_in_little_time(
    store: Store,
) -> None:
    build = await add_queued(store)
    text = "".join(
        f"{number:06} step {number % 97} of the build {'.' * 48}\n" for number in range(1, 100_001)
    )
    await append(store, build.id, text, 256 << 10)
    for needle, count in (("of the BUILD", 100_000), ("step 96 ", 1030), ("not there", 0)):
        begun = time.perf_counter()
        found = await store.logs.search(build.id, needle)
        # It takes 60 ms here; a machine that has much to do takes longer.
        assert time.perf_counter() - begun < 2
        assert (found.count, len(found.rows)) == (count, min(count, MAX_LINES))


@pytest.mark.parametrize("goes_on", [False, True])
@pytest.mark.sqlite
async def test_the_pieces_of_an_older_store_get_their_lines(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    """Where they are read, by many at once, or go on; to migrate a store writes no log anew.

    What an older mark stands for counts as one line, since no one knows better.
    """
    for number in range(3):
        build = await add_queued(store, str(number))
        await append(store, build.id, f"\0{TEXT[: 1000 + 7000 * number]}")
        await move(store, build, BuildState.FAILED)
        again = await store.builds.retry(build.id, change_by("ann"), "again")
        await append(store, again.run_id, TEXT, 555)
    limited(store, 8 << 10)
    long = await add_queued(store, "long")
    await append(store, long.id, "".join(f"line {number:04} {'.' * 80}\n" for number in range(1, 401)))
    limited(store, 1 << 20)
    path, tables = tmp_path / "older" / "bridge.db", ("build", "earlier_run", "build_log")
    make_older(path, "0028", monkeypatch, of=store.path, tables=tables)
    migrate.upgrade(path)
    with closing(sqlite3.connect(path)) as older:
        assert older.execute("SELECT DISTINCT line FROM build_log").fetchall() == [(0,)]
        runs = older.execute(
            "SELECT id, run FROM build UNION SELECT build_id, run FROM earlier_run"
        ).fetchall()

    async def go_on() -> None:
        for build_id, run in runs:
            for one in (opened, store):
                await one.builds.append_log(run_id_of(build_id, run), "and\nmore", 9, restarted=False)

    async with open_store(f"sqlite://{path}", exclusive=True) as opened, anyio.create_task_group() as many:
        if goes_on:
            await go_on()
        for build_id, run in runs:
            for _ in range(3):
                many.start_soon(partial(opened.logs.lines, build_id, 1, 9, run=run))
                many.start_soon(partial(opened.logs.search, build_id, "0", run=run))
    pieces = f"SELECT build_id, seq, line FROM build_log WHERE build_id != '{long.id}' ORDER BY 1, 2"
    ended = f"SELECT id, log_lines FROM build WHERE id != '{long.id}' ORDER BY 1"
    earlier = "SELECT build_id, run, log_lines FROM earlier_run ORDER BY 1, 2"
    with closing(sqlite3.connect(path)) as older, closing(sqlite3.connect(store.path)) as newer:
        for query in (pieces, ended, earlier):
            found = older.execute(query).fetchall()
            assert found == newer.execute(query).fetchall()
            assert found
        kept = f"SELECT text FROM build_log WHERE build_id = '{long.id}' ORDER BY seq"
        texts = "".join(text for (text,) in older.execute(kept))
        (lines,) = older.execute(f"SELECT log_lines FROM build WHERE id = '{long.id}'").fetchone()
    head, _, rest = texts.partition("\n---")
    assert lines == head.count("\n") + 1 + rest.partition("---\n")[2].count("\n")


@contextmanager
def growing(store: Store, build_id: str) -> Iterator[Callable[[], bool]]:
    """The middle of a log is cut between two parts of a read of it: says whether it was."""
    parts = 0

    def grow(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal parts
        parts += "build_log.text" in statement and "build_log.seq > " in statement
        if parts == 1:
            parts += 1
            for number in range(40):
                anyio.from_thread.run(append, store, build_id, f"more {number} {'.' * 700}\n")

    event.listen(store.database._engine, "before_cursor_execute", grow)
    try:
        yield lambda: parts > 1
    finally:
        event.remove(store.database._engine, "before_cursor_execute", grow)


async def test_a_log_whose_middle_is_cut_while_it_is_read_is_read_as_it_was(store: Store) -> None:
    build = await add_queued(limited(store, 60_000))
    await append(store, build.id, "".join(f"{number:04} {'.' * 70}\n" for number in range(1200)))
    reads: list[Callable[[], Awaitable[object]]] = [
        partial(store.builds.log_range, build.id, 0, 1 << 20),
        partial(store.logs.lines, build.id, 1, MAX_LINES),
        partial(store.logs.search, build.id, "."),
    ]
    for read in reads:
        before = await read()
        with growing(store, build.id) as is_cut:
            assert await read() == before
            assert is_cut()
        assert await read() != before


async def test_what_reads_a_snapshot_leaves_none_to_the_next_reader(store: Store) -> None:
    build = await add_queued(store)

    def fails(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT count(*) FROM build_log").close()
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # ours
        await store.database.read(fails, snapshot=True)
    with pytest.raises(StoreError):
        await store.database.read(lambda connection: connection.exec_driver_sql("SELECT no"), snapshot=True)
    await append(store, build.id, "one\n")
    assert await store.builds.log_tail(build.id, 100) == "one\n"
