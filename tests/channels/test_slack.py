from dataclasses import replace
from typing import Any

import pytest
from channels.slack.workspace import shown, slack_workspace
from support.fake_robots import FakeRobot, Turnable, answer
from support.notices import context, notice

from bridge.channels.adapters.slack.channel import Slack
from bridge.channels.base import Dead, Ok, RateLimited, Unknown
from bridge.model.notice import BuildFacts, DigestFacts, EventName, Member, Notice


def channel(hook: FakeRobot, clock: Turnable, **lent: Any) -> Slack:
    given = Slack.Settings.model_validate({"url": hook.url, "allow_private": True})
    return Slack("ops", given, context(clock, **lent))


async def test_a_message_has_the_vendors_links_and_mention_and_words_for_the_notification() -> None:
    clock = Turnable()
    async with slack_workspace(clock) as hook:
        assert await channel(hook, clock, language="en").send(notice()) == Ok()
    assert hook.messages[0]["text"] == "❌ Build failed · acme/shop"
    assert shown(hook.messages[0]) == (
        "*❌ Build failed · acme/shop*\n"
        "Branch main · <https://git.example.com/acme/shop/commit/1a2b3c4d|1a2b3c4d>"
        " · <https://ci.example.com/job/shop/128/|#128>\n"
        "Commit 修复登录超时\n"
        "builder jenkins · took 3m12s · by push (张三)\n"
        "Reason: docker build\n"
        "End of the log:\n"
        "> step 3/9\n"
        "> error: no such file\n"
        "<https://ci.example.com/job/shop/128/|View log> · N-0000abcd\n"
        "<@zhangsan>"
    )


async def test_an_ampersand_is_escaped_in_texts_and_addresses() -> None:
    clock = Turnable()
    async with slack_workspace(clock) as hook:
        await channel(hook, clock).send(
            notice(subject="R&D", build_url="https://ci.example.com/?a=1&b=2", log_tail="")
        )
    assert "R&amp;D" in shown(hook.messages[0])
    assert "<https://ci.example.com/?a=1&amp;b=2|#128>" in shown(hook.messages[0])


async def test_a_long_digest_is_several_sections_and_is_taken() -> None:
    clock = Turnable()
    facts = notice(log_tail="").facts
    assert isinstance(facts, BuildFacts)
    members = tuple(
        Member(notice_id=f"N-{place}", event=EventName.FAIL, facts=replace(facts, **_differing(place)))
        for place in range(Slack.digest_size)
    )
    sent = Notice(
        id="N-1", channel="ops", event=EventName.FAIL, facts=DigestFacts(kind="backlog", members=members),
        created_at=clock.now,
    )  # fmt: skip
    async with slack_workspace(clock) as hook:
        assert await channel(hook, clock).send(sent) == Ok()
    assert len(hook.messages[0]["blocks"]) > 1
    assert shown(hook.messages[0]).count("#9") == Slack.digest_size


def _differing(place: int) -> dict[str, Any]:
    page = f"https://ci.example.com/{'job/' * 20}{place}"
    return {"number": 9000 + place, "build_id": str(place), "build_url": page}


@pytest.mark.parametrize(
    ("status", "word", "reason"),
    [
        (404, "no_service", "config"),
        (403, "action_prohibited", "config"),
        (410, "channel_is_archived", "config"),
        (404, "channel_not_found", "config"),
        (403, "invalid_token", "config"),
        (400, "invalid_payload", "content"),
        (400, "no_text", "content"),
    ],
)
async def test_the_word_of_an_answer_decides(status: int, word: str, reason: str) -> None:
    clock = Turnable()
    async with slack_workspace(clock) as hook:
        hook.scripted.append(answer(status, word.encode(), "text/plain"))
        outcome = await channel(hook, clock).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == reason
    assert word in outcome.why


@pytest.mark.parametrize("body", [b"", b"OK!", b'{"ok":true}', b"ok ok"])
async def test_only_the_word_ok_is_success(body: bytes) -> None:
    clock = Turnable()
    async with slack_workspace(clock) as hook:
        hook.scripted.append(answer(200, body, "text/plain"))
        assert isinstance(await channel(hook, clock).send(notice()), Unknown)


async def test_a_message_that_is_too_long_is_shortened_once() -> None:
    clock = Turnable()
    async with slack_workspace(clock) as hook:
        hook.scripted.append(answer(400, b"msg_blocks_too_long", "text/plain"))
        assert await channel(hook, clock).send(notice(log_tail="line\n" * 300)) == Ok()
    assert len(hook.requests) == 2


async def test_the_pause_that_slack_asks_for_is_kept() -> None:
    clock = Turnable()
    async with slack_workspace(clock) as hook:
        ops = channel(hook, clock)
        for _ in range(10):
            assert await ops.send(notice()) == Ok()
        outcome = await ops.send(notice())
    assert isinstance(outcome, RateLimited)
    assert outcome.after == 30


async def test_a_domain_in_the_words_of_a_stranger_is_no_link() -> None:
    clock = Turnable()
    async with slack_workspace(clock) as hook:
        assert isinstance(
            await channel(hook, clock).send(notice(subject="see evil.example.com, evil.com")), Ok
        )
    (message,) = hook.messages
    assert "see evil.example.com, evil.com" in shown(message)
    assert "|evil.com>" not in shown(message)
