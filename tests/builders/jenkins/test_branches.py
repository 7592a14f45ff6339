"""`{branch}` in `job`: the job of the pushed branch in a multibranch project, and the wait for it."""

import json

import pytest
from support.builder_contract import request, timed
from support.fake_http import Reply
from support.fake_jenkins_core import FakeJenkins, page
from support.fake_jenkins_multibranch import Project
from support.jenkins_builds import DECLARED, builder, sent, status

from bridge.builders.base import Outcome, Rejected, Retry, Search, Sent
from bridge.builders.jenkins import jobs as jenkins_jobs
from bridge.builders.jenkins.builder import JenkinsBuilder
from bridge.errors import BridgeError, Denied, Permanent
from bridge.model.build import BuildState

JOB = "team/shop/{branch}"
NAMES = list(request().variables())


@pytest.fixture
def project(ci_server: FakeJenkins) -> Project:
    """A project with three branches and a tag, all of which have run."""
    heads = ("master", "feature/login", "fix#7 [x]?%", "v1.0")
    made = ci_server.project("team/shop", *heads, declares=DECLARED)
    made.scan(ci_server.jobs)
    for head in heads:
        ci_server.jobs[made.job_name(head)].parameters = ci_server.jobs[made.job_name(head)].declares
    return made


def asked(server: FakeJenkins, method: str) -> list[str]:
    return [line.partition(" ")[2] for line in server.requests if line.startswith(method)]


async def triggered(ci: JenkinsBuilder, branch: str, build_id: str = "b-1") -> Outcome:
    return await ci.trigger(request(build_id, branch=branch, ref=f"refs/heads/{branch}"))


@pytest.mark.parametrize(
    ("head", "path"),
    [
        ("master", "master"),
        ("feature/login", "feature%252Flogin"),
        ("fix#7 [x]?%", "fix%25237%20%255Bx%255D%253F%2525"),
        ("v1.0", "v1.0"),
    ],
)
@pytest.mark.usefixtures("project")
async def test_the_job_of_the_branch_or_tag_builds_and_is_followed(
    ci_server: FakeJenkins, head: str, path: str
) -> None:
    asking = request(branch=None, tag=head) if head == "v1.0" else request(branch=head)
    async with builder(ci_server, job=JOB) as ci:
        outcome = await ci.trigger(asking)
        assert isinstance(outcome, Sent)
        assert asked(ci_server, "POST") == [f"/job/team/job/shop/job/{path}/buildWithParameters"]
        assert await ci.find(asking) == outcome.handle
        name = json.loads(outcome.handle)["job"]
        build = ci_server.start(name)
        ci_server.write(build, "one line\r\n")
        running = await status(ci, outcome.handle)
        assert running.state is BuildState.RUNNING
        assert running.handle is not None
        assert running.url == f"{ci_server.url}job/team/job/shop/job/{path}/1/"
        assert "one line" in (await ci.log(running.handle, 0)).text
        assert await ci.find(asking) == running.handle
        await ci.cancel(running.handle)
        assert build.stopped


async def test_builds_of_many_branches_cost_one_request_for_each_job(
    ci_server: FakeJenkins, project: Project
) -> None:
    async with builder(ci_server, job=JOB) as ci:
        handles = {}
        for number, head in enumerate(("master", "feature/login", "master", "feature/login")):
            outcome = await triggered(ci, head, f"b-{number}")
            assert isinstance(outcome, Sent)
            handles[f"b-{number}"] = outcome.handle
        ci_server.requests.clear()
        assert len(await ci.poll(handles)) == 4
        assert len([line for line in ci_server.requests if "allBuilds" in line]) == 2
        assert len(ci_server.requests) == 3
    assert len(ci_server.waiting(project.job_name("feature/login"))) == 2


async def test_a_branch_that_no_scan_has_found_waits_for_one_and_holds_up_no_other(
    ci_server: FakeJenkins, project: Project
) -> None:
    project.heads.append("feature/x")
    project.slow = True
    async with builder(ci_server, job=JOB) as ci:
        waits = []
        for _ in range(7):
            outcome = await triggered(ci, "feature/x")
            assert isinstance(outcome, Retry)
            assert (outcome.outdated, outcome.denied) == (True, False)
            assert "Jenkins has no job 'team/shop/feature%2Fx' yet" in outcome.why
            assert "a scan of 'team/shop' makes it, and was asked for" in outcome.why
            assert outcome.after is not None
            waits.append(outcome.after)
            ci_server.advance(outcome.after)
        assert waits == pytest.approx([2, 2, 4, 8, 16, 32, 60], abs=0.5, rel=0.1)
        assert project.scans == 1
        assert isinstance(await triggered(ci, "master", "b-2"), Sent)
        project.scan(ci_server.jobs)
        first = await triggered(ci, "feature/x")
        assert isinstance(first, Sent)
        assert not first.images_passed, "what the Jenkinsfile declares is not known before it has run"
        ci_server.finish(ci_server.start("team/shop/feature%2Fx"))
        second = await triggered(ci, "feature/x", "b-3")
    assert isinstance(second, Sent)
    assert (second.caveat, second.images_passed) == ("", True)


async def test_a_branch_that_no_scan_finds_is_rejected_after_ten_minutes_and_each_run_has_them(
    ci_server: FakeJenkins, project: Project
) -> None:
    async with builder(ci_server, job=JOB) as ci:
        assert isinstance(await triggered(ci, "gone"), Retry)
        ci_server.advance(599)
        assert isinstance(await triggered(ci, "gone"), Retry)
        ci_server.advance(2)
        outcome = await triggered(ci, "gone")
        assert isinstance(outcome, Rejected)
        assert "10 minutes" in outcome.why
        assert "whether that has a Jenkinsfile" in outcome.why
        assert isinstance(await triggered(ci, "gone", "b-1.2"), Retry)
    assert project.scans == 2


async def test_a_branch_that_comes_back_waits_until_a_scan_enables_its_job(
    ci_server: FakeJenkins, project: Project
) -> None:
    project.heads.remove("master")
    project.scan(ci_server.jobs)
    project.slow = True
    async with builder(ci_server, job=JOB) as ci:
        outcome = await triggered(ci, "master")
        assert isinstance(outcome, Retry)
        assert outcome.outdated
        assert "the job 'team/shop/master' is disabled (409)" in outcome.why
        project.heads.append("master")
        project.scan(ci_server.jobs)
        assert isinstance(await triggered(ci, "master"), Sent)


async def test_a_job_that_goes_between_two_triggers_is_waited_for(
    ci_server: FakeJenkins, project: Project
) -> None:
    async with builder(ci_server, job=JOB) as ci:
        assert isinstance(await triggered(ci, "master", "b-0"), Sent)
        del ci_server.jobs["team/shop/master"]
        outcome = await triggered(ci, "master")
        assert isinstance(outcome, Retry)
        assert outcome.outdated
        assert project.scans == 1
        assert isinstance(await triggered(ci, "master"), Sent)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"may_scan": False}, "which this user may not ask for: give it Job/Build on the project"),
        ({"disabled": True}, "but could not be asked for: Jenkins answered 500"),
    ],
)
async def test_a_scan_that_cannot_be_asked_for_is_said_and_waited_for(
    ci_server: FakeJenkins, project: Project, change: dict[str, bool], words: str
) -> None:
    for name, value in change.items():
        setattr(project, name, value)
    async with builder(ci_server, job=JOB) as ci:
        outcome = await triggered(ci, "feature/x")
    assert isinstance(outcome, Retry)
    assert outcome.outdated
    assert words in outcome.why


async def test_a_scan_without_an_answer_costs_no_build(ci_server: FakeJenkins, project: Project) -> None:
    ci_server.trouble("reset", "POST")
    project.heads.append("feature/x")
    async with builder(ci_server, job=JOB) as ci:
        outcome = await triggered(ci, "feature/x")
        assert isinstance(outcome, Retry)
        assert outcome.outdated
        assert "Jenkins closed the connection" in outcome.why
        project.scan(ci_server.jobs)
        assert isinstance(await triggered(ci, "feature/x"), Sent)


@pytest.mark.parametrize(
    ("change", "denied", "words"),
    [
        ({"job": "team/shpo/{branch}"}, True, "no multibranch project 'team/shpo'"),
        ({"job": "docker/{branch}"}, False, "not a multibranch project but a Folder"),
    ],
)
@pytest.mark.usefixtures("project")
async def test_what_is_no_multibranch_project_is_named_and_not_waited_for(
    ci_server: FakeJenkins, change: dict[str, str], denied: bool, words: str
) -> None:
    async with builder(ci_server, **change) as ci:
        outcome = await triggered(ci, "master")
        assert isinstance(outcome, Retry if denied else Rejected)
        assert getattr(outcome, "denied", False) == denied
        assert words in outcome.why
        for asking in (ci.test(), ci.setup([]), ci.find(request())):
            with pytest.raises(Denied if denied else Permanent, match=words):
                await asking
    assert asked(ci_server, "POST") == []


@pytest.mark.usefixtures("project")
async def test_a_project_in_place_of_its_job_is_named_with_the_cure(ci_server: FakeJenkins) -> None:
    async with builder(ci_server, job="team/shop") as ci:
        with pytest.raises(
            Permanent, match=r"a WorkflowMultiBranchProject: set `job` to team/shop/\{branch\}"
        ):
            await ci.test()
        assert isinstance(await ci.trigger(request()), Rejected)
    assert asked(ci_server, "POST") == []


async def test_find_proves_nothing_where_the_job_went_with_its_branch(
    ci_server: FakeJenkins, project: Project
) -> None:
    async with builder(ci_server, job=JOB) as ci:
        assert await ci.find(request()) is None
        del ci_server.jobs[project.job_name("master")]
        assert await ci.find(request()) is Search.UNSEARCHABLE
        assert await ci.find(request(timed(int(ci_server.clock())), branch="feature/login")) is None


async def test_a_build_that_is_found_again_has_the_caveats_of_its_own_job(
    ci_server: FakeJenkins, project: Project
) -> None:
    ci_server.jobs[project.job_name("feature/login")].parameters = tuple(
        one for one in ci_server.jobs["team/shop/master"].parameters if one.name == "BRIDGE_BUILD_ID"
    )
    async with builder(ci_server, job=JOB) as ci:
        asking = request(branch="feature/login")
        handle = await sent(ci, branch="feature/login")
        await sent(ci, "b-2")
        assert ci.seen is not None
        assert (ci.seen.job, ci.seen.parameters) == (JOB, DECLARED)
        assert not ci.found(handle, asking).images_passed
        assert ci.found(handle, asking).caveat


async def test_the_test_says_how_many_jobs_there_are_and_what_the_last_one_lacks(
    ci_server: FakeJenkins, project: Project
) -> None:
    async with builder(ci_server, job=JOB) as ci:
        fresh = await ci.test()
        assert "the multibranch project 'team/shop' has 4 jobs of branches; none has run" in fresh
        assert ci.seen is None
        await sent(ci)
        ci_server.finish(ci_server.start("team/shop/master"))
        ci_server.advance(5)
        ci_server.jobs["team/shop/v1.0"].declares = ()
        ci_server.jobs["team/shop/v1.0"].parameters = ()
        await ci.trigger(request("b-2", branch=None, tag="v1.0"))
        ci_server.finish(ci_server.start("team/shop/v1.0"))
        project.disabled = True
        poor = await ci.test()
        assert "of that which ran last: the job 'team/shop/v1.0' declares 0 parameters" in poor
        assert "it does not declare BRIDGE_BUILD_ID" in poor
        assert "disabled, so Jenkins scans and builds nothing" in poor
        assert ci.seen is not None
        assert len(ci.advice([], [ci.seen])) == 2


@pytest.mark.usefixtures("project")
async def test_setup_says_what_the_jenkinsfile_has_to_declare(ci_server: FakeJenkins) -> None:
    async with builder(ci_server, job=JOB) as ci:
        shown = await ci.setup(["FLAVOUR"])
        assert [line for line in shown.document.splitlines() if "string(" in line] == [
            f"    string(name: '{name}')" for name in [*NAMES, "FLAVOUR"]
        ]
        assert "Jenkinsfile" in shown.said
        with pytest.raises(Permanent, match="Jenkinsfile"):
            await ci.setup([], apply=True)
    assert asked(ci_server, "POST") == []


@pytest.mark.usefixtures("project")
async def test_jobs_that_were_not_used_for_long_are_forgotten(
    ci_server: FakeJenkins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jenkins_jobs, "_MAX_JOBS", 2)
    read = []
    async with builder(ci_server, job=JOB) as ci:
        for number, head in enumerate(
            ("master", "feature/login", "master", "v1.0", "master", "feature/login")
        ):
            ci_server.requests.clear()
            await triggered(ci, head, f"b-{number}")
            read.append(len([line for line in ci_server.requests if "property" in line]))
    assert read == [1, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    "reply", [page("Starting Jenkins", 503), Reply(302, {"Location": "https://sso.example.com/"})]
)
async def test_a_server_that_shows_no_project_now_is_for_later(
    ci_server: FakeJenkins, project: Project, reply: Reply
) -> None:
    async with builder(ci_server, job=JOB) as ci:
        ci_server.trouble(match="/shop/api", reply=reply)
        outcome = await triggered(ci, "feature/x")
        assert isinstance(outcome, Retry)
        assert not outcome.outdated
        ci_server.trouble(match="/shop/api", reply=reply)
        with pytest.raises(BridgeError):
            await ci.find(request(branch="feature/x"))
    assert project.scans == 0
