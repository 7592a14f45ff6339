"""Messages of ntfy, and what its answers mean."""

import json
from typing import Any

import pytest
from channels.ntfy.server import BURST, TOKEN, TOPIC, ntfy_server, shown
from pydantic import ValidationError
from support.fake_robots import FakeRobot, Turnable, answer
from support.notices import SERVICE, context, notice

from bridge.channels.adapters.ntfy.channel import Ntfy, NtfySettings
from bridge.channels.base import Dead, Ok, RateLimited, Retry, Unknown
from bridge.model.notice import EventName


def channel(server: FakeRobot, clock: Turnable, *, token: str | None = TOKEN, **lent: Any) -> Ntfy:
    return Ntfy("ops", given(server.url, token=token), context(clock, **lent))


def given(url: str, token: str | None = None) -> NtfySettings:
    return NtfySettings.model_validate({"url": url, "token": token, "allow_private": True})


def told(code: int, words: str = "as scripted") -> bytes:
    return json.dumps({"code": code, "http": code // 100, "error": words}).encode()


async def test_a_failure_is_urgent_plain_text_and_a_tap_opens_the_log() -> None:
    clock = Turnable()
    async with ntfy_server(clock) as server:
        assert await channel(server, clock, language="en").send(notice()) == Ok()
    assert server.messages == [
        {
            "topic": TOPIC,
            "title": "❌ Build failed · acme/shop",
            "message": (
                "Branch main · 1a2b3c4d · #128\n"
                "Commit 修复登录超时\n"
                "builder jenkins · took 3m12s · by push (张三)\n"
                "Reason: docker build\n"
                "End of the log:\n"
                "step 3/9\n"
                "error: no such file\n"
                "N-0000abcd"
            ),
            "priority": 5,
            "click": "https://ci.example.com/job/shop/128/",
            "tags": ["buildJobFail"],
        }
    ]


async def test_a_success_rings_as_others_do_and_a_notice_about_the_bridge_opens_nothing() -> None:
    clock = Turnable()
    async with ntfy_server(clock) as server:
        ops = channel(server, clock)
        await ops.send(notice(EventName.SUCCESS))
        await ops.send(notice(EventName.DEGRADED, SERVICE))
    success, degraded = server.messages
    assert success["priority"] == 3
    assert degraded["priority"] == 5
    assert "click" not in degraded


async def test_an_open_server_gets_no_token() -> None:
    clock = Turnable()
    async with ntfy_server(clock, token=None) as server:
        open_one = channel(server, clock, token=None)
        assert await open_one.send(notice()) == Ok()
    assert "Authorization" not in open_one.headers(notice(), b"")


async def test_a_login_that_is_missing_and_one_that_is_wrong_have_different_cures() -> None:
    clock = Turnable()
    async with ntfy_server(clock) as server:
        missing = await channel(server, clock, token=None).send(notice())
        wrong = await channel(server, clock, token="tk_another").send(notice())
    assert isinstance(missing, Dead)
    assert isinstance(wrong, Dead)
    assert "set `token`" in missing.why
    assert "make another one" in wrong.why


def test_topics_of_one_user_share_a_limit_and_those_of_another_do_not() -> None:
    ours = Ntfy.target(given("https://ntfy.sh/one", "tk_ours"))
    assert ours == Ntfy.target(given("https://ntfy.sh/two", "tk_ours"))
    assert ours != Ntfy.target(given("https://ntfy.sh/one", "tk_another"))
    assert ours != Ntfy.target(given("https://ntfy.example.com/one", "tk_ours"))
    assert "tk_ours" not in ours


@pytest.mark.parametrize("path", ["", "/", "/a/b", "/a b", "/" + "a" * 65, "/top.ic"])
def test_a_url_without_one_topic_is_reported(path: str) -> None:
    with pytest.raises(ValidationError, match="has to end with one topic"):
        given(f"https://ntfy.sh{path}")


@pytest.mark.parametrize("topic", [TOPIC, "q7z"])
def test_a_preview_does_not_show_the_topic(topic: str) -> None:
    preview = Ntfy("ops", given(f"https://ntfy.sh/{topic}"), context()).preview(notice())
    assert "acme/shop" in preview
    assert topic not in preview


@pytest.mark.parametrize(
    ("code", "reason", "cure"),
    [
        (40101, "config", "does not know `token`"),
        (40301, "config", "no right to write to the topic"),
        (40009, "config", "choose another one"),
        (40010, "config", "choose another one"),
        (40017, "content", "40017"),
        (40024, "content", "40024"),
        (41302, "content", "41302"),
    ],
)
async def test_the_code_of_a_failure_decides(code: int, reason: str, cure: str) -> None:
    clock = Turnable()
    async with ntfy_server(clock) as server:
        server.scripted.append(answer(code // 100, told(code, f"no {TOPIC}")))
        outcome = await channel(server, clock).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == reason
    assert cure in outcome.why
    assert TOPIC not in outcome.why


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"id": "x", "event": "open"}', Unknown),
        (200, b'{"event": "message"}', Unknown),
        (200, told(40101), Unknown),
        (401, b"of a proxy", Retry),
        (507, told(50701), Retry),
        (500, told(50001), Unknown),
        (429, told(42905), RateLimited),
    ],
)
async def test_success_is_a_message_and_what_may_pass_is_tried_again(
    status: int, body: bytes, expected: type
) -> None:
    clock = Turnable()
    async with ntfy_server(clock) as server:
        server.scripted.append(answer(status, body))
        assert isinstance(await channel(server, clock).send(notice()), expected)


@pytest.mark.parametrize("code", [40014, 41301, 41303])
async def test_a_message_that_is_too_long_is_shortened_once(code: int) -> None:
    clock = Turnable()
    async with ntfy_server(clock) as server:
        server.scripted.append(answer(code // 100, told(code)))
        assert await channel(server, clock).send(notice(log_tail="行\n" * 300)) == Ok()
    assert len(server.requests) == 2
    assert "（已截断，详见日志）" in shown(server.messages[0])  # noqa: RUF001  # Chinese punctuation


async def test_a_limit_of_the_moment_costs_a_minute_and_that_of_the_day_an_hour() -> None:
    clock = Turnable()
    async with ntfy_server(clock) as server:
        ops = channel(server, clock)
        for _ in range(BURST):
            assert await ops.send(notice()) == Ok()
        moment = await ops.send(notice())
        server.scripted.append(answer(429, told(42908)))
        day = await ops.send(notice())
    assert isinstance(moment, RateLimited)
    assert moment.after == 60
    assert isinstance(day, RateLimited)
    assert day.after == 3600
