"""One log of all jobs, in pieces with offsets of our own."""

import pytest
from support.builder_contract import request
from support.builder_sites import log_from
from support.fake_gitlab import FakeGitLab
from support.fake_http import json_reply
from support.gitlab_builds import builder

from bridge.builders.base import Handle, Sent
from bridge.builders.gitlab_ci import log
from bridge.builders.gitlab_ci.builder import GitLabBuilder
from bridge.errors import RemoteError

MARKED = (
    "\x1b[0KRunning with gitlab-runner\x1b[0;m\r\n"
    "section_start:1795000000:prepare_executor\r\x1b[0K\x1b[0K\x1b[36;1mPreparing\x1b[0;m\n"
    "section_end:1795000001:prepare_executor\r\x1b[0Ksection_start:1795000001:step[collapsed=true]\r\x1b[0Kgo\n"
    "section_end:1795000002:step\r\x1b[0K"
)


async def sent(ci: GitLabBuilder) -> Handle:
    outcome = await ci.trigger(request())
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


@pytest.fixture(params=[False, True], ids=["whole", "ranges"], autouse=True)
def _ranges(request: pytest.FixtureRequest, server: FakeGitLab) -> None:
    """GitLab sends the whole log; an object storage the part that was asked for."""
    server.ranges = request.param


async def test_the_jobs_are_one_text_and_what_was_read_is_not_asked_for_again(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        assert await log_from(ci, handle) == ("", 0)
        server.start(server.pipelines[0], "fetched\r\n\nit")
        first, offset = await log_from(ci, handle)
        assert first == "== build / prepare ==\nfetched\n\nit\n"
        server.finish(server.pipelines[0], tail="pushed\n")
        before = len(server.requests)
        rest, end = await log_from(ci, handle, offset)
        assert rest == "== build / image ==\npushed\n"
        assert len(server.requests) == before + 3, "the pipeline, its jobs, and the second log"
        assert await log_from(ci, handle, end) == ("", end)
    async with builder(server) as fresh:
        assert (await log_from(fresh, handle))[0] == first + rest


async def test_the_job_that_runs_is_read_line_by_line(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        pipeline = server.pipelines[0]
        server.start(pipeline, "fetched\n")
        pipeline.jobs[1].log = b"step 1\nste"
        first, offset = await log_from(ci, handle)
        assert first.endswith("== build / image ==\nstep 1\n")
        assert await log_from(ci, handle, offset) == ("", offset), "half a line waits"
        pipeline.jobs[1].log += b"p 2\nstep 3"
        second, offset = await log_from(ci, handle, offset)
        assert second == "step 2\n"
        pipeline.jobs[1].log += b" is long\n"
        third, offset = await log_from(ci, handle, offset)
        assert third == "step 3 is long\n"
        waiting = await ci.log(handle, offset)
        assert (waiting.text, waiting.next, waiting.restarted) == ("", offset, False)
        server.finish(pipeline, tail="step 4")
        assert (await log_from(ci, handle, offset))[0] == "step 4\n"


async def test_marks_of_sections_are_left_out_and_colours_stay(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.start(server.pipelines[0], MARKED)
        text, _ = await log_from(ci, handle)
    assert text == (
        "== build / prepare ==\n\x1b[0KRunning with gitlab-runner\x1b[0;m\n"
        "\x1b[0K\x1b[36;1mPreparing\x1b[0;m\ngo\n"
    )


async def test_a_job_that_was_tried_again_is_there_twice(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        pipeline = server.pipelines[0]
        server.start(pipeline, "fetched\n")
        second = pipeline.jobs[1]
        second.word, second.log, second.retried = "failed", b"no network\n", True
        pipeline.jobs.append(server.job("image", word="running", log=b"again\n"))
        text, offset = await log_from(ci, handle)
        assert text == (
            "== build / prepare ==\nfetched\n== build / image ==\nno network\n== build / image ==\nagain\n"
        )
        pipeline.jobs[2].log += b"done\n"
        pipeline.word = pipeline.jobs[2].word = "success"
        assert (await log_from(ci, handle, offset))[0] == "done\n"


async def test_a_job_for_a_person_holds_up_no_other_and_one_that_waits_does(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        pipeline = server.pipelines[0]
        server.start(pipeline, "fetched\n")
        pipeline.jobs[0].word, pipeline.jobs[1].log = "pending", b"built\n"
        assert (await log_from(ci, handle))[0] == "", "its log is still to come, and comes first"
        pipeline.jobs[0].word = "manual"
        assert (await log_from(ci, handle))[0] == "== build / image ==\nbuilt\n"
        pipeline.jobs[1].word = "created"
        assert await log_from(ci, handle) == ("", 0), "nothing after it has begun"


async def test_a_log_that_was_erased_gives_the_beginning(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.start(server.pipelines[0], "fetched\n")
        server.pipelines[0].jobs[1].log = b"a long line\nof text\n"
        _, offset = await log_from(ci, handle)
        server.pipelines[0].jobs[1].log = b"short\n"
        chunk = await ci.log(handle, offset)
    assert chunk.restarted
    assert chunk.text == "== build / prepare ==\nfetched\n== build / image ==\nshort\n"


@pytest.mark.parametrize("offset", [5 << 36, (2 << 36) + 1, (1 << 36) + 10**6])
async def test_a_place_that_is_not_in_the_log_gives_the_beginning(offset: int, server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.start(server.pipelines[0], "fetched\n")
        server.finish(server.pipelines[0])
        chunk = await ci.log(handle, offset)
    assert chunk.restarted
    assert chunk.text.startswith("== ")


@pytest.mark.parametrize("lines", [True, False], ids=["lines", "no line end"])
async def test_a_long_log_of_a_job_that_ended_is_fetched_in_large_parts(
    lines: bool, server: FakeGitLab
) -> None:
    text = ("构建 a line of a log\n" if lines else "构建 a line of a log ") * 400_000
    async with builder(server) as ci:
        handle = await sent(ci)
        server.start(server.pipelines[0], text)
        server.pipelines[0].jobs[1].word = "created"
        found, _ = await log_from(ci, handle)
        asked = sum("/trace" in line for line in server.requests)
        assert found.startswith((await ci.log(handle, 0)).text), "whoever reads it again has its beginning"
    whole = text if lines else text + "\n"
    assert found == f"== build / prepare ==\n{whole}"
    assert asked <= 4


async def test_of_a_log_without_bounds_so_much_is_read_as_of_any_answer(
    server: FakeGitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the whole log comes each time, it costs no more memory than that."""
    monkeypatch.setattr(log, "MAX_ANSWER", 1 << 20)
    async with builder(server) as ci:
        handle = await sent(ci)
        server.start(server.pipelines[0], "a line of a log\n" * 100_000)
        server.finish(server.pipelines[0], tail="done\n")
        found, _ = await log_from(ci, handle)
    lines = 100_000 if server.ranges else (1 << 20) // 16
    kept = "a line of a log\n" * lines
    assert found == f"== build / prepare ==\n{kept}== build / image ==\ndone\n"


async def test_many_jobs_are_read_page_by_page(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        pipeline = server.pipelines[0]
        server.start(pipeline, "1\n")
        pipeline.jobs[1].word = "success"
        pipeline.jobs += [server.job(f"more {n}", word="success", log=b"x\n") for n in range(148)]
        server.finish(pipeline)
        text, _ = await log_from(ci, handle)
    assert text.count("== build / ") == 150


async def test_another_part_than_was_asked_for_is_no_log(server: FakeGitLab) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.start(server.pipelines[0], "fetched\n")
        server.pipelines[0].jobs[1].log = b"step\n"
        _, offset = await log_from(ci, handle)
        server.trouble(match="/trace", reply=json_reply({}, 206, Content_Range="bytes 0-1/9"))
        with pytest.raises(RemoteError, match="another part"):
            await ci.log(handle, offset)


@pytest.mark.parametrize("path", ["/trace", "/jobs", "/pipelines/"])
@pytest.mark.parametrize("status", [401, 500])
async def test_a_log_that_cannot_be_read_now_is_an_error_and_no_empty_log(
    path: str, status: int, server: FakeGitLab
) -> None:
    async with builder(server) as ci:
        handle = await sent(ci)
        server.start(server.pipelines[0], "fetched\n")
        server.trouble(match=path, reply=json_reply({}, status))
        with pytest.raises(RemoteError):
            await ci.log(handle, 0)
