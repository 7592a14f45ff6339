"""The stages of Pipeline runs: asked for when a run changed or ended, and never needed."""

import pytest
from support.builder_contract import request
from support.fake_http import Reply
from support.fake_jenkins_core import FakeJenkins, page
from support.fake_jenkins_state import Build
from support.jenkins_builds import DECLARED, JOB, builder, sent, status

from bridge.builders.base import RemoteStep
from bridge.model.build import BuildState

RUNNING = [("Checkout", "SUCCESS", 2.4), ("Test", "NOT_EXECUTED", 0.0), ("Build", "IN_PROGRESS", 5.0)]
FAILED = [*RUNNING[:2], ("Build", "FAILED", 12.0), ("Push", "FAILED", 0.02), ("Post", "SUCCESS", 0.1)]
BEGUN = "Started by user ci\r\n[Pipeline] stage\r\n[Pipeline] { (Build)\r\n"


@pytest.fixture
def pipeline(ci_server: FakeJenkins) -> FakeJenkins:
    ci_server.job(JOB, *DECLARED, pipeline=True)
    return ci_server


def looks(server: FakeJenkins) -> int:
    return sum("wfapi" in line for line in server.requests)


def begin(server: FakeJenkins) -> Build:
    build = server.start(JOB)
    build.stages = list(RUNNING)
    return build


async def test_the_stages_of_a_run_that_ended_are_its_steps(pipeline: FakeJenkins) -> None:
    async with builder(pipeline) as ci:
        handle = await sent(ci)
        build = begin(pipeline)
        build.stages = list(FAILED)
        pipeline.finish(build, "FAILURE")
        ended = await status(ci, handle)
    assert list(ended.steps) == [
        RemoteStep("Checkout", BuildState.SUCCEEDED, 2.4),
        RemoteStep("Build", BuildState.FAILED, 12.0),
        RemoteStep("Push", BuildState.FAILED, 0.02),
        RemoteStep("Post", BuildState.SUCCEEDED, 0.1),
    ]
    assert ended.detail == "failed in the stage Build", "the stages after it were only skipped"
    assert ended.stage == "Build"


@pytest.mark.parametrize(
    ("result", "stages", "detail"),
    [
        ("UNSTABLE", [("Test", "UNSTABLE", 3.0)], "unstable in the stage Test"),
        ("FAILURE", [("Test", "UNSTABLE", 3.0), ("Push", "FAILED", 1.0)], "failed in the stage Push"),
        ("FAILURE", [("Test", "SUCCESS", 3.0)], ""),
        ("FAILURE", [(" Line 1\n" + "x" * 200, "FAILED", 1.0)], "failed in the stage Line 1 " + "x" * 93),
        ("SUCCESS", [("Test", "FAILED", 3.0)], ""),
        ("ABORTED", [("Test", "ABORTED", 3.0)], "aborted in Jenkins"),
    ],
)
async def test_a_build_says_in_which_stage_it_failed(
    pipeline: FakeJenkins, result: str, stages: list[tuple[str, str, float]], detail: str
) -> None:
    async with builder(pipeline) as ci:
        handle = await sent(ci)
        build = begin(pipeline)
        build.stages = stages
        pipeline.finish(build, result)
        assert (await status(ci, handle)).detail == detail


async def test_a_running_build_is_looked_at_when_its_log_says_that_a_stage_began_or_ended(
    pipeline: FakeJenkins,
) -> None:
    async with builder(pipeline) as ci:
        handle = await sent(ci)
        build = begin(pipeline)
        numbered = (await status(ci, handle)).handle or ""
        offset = 0
        counts: list[int] = []
        for text in [
            "",
            BEGUN,
            "[Pipeline] sh\r\n+ make stage\r\n",
            "[2026-01-02T03:04:05.678Z] [Pipeline] // stage\r\n",
            "[Pipeline] input\r\n",
        ]:
            pipeline.write(build, text)
            offset = (await ci.log(numbered, offset)).next
            first, again = await status(ci, numbered), await status(ci, numbered)
            assert bool(first.steps) == (looks(pipeline) > (counts[-1] if counts else 0))
            assert again.steps == ()
            counts.append(looks(pipeline))
        assert counts == [0, 1, 1, 2, 3]
        pipeline.write(build, BEGUN)
        build.stages[-1] = ("Build", "PAUSED_PENDING_INPUT", 7.0)
        await ci.log(numbered, offset)
        waiting = await status(ci, numbered)
    assert waiting.steps[-1] == RemoteStep(
        "Build", BuildState.RUNNING, detail="waits for an input in Jenkins"
    )


async def test_of_several_running_builds_only_the_one_that_changed_is_looked_at(
    pipeline: FakeJenkins,
) -> None:
    async with builder(pipeline) as ci:
        waiting = {name: await sent(ci, name) for name in ("b-1", "b-2")}
        builds = [begin(pipeline) for _ in waiting]
        running = {name: now.handle or "" for name, now in (await ci.poll(waiting)).items()}
        pipeline.write(builds[1], BEGUN)
        for handle in running.values():
            await ci.log(handle, 0)
        statuses = await ci.poll(running)
    assert [bool(statuses[name].steps) for name in running] == [False, True]
    assert looks(pipeline) == 1


async def test_a_job_that_is_no_pipeline_costs_no_request(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
        build = begin(ci_server)
        numbered = (await status(ci, handle)).handle or ""
        ci_server.write(build, BEGUN)
        await ci.log(numbered, 0)
        await status(ci, numbered)
        ci_server.finish(build, "FAILURE")
        assert (await status(ci, numbered)).steps == ()
    assert looks(ci_server) == 0


async def test_without_the_plugin_there_are_no_stages_and_hardly_a_request(pipeline: FakeJenkins) -> None:
    pipeline.stage_view = False
    async with builder(pipeline) as ci:
        for number in range(3):
            handle = await sent(ci, f"b-{number}")
            pipeline.finish(begin(pipeline), "FAILURE")
            ended = await status(ci, handle, f"b-{number}")
            assert (ended.state, ended.detail, list(ended.steps)) == (BuildState.FAILED, "", [])
        assert looks(pipeline) == 1
        pipeline.stage_view = True
        pipeline.advance(300)
        handle = await sent(ci, "b-9")
        pipeline.finish(begin(pipeline))
        assert (await status(ci, handle, "b-9")).steps
    assert looks(pipeline) == 2


@pytest.mark.parametrize(
    "reply",
    [page("Oops", 500), page("Sign in", 200), page("Access Denied", 403), Reply(200, {}, b'{"stages": 1}')],
)
async def test_whatever_is_wrong_with_the_stages_the_end_of_the_build_is_told(
    pipeline: FakeJenkins, reply: Reply
) -> None:
    pipeline.trouble(match="wfapi", reply=reply)
    async with builder(pipeline) as ci:
        handle = await sent(ci)
        pipeline.finish(begin(pipeline))
        ended = await status(ci, handle)
    assert (ended.state, list(ended.steps)) == (BuildState.SUCCEEDED, [])


async def test_of_very_many_ends_some_wait_for_the_next_poll_with_their_stages(pipeline: FakeJenkins) -> None:
    async with builder(pipeline) as ci:
        handles = {f"b-{number}": await sent(ci, f"b-{number}") for number in range(25)}
        for _ in handles:
            pipeline.finish(begin(pipeline))
        first = await ci.poll(handles)
        rest = await ci.poll({name: handle for name, handle in handles.items() if name not in first})
    assert (len(first), len(rest)) == (20, 5)
    assert all(one.steps for one in [*first.values(), *rest.values()])


async def test_a_branch_of_a_multibranch_project_is_a_job_with_its_slash_encoded(
    ci_server: FakeJenkins,
) -> None:
    """In an address the sign of that encoding is encoded once more."""
    branch = "team/shop/feature%2Flogin"
    ci_server.job(branch, *DECLARED, pipeline=True)
    async with builder(ci_server, job=branch) as ci:
        handle = await sent(ci)
        assert await ci.find(request("b-1")) == handle
        build = ci_server.start(branch)
        build.stages = [("Push", "FAILED", 1.0)]
        ci_server.finish(build, "FAILURE")
        ended = await status(ci, handle)
    assert ended.detail == "failed in the stage Push"
    assert "/job/team/job/shop/job/feature%252Flogin/1/wfapi/describe" in ci_server.requests[-1]
