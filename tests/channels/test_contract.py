"""What holds for every channel that speaks HTTP."""

import json
import logging
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.fake_robots import (
    START,
    FakeRobot,
    Script,
    Turnable,
    answer,
    dingtalk_robot,
    errcode,
    hang,
    rude_server,
    wecom_robot,
)
from support.notices import context, notice

from bridge.channels.adapters.dingtalk.channel import DingTalk
from bridge.channels.adapters.wecom.channel import WeCom
from bridge.channels.base import Channel, Dead, Ok, Outcome, RateLimited, Retry, Unknown
from bridge.channels.robot import Robot
from bridge.model.event import Person
from bridge.model.notice import BuildFacts, EventName, Notice, ServiceFacts
from bridge.runtime import http_client as http

TOKEN = "0123456789abcdef" * 4
SECRETS = (
    TOKEN,
    "693a91f6-7aaa-4bc4-97a0-0ec2sifa5aaa",
    "this is secret",
    "this%20is",
    "s3cret-of-the-proxy",
)


@dataclass(frozen=True)
class Case:
    kind: type[Robot]
    path: str
    extra: dict[str, Any]
    serve: Callable[[Turnable], AbstractAsyncContextManager[FakeRobot]]
    most: int
    """How many bytes the vendor takes."""
    codes: dict[int, type[Outcome] | str]

    def channel(self, url: str, **changes: Any) -> Channel:
        values = {"url": url, "allow_private": True} | self.extra | changes
        return self.kind("team", self.kind.Settings.model_validate(values), context())  # type: ignore[arg-type]  # each kind has its own


DINGTALK = Case(
    DingTalk,
    f"/robot/send?access_token={TOKEN}",
    {"secret": "this is secret"},
    dingtalk_robot,
    20_000,
    {
        0: Ok,
        -1: Retry,
        130101: RateLimited,
        410100: RateLimited,
        310000: "config",
        300005: "config",
        300001: "config",
        400101: "config",
        400013: "config",
        400102: "config",
        400106: "config",
        400105: "content",
        40035: "content",
        43002: "content",
        43004: "content",
        430101: "content",
        460101: "content",
        101002: "content",
        999999: Retry,
    },
)
WECOM = Case(
    WeCom,
    "/cgi-bin/webhook/send?key=693a91f6-7aaa-4bc4-97a0-0ec2sifa5aaa",
    {},
    wecom_robot,
    4_096,
    {
        0: Ok,
        -1: Retry,
        45009: RateLimited,
        45033: RateLimited,
        93000: "config",
        40058: "content",
        40008: "content",
        40033: "content",
        40035: "content",
        44004: "content",
        999999: Retry,
    },
)
CASES = [DINGTALK, WECOM]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind.kind)
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
def test_no_more_is_sent_than_the_vendor_takes(case: Case) -> None:
    aimed, shortened = case.kind.limits
    assert shortened < aimed <= case.most
    assert case.kind.rate is not None
    assert case.kind.rate.count < 20, "the vendors take 20 in a minute, and people try things out"
    assert case.kind.rate.seconds >= 60


@pytest.mark.parametrize(("case", "code"), [(DINGTALK, -1), (WECOM, -1), (WECOM, 45033)])
async def test_a_robot_that_is_busy_says_how_soon_to_come_again(case: Case, code: int) -> None:
    async with case.serve(Turnable()) as robot:
        robot.scripted.append(errcode(code))
        outcome = await case.channel(robot.url).send(notice())
    assert isinstance(outcome, Retry | RateLimited)
    assert outcome.after is not None
    assert 5 <= outcome.after <= 30


@every_case
async def test_the_code_in_the_body_decides(case: Case) -> None:
    async with case.serve(Turnable()) as robot:
        channel = case.channel(robot.url)
        for code, expected in case.codes.items():
            robot.scripted.extend([errcode(code, f"no {robot.url}")] * 2)
            outcome = await channel.send(notice())
            robot.scripted.clear()
            found = outcome.reason if isinstance(outcome, Dead) else type(outcome)
            assert found == expected, code
            assert not any(secret in said(outcome) for secret in SECRETS)


@pytest.mark.parametrize("words", ["send too fast", "exceed 20 times per minute", "触发限流"])
async def test_a_limit_of_dingtalk_is_known_by_its_words(words: str) -> None:
    async with dingtalk_robot(Turnable()) as robot:
        robot.scripted.append(errcode(123456, words))
        assert isinstance(await DINGTALK.channel(robot.url).send(notice()), RateLimited)


@every_case
@pytest.mark.parametrize("name", list(ANSWERS))
async def test_an_answer_that_is_not_the_robots_is_no_success(case: Case, name: str) -> None:
    script, expected = ANSWERS[name]
    async with case.serve(Turnable()) as robot:
        robot.scripted.append(script)
        outcome = await case.channel(robot.url).send(notice())
    assert type(outcome) is expected
    assert len(robot.requests) == 1
    assert robot.messages == []
    if isinstance(outcome, RateLimited):
        assert outcome.after == 77


@every_case
async def test_a_robot_that_never_answers_may_have_the_notice(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TOTAL_TIMEOUT", 0.3)
    async with case.serve(Turnable()) as robot:
        robot.scripted.append(hang)
        with anyio.fail_after(5):
            outcome = await case.channel(robot.url).send(notice())
    assert isinstance(outcome, Unknown)


@every_case
async def test_a_connection_that_breaks_may_have_brought_the_notice(case: Case) -> None:
    async with rude_server() as host:
        outcome = await case.channel(f"http://{host}{case.path}").send(notice())
    assert isinstance(outcome, Unknown)


@every_case
async def test_a_robot_that_cannot_be_reached_has_no_notice(case: Case) -> None:
    outcome = await case.channel(f"http://127.0.0.1:1{case.path}").send(notice())
    assert isinstance(outcome, Retry)
    assert "127.0.0.1" in outcome.why


@every_case
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
async def test_a_private_address_is_refused_at_connect(case: Case, host: str) -> None:
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
        ("https://robot.example.com:port{path}", "no URL"),
    ],
)
def test_a_wrong_url_is_told_without_the_url(case: Case, url: str, cure: str) -> None:
    with pytest.raises(ValidationError) as caught:
        case.channel(url.format(path=case.path), allow_private=False)
    assert cure in str(caught.value)
    assert not any(secret in str(caught.value) for secret in SECRETS)


@every_case
@pytest.mark.parametrize(
    "script", [errcode(0), errcode(310000), errcode(93000), answer(500, b""), hang], ids=range(5)
)
async def test_no_failure_tells_a_secret(
    case: Case, script: Script, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(http, "TOTAL_TIMEOUT", 0.3)
    async with case.serve(Turnable()) as robot:
        robot.scripted.append(script)
        channel = case.channel(robot.url)
        outcome = await channel.send(notice())
        robot.scripted.append(hang)
        with anyio.move_on_after(0.1) as scope:
            await channel.send(notice())
    assert scope.cancelled_caught
    for shown in (repr(outcome), caplog.text, repr(channel), repr(vars(channel).get("settings"))):
        assert not any(secret in shown for secret in SECRETS)


@every_case
async def test_too_many_without_a_pause_means_a_minute(case: Case) -> None:
    async with case.serve(Turnable()) as robot:
        robot.scripted.append(answer(429, b""))
        outcome = await case.channel(robot.url).send(notice())
    assert isinstance(outcome, RateLimited)
    assert outcome.after == 60


def test_a_proxy_that_cannot_be_called_is_told_without_its_password() -> None:
    with pytest.raises(ValidationError) as caught:
        DINGTALK.channel(
            f"https://oapi.dingtalk.com{DINGTALK.path}", proxy="socks5://ci:s3cret-of-the-proxy@proxy:1"
        )
    assert "the proxy is not usable" in str(caught.value)
    assert not any(secret in str(caught.value) for secret in SECRETS)


async def test_a_proxy_is_asked_and_its_password_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with rude_server() as host:
        channel = DINGTALK.channel(
            f"https://oapi.dingtalk.com{DINGTALK.path}", proxy=f"http://ci:s3cret-of-the-proxy@{host}"
        )
        outcome = await channel.send(notice())
    assert isinstance(outcome, Retry | Unknown)
    assert not any(secret in repr(outcome) + caplog.text for secret in SECRETS)


# Whatever a stranger may write: any characters, markup with power, and much of it.
NASTY = st.sampled_from(
    [
        "<@all>", "<@zhangsan>", "@zhangsan", "@所有人", "](http://evil.example)", "<font color='info'>",
        "![x](y)", "\u202e", "\x00", "\n# head\n", "\ufffd", "\ud800", "&lt;@all&gt;", "http://evil.example",
        "**", "`", "\\", "www.evil.example",
    ]
)  # fmt: skip
TEXT = st.one_of(
    st.text(st.characters(), max_size=60),
    st.lists(NASTY, max_size=6).map("".join),
    st.builds(str.__mul__, st.sampled_from(["修", "a", "\\", '"', "𠮷", "@"]), st.integers(0, 3000)),
)
URL = st.none() | TEXT | st.builds("https://git.example.com/{}".format, TEXT)
FACTS = st.builds(
    BuildFacts,
    build_id=TEXT, namespace=TEXT, repo_name=TEXT, number=st.integers(1, 10**9),
    state=st.sampled_from(["failed", "unknown", "superseded"]), detail=st.none() | TEXT,
    ref_kind=st.sampled_from(["branch", "tag"]), ref_name=TEXT, sha=TEXT, commit_url=URL, subject=TEXT,
    author=st.builds(Person, TEXT, st.sampled_from(["zhang.san@example.com", "eve@example.com", None])),
    images=st.lists(TEXT, max_size=9).map(tuple), builder=TEXT,
    duration=st.none() | st.floats() | st.floats(0, timedelta(days=400).total_seconds()),
    build_url=URL, page_url=URL, cause=st.sampled_from(["push", "schedule"]) | TEXT,
    streak=st.integers(0, 99), log_tail=TEXT | st.lists(TEXT, max_size=40).map("\n".join),
)  # fmt: skip
SERVICE_FACTS = st.builds(ServiceFacts, subject=TEXT, detail=TEXT)
NOTICES = st.builds(
    Notice,
    id=TEXT, channel=TEXT, event=st.sampled_from(EventName), facts=FACTS | SERVICE_FACTS,
    created_at=st.floats(START - 10**6, START + 100),
)  # fmt: skip


def rendered(case: Case, told: Notice, limit: int, language: str) -> tuple[bytes, str]:
    values = {"url": f"https://robot.example.com{case.path}"} | case.extra
    lent = context(language=language)
    robot = case.kind("team", case.kind.Settings.model_validate(values), lent)  # type: ignore[arg-type]  # each kind has its own
    body = robot.render(told, limit)
    part = json.loads(body)["markdown"]
    return body, str(part.get("text", part.get("content")))


@every_case
@settings(max_examples=300, deadline=None)
@given(told=NOTICES, language=st.sampled_from(["zh-CN", "en"]), which=st.sampled_from([0, 1]))
def test_whatever_the_facts_the_message_fits_and_strangers_have_no_power(
    case: Case, told: Notice, language: str, which: int
) -> None:
    body, text = rendered(case, told, case.kind.limits[which], language)
    counted = body if case is DINGTALK else text.encode()
    assert len(counted) <= case.kind.limits[which]
    assert "\ufffd" not in text
    assert "\u202e" not in text
    own, _, last = text.rpartition("\n")
    if last not in {"<@zhangsan>", "@zhangsan"}:
        own = text
    assert "@" not in own
    assert set(re.findall(r"<[^>]*>?", own)) <= {
        '<font color="info">', '<font color="warning">', '<font color="comment">', "</font>"
    }  # fmt: skip
    links = re.findall(r"\[[^\[\]]*\]\(https?://[^\s()<>]+\)", own)
    assert own.count("](") == len(links) <= 3
    assert own.count("://") == sum(link.count("://") for link in links)
    assert "![" not in own


@every_case
@settings(max_examples=50, deadline=None)
@given(told=NOTICES)
def test_a_mention_is_the_authors_and_only_after_a_failure_or_a_fix(case: Case, told: Notice) -> None:
    text = rendered(case, told, case.kind.limits[0], "en")[1]
    mentioned = text.rpartition("\n")[2] in {"<@zhangsan>", "@zhangsan"}
    facts = told.facts
    assert not mentioned or (
        isinstance(facts, BuildFacts)
        and facts.author.email == "zhang.san@example.com"
        and told.event in {EventName.FAIL, EventName.FIXED}
        and facts.cause != "schedule"
    )
