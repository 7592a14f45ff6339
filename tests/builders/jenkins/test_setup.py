"""The job of a builder is shown, created, or given what it lacks, and nothing else of it changes."""

import pytest
from support.builder_contract import request
from support.fake_http import Reply
from support.fake_jenkins_config import DECLARATION, parameters
from support.fake_jenkins_core import FakeJenkins, page
from support.fake_jenkins_state import Parameter
from support.jenkins_builds import JOB, builder

from bridge.errors import BridgeError, Denied, Permanent, Transient

NAMES = list(request().variables())
OWN = """<project>
  <description>Ünsere &lt;job&gt;</description>{properties}
  <builders><x.Promotion><properties><hudson.model.ParametersDefinitionProperty><parameterDefinitions>
    <hudson.model.StringParameterDefinition><name>IMAGE</name></hudson.model.StringParameterDefinition>
  </parameterDefinitions></hudson.model.ParametersDefinitionProperty></properties></x.Promotion></builders>
</project>
"""
HELD = "hudson.model.ParametersDefinitionProperty"
CHOICE = """<hudson.model.ChoiceParameterDefinition><name>FLAVOUR</name>
  <choices><a><string>debug</string></a></choices></hudson.model.ChoiceParameterDefinition>"""


def names(config: bytes) -> list[str]:
    return [parameter.name for parameter in parameters(config)]


def posts(server: FakeJenkins) -> list[str]:
    return [line for line in server.requests if line.startswith("POST")]


async def test_a_job_that_is_missing_is_shown_and_then_created_with_all_parameters(
    ci_server: FakeJenkins,
) -> None:
    del ci_server.jobs[JOB]
    ci_server.folders.add("docker")
    async with builder(ci_server) as ci:
        shown = await ci.setup(["FLAVOUR"])
        assert posts(ci_server) == []
        assert names(shown.document.encode()) == [*NAMES, "FLAVOUR"]
        done = await ci.setup(["FLAVOUR"], apply=True)
        assert done.document == ""
        assert "was created with 12 parameters" in done.said
        assert "signed in as ci" in await ci.test()
        assert ci.seen is not None
        assert set(ci.seen.parameters) == {*NAMES, "FLAVOUR"}
    assert ci_server.jobs[JOB].config == shown.document.encode()


async def test_a_job_at_the_top_is_created_there(ci_server: FakeJenkins) -> None:
    async with builder(ci_server, job="demo app 构建") as ci:
        await ci.setup([], apply=True)
    assert names(ci_server.jobs["demo app 构建"].config) == NAMES


@pytest.mark.parametrize(
    "properties",
    [
        "",
        "<properties/>",
        "<properties />",
        "<properties></properties>",
        "<properties><a.B><properties/></a.B></properties>",
        "<properties><a.B/></properties>",
        f"<properties><a.B/><{HELD}/></properties>",
        f"<properties><{HELD}><parameterDefinitions/></{HELD}></properties>",
        f"<properties>\n<{HELD}><parameterDefinitions>{CHOICE}</parameterDefinitions></{HELD}></properties>",
    ],
)
async def test_what_a_job_lacks_is_added_between_the_bytes_that_are_there(
    ci_server: FakeJenkins, properties: str
) -> None:
    job = ci_server.job(JOB)
    job.config = DECLARATION + OWN.format(properties=properties).encode()
    job.parameters = parameters(job.config)
    before, had = job.config, names(job.config)
    async with builder(ci_server) as ci:
        shown = await ci.setup(["FLAVOUR"])
        assert posts(ci_server) == []
        wanted = [name for name in [*NAMES, "FLAVOUR"] if name not in had]
        assert [name in shown.document for name in [*NAMES, "FLAVOUR"]] == [
            name in wanted for name in [*NAMES, "FLAVOUR"]
        ]
        done = await ci.setup(["FLAVOUR"], apply=True)
        assert done.said.endswith(f"now declares {', '.join(wanted)}, too")
        again = await ci.setup(["FLAVOUR"], apply=True)
    assert "declares all 12 parameters" in again.said
    assert len(posts(ci_server)) == 1
    assert names(job.config) == [*had, *wanted]
    common = iter(job.config)
    # A tag that closed itself has become two.
    assert all(byte in common for byte in before.replace(b" />", b">").replace(b"/>", b">"))
    assert before.partition(b"<properties")[0] == job.config.partition(b"<properties")[0]
    assert before[before.index(b"<builders>") : before.index(b"</project>")] in job.config


async def test_a_job_that_lacks_nothing_is_not_written(ci_server: FakeJenkins) -> None:
    ci_server.job(JOB, *NAMES, Parameter("FLAVOUR", choices=("debug",)))
    async with builder(ci_server) as ci:
        done = await ci.setup(["FLAVOUR"], apply=True)
    assert (done.document, posts(ci_server)) == ("", [])
    assert "declares all 12 parameters" in done.said


async def test_the_parameters_of_a_branch_belong_into_its_jenkinsfile(ci_server: FakeJenkins) -> None:
    ci_server.job(JOB, *NAMES[1:], pipeline=True, branch=True)
    async with builder(ci_server) as ci:
        shown = await ci.setup([])
        assert "string(name: 'BRIDGE_BUILD_ID')" in shown.document
        assert "IMAGE" not in shown.document
        with pytest.raises(Permanent, match="Jenkinsfile"):
            await ci.setup([], apply=True)
    assert posts(ci_server) == []


async def test_a_script_that_has_the_last_word_is_named(ci_server: FakeJenkins) -> None:
    ci_server.job(JOB, pipeline=True)
    ci_server.keeps_parameters = False
    async with builder(ci_server) as ci:
        with pytest.raises(Permanent, match=r"still does not declare BRIDGE_BUILD_ID, .*in its script"):
            await ci.setup([], apply=True)


async def test_a_folder_or_another_server_is_never_written(ci_server: FakeJenkins) -> None:
    for changes in ({"job": "docker"}, {"url": f"{ci_server.url}api/json"}):
        async with builder(ci_server, **changes) as ci:
            with pytest.raises(Permanent, match=r"set `job`|not exact"):
                await ci.setup([], apply=True)
    assert posts(ci_server) == []


@pytest.mark.parametrize("job", [JOB, "new"])
async def test_a_user_who_may_not_is_told_what_it_needs(ci_server: FakeJenkins, job: str) -> None:
    ci_server.may_configure = False
    async with builder(ci_server, job=job) as ci:
        assert (await ci.setup([])).document
        with pytest.raises(Denied, match="Job/Create, or Job/Configure"):
            await ci.setup([], apply=True)


@pytest.mark.parametrize("job", [JOB, "new"])
async def test_a_password_in_place_of_the_token_is_not_taken_for_a_lack_of_rights(
    ci_server: FakeJenkins, job: str
) -> None:
    async with builder(ci_server, job=job, token=ci_server.password) as ci:
        with pytest.raises(Denied, match="`token` must be an API token, not a password"):
            await ci.setup([], apply=True)


@pytest.mark.parametrize("job", [JOB, "new"])
async def test_a_sign_in_page_is_no_success(ci_server: FakeJenkins, job: str) -> None:
    for reply in (
        Reply(302, {"Location": "https://sso.example.com/start"}),
        Reply(200, {}, b"<html><title>Sign in</title></html>"),
    ):
        ci_server.trouble(match="POST", reply=reply)
        async with builder(ci_server, job=job) as ci:
            with pytest.raises(BridgeError, match=r"a sign-in page .*answers in place of Jenkins"):
                await ci.setup([], apply=True)


async def test_a_folder_that_is_missing_and_a_job_that_hides_are_told(ci_server: FakeJenkins) -> None:
    async with builder(ci_server, job="gone/job") as ci:
        with pytest.raises(Permanent, match="no folder 'gone'"):
            await ci.setup([], apply=True)
    async with builder(ci_server) as ci:
        ci_server.folders.add("docker")
        ci_server.trouble(match="api/json?tree=buildable", reply=page("Not Found", 404))
        with pytest.raises(Permanent, match="may not see"):
            await ci.setup([], apply=True)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(page("Starting Jenkins", 503), Transient), (Reply(200, {}, b"<project><a></project>"), Permanent)],
)
async def test_a_configuration_that_cannot_be_read_is_not_replaced(
    ci_server: FakeJenkins, reply: Reply, kind: type[BridgeError]
) -> None:
    ci_server.trouble(match="config.xml", reply=reply)
    async with builder(ci_server) as ci:
        with pytest.raises(kind):
            await ci.setup([], apply=True)
    assert posts(ci_server) == []


async def test_a_password_sets_a_job_up_as_well(ci_server: FakeJenkins) -> None:
    async with builder(ci_server, password=ci_server.password) as ci:
        await ci.setup([], apply=True)
        ci_server.end_logins()
        await ci.setup(["FLAVOUR"], apply=True)
    assert [parameter.name for parameter in ci_server.jobs[JOB].parameters][-1] == "FLAVOUR"
