"""Records of runs: what each word means, when a run began and ended, and when one is gone."""

import json

import pytest
from support.codearts_builds import builder, by_password, sent, status
from support.fake_codearts import FakeCodeArts, Run, refusal
from support.fake_http import json_reply

from bridge.builders.codearts.model import unix
from bridge.errors import RemoteError
from bridge.model.build import BuildState

RECORD = "/record-info"


@pytest.mark.parametrize(
    ("word", "state", "detail"),
    [
        ("SUCCESS", BuildState.SUCCEEDED, ""),
        ("success", BuildState.SUCCEEDED, ""),
        ("FAILURE", BuildState.FAILED, ""),
        ("FAILED", BuildState.FAILED, ""),
        ("error", BuildState.FAILED, ""),
        ("timeout", BuildState.FAILED, "CodeArts ended it: it ran longer than its job may"),
        ("SCHEDULE_FAILURE", BuildState.FAILED, "CodeArts found nothing to run it on"),
        ("ABORTED", BuildState.CANCELLED, "aborted in CodeArts"),
        ("aborted", BuildState.CANCELLED, "aborted in CodeArts"),
    ],
)
async def test_a_word_for_an_end_ends_a_build(
    codearts: FakeCodeArts, word: str, state: BuildState, detail: str
) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.start(codearts.runs[0])
        codearts.finish(codearts.runs[0], word)
        seen = await status(ci, handle)
    assert (seen.state, seen.raw, seen.detail, seen.recognised) == (state, word, detail, True)
    assert seen.ended_at is not None


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("InQueue", BuildState.QUEUED),
        ("Starting", BuildState.QUEUED),
        ("QUEUED", BuildState.QUEUED),
        ("Running", BuildState.RUNNING),
        ("building", BuildState.RUNNING),
        ("", BuildState.QUEUED),
        (None, BuildState.QUEUED),
    ],
)
async def test_a_word_for_a_wait_or_a_run_ends_nothing(
    codearts: FakeCodeArts, word: str | None, state: BuildState
) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.runs[0].status = word
        seen = await status(ci, handle)
    assert (seen.state, seen.recognised, seen.ended_at) == (state, True, None)
    assert seen.raw


async def test_an_unknown_word_ends_no_build_even_beside_a_time_of_its_end(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.start(codearts.runs[0])
        codearts.finish(codearts.runs[0], "PARTLY")
        seen = await status(ci, handle)
    assert (seen.state, seen.raw, seen.recognised, seen.ended_at) == (
        BuildState.RUNNING,
        "PARTLY",
        False,
        None,
    )


async def test_a_run_without_a_word_that_has_begun_is_running(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.start(codearts.runs[0])
        codearts.runs[0].status = None
        assert (await status(ci, handle)).state is BuildState.RUNNING


async def test_the_step_that_failed_is_named(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        run = codearts.runs[0]
        run.failed_step = "Maven构建\n"
        codearts.start(run)
        codearts.finish(run, "FAILURE")
        ended = await status(ci, handle)
        assert (ended.detail, ended.stage) == ("failed in the step 'Maven构建'", "Maven构建")
        codearts.trouble(match="history-details", reply=refusal(500, "CB.00060101"))
        assert (await status(ci, handle)).state is BuildState.FAILED


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2022-10-11T08:28:42.000+00:00", 1665476922.0),
        ("2020-12-30T17:33:11+08:00", 1609320791.0),
        ("2024-08-12T02:31:01+0800", 1723401061.0),
        ("2024-08-31 10:58:02", 1725073082.0),
        ("Jun 5, 2024 4:00:58 PM", None),
        ("", None),
        (None, None),
    ],
)
def test_each_form_of_a_time_is_read(text: str | None, seconds: float | None) -> None:
    assert unix(text) == seconds


async def test_a_record_that_is_not_there_yet_changes_nothing(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.runs[0].hidden = True
        for _ in range(3):
            assert await ci.poll({"b-1": handle}) == {}
            codearts.advance(30)
        codearts.runs[0].hidden = False
        assert (await status(ci, handle)).state is BuildState.QUEUED
        codearts.runs[0].hidden = True
        codearts.advance(60)
        assert await ci.poll({"b-1": handle}) == {}, "it is missed anew"


async def test_a_run_whose_record_is_another_one_for_minutes_is_gone(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.runs[0] = Run(1, "j_of-another", "20261127.1", {}, {}, codearts.clock(), "SUCCESS")
        for _ in range(4):
            assert await ci.poll({"b-1": handle}) == {}
            codearts.advance(31)
        codearts.trouble(match="running-status", reply=refusal(500, "CB.00060101"))
        assert await ci.poll({"b-1": handle}) == {}, "CodeArts has to be well"
        seen = await status(ci, handle)
    assert (seen.state, seen.raw) == (BuildState.UNKNOWN, "gone")
    assert "no record of its number 1 is ours, 6 times in 124 s" in seen.detail


async def test_a_server_that_does_not_answer_counts_for_nothing(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.trouble(match=RECORD, times=9, reply=refusal(500, "CB.00060101"))
        for _ in range(9):
            with pytest.raises(RemoteError):
                await ci.poll({"b-1": handle})
            codearts.advance(60)
        codearts.runs[0].hidden = True
        assert await ci.poll({"b-1": handle}) == {}


@pytest.mark.parametrize("mark", ["execution", "daily"])
async def test_one_mark_of_the_trigger_is_enough_to_know_a_run(codearts: FakeCodeArts, mark: str) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        setattr(codearts.runs[0], mark, "j_2")
        assert (await status(ci, handle)).state is BuildState.QUEUED


async def test_the_handle_learns_the_id_of_the_record(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        seen = await status(ci, await sent(ci))
    assert seen.handle is not None
    assert json.loads(seen.handle)["record"] == codearts.runs[0].record


async def test_many_builds_far_apart_are_read_by_pages_and_those_that_are_not_listed_alone(
    codearts: FakeCodeArts,
) -> None:
    async with builder(codearts) as ci:
        handles = {"b-0": await sent(ci, "b-0")}
        for _ in range(150):
            codearts.made({}, {})
        handles |= {f"b-{number}": await sent(ci, f"b-{number}") for number in range(1, 5)}
        before = len(codearts.requests)
        assert set(await ci.poll(handles)) == set(handles)
        assert len(codearts.requests) - before == 3
        codearts.trouble(match="/records?", reply=json_reply({"result": {"data": []}}))
        assert set(await ci.poll(handles)) == set(handles)


async def test_a_failure_for_one_of_a_few_builds_hides_no_other(codearts: FakeCodeArts) -> None:
    async with builder(codearts, **by_password(codearts)) as ci:
        handles = {name: await sent(ci, name) for name in ("b-1", "b-2", "b-3")}
        codearts.trouble(match="/2/record-info", times=9, reply=refusal(500, "CB.00060101"))
        assert set(await ci.poll(handles)) == {"b-1"}
        codearts.advance(5)
        assert set(await ci.poll(handles)) == {"b-1", "b-3"}


async def test_more_builds_than_are_read_alone_at_once_take_turns(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handles = {f"b-{number}": await sent(ci, f"b-{number}") for number in range(50)}
        codearts.trouble(match="/records?", times=9, reply=json_reply({"result": {"data": []}}))
        seen = [set(await ci.poll(handles)) for _ in range(4)]
        codearts.advance(30)
        seen.append(set(await ci.poll(handles)))
    assert set.union(*seen[:3]) == set(handles)
    assert [len(one) for one in seen] == [20, 20, 10, 0, 20]
