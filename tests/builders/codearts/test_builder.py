"""Logs, stopping, the test call and advice."""

import pytest
from support.codearts_builds import builder, make, sent, status
from support.fake_codearts import JOB, FakeCodeArts, Run, refusal
from support.fake_http import json_reply

from bridge.builders.base import Handle, Target
from bridge.builders.codearts.builder import CodeArtsBuilder
from bridge.errors import Permanent, Transient
from bridge.model.build import SeenJob

STOP = "/stop"


async def with_record(ci: CodeArtsBuilder) -> Handle:
    """The handle of a build whose record was read."""
    handle = (await status(ci, await sent(ci))).handle
    assert handle is not None
    return handle


async def test_a_log_that_is_not_shown_part_by_part_is_read_from_its_file(codearts: FakeCodeArts) -> None:
    text = "构建 line\n" * 60_000
    async with builder(codearts) as ci:
        handle = await with_record(ci)
        codearts.runs[0].log = text.encode()
        begun = await ci.log(handle, 0)
        codearts.log_parts = False
        chunk = await ci.log(handle, begun.next)
        assert chunk.restarted
        whole = chunk.text
        while chunk.more:
            chunk = await ci.log(handle, chunk.next)
            assert not chunk.restarted
            assert len(chunk.text.encode()) <= 256 << 10
            whole += chunk.text
        again = await ci.log(handle, chunk.next)
    assert whole == text
    assert (again.text, again.next, again.more) == ("", chunk.next, False)


async def test_a_log_file_that_became_shorter_is_read_anew(codearts: FakeCodeArts) -> None:
    codearts.log_parts = False
    async with builder(codearts) as ci:
        handle = await with_record(ci)
        codearts.runs[0].log = b"a long log\n"
        chunk = await ci.log(handle, 0)
        assert not chunk.restarted
        codearts.runs[0].log = b"short\n"
        chunk = await ci.log(handle, chunk.next)
    assert (chunk.text, chunk.restarted) == ("short\n", True)


async def test_a_log_of_which_nothing_is_known_yet_is_empty(codearts: FakeCodeArts) -> None:
    codearts.log_parts = False
    async with builder(codearts) as ci:
        chunk = await ci.log(await sent(ci), 0)
    assert (chunk.text, chunk.next, chunk.more) == ("", 0, False)


async def test_the_id_of_a_record_is_one_part_of_a_path(codearts: FakeCodeArts) -> None:
    codearts.log_parts = False
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.runs[0].record, codearts.runs[0].log = "a/b?c#d", b"its log\n"
        seen = await status(ci, handle)
        assert seen.handle is not None
        assert (await ci.log(seen.handle, 0)).text == "its log\n"


async def test_a_log_that_is_gone_says_so(codearts: FakeCodeArts) -> None:
    codearts.log_parts = False
    codearts.trouble(match="download-log", reply=refusal(404, "CB.00060202"))
    async with builder(codearts) as ci:
        handle = await with_record(ci)
        with pytest.raises(Permanent, match="no longer in CodeArts"):
            await ci.log(handle, 0)


async def test_more_log_than_was_asked_for_is_cut_and_told(codearts: FakeCodeArts) -> None:
    part = {"content": "建" * 300_000, "offset": 900_000, "has_more_data": False}
    codearts.trouble(match="real-time-log", reply=json_reply({"result": part}))
    async with builder(codearts) as ci:
        chunk = await ci.log(await sent(ci), 0)
    assert chunk.text.endswith("CodeArts sent more than it was asked for)\n")
    assert "\ufffd" not in chunk.text
    assert len(chunk.text.encode()) <= 256 << 10
    assert chunk.next == 900_000


async def test_an_empty_part_of_a_running_build_is_no_more_for_now(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.runs[0].log = b"one\r\n"
        first = await ci.log(handle, 0)
        second = await ci.log(handle, first.next)
    assert (first.text, first.more) == ("one\n", True)
    assert (second.text, second.more) == ("", False)


async def test_a_run_of_someone_else_is_never_stopped(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.runs[0] = Run(1, "j_of-another", "20261127.1", {}, {}, codearts.clock(), "RUNNING")
        await ci.cancel(handle)
    assert codearts.runs[0].status == "RUNNING"


async def test_a_run_whose_record_is_not_there_yet_is_stopped(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.trouble(match="record-info", reply=json_reply({"status": "success", "result": None}))
        await ci.cancel(handle)
    assert codearts.runs[0].status == "ABORTED"


async def test_a_run_that_does_not_stop_is_stopped_again(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.trouble(match=STOP, reply=json_reply({"success": False, "result": ""}))
        with pytest.raises(Transient, match="did not stop"):
            await ci.cancel(handle)
        await ci.cancel(handle)
    assert codearts.runs[0].status == "ABORTED"


async def test_a_run_that_ends_while_it_is_stopped_is_no_fault(codearts: FakeCodeArts) -> None:
    async with builder(codearts) as ci:
        handle = await sent(ci)
        codearts.trouble(match=STOP, reply=json_reply({"success": False, "result": ""}), acts=True)
        await ci.cancel(handle)


async def test_the_test_call_names_what_the_job_lacks(codearts: FakeCodeArts) -> None:
    codearts.declared = ("codeBranch",)
    codearts.disabled = True
    async with builder(codearts, names={"BRIDGE_BUILD_ID": "run_id", "TAGS": "tags"}) as ci:
        text = await ci.test()
    assert "it is disabled" in text
    assert text.endswith("or say in `names` what it calls them")
    assert f"signed in; the job '{JOB}' declares 1 parameters" in text
    assert "it does not declare run_id: add a text parameter of that name" in text
    assert "it does not receive the images to build (IMAGE, tags)" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"secret_key": "wrong"}, "rejects the signature: check `access_key`"),
        ({"access_key": "another"}, "rejects the signature: check `access_key`"),
        ({"job_id": "9" * 32}, "shows no job"),
    ],
)
async def test_the_commonest_mistakes_are_named(
    codearts: FakeCodeArts, change: dict[str, str], words: str
) -> None:
    async with builder(codearts, **change) as ci:
        with pytest.raises(Permanent, match=words):
            await ci.test()


async def test_an_address_without_codearts_build_is_named(codearts: FakeCodeArts) -> None:
    codearts.trouble(times=2, reply=refusal(404, "APIGW.0101"))
    async with builder(codearts) as ci:
        with pytest.raises(Transient, match=r"no such call at `url` .* and its region"):
            await ci.test()


def test_check_warns_of_what_a_job_was_seen_to_lack(codearts: FakeCodeArts) -> None:
    ci = make(codearts, names={"FLAVOUR": "flavour"})
    target = Target(
        repository="acme/shop", image="x.example.com/shop", clone_url=None, parameters=("FLAVOUR", "SIZE")
    )
    seen = [
        SeenJob(job=JOB, parameters=("BRIDGE_BUILD_ID", "TAGS", "flavour"), seen_at=0.0),
        SeenJob(job="another", parameters=(), seen_at=0.0),
    ]
    (advice,) = ci.advice([target], seen)
    assert advice.repository == "acme/shop"
    assert "1970-01-01 00:00 UTC, does not declare, and so does not get, SIZE:" in advice.problem
    bare = ci.advice([], [SeenJob(job=JOB, parameters=(), seen_at=0.0)])
    assert len(bare) == 2
    assert codearts.requests == []
