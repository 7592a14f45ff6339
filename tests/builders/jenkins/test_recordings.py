"""The fake Jenkins against what a real 2.426 server answered, and the builder on those very answers."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from support.daemon import NO_TLS
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins, shown
from support.fake_jenkins_state import Parameter
from support.jenkins_builds import builder

from bridge.model.build import BuildState

RECORDINGS = Path(__file__).parents[2] / "data" / "jenkins"
TELLING = {"content-type", "location", "www-authenticate", "x-jenkins", "x-jenkins-session"}
TELLING |= {"x-text-size", "x-more-data"}
PARAMETERS = (
    Parameter("IMAGE_TAG", "latest"),
    Parameter("GIT_REF", "refs/heads/master"),
    Parameter("SLEEP", "0"),
    Parameter("RC", "0"),
    Parameter("PUSH", True),
    Parameter("FLAVOUR", choices=("debug", "release")),
)
LOG = "Started by user ci\r\nticks\r\n"


def recorded(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())
    return document


@pytest.fixture
def server() -> Iterator[FakeJenkins]:
    with fake_jenkins() as jenkins:
        for name in ("demo-app", "demo app 构建", "team/back end/api image", "perf"):
            jenkins.job(name, *PARAMETERS)
        jenkins.job("no-params")
        jenkins.job("labelled")
        jenkins.job("biglog")
        yield jenkins


def ask(server: FakeJenkins, request: dict[str, Any]) -> httpx.Response:
    login = ("ci", server.token) if request["auth"] else None
    url = server.url + request["path"].lstrip("/")
    return httpx.request(
        request["method"],
        url,
        auth=login,
        data=request.get("form"),
        headers=request.get("headers"),
        trust_env=False,
        verify=NO_TLS,
    )


def get(server: FakeJenkins, path: str) -> httpx.Response:
    return ask(server, {"method": "GET", "path": path, "auth": "ci"})


def post(server: FakeJenkins, path: str, **more: Any) -> httpx.Response:
    return ask(server, {"method": "POST", "path": path, "auth": "ci"} | more)


def queued(server: FakeJenkins, job: str, *, delay: str = "0", **form: str) -> int:
    page = "buildWithParameters" if server.jobs[job].parameters else "build"
    path = f"{server.jobs[job].path}{page}?delay={delay}sec"
    answer = post(server, path, form=form)
    assert answer.status_code in {201, 303}, answer.status_code
    return int(answer.headers["location"].split("/")[-2])


def item(job: str, number: int, delay: str = "0") -> Callable[[FakeJenkins], None]:
    """The queue item with the recorded number waits."""

    def prepare(server: FakeJenkins) -> None:
        while queued(server, job, delay=delay, IMAGE_TAG=str(len(server.requests))) < number:
            server.finish(server.start(job))

    return prepare


def build(job: str, number: int, result: str | None = None) -> Callable[[FakeJenkins], None]:
    """The build with the recorded number runs, or has ended."""

    def prepare(server: FakeJenkins) -> None:
        server.job(job, *server.jobs[job].parameters, concurrent=True)
        for _ in range(number):
            queued(server, job)
            last = server.start(job)
            server.write(last, LOG, hidden=30)
            if result:
                server.finish(last, result)

    return prepare


def blocked(number: int) -> Callable[[FakeJenkins], None]:
    def prepare(server: FakeJenkins) -> None:
        busy(server)
        item("demo-app", number)(server)

    return prepare


def left(job: str, number: int, after: float = 0) -> Callable[[FakeJenkins], None]:
    def prepare(server: FakeJenkins) -> None:
        item(job, number)(server)
        server.start(job)
        server.advance(after)

    return prepare


def cancelled(job: str, number: int) -> Callable[[FakeJenkins], None]:
    def prepare(server: FakeJenkins) -> None:
        item(job, number)(server)
        post(server, f"/queue/cancelItem?id={number}")

    return prepare


def stopped(server: FakeJenkins) -> None:
    build("demo-app", 4)(server)
    post(server, "/job/demo-app/4/stop")


def deleted(server: FakeJenkins) -> None:
    build("biglog", 1, "SUCCESS")(server)
    post(server, "/job/biglog/1/doDelete")


def busy(server: FakeJenkins) -> None:
    queued(server, "demo-app")
    server.start("demo-app")


def busy_with_the_same_waiting(server: FakeJenkins) -> None:
    busy(server)
    queued(server, "demo-app", IMAGE_TAG="dup", GIT_REF="refs/heads/dup")


def a_password(server: FakeJenkins) -> None:
    server.password = server.token


def full_log(server: FakeJenkins) -> None:
    build("demo-app", 1, "SUCCESS")(server)
    log = server.jobs["demo-app"].builds[0]
    log.raw += b"." * (544 - len(log.raw))


def growing_log(server: FakeJenkins) -> None:
    build("demo-app", 1)(server)
    log = server.jobs["demo-app"].builds[0]
    log.raw += b"." * (498 - len(log.raw))


def nothing(server: FakeJenkins) -> None:
    assert server.requests == []


def another_token(server: FakeJenkins) -> None:
    server.username = "somebody-else"


def disabled(server: FakeJenkins) -> None:
    build("no-params", 1, "SUCCESS")(server)
    server.jobs["no-params"].disabled = True


def same_twice(server: FakeJenkins) -> None:
    queued(server, "demo-app", delay="5", IMAGE_TAG="same", GIT_REF="refs/heads/a")


STATES: dict[str, Callable[[FakeJenkins], None]] = {
    "trigger_201": nothing,
    "coalesce_1_first": nothing,
    "coalesce_2_identical": same_twice,
    "coalesce_3_different": same_twice,
    "unicode_job_trigger": nothing,
    "coalesce_4_queue": same_twice,
    "coalesce_5_build": build("demo-app", 5, "SUCCESS"),
    "coalesce_blocked_1": busy,
    "coalesce_blocked_2": busy_with_the_same_waiting,
    "coalesce_blocked_3_item": blocked(13),
    "coalesce_blocked_4_build": build("demo-app", 23),
    "trigger_while_quieting_down": nothing,
    "err_400_build_of_parameterised_job_via_build": nothing,
    "err_400_bad_choice": nothing,
    "err_buildWithParameters_on_unparameterised": nothing,
    "err_trigger_disabled_job": disabled,
    "err_401_bad_token": another_token,
    "err_403_anonymous": nothing,
    "err_403_no_crumb_password_auth": a_password,
    "err_403_crumb_other_session": a_password,
    "crumb_issuer": nothing,
    "script_console_denied": nothing,
    "err_404_build": nothing,
    "err_404_deleted_build": deleted,
    "err_404_job": nothing,
    "err_404_queue_item": nothing,
    "err_405_get_trigger": nothing,
    "whoami": nothing,
    "queue_list": item("demo-app", 2, "5"),
    "batch_queue": item("demo-app", 2, "5"),
    "queue_item_quiet_period": item("demo-app", 2, "5"),
    "queue_item_blocked": blocked(9),
    "queue_item_buildable_no_executor": item("no-params", 11),
    "queue_item_left_running": left("demo-app", 2),
    "queue_item_cancelled": cancelled("no-params", 1),
    "queue_item_blocked_then_cancelled": cancelled("demo-app", 9),
    "queue_item_left_finished": left("demo-app", 2),
    "queue_item_vanished": left("no-params", 19, after=301),
    "queue_item_no_label": item("no-params", 12),
    "queue_item_quieting_down": item("no-params", 13),
    "folder_queue_item": left("team/back end/api image", 10),
    "unicode_job_queue_item": left("demo app 构建", 15),
    "cancel_item_waiting": item("no-params", 1),
    "cancel_item_blocked": blocked(9),
    "cancel_item_buildable": item("no-params", 11),
    "cancel_item_unknown": nothing,
    "build_running": build("demo-app", 1),
    "build_just_after_stop": stopped,
    "build_success": build("demo-app", 1, "SUCCESS"),
    "build_failure": build("demo-app", 2, "FAILURE"),
    "build_unstable": build("demo-app", 3, "UNSTABLE"),
    "build_aborted": build("demo-app", 4, "ABORTED"),
    "folder_build_running": build("team/back end/api image", 1),
    "unicode_job_build": build("demo app 构建", 1, "SUCCESS"),
    "batch_allbuilds_of_one_job": build("perf", 5, "SUCCESS"),
    "tree_batch_builds": build("demo-app", 4, "SUCCESS"),
    "folder_info": nothing,
    "folder_job_info": build("team/back end/api image", 1),
    "job_info_disabled": disabled,
    "job_info_in_queue": item("demo-app", 2, "5"),
    "job_info_running": build("demo-app", 1),
    "stop_build": build("demo-app", 4),
    "stop_build_already_finished": build("demo-app", 4, "SUCCESS"),
    "delete_build": build("biglog", 1, "SUCCESS"),
    "log_progressive_running_0": growing_log,
    "log_progressive_running_next": growing_log,
    "log_progressive_done": full_log,
    "log_progressive_at_end": full_log,
    "log_progressive_beyond_end": full_log,
}


@pytest.mark.parametrize("name", STATES)
def test_the_fake_answers_like_the_real_server(server: FakeJenkins, name: str) -> None:
    real = recorded(name)
    STATES[name](server)
    answer = ask(server, real["request"])
    expected = real["response"]
    headers = {key.lower(): value for key, value in expected["headers"]}
    assert answer.status_code == expected["status"]
    assert set(answer.headers) & TELLING == set(headers) & TELLING
    assert answer.headers.get("content-type") == headers.get("content-type")
    assert answer.headers.get("x-text-size") == headers.get("x-text-size")
    assert bool(answer.text) == bool(expected.get("text", "json"))
    place, known = (urlsplit(each.get("location", "")).path for each in (answer.headers, headers))
    # The numbers of queue items are not those of the recorded server.
    assert re.sub(r"item/\d+", "item/N", place) == re.sub(r"item/\d+", "item/N", known)
    if "json" in expected:
        assert list(differences(answer.json(), expected["json"])) == []


def test_the_fake_takes_a_password_with_the_crumb_of_its_own_session(server: FakeJenkins) -> None:
    real = recorded("ok_password_with_crumb_same_session")
    with httpx.Client(
        base_url=server.url, auth=("ci", server.password), trust_env=False, verify=NO_TLS
    ) as client:
        crumb = client.get(recorded("crumb_issuer")["request"]["path"]).json()["crumb"]
        answers = [
            client.post(real["request"]["path"], headers=dict.fromkeys(real["request"]["headers"], value))
            for value in (crumb, "another")
        ]
    assert [answer.status_code for answer in answers] == [real["response"]["status"], 403]


def differences(fake: Any, real: Any, where: str = "") -> Iterator[str]:
    """Where two documents have other keys, or values of another type; nulls fit everything."""
    if isinstance(fake, dict) and isinstance(real, dict):
        yield from (f"{where}.{key}" for key in fake.keys() ^ real.keys())
        for key in fake.keys() & real.keys():
            yield from differences(fake[key], real[key], f"{where}.{key}")
    elif isinstance(fake, list) and isinstance(real, list):
        kinds = {_kind(part): part for part in real}
        for part in fake:
            if _kind(part) in kinds:
                yield from differences(part, kinds[_kind(part)], f"{where}[{_kind(part)}]")
    elif None not in (fake, real) and type(fake) is not type(real):
        yield f"{where}: {type(fake).__name__} for {type(real).__name__}"


def _kind(part: Any) -> str:
    """What kind of object stands in a list; actions of plugins have no kind, parameters go by name."""
    return f"{part.get('_class')} {part.get('name', '')}" if isinstance(part, dict) else str(part)


def served(server: FakeJenkins, match: str, document: Any) -> None:
    server.trouble(match=match, reply=shown(document))


@pytest.mark.parametrize(
    ("name", "state", "raw"),
    [
        ("build_running", BuildState.RUNNING, "building"),
        ("build_just_after_stop", BuildState.RUNNING, "building"),
        ("build_success", BuildState.SUCCEEDED, "SUCCESS"),
        ("build_failure", BuildState.FAILED, "FAILURE"),
        ("build_unstable", BuildState.FAILED, "UNSTABLE"),
        ("build_aborted", BuildState.CANCELLED, "ABORTED"),
        ("unicode_job_build", BuildState.SUCCEEDED, "SUCCESS"),
        ("folder_build_running", BuildState.RUNNING, "building"),
    ],
)
async def test_a_recorded_build_has_the_right_state(
    server: FakeJenkins, name: str, state: BuildState, raw: str
) -> None:
    document = recorded(name)["response"]["json"]
    served(server, "allBuilds", {"nextBuildNumber": document["number"] + 1, "allBuilds": [document]})
    handle = json.dumps({"job": "demo-app", "queue": document["queueId"], "build": document["number"]})
    async with builder(server) as ci:
        (status,) = (await ci.poll({"b-1": handle})).values()
    assert (status.state, status.raw) == (state, raw)
    assert status.started_at == document["timestamp"] / 1000
    assert (status.ended_at is None) is (state is BuildState.RUNNING)


@pytest.mark.parametrize(
    ("name", "state", "raw"),
    [
        ("queue_item_quiet_period", BuildState.QUEUED, "WaitingItem"),
        ("queue_item_blocked", BuildState.QUEUED, "BlockedItem"),
        ("queue_item_buildable_no_executor", BuildState.QUEUED, "BuildableItem"),
        ("queue_item_quieting_down", BuildState.QUEUED, "BuildableItem"),
        ("queue_item_no_label", BuildState.QUEUED, "BuildableItem"),
        ("queue_item_cancelled", BuildState.CANCELLED, "cancelled"),
        ("queue_item_blocked_then_cancelled", BuildState.CANCELLED, "cancelled"),
        ("unicode_job_queue_item", BuildState.QUEUED, "LeftItem"),
        ("folder_queue_item", BuildState.QUEUED, "LeftItem"),
    ],
)
async def test_a_recorded_queue_item_has_the_right_state(
    server: FakeJenkins, name: str, state: BuildState, raw: str
) -> None:
    """Those that left are asked for one by one; their builds are not there yet."""
    document = recorded(name)["response"]["json"]
    number = document["id"]
    gone = raw in {"cancelled", "LeftItem"}
    if gone:
        served(server, f"item/{number}", document | {"executable": None})
    else:
        served(server, "queue/api", {"items": [document]})
    path = unquote(urlsplit(document["task"]["url"]).path)
    job = "/".join(path.strip("/").split("/")[1::2])
    async with builder(server) as ci:
        (status,) = (await ci.poll({"b-1": json.dumps({"job": job, "queue": number})})).values()
    assert (status.state, status.raw) == (state, raw)
    assert status.detail == (
        f"stuck: {document['why']}"
        if document["stuck"]
        else document["why"] or ("cancelled in the queue of Jenkins" if raw == "cancelled" else "")
    )


@pytest.mark.parametrize("run", [0, 1], ids=["orderly", "killed"])
def test_the_fake_restarts_like_the_real_server(server: FakeJenkins, run: int) -> None:
    real = recorded("restart")[run]  # type: ignore[index]  # this recording is a list
    old = real["before"]["running_queue_id"]
    left("demo-app", old)(server)
    assert queued(server, "no-params", delay="300") == old + 1
    assert queued(server, "demo-app", IMAGE_TAG="blocked") == old + 2
    server.restart(crash=real["signal"] == "SIGKILL")
    for number, code in real["after"]["old_ids"].items():
        path = f"/queue/item/{int(number) - real['before']['running_queue_id'] + old}/api/json"
        assert ask(server, {"method": "GET", "path": path, "auth": "ci"}).status_code == code
    lost = {"method": "GET", "path": f"/job/demo-app/{old}/api/json", "auth": "ci"}
    assert ask(server, lost).status_code == real["after"]["build"]
    server.starting = 503
    starting = ask(server, lost)
    assert starting.status_code == 503
    assert not starting.headers.keys() & {"x-jenkins", "retry-after"}


def test_jenkins_lists_a_hundred_builds_at_most_unless_asked_for_all(server: FakeJenkins) -> None:
    build("perf", 120, "SUCCESS")(server)
    counts = {}
    for key in ("builds", "allBuilds"):
        path = f"/job/perf/api/json?tree={key}[number]{{0,1000}}"
        counts[key] = len(ask(server, {"method": "GET", "path": path, "auth": "ci"}).json()[key])
    assert counts == {"builds": 100, "allBuilds": 120}
