"""Logs by time: rows of one second, rows without a time, and services that ignore what is asked for."""

from pathlib import Path

import pytest
from support.alauda_builds import builder, sent
from support.builder_sites import log_from
from support.fake_alauda import FakeAlauda, Row
from support.fake_http import json_reply

from bridge.errors import Transient


@pytest.mark.parametrize("filters", [True, False])
async def test_overlaps_are_left_out_and_lines_of_the_last_second_still_come(
    filters: bool, alauda: FakeAlauda, tmp_path: Path
) -> None:
    alauda.filters = filters
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        rows = alauda.builds[0].rows
        assert await log_from(ci, handle) == ("", 0)
        rows += [Row("one", 100), Row("two", 100)]
        text, offset = await log_from(ci, handle)
        assert text == "one\ntwo\n"
        assert await log_from(ci, handle, offset) == ("", offset)
        rows += [Row("two", 100), Row("three\r\n", 101)]
        text, offset = await log_from(ci, handle, offset)
        assert text == "two\nthree\n"
        assert (await log_from(ci, handle, offset))[0] == ""
    assert alauda.requests[-1].endswith("start_time=101")


async def test_a_log_with_rows_that_have_no_time_loses_and_repeats_none(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        rows = alauda.builds[0].rows
        rows += [Row("zero", 99), Row("one", 100)]
        text, offset = await log_from(ci, handle)
        rows += [Row("two", None), Row("three", 101)]
        more, offset = await log_from(ci, handle, offset)
        rows += [Row("four", None)]
        last, offset = await log_from(ci, handle, offset)
        assert text + more + last == "zero\none\ntwo\nthree\nfour\n"
        assert await log_from(ci, handle, offset) == ("", offset)
        fresh, _ = await log_from(ci, handle)
    assert fresh == text + more + last


async def test_rows_that_are_not_in_the_order_of_time_are_all_shown(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        rows = alauda.builds[0].rows
        rows += [Row("late", 200), Row("early", 100)]
        text, offset = await log_from(ci, handle)
        rows += [Row("more", 150)]
        assert text == "late\nearly\n"
        assert (await log_from(ci, handle, offset))[0] == "more\n"


async def test_a_log_that_has_shrunk_begins_again_and_one_that_is_gone_drops_nothing(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        build = alauda.builds[0]
        build.rows = [Row("one", 100), Row("two", 100)]
        _, offset = await log_from(ci, handle)
        build.rows = [Row("new", 99), Row("newer", 101)]
        chunk = await ci.log(handle, offset)
        assert (chunk.text, chunk.restarted) == ("new\nnewer\n", True)
        build.rows.clear()
        gone = await ci.log(handle, chunk.next)
        assert (gone.text, gone.next, gone.restarted) == ("", chunk.next, False)
        alauda.builds.clear()
        with pytest.raises(Transient, match="does not show the log"):
            await ci.log(handle, 0)


async def test_a_line_longer_than_a_piece_is_cut_and_the_next_one_is_whole(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        alauda.builds[0].rows = [Row("构" * 200_000, 100), Row("next", 100)]
        text, _ = await log_from(ci, handle)
    long, last = text.splitlines()
    assert long.endswith("构 (the rest of this line is left out)")
    assert last == "next"


async def test_a_piece_of_many_lines_stays_within_its_bound(alauda: FakeAlauda, tmp_path: Path) -> None:
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        alauda.builds[0].rows = [Row("x" * 200_000, 100), Row("y" * 200_000, 100)]
        first = await ci.log(handle, 0)
        assert (first.text, first.more) == ("x" * 200_000 + "\n", True)
        assert (await ci.log(handle, first.next)).text == "y" * 200_000 + "\n"


async def test_times_that_are_none_are_no_times(alauda: FakeAlauda, tmp_path: Path) -> None:
    rows = [{"message": "far", "time": 1e300}, {"message": None, "time": -5}, {"time": 1.5}]
    async with builder(alauda, tmp_path) as ci:
        handle = await sent(ci)
        alauda.trouble(match="/logs", times=2, reply=json_reply(rows))
        text, offset = await log_from(ci, handle)
        assert text == "far\n\n\n"
        assert await log_from(ci, handle, offset) == ("", offset)
