import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from channels.telegram.bot_server import CHAT, THREAD, TOKEN, bot_server, refuses, units
from channels.telegram.contract import settings
from pydantic import ValidationError
from support.fake_robots import FakeRobot, Turnable, answer
from support.notices import AUTHOR, context, notice

from bridge.channels.adapters.telegram.channel import Telegram
from bridge.channels.base import Dead, Ok, RateLimited, Retry, Unknown
from bridge.model.notice import BuildFacts, DigestFacts, EventName, Member, Notice


def channel(bot: FakeRobot, clock: Turnable, changes: dict[str, Any] | None = None, **lent: Any) -> Telegram:
    given = Telegram.Settings.model_validate({**settings(bot), **(changes or {})})
    return Telegram("ops", given, context(clock, **lent))


async def test_a_message_is_html_with_the_log_in_a_block_and_the_mention_at_its_end() -> None:
    clock = Turnable()
    async with bot_server(clock) as bot:
        sent = notice(subject="R&D", log_tail="a <b> && e")
        assert await channel(bot, clock, {"thread": THREAD}, language="en").send(sent) == Ok()
    assert bot.messages[0] == {
        "chat_id": CHAT,
        "message_thread_id": THREAD,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "text": (
            "<b>❌ Build failed · acme/shop</b>\n"
            'Branch main · <a href="https://git.example.com/acme/shop/commit/1a2b3c4d">1a2b3c4d</a>'
            ' · <a href="https://ci.example.com/job/shop/128/">#128</a>\n'
            "Commit R&amp;D\n"
            "builder jenkins · took 3m12s · by push (张三)\n"
            "Reason: docker build\n"
            "End of the log:\n"
            "<pre>a \uff1cb\uff1e &amp;&amp; e</pre>\n"
            '<a href="https://ci.example.com/job/shop/128/">View log</a> · N-0000abcd\n'
            "@zhangsan"
        ),
    }


def _digest(clock: Turnable, name: str, page: str) -> Notice:
    facts = notice(log_tail="").facts
    assert isinstance(facts, BuildFacts)
    members = tuple(
        Member(
            notice_id=f"N-{place}",
            event=EventName.FAIL,
            facts=replace(
                facts, number=9000 + place, build_id=str(place), repo_name=name, build_url=f"{page}/{place}"
            ),
        )
        for place in range(Telegram.digest_size)
    )
    return Notice(
        id="N-1", channel="ops", event=EventName.FAIL, facts=DigestFacts(kind="backlog", members=members),
        created_at=clock.now,
    )  # fmt: skip


async def test_addresses_do_not_count_so_that_a_long_digest_keeps_its_links() -> None:
    clock = Turnable()
    sent = _digest(clock, "shop", f"https://ci.example.com/{'job/' * 60}")
    async with bot_server(clock) as bot:
        assert await channel(bot, clock).send(sent) == Ok()
    text = bot.messages[0]["text"]
    assert text.count("<a href=") >= Telegram.digest_size
    assert len(text) > 4096 >= units(text)


@pytest.mark.parametrize("char", ["\U00020bb7", "\u4fee", "&", "\U0001f680"])
def test_the_size_is_counted_as_the_vendor_counts_it(char: str) -> None:
    """A log of 390 units or more has no room in 400; an escaped ampersand is one."""
    ops = channel(FakeRobot("http://127.0.0.1:1/bot"), Turnable())
    sent = notice(log_tail="\n".join([char * 50] * 12))
    full, cut = (json.loads(ops.render(sent, limit))["text"] for limit in (4000, 400))
    assert units(cut) <= 400 < units(full)
    assert full.count("<pre>") == 1


@pytest.mark.parametrize(
    ("status", "words", "reason", "cure"),
    [
        (401, "Unauthorized", "config", "`token`"),
        (404, "Not Found", "config", "`token`"),
        (400, "Bad Request: chat not found", "config", "`chat`"),
        (400, "Bad Request: message thread not found", "config", "`thread`"),
        (400, "Bad Request: TOPIC_CLOSED", "config", "`thread`"),
        (400, "Bad Request: not enough rights to send text messages to the chat", "config", "permissions"),
        (400, "Bad Request: need administrator rights in the channel chat", "config", "administrator"),
        (403, "Forbidden: bot was kicked from the supergroup chat", "config", "add it again"),
        (403, "Forbidden: bot is not a member of the channel chat", "config", "add it"),
        (403, "Forbidden: bot was blocked by the user", "config", "start it again"),
        (403, "Forbidden: bot can't initiate conversation with a user", "config", "press Start"),
        (403, "Forbidden: something new", "config", "may not write"),
        (400, "Bad Request: can't parse entities: unsupported start tag", "content", "parse"),
        (400, "Bad Request: message text is empty", "content", "empty"),
    ],
)
async def test_the_words_of_a_refusal_decide_and_name_the_cure(
    status: int, words: str, reason: str, cure: str
) -> None:
    clock = Turnable()
    async with bot_server(clock) as bot:
        bot.scripted.append(refuses(status, words))
        outcome = await channel(bot, clock).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == reason
    assert cure in outcome.why
    assert words in outcome.why


@pytest.mark.parametrize("body", [b"", b"ok", b'{"ok": 1}', b'{"result": {}}', b"<html>hello</html>", b"[]"])
async def test_only_ok_true_is_success(body: bytes) -> None:
    clock = Turnable()
    async with bot_server(clock) as bot:
        bot.scripted.append(answer(200, body))
        assert isinstance(await channel(bot, clock).send(notice()), Unknown)


@pytest.mark.parametrize("status", [500, 502])
async def test_a_failure_of_the_server_is_tried_again(status: int) -> None:
    clock = Turnable()
    async with bot_server(clock) as bot:
        bot.scripted.append(refuses(status, "Internal Server Error: chat not found"))
        assert isinstance(await channel(bot, clock).send(notice()), Unknown)


async def test_a_group_that_became_a_supergroup_gets_its_notices_under_its_new_id() -> None:
    clock = Turnable()
    async with bot_server(clock) as bot:
        words = "Bad Request: group chat was upgraded to a supergroup chat"
        bot.scripted.append(refuses(400, words, migrate_to_chat_id=CHAT))
        ops = channel(bot, clock, {"chat": -4242})
        first = await ops.send(notice())
        assert await ops.send(notice()) == Ok()
    assert isinstance(first, Retry)
    assert first.after == 1
    assert f"set `chat` to {CHAT}" in first.why
    assert [message["chat_id"] for message in bot.messages] == [CHAT]


async def test_the_pause_that_telegram_asks_for_is_kept() -> None:
    clock = Turnable()
    async with bot_server(clock) as bot:
        ops = channel(bot, clock)
        for _ in range(20):
            assert await ops.send(notice()) == Ok()
        outcome = await ops.send(notice())
    assert isinstance(outcome, RateLimited)
    assert outcome.after == 33


async def test_a_message_that_is_too_long_is_shortened_once() -> None:
    clock = Turnable()
    async with bot_server(clock) as bot:
        bot.scripted.append(refuses(400, "Bad Request: message is too long"))
        assert await channel(bot, clock).send(notice(log_tail="line\n" * 300)) == Ok()
    assert len(bot.requests) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"token": "987654321"},
        {"token": f"bot{TOKEN}"},
        {"chat": "team"},
        {"chat": "https://t.me/team"},
        {"chat": True},
        {"thread": 0},
    ],
)
def test_settings_that_cannot_be_are_reported_without_the_token(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        channel(FakeRobot("http://127.0.0.1:1/bot"), Turnable(), changes)
    assert TOKEN not in str(caught.value)


def test_a_chat_may_be_a_public_name_and_chats_of_one_bot_have_their_own_rate() -> None:
    named = Telegram.Settings.model_validate({"token": TOKEN, "chat": "@acme_builds"})
    other = Telegram.Settings.model_validate({"token": TOKEN, "chat": CHAT})
    assert Telegram.target(named) != Telegram.target(other)
    assert TOKEN not in Telegram.target(named)


async def test_a_token_that_the_server_repeats_is_in_no_outcome(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clock = Turnable()
    async with bot_server(clock) as bot:
        bot.scripted.append(refuses(400, f"Bad Request: no method for {bot.url}"))
        outcome = await channel(bot, clock).send(notice())
    assert TOKEN not in repr(outcome) + caplog.text


async def test_a_username_with_its_at_sign_is_mentioned_and_none_is_markup() -> None:
    for written, shown in (("@zhang_san", "@zhang_san"), ("<b>", "@&lt;b&gt;")):
        given = context(language="en", contacts={AUTHOR: written})
        settings = Telegram.Settings.model_validate({"token": TOKEN, "chat": -100})
        body = json.loads(Telegram("ops", settings, given).render(notice(), 4_000))
        assert body["text"].endswith(f"\n{shown}")
