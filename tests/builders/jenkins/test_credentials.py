"""Credentials of Jenkins: whether the job of a builder finds them, and whether it gets them."""

import pytest
from support.builder_contract import request
from support.fake_http import Reply
from support.fake_jenkins_core import FakeJenkins, page
from support.jenkins_builds import JOB, builder

from bridge.errors import BridgeError

IDS = {"git_credentials": "git-bot", "registry_credentials": "registry-bot"}
UNSEEN = "cannot be seen by this user, so they were not checked: it would need Credentials/View"
NAMES = list(request().variables())


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ({"a/b": ["git-bot", "registry-bot"]}, []),
        ({"a/b": [], "a": ["git-bot"], "": ["registry-bot"]}, []),
        ({"a/b": [], "a": ["git-bot"], "": []}, ["there are no credentials 'registry-bot'"]),
        ({"a/b": [], "a": [], "": []}, ["no credentials 'git-bot'", "no credentials 'registry-bot'"]),
        ({"a/b": ["git-bot"], "a": []}, [f"'registry-bot' of `registry_credentials` {UNSEEN}"]),
        (
            {},
            [
                f"'git-bot' of `git_credentials` {UNSEEN}",
                f"'registry-bot' of `registry_credentials` {UNSEEN}",
            ],
        ),
    ],
)
async def test_credentials_are_looked_for_where_the_job_finds_them(
    ci_server: FakeJenkins, shown: dict[str, list[str]], words: list[str]
) -> None:
    ci_server.job("a/b/image", *NAMES)
    ci_server.credentials = shown
    async with builder(ci_server, job="a/b/image", **IDS) as ci:
        tested, setup = await ci.test(), (await ci.setup([])).said
    for said in (tested, setup):
        assert said.count("there are no credentials") + said.count("cannot be seen") == len(words)
        assert all(one in said for one in words)


async def test_a_refusal_counts_as_not_seen(ci_server: FakeJenkins) -> None:
    ci_server.trouble(match="credentials", reply=page("Access Denied", 403), times=9)
    async with builder(ci_server, **IDS) as ci:
        assert UNSEEN in await ci.test()


@pytest.mark.parametrize("match", ["credentials", "config.xml"])
@pytest.mark.parametrize(
    "reply", [page("Starting Jenkins", 503), Reply(302, {"Location": "https://sso.example.com/"})]
)
async def test_a_server_that_does_not_answer_is_not_taken_for_one_without_credentials(
    ci_server: FakeJenkins, match: str, reply: Reply
) -> None:
    ci_server.credentials = {"docker": list(IDS.values())}
    ci_server.trouble(match=match, reply=reply)
    async with builder(ci_server, **IDS) as ci:
        with pytest.raises(BridgeError):
            await ci.setup([])


async def test_the_job_that_is_created_binds_them_and_another_does_not(ci_server: FakeJenkins) -> None:
    ci_server.folders.add("docker")
    ci_server.credentials = {"docker": list(IDS.values())}
    async with builder(ci_server, job="docker/new", **IDS) as ci:
        shown = await ci.setup([])
        done = await ci.setup([], apply=True)
    assert ci_server.jobs["docker/new"].config == shown.document.encode()
    assert "was created" in done.said
    assert "bind" not in done.said
    wrapper = shown.document.partition("<buildWrappers>")[2]
    for word, name in (("GIT", "git-bot"), ("REGISTRY", "registry-bot")):
        binding = wrapper.partition(f"<credentialsId>{name}</credentialsId>")[2].partition("</org")[0].split()
        assert binding == [
            f"<usernameVariable>{word}_USERNAME</usernameVariable>",
            f"<passwordVariable>{word}_PASSWORD</passwordVariable>",
        ]
    async with builder(ci_server, job="docker/bare") as ci:
        assert "<buildWrappers/>" in (await ci.setup([])).document


async def test_what_a_job_that_is_there_does_not_bind_is_said_and_left_to_people(
    ci_server: FakeJenkins,
) -> None:
    ci_server.folders.add("docker")
    ci_server.credentials = {"docker": list(IDS.values())}
    async with builder(ci_server, job="docker/new", git_credentials="git-bot") as ci:
        await ci.setup([], apply=True)
    before = ci_server.jobs["docker/new"].config
    async with builder(ci_server, job="docker/new", **IDS) as ci:
        said = (await ci.setup([], apply=True)).said
        assert "does not bind the credentials 'registry-bot' of `registry_credentials`" in said
        assert "REGISTRY_USERNAME and REGISTRY_PASSWORD" in said
        assert "'git-bot'" not in said
        assert ci_server.jobs["docker/new"].config == before
        ci_server.trouble(match="config.xml", reply=page("Access Denied", 403))
        assert "may not read its configuration" in (await ci.setup([])).said


async def test_a_pipeline_binds_by_its_script(ci_server: FakeJenkins) -> None:
    ci_server.credentials = {"docker": list(IDS.values())}
    ci_server.jobs[JOB].config = b"<flow-definition><properties/></flow-definition>"
    async with builder(ci_server, **IDS) as ci:
        assert "bind" not in (await ci.setup([])).said
