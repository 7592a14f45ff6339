"""What holds for every channel with one URL, a password, and of robots: the body of an answer decides."""

import json
import logging
import math

import anyio
import pytest
from channels.dingtalk.contract import CONTRACT as DINGTALK
from hypothesis import given, settings
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from support.channel_contract import find_contract
from support.examples import examples
from support.fake_robots import Script, Turnable, answer, dingtalk_robot, errcode, hang, rude_server
from support.hostile import NOTICES
from support.in_chinese import check_chinese
from support.notices import notice
from support.robot_contract import HookContract, RobotContract

from bridge.channels.base import Dead, Ok, Outcome, RateLimited, Retry, Unknown
from bridge.channels.hook import Hook
from bridge.channels.robot import Robot
from bridge.model.notice import Notice
from bridge.registry import CHANNELS
from bridge.runtime import http_client as http

PROXY_PASSWORD = "s3cret-of-the-proxy"
FOUND = {kind: find_contract(kind) for kind in CHANNELS}
CASES = {kind: case for kind, case in FOUND.items() if isinstance(case, HookContract)}
ROBOTS = {kind: case for kind, case in CASES.items() if isinstance(case, RobotContract)}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_robot = pytest.mark.parametrize("case", ROBOTS.values(), ids=ROBOTS)
BUSY = [(case, code) for case in ROBOTS.values() for code in case.busy]


def test_every_kind_with_one_url_and_every_robot_is_tested_as_one() -> None:
    assert {kind for kind in CHANNELS if issubclass(CHANNELS[kind], Hook)} == set(CASES)
    assert {kind for kind in CHANNELS if issubclass(CHANNELS[kind], Robot)} == set(ROBOTS)


NO_SUCCESSES: dict[str, tuple[int, str, dict[str, str]]] = {
    "success in words only": (500, '{"CODE": 0}', {}),
    "no code": (200, '{"errmsg": "ok", "StatusCode": 0}', {}),
    "code as text": (200, '{"CODE": "0"}', {}),
    "code as truth": (200, '{"CODE": false}', {}),
    "list": (200, "[0]", {}),
    "page": (200, "<html>sign in</html>", {}),
    "nothing": (200, "", {}),
    "compressed": (200, "\x1f0" + "0" * 50, {"content-encoding": "gzip"}),
}
"""Answers of HTTP; CODE stands for the name of the code."""
ANSWERS: dict[str, tuple[Script, type[Outcome]]] = {
    "server error": (answer(500, b"oops"), Unknown),
    "endless": (answer(200, b'{"errcode": 0, "code": 0}' + b" " * http.MAX_ANSWER), Unknown),
    "redirect": (answer(302, b"", location="/robot/send"), Retry),
    "forbidden": (answer(403, b""), Retry),
    "our fault": (answer(499, b""), Retry),
    "of a proxy": (answer(502, b""), Unknown),
    "too many": (answer(429, b"", **{"retry-after": "77"}), RateLimited),
}


def said(outcome: Outcome) -> str:
    return outcome.detail if isinstance(outcome, Ok) else outcome.why


@every_case
def test_no_more_is_sent_than_the_vendor_takes(case: HookContract) -> None:
    aimed, shortened = case.adapter.limits
    assert shortened < aimed <= case.limit
    for allowed in case.allows:
        assert case.adapter.rate is not None
        windows = math.ceil(allowed.seconds / case.adapter.rate.seconds)
        assert case.adapter.rate.count * windows < allowed.count, "people try things out, too"


@pytest.mark.parametrize(("case", "code"), BUSY)
async def test_a_robot_that_is_busy_says_how_soon_to_come_again(case: RobotContract, code: int) -> None:
    async with case.robot() as robot:
        robot.scripted.append(case.says(code))
        outcome = await case.channel(robot.url).send(notice())
    assert isinstance(outcome, Retry | RateLimited)
    assert outcome.after is not None
    assert 5 <= outcome.after <= 30


@every_robot
async def test_the_code_in_the_body_decides(case: RobotContract) -> None:
    async with case.robot() as robot:
        channel = case.channel(robot.url)
        for code, expected in case.codes.items():
            robot.scripted.extend([case.says(code, f"no {robot.url}")] * 2)
            outcome = await channel.send(notice())
            robot.scripted.clear()
            found = outcome.reason if isinstance(outcome, Dead) else type(outcome)
            assert found == expected, code
            check_chinese(case.adapter.kind, outcome)
            assert not any(secret in said(outcome) for secret in case.secrets)


@pytest.mark.parametrize("words", ["send too fast", "exceed 20 times per minute", "触发限流"])
async def test_a_limit_of_dingtalk_is_recognised_by_its_text(words: str) -> None:
    async with dingtalk_robot(Turnable()) as robot:
        robot.scripted.append(errcode(123456, words))
        assert isinstance(await DINGTALK.channel(robot.url).send(notice()), RateLimited)


@every_robot
@pytest.mark.parametrize("name", NO_SUCCESSES)
async def test_without_the_code_of_success_nothing_was_taken_for_sure(case: RobotContract, name: str) -> None:
    status, body, headers = NO_SUCCESSES[name]
    async with case.robot() as robot:
        told = body.replace("CODE", case.adapter.fields[0]).encode()
        robot.scripted.append(answer(status, told, **headers))
        outcome = await case.channel(robot.url).send(notice())
    assert type(outcome) is Unknown


@every_case
@pytest.mark.parametrize("name", list(ANSWERS))
async def test_an_answer_that_is_not_the_robots_is_no_success(case: HookContract, name: str) -> None:
    script, expected = ANSWERS[name]
    async with case.robot() as robot:
        robot.scripted.append(script)
        outcome = await case.channel(robot.url).send(notice())
    assert type(outcome) is case.reads.get(name, expected)
    assert len(robot.requests) == 1
    assert robot.messages == []
    if isinstance(outcome, RateLimited):
        assert outcome.after == (77 if name == "too many" else 60)


@every_case
async def test_a_robot_that_never_answers_may_have_the_notice(
    case: HookContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TOTAL_TIMEOUT", 0.3)
    async with case.robot() as robot:
        robot.scripted.append(hang)
        with anyio.fail_after(5):
            outcome = await case.channel(robot.url).send(notice())
    assert isinstance(outcome, Unknown)


@every_case
async def test_a_connection_that_breaks_may_have_brought_the_notice(case: HookContract) -> None:
    async with rude_server() as host:
        outcome = await case.channel(f"http://{host}{case.path}").send(notice())
    assert isinstance(outcome, case.reads.get("breaks", Unknown))  # before a login nothing was sent


@every_case
async def test_a_robot_that_cannot_be_reached_has_no_notice(case: HookContract) -> None:
    outcome = await case.channel(f"http://127.0.0.1:1{case.path}").send(notice())
    assert isinstance(outcome, Retry)
    assert "127.0.0.1" in outcome.why


@every_case
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
async def test_a_private_address_is_rejected_at_connect(case: HookContract, host: str) -> None:
    outcome = await case.channel(f"https://{host}:1{case.path}", allow_private=False).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == "config"
    assert "allow_private" in outcome.why


@every_case
@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("http://robot.example.com{path}", "allow_private"),
        ("robot.example.com{path}", "https://"),
        ("ftp://robot.example.com{path}", "https://"),
        ("https://robot.example.com:port{path}", "not a URL"),
    ],
)
def test_a_wrong_url_is_reported_without_the_url(case: HookContract, url: str, cure: str) -> None:
    with pytest.raises(ValidationError) as caught:
        case.channel(url.format(path=case.path), allow_private=False)
    assert cure in str(caught.value)
    assert not any(secret in str(caught.value) for secret in case.secrets)


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.adapter.Settings.key_after])
def test_a_url_without_its_password_is_reported(case: HookContract) -> None:
    with pytest.raises(ValidationError, match="copy the webhook address whole"):
        case.channel("https://robot.example.com/send")


@every_case
@pytest.mark.parametrize(
    "script", [errcode(0), errcode(310000), errcode(93000), answer(500, b""), hang], ids=range(5)
)
async def test_no_failure_shows_a_secret(
    case: HookContract, script: Script, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(http, "TOTAL_TIMEOUT", 0.3)
    async with case.robot() as robot:
        robot.scripted.append(script)
        channel = case.channel(robot.url)
        outcome = await channel.send(notice())

        async def given_up(request: Request) -> Response:
            scope.cancel()
            return await hang(request)

        monkeypatch.setattr(http, "TOTAL_TIMEOUT", 30)
        robot.scripted.clear()
        robot.scripted.append(given_up)
        with anyio.CancelScope() as scope:
            await channel.send(notice())
    assert scope.cancelled_caught
    for shown in (repr(outcome), caplog.text, repr(channel), repr(vars(channel).get("settings"))):
        assert not any(secret in shown for secret in case.secrets)


@every_case
async def test_too_many_without_a_pause_means_a_minute(case: HookContract) -> None:
    async with case.robot() as robot:
        robot.scripted.append(answer(429, b""))
        outcome = await case.channel(robot.url).send(notice())
    assert isinstance(outcome, RateLimited)
    assert outcome.after == 60


def test_a_proxy_that_cannot_be_called_is_reported_without_its_password() -> None:
    with pytest.raises(ValidationError) as caught:
        DINGTALK.channel(
            f"https://oapi.dingtalk.com{DINGTALK.path}", proxy=f"socks5://ci:{PROXY_PASSWORD}@proxy:1"
        )
    assert "the proxy is not usable" in str(caught.value)
    assert not any(secret in str(caught.value) for secret in (*DINGTALK.secrets, PROXY_PASSWORD))


async def test_a_proxy_is_asked_and_its_password_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with rude_server() as host:
        channel = DINGTALK.channel(
            f"https://oapi.dingtalk.com{DINGTALK.path}", proxy=f"http://ci:{PROXY_PASSWORD}@{host}"
        )
        outcome = await channel.send(notice())
    assert isinstance(outcome, Retry | Unknown)
    assert not any(secret in repr(outcome) + caplog.text for secret in (*DINGTALK.secrets, PROXY_PASSWORD))


@every_case
@pytest.mark.parametrize("which", [0, 1])
@settings(max_examples=examples(100), deadline=None)
@given(sent=NOTICES)
def test_a_notice_fits_the_size_aimed_at_and_the_size_of_a_second_attempt(
    case: HookContract, which: int, sent: Notice
) -> None:
    robot = case.channel(f"https://robot.example.com{case.path}")
    assert isinstance(robot, Hook)
    body = robot.render(sent, robot.limits[which])
    text = case.text_of(json.loads(body))
    assert case.size(body, text) <= robot.limits[which]
    assert text.count("](") <= 3
