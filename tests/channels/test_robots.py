"""What holds for every group robot: a URL that is a password, an HTTP answer whose body decides."""

import json
import logging

import anyio
import pytest
from channels.dingtalk.contract import CONTRACT as DINGTALK
from hypothesis import given, settings
from pydantic import ValidationError
from support.channel_contract import find_contract
from support.fake_robots import Script, Turnable, answer, dingtalk_robot, errcode, hang, rude_server
from support.hostile import NOTICES
from support.notices import notice
from support.robot_contract import RobotContract, text_of

from bridge.channels.base import Dead, Ok, Outcome, RateLimited, Retry, Unknown
from bridge.channels.robot import Robot
from bridge.model.notice import Notice
from bridge.registry import CHANNELS
from bridge.runtime import http_client as http

PROXY_PASSWORD = "s3cret-of-the-proxy"
FOUND = {kind: find_contract(kind) for kind in CHANNELS}
CASES = {kind: case for kind, case in FOUND.items() if isinstance(case, RobotContract)}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
BUSY = [(case, code) for case in CASES.values() for code in case.busy]


def test_every_robot_is_tested_as_one() -> None:
    assert {kind for kind in CHANNELS if issubclass(CHANNELS[kind], Robot)} == set(CASES)


ANSWERS: dict[str, tuple[Script, type[Outcome]]] = {
    "server error": (answer(500, b"oops"), Unknown),
    "success in words only": (answer(500, b'{"errcode": 0}'), Unknown),
    "page": (answer(200, b"<html>sign in</html>", "text/html"), Unknown),
    "nothing": (answer(200, b""), Unknown),
    "no code": (answer(200, b'{"errmsg": "ok"}'), Unknown),
    "code as text": (answer(200, b'{"errcode": "0"}'), Unknown),
    "code as truth": (answer(200, b'{"errcode": false}'), Unknown),
    "list": (answer(200, b"[0]"), Unknown),
    "endless": (answer(200, b'{"errcode": 0}' + b" " * http.MAX_ANSWER), Unknown),
    "compressed": (answer(200, b"\x1f\x8b" + b"0" * 50, **{"content-encoding": "gzip"}), Unknown),
    "redirect": (answer(302, b"", location="/robot/send"), Retry),
    "forbidden": (answer(403, b""), Retry),
    "our fault": (answer(499, b""), Retry),
    "of a proxy": (answer(502, b""), Unknown),
    "too many": (answer(429, b"", **{"retry-after": "77"}), RateLimited),
}


def said(outcome: Outcome) -> str:
    return outcome.detail if isinstance(outcome, Ok) else outcome.why


@every_case
def test_no_more_is_sent_than_the_vendor_takes(case: RobotContract) -> None:
    aimed, shortened = case.adapter.limits
    assert shortened < aimed <= case.limit
    assert case.adapter.rate is not None
    assert case.adapter.rate.count < 20, "the vendors take 20 in a minute, and people try things out"
    assert case.adapter.rate.seconds >= 60


@pytest.mark.parametrize(("case", "code"), BUSY)
async def test_a_robot_that_is_busy_says_how_soon_to_come_again(case: RobotContract, code: int) -> None:
    async with case.robot() as robot:
        robot.scripted.append(errcode(code))
        outcome = await case.channel(robot.url).send(notice())
    assert isinstance(outcome, Retry | RateLimited)
    assert outcome.after is not None
    assert 5 <= outcome.after <= 30


@every_case
async def test_the_code_in_the_body_decides(case: RobotContract) -> None:
    async with case.robot() as robot:
        channel = case.channel(robot.url)
        for code, expected in case.codes.items():
            robot.scripted.extend([errcode(code, f"no {robot.url}")] * 2)
            outcome = await channel.send(notice())
            robot.scripted.clear()
            found = outcome.reason if isinstance(outcome, Dead) else type(outcome)
            assert found == expected, code
            assert not any(secret in said(outcome) for secret in case.secrets)


@pytest.mark.parametrize("words", ["send too fast", "exceed 20 times per minute", "触发限流"])
async def test_a_limit_of_dingtalk_is_recognised_by_its_text(words: str) -> None:
    async with dingtalk_robot(Turnable()) as robot:
        robot.scripted.append(errcode(123456, words))
        assert isinstance(await DINGTALK.channel(robot.url).send(notice()), RateLimited)


@every_case
@pytest.mark.parametrize("name", list(ANSWERS))
async def test_an_answer_that_is_not_the_robots_is_no_success(case: RobotContract, name: str) -> None:
    script, expected = ANSWERS[name]
    async with case.robot() as robot:
        robot.scripted.append(script)
        outcome = await case.channel(robot.url).send(notice())
    assert type(outcome) is expected
    assert len(robot.requests) == 1
    assert robot.messages == []
    if isinstance(outcome, RateLimited):
        assert outcome.after == 77


@every_case
async def test_a_robot_that_never_answers_may_have_the_notice(
    case: RobotContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TOTAL_TIMEOUT", 0.3)
    async with case.robot() as robot:
        robot.scripted.append(hang)
        with anyio.fail_after(5):
            outcome = await case.channel(robot.url).send(notice())
    assert isinstance(outcome, Unknown)


@every_case
async def test_a_connection_that_breaks_may_have_brought_the_notice(case: RobotContract) -> None:
    async with rude_server() as host:
        outcome = await case.channel(f"http://{host}{case.path}").send(notice())
    assert isinstance(outcome, Unknown)


@every_case
async def test_a_robot_that_cannot_be_reached_has_no_notice(case: RobotContract) -> None:
    outcome = await case.channel(f"http://127.0.0.1:1{case.path}").send(notice())
    assert isinstance(outcome, Retry)
    assert "127.0.0.1" in outcome.why


@every_case
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
async def test_a_private_address_is_rejected_at_connect(case: RobotContract, host: str) -> None:
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
        ("https://robot.example.com/send", "copy the robot's webhook address"),
        ("https://robot.example.com:port{path}", "not a URL"),
    ],
)
def test_a_wrong_url_is_reported_without_the_url(case: RobotContract, url: str, cure: str) -> None:
    with pytest.raises(ValidationError) as caught:
        case.channel(url.format(path=case.path), allow_private=False)
    assert cure in str(caught.value)
    assert not any(secret in str(caught.value) for secret in case.secrets)


@every_case
@pytest.mark.parametrize(
    "script", [errcode(0), errcode(310000), errcode(93000), answer(500, b""), hang], ids=range(5)
)
async def test_no_failure_shows_a_secret(
    case: RobotContract, script: Script, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(http, "TOTAL_TIMEOUT", 0.3)
    async with case.robot() as robot:
        robot.scripted.append(script)
        channel = case.channel(robot.url)
        outcome = await channel.send(notice())
        robot.scripted.append(hang)
        with anyio.move_on_after(0.1) as scope:
            await channel.send(notice())
    assert scope.cancelled_caught
    for shown in (repr(outcome), caplog.text, repr(channel), repr(vars(channel).get("settings"))):
        assert not any(secret in shown for secret in case.secrets)


@every_case
async def test_too_many_without_a_pause_means_a_minute(case: RobotContract) -> None:
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
@settings(max_examples=100, deadline=None)
@given(sent=NOTICES)
def test_a_notice_fits_the_size_aimed_at_and_the_size_of_a_second_attempt(
    case: RobotContract, which: int, sent: Notice
) -> None:
    robot = case.channel(f"https://robot.example.com{case.path}")
    assert isinstance(robot, Robot)
    body = robot.render(sent, robot.limits[which])
    text = text_of(json.loads(body))
    assert case.size(body, text) <= robot.limits[which]
    assert text.count("](") <= 3
