"""Embeds of Discord, whom they mention, and what its answers mean."""

import json
from typing import Any

import pytest
from channels.discord.server import TOKEN, discord_server, shown
from pydantic import ValidationError
from support.fake_robots import FakeRobot, Turnable, answer
from support.notices import AUTHOR, context, notice

from bridge.channels.adapters.discord.channel import Discord
from bridge.channels.base import Dead, Ok, RateLimited, Retry, Unknown

USER = "80351110224678912"


def channel(hook: FakeRobot, clock: Turnable, *, url: str = "", **lent: Any) -> Discord:
    given = Discord.Settings.model_validate({"url": url or hook.url, "allow_private": True})
    return Discord("ops", given, context(clock, **lent))


def told(code: int, **more: Any) -> bytes:
    return json.dumps({"code": code, "message": "as scripted", **more}).encode()


async def test_a_message_has_an_embed_and_mentions_the_author_and_nobody_else() -> None:
    clock = Turnable()
    async with discord_server(clock) as hook:
        ops = channel(hook, clock, language="en", contacts={AUTHOR: USER})
        assert await ops.send(notice()) == Ok()
    assert shown(hook.messages[0]) == (
        "❌ Build failed · acme/shop\n"
        "Branch main · [1a2b3c4d](https://git.example.com/acme/shop/commit/1a2b3c4d)"
        " · [#128](https://ci.example.com/job/shop/128/)\n"
        "Commit 修复登录超时\n"
        "builder jenkins · took 3m12s · by push (张三)\n"
        "Reason: docker build\n"
        "End of the log:\n"
        "```\n"
        "step 3/9\n"
        "error: no such file\n"
        "```\n"
        "[View log](https://ci.example.com/job/shop/128/) · N-0000abcd\n"
        f"<@{USER}>"
    )
    assert hook.messages[0]["allowed_mentions"] == {"parse": [], "users": [USER]}
    assert hook.messages[0]["embeds"][0]["color"] == 0xE74C3C


async def test_words_of_a_commit_or_of_a_log_mention_nobody_and_end_no_block() -> None:
    clock = Turnable()
    async with discord_server(clock) as hook:
        sent = notice(subject=f"@everyone <@{USER}> <@&1>", log_tail="```\n@here\n# head")
        assert await channel(hook, clock, contacts={}).send(sent) == Ok()
    message = hook.messages[0]
    assert "content" not in message
    assert message["allowed_mentions"] == {"parse": [], "users": []}
    text = shown(message)
    assert text.count("```") == 2
    assert "@" not in text
    assert "<" not in text


async def test_an_id_that_cannot_be_one_costs_no_notice() -> None:
    clock = Turnable()
    async with discord_server(clock) as hook:
        assert await channel(hook, clock, contacts={AUTHOR: "zhangsan"}).send(notice()) == Ok()
    assert hook.messages[0]["allowed_mentions"]["users"] == []


@pytest.mark.parametrize("version", ["", "v6/", "v10/"])
async def test_the_address_has_the_version_whose_times_are_seconds_and_waits_for_the_message(
    version: str,
) -> None:
    clock = Turnable()
    async with discord_server(clock) as hook:
        url = hook.url.replace("/api/", f"/api/{version}") + "?thread_id=42"
        assert await channel(hook, clock, url=url).send(notice()) == Ok()
    (asked,) = hook.requests
    assert "/api/v10/webhooks/" in asked
    assert asked.endswith("?thread_id=42&wait=true")


@pytest.mark.parametrize(
    ("status", "code", "reason", "cure"),
    [
        (404, 10015, "config", "copy the webhook URL again"),
        (401, 50027, "config", "copy the webhook URL again"),
        (404, 10003, "config", "the channel of the webhook was deleted"),
        (403, 50013, "config", "permissions of the channel"),
        (400, 220001, "config", "thread_id"),
        (400, 50083, "config", "the thread is closed"),
        (403, 160005, "config", "the thread is closed"),
        (400, 50035, "content", "50035"),
        (400, 50006, "content", "50006"),
        (400, 240000, "content", "240000"),
    ],
)
async def test_the_code_of_a_failure_decides(status: int, code: int, reason: str, cure: str) -> None:
    clock = Turnable()
    async with discord_server(clock) as hook:
        hook.scripted.append(answer(status, told(code)))
        outcome = await channel(hook, clock).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == reason
    assert cure in outcome.why


async def test_a_failure_that_repeats_the_key_does_not_show_it() -> None:
    clock = Turnable()
    async with discord_server(clock) as hook:
        hook.scripted.append(answer(401, json.dumps({"code": 50027, "message": f"no {TOKEN}"}).encode()))
        outcome = await channel(hook, clock).send(notice())
    assert isinstance(outcome, Dead)
    assert "Discord answered 50027: no ***" in outcome.why


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (204, b"", Ok),
        (200, b"{}", Unknown),
        (200, b'{"id": 5}', Unknown),
        (403, b"blocked by a gateway", Retry),
        (400, b'{"code": 0, "message": "400: Bad Request"}', Retry),
        (503, b"", Unknown),
    ],
)
async def test_success_is_a_message_and_what_is_not_discords_is_tried_again(
    status: int, body: bytes, expected: type
) -> None:
    clock = Turnable()
    async with discord_server(clock) as hook:
        hook.scripted.append(answer(status, body))
        assert isinstance(await channel(hook, clock).send(notice()), expected)


@pytest.mark.parametrize(
    "too_long",
    [
        answer(413, b""),
        answer(400, told(40005)),
        answer(400, told(50035, errors={"embeds": {"_errors": [{"code": "MAX_EMBED_SIZE_EXCEEDED"}]}})),
        answer(400, told(50035, errors={"content": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH"}]}})),
    ],
)
async def test_a_message_that_is_too_long_is_shortened_once(too_long: Any) -> None:
    clock = Turnable()
    async with discord_server(clock) as hook:
        hook.scripted.append(too_long)
        assert await channel(hook, clock).send(notice(log_tail="行\n" * 300)) == Ok()
    assert len(hook.requests) == 2
    assert "（已截断，详见日志）" in shown(hook.messages[0])  # noqa: RUF001  # Chinese punctuation


async def test_the_pause_that_discord_names_is_kept() -> None:
    clock = Turnable()
    async with discord_server(clock) as hook:
        ops = channel(hook, clock)
        for _ in range(5):
            assert await ops.send(notice()) == Ok()
        outcome = await ops.send(notice())
        hook.scripted.append(answer(429, b'{"message": "limited", "retry_after": 64.57, "global": true}'))
        in_body = await ops.send(notice())
    assert isinstance(outcome, RateLimited)
    assert outcome.after == 3
    assert isinstance(in_body, RateLimited)
    assert in_body.after == 64.57


def test_an_address_without_its_key_is_a_fault() -> None:
    with pytest.raises(ValidationError, match="copy the webhook address whole"):
        Discord.Settings.model_validate({"url": "https://discord.com/api/webhooks/1234567890"})
