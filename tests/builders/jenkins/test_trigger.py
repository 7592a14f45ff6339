"""What the Jenkins builder makes of a trigger, whatever comes back."""

import json
import socket
import ssl
from typing import Any
from urllib.parse import parse_qs

import pytest
import trustme
from support.builder_contract import request
from support.fake_http import Reply
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins, page
from support.fake_jenkins_state import Parameter
from support.jenkins_builds import DECLARED, JOB, builder, declare, sent, status

from bridge.builders.base import Ambiguous, Outcome, Rejected, Retry, Sent
from bridge.model.build import BuildState


async def triggered(server: FakeJenkins, **settings: Any) -> Outcome:
    async with builder(server, **settings) as ci:
        return await ci.trigger(request())


def posts(server: FakeJenkins) -> list[str]:
    return [line for line in server.requests if line.startswith("POST")]


async def test_a_trigger_sends_what_the_job_declares_in_the_body_and_names_what_it_does_not(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        outcome = await ci.trigger(request(parameters={"BUILD_ARGS": "--pull", "REF": "overridden"}))
    assert isinstance(outcome, Sent)
    assert "BUILD_ARGS" in outcome.detail
    assert (outcome.caveat, outcome.images_passed) == ("the job does not receive BUILD_ARGS", True)
    assert "?" not in posts(ci_server)[0]
    form = parse_qs(ci_server.bodies[-1].decode())
    assert set(form) == {*DECLARED, "delay"}
    assert form["BRIDGE_BUILD_ID"] == ["b-1"]
    assert form["REF"] == ["refs/heads/master"]
    (item,) = ci_server.waiting(JOB)
    assert item.values["BRIDGE_BUILD_ID"] == "b-1"


async def test_parameters_too_long_for_a_query_string_arrive_whole(ci_server: FakeJenkins) -> None:
    image = "registry.example.com/" + "构" * 40_000
    async with builder(ci_server) as ci:
        await sent(ci, image=image)
    assert ci_server.waiting(JOB)[0].values["IMAGE"] == image


async def test_a_handle_holds_no_secret_and_is_small(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        handle = await sent(ci)
    assert json.loads(handle) == {"job": JOB, "queue": 1, "session": ci_server.session, "id": "b-1"}


@pytest.mark.parametrize("name", ["团队/构建 镜像", "repo/feature%2Fx", "a+b/c&d=e", "job/job"])
async def test_any_job_name_is_triggered_polled_and_found(ci_server: FakeJenkins, name: str) -> None:
    ci_server.job(name, *DECLARED)
    async with builder(ci_server, job=name) as ci:
        handle = await sent(ci)
        assert (await status(ci, handle)).state is BuildState.QUEUED
        assert await ci.find(request("b-1")) == handle
        ci_server.start(name)
        assert (await status(ci, handle)).state is BuildState.RUNNING


async def test_a_job_without_parameters_is_started_too(ci_server: FakeJenkins) -> None:
    ci_server.job(JOB)
    async with builder(ci_server) as ci:
        await sent(ci)
    assert posts(ci_server)[0].endswith("/build")


async def test_a_repeat_of_the_same_build_joins_it_in_the_queue(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        first = await sent(ci)
        again = await ci.trigger(request())
    assert isinstance(again, Sent)
    assert again.handle == first
    assert "already waiting as queue item 1" in again.detail
    assert len(ci_server.waiting(JOB)) == 1


async def test_two_builds_with_equal_parameters_stay_apart_where_the_job_keeps_our_id(
    ci_server: FakeJenkins,
) -> None:
    async with builder(ci_server) as ci:
        assert await sent(ci, "b-1") != await sent(ci, "b-2")
    assert len(ci_server.waiting(JOB)) == 2


@pytest.mark.parametrize("parameters", [("TAGS",), ()], ids=["merged by 303", "merged by 201"])
async def test_builds_that_jenkins_merges_are_sent_and_say_so(
    ci_server: FakeJenkins, parameters: tuple[str, ...]
) -> None:
    ci_server.job(JOB, *parameters)
    async with builder(ci_server) as ci:
        first, second = await ci.trigger(request("b-1")), await ci.trigger(request("b-2"))
        assert isinstance(first, Sent)
        assert isinstance(second, Sent)
        assert "shares queue item 1" not in first.detail
        assert "shares queue item 1" in second.detail
        assert first.handle == second.handle
        assert "the commit to build (COMMIT, REF)" in first.caveat
        assert first.images_passed == bool(parameters)
        ci_server.finish(ci_server.start(JOB))
        states = await ci.poll({"b-1": first.handle, "b-2": second.handle})
    assert {one.state for one in states.values()} == {BuildState.SUCCEEDED}


async def test_nothing_listens_so_the_trigger_is_for_later(ci_server: FakeJenkins) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        outcome = await triggered(ci_server, url=f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert isinstance(outcome, Retry)
    assert "refuses connections" in outcome.why


async def test_an_unknown_host_is_for_later(ci_server: FakeJenkins) -> None:
    outcome = await triggered(ci_server, url="http://jenkins.invalid/")
    assert isinstance(outcome, Retry)
    assert "host name" in outcome.why


async def test_tls_towards_a_plain_port_is_for_later_and_says_what_is_wrong(ci_server: FakeJenkins) -> None:
    outcome = await triggered(ci_server, url=ci_server.url.replace("http:", "https:"))
    assert isinstance(outcome, Retry)
    assert "answers without TLS" in outcome.why


async def test_the_server_goes_away_between_two_triggers(ci_server: FakeJenkins) -> None:
    with fake_jenkins() as server:
        declare(server)
        async with builder(server) as ci:
            await sent(ci)
            server.trouble("reset", "POST")
            assert isinstance(await ci.trigger(request("b-2")), Ambiguous)


async def test_a_certificate_is_trusted_only_through_ca_file(tmp_path: Any) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with fake_jenkins(tls=context) as server:
        declare(server)
        outcome = await triggered(server)
        assert isinstance(outcome, Retry)
        assert "ca_file" in outcome.why
        assert isinstance(await triggered(server, ca_file=str(tmp_path / "ca.pem")), Sent)


@pytest.mark.parametrize(
    ("status_", "headers", "expected"),
    [
        (503, {"Retry-After": "7"}, Retry("Jenkins is starting or not available (503)", 7.0)),
        (503, {}, Retry("Jenkins is starting or not available (503)")),
        (
            429,
            {"Retry-After": "Sat, 21 Nov 2026 02:00:30 GMT", "Date": "Sat, 21 Nov 2026 02:00:00 GMT"},
            Retry("Jenkins, or a proxy before it, asks for fewer requests (429)", 30.0),
        ),
        (
            429,
            {"Retry-After": "999999999"},
            Retry("Jenkins, or a proxy before it, asks for fewer requests (429)", 3600.0),
        ),
        (429, {"Retry-After": "soon"}, Retry("Jenkins, or a proxy before it, asks for fewer requests (429)")),
    ],
)
async def test_a_busy_server_says_when_to_come_back(
    ci_server: FakeJenkins, status_: int, headers: dict[str, str], expected: Retry
) -> None:
    ci_server.trouble(match="POST", reply=Reply(status_, headers))
    assert await triggered(ci_server) == expected


@pytest.mark.parametrize("code", [520, 200])
async def test_a_proxy_that_lost_the_answer_leaves_it_open(ci_server: FakeJenkins, code: int) -> None:
    ci_server.trouble(match="POST", reply=page("Bad Gateway", code))
    assert isinstance(await triggered(ci_server), Ambiguous)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (302, "points elsewhere"),
        (308, "correct `url`"),
        (400, "does not take these parameters"),
        (404, "does not exist"),
        (405, "cannot be started"),
        (409, "disabled"),
        (413, "this long"),
        (418, "418"),
        (500, "does not take these parameters"),
    ],
)
async def test_a_rejection_is_reported_in_a_sentence_without_the_page(
    ci_server: FakeJenkins, code: int, words: str
) -> None:
    ci_server.trouble(match="POST", reply=page("Oops", code))
    outcome = await triggered(ci_server)
    assert isinstance(outcome, Rejected)
    assert words in outcome.why
    assert str(code) in outcome.why
    assert "<" not in outcome.why
    assert len(outcome.why) < 200


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"job": "gone"}, "no job 'gone'"),
        ({"token": "wrong-canary"}, "API token (401)"),
    ],
)
async def test_what_the_operator_has_to_mend_is_no_fault_of_the_build(
    ci_server: FakeJenkins, change: dict[str, str], words: str
) -> None:
    outcome = await triggered(ci_server, **change)
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert words in outcome.why


@pytest.mark.parametrize(("code", "words"), [(401, "API token"), (403, "may not do this")])
async def test_a_trigger_that_is_denied_is_for_the_operator_too(
    ci_server: FakeJenkins, code: int, words: str
) -> None:
    ci_server.trouble(match="POST", reply=page("Oops", code))
    outcome = await triggered(ci_server)
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert f"({code})" in outcome.why
    assert words in outcome.why
    assert "<" not in outcome.why


async def test_a_disabled_job_is_rejected(ci_server: FakeJenkins) -> None:
    declare(ci_server, disabled=True)
    assert await triggered(ci_server) == Rejected(f"the job {JOB!r} is disabled (409)")


async def test_a_value_that_is_not_among_the_choices_is_named(ci_server: FakeJenkins) -> None:
    declare(ci_server, "BRIDGE_BUILD_ID", Parameter("TAGS", choices=("stable", "edge")))
    assert await triggered(ci_server) == Rejected("the job does not offer the given value of: TAGS")


async def test_a_job_whose_parameters_were_taken_away_is_read_again(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        await sent(ci, "b-0")
        ci_server.job(JOB)
        assert await ci.trigger(request()) == Retry(
            "the parameters of the job have just changed", outdated=True
        )
        assert isinstance(await ci.trigger(request()), Sent)


async def test_a_rejection_whose_cause_cannot_be_looked_up_is_left_open(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        await sent(ci, "b-0")
        ci_server.trouble(match="POST", reply=page("Oops", 500))
        ci_server.trouble(match="property", reply=page("Starting Jenkins", 503))
        assert isinstance(await ci.trigger(request()), Ambiguous)


async def test_a_busy_server_that_does_not_even_show_the_job_says_when_to_come_back(
    ci_server: FakeJenkins,
) -> None:
    ci_server.trouble(match="property", reply=Reply(503, {"Retry-After": "7"}))
    assert await triggered(ci_server) == Retry("Jenkins is starting or not available (503)", 7.0)
    assert posts(ci_server) == []


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(200, Ambiguous), (204, Ambiguous), (302, Rejected), (409, Rejected), (502, Ambiguous), (503, Retry)],
)
async def test_a_queue_number_counts_only_in_an_answer_that_queued(
    ci_server: FakeJenkins, code: int, outcome: type[Outcome]
) -> None:
    location = {"Location": f"{ci_server.url}queue/item/7/"}
    ci_server.trouble(match="POST", reply=Reply(code, location))
    assert isinstance(await triggered(ci_server), outcome)


@pytest.mark.parametrize(
    ("location", "number"),
    [
        ("http://jenkins.internal:8080/prefix/queue/item/7/", 7),
        ("/queue/item/7", 7),
        ("http://jenkins.internal:8080/queue/item/7/api/json", None),
        ("http://jenkins.internal:8080/job/app/7/", None),
        ("http://jenkins.internal:8080/queue/item/7" + "0" * 18, None),
        (None, None),
    ],
)
async def test_of_the_location_only_the_queue_number_counts(
    ci_server: FakeJenkins, location: str | None, number: int | None
) -> None:
    ci_server.trouble(match="POST", reply=Reply(201, {"Location": location} if location else {}))
    outcome = await triggered(ci_server)
    if number is None:
        assert isinstance(outcome, Ambiguous)
    else:
        assert isinstance(outcome, Sent)
        assert json.loads(outcome.handle)["queue"] == number


@pytest.mark.parametrize(
    ("change", "words"), [({"job": "docker"}, "not a job but a Folder"), ({"path": "api/json"}, "not exact")]
)
async def test_what_is_no_job_is_never_triggered(
    ci_server: FakeJenkins, change: dict[str, str], words: str
) -> None:
    """A folder; and an address within the root, for which Jenkins answers its own document."""
    url = ci_server.url + change.pop("path", "")
    outcome = await triggered(ci_server, url=url, **change)
    assert isinstance(outcome, Rejected)
    assert words in outcome.why
    assert posts(ci_server) == []


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "reply",
    [page("Sign in"), page("Sign in", 403), Reply(302, {"Location": "https://sso.example.com/"})],
    ids=["page", "forbidden", "redirect"],
)
async def test_a_sign_in_page_in_the_place_of_jenkins_is_for_the_operator(
    ci_server: FakeJenkins, method: str, reply: Reply
) -> None:
    ci_server.trouble(match=method, reply=reply)
    outcome = await triggered(ci_server)
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert "a sign-in page" in outcome.why
    assert len(posts(ci_server)) == (method == "POST")


async def test_a_job_called_login_is_no_sign_in_page(ci_server: FakeJenkins) -> None:
    ci_server.job("login", "BRIDGE_BUILD_ID")
    ci_server.trouble(reply=Reply(301, {"Location": "https://ci.example.com/job/login/api/json"}))
    outcome = await triggered(ci_server, job="login")
    assert isinstance(outcome, Rejected)
    assert "another address" in outcome.why


async def test_a_merged_build_is_left_open_when_the_job_cannot_be_read_again(ci_server: FakeJenkins) -> None:
    async with builder(ci_server) as ci:
        await sent(ci)
        ci_server.trouble(match="property", reply=page("Starting Jenkins", 503))
        assert isinstance(await ci.trigger(request()), Ambiguous)
        assert isinstance(await ci.find(request("b-1")), str)
