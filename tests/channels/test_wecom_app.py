import json
import logging
from dataclasses import replace
from typing import Any

import anyio
import pytest
from channels.wecom_app.api import LASTS, MAX_BYTES, TOKEN, FakeApi, wecom_api
from channels.wecom_app.contract import settings
from support.fake_robots import Turnable, answer, broken, errcode, hang
from support.notices import context, notice

from bridge.channels.adapters.wecom_app.channel import WeComApp
from bridge.channels.base import Dead, Ok, RateLimited, Retry, Unknown
from bridge.model.notice import BuildFacts, DigestFacts, EventName, Member, Notice
from bridge.runtime import http_client as http


def channel(api: FakeApi, clock: Turnable, changes: dict[str, Any] | None = None, **lent: Any) -> WeComApp:
    given = WeComApp.Settings.model_validate({**settings(api), **(changes or {})})
    return WeComApp("ops", given, context(clock, **lent))


async def test_a_message_names_its_recipients_and_may_not_come_twice() -> None:
    clock = Turnable()
    async with wecom_api(clock) as api:
        named = {"touser": ["alice", "bob"], "toparty": [2, 3], "totag": [4]}
        assert await channel(api, clock, named).send(notice()) == Ok()
    (message,) = api.messages
    assert message["markdown"]["content"].startswith('### ❌ <font color="warning">')
    del message["markdown"]
    assert message == {
        "touser": "alice|bob",
        "toparty": "2|3",
        "totag": "4",
        "msgtype": "markdown",
        "agentid": 1000002,
        "enable_duplicate_check": 1,
        "duplicate_check_interval": 1800,
    }


async def test_an_access_token_serves_until_shortly_before_its_end() -> None:
    clock = Turnable()
    async with wecom_api(clock) as api:
        ops = channel(api, clock)
        for _ in range(3):
            assert await ops.send(notice()) == Ok()
        assert len(api.renewals) == 1
        clock.now += LASTS - 1
        assert await ops.send(notice()) == Ok()
        assert len(api.renewals) == 2
        assert len(api.requests) == 4, "the vendor refused no access token"


async def test_an_access_token_that_the_vendor_ended_is_renewed_in_the_same_attempt_once() -> None:
    clock = Turnable()
    async with wecom_api(clock) as api:
        ops = channel(api, clock)
        await ops.send(notice())
        api.ended = True
        assert await ops.send(replace(notice(), id="another")) == Ok()
        assert (len(api.renewals), len(api.messages), len(api.requests)) == (2, 2, 3)
        api.scripted.extend([errcode(40014), errcode(42001)])
        assert isinstance(await ops.send(notice()), Retry)
        assert (len(api.renewals), len(api.requests)) == (3, 5)
        assert await ops.send(notice()) == Ok()


async def test_a_message_whose_answer_was_lost_is_the_same_again_and_delivered_once() -> None:
    clock = Turnable()
    async with wecom_api(clock) as api:
        ops = channel(api, clock)
        assert await ops.send(notice()) == Ok()
        api.scripted.append(broken)
        assert isinstance(await ops.send(notice()), Unknown)
        clock.now += 20
        assert await ops.send(notice()) == Ok()
    assert len({*api.bodies}) == 1
    assert len(api.messages) == 1


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (broken, Retry),
        (hang, Retry),
        (answer(500, b"oops"), Retry),
        (answer(200, b"{}"), Retry),
        (errcode(0), Retry),
        (errcode(-1), Retry),
        (errcode(45009), RateLimited),
        (errcode(40013), Dead),
    ],
)
async def test_without_an_access_token_nothing_was_sent_for_sure(
    script: Any, expected: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TOTAL_TIMEOUT", 0.3)
    clock = Turnable()
    async with wecom_api(clock) as api:
        api.token_scripts.append(script)
        with anyio.fail_after(5):
            assert isinstance(await channel(api, clock).send(notice()), expected)
    assert api.requests == []


async def test_an_access_token_that_an_answer_repeats_is_shown_nowhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = Turnable()
    async with wecom_api(clock) as api:
        ops = channel(api, clock)
        api.scripted.append(errcode(40008, f"invalid message of {TOKEN}1"))
        outcome = await ops.send(notice())
    assert isinstance(outcome, Dead)
    assert "invalid message of ***" in outcome.why
    assert TOKEN not in outcome.why + caplog.text + ops.preview(notice()) + repr(ops)


async def test_an_address_that_is_not_trusted_is_named() -> None:
    clock = Turnable()
    async with wecom_api(clock) as api:
        api.trusted = False
        outcome = await channel(api, clock).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == "config"
    assert "add 192.0.2.7 to 企业可信 IP" in outcome.why


async def test_members_who_get_nothing_are_named() -> None:
    clock = Turnable()
    async with wecom_api(clock) as api:
        outcome = await channel(api, clock, {"touser": ["alice", "carol", "dave"]}).send(notice())
        nobody = await channel(api, clock, {"touser": ["carol"]}).send(notice())
    assert isinstance(outcome, Ok)
    assert "carol|dave" in outcome.detail
    assert isinstance(nobody, Dead)


async def test_text_has_links_and_no_markup() -> None:
    clock = Turnable()
    async with wecom_api(clock) as api:
        sent = notice(subject="a <b> & [c](https://x.example)", log_tail="boom")
        assert await channel(api, clock, {"form": "text"}, language="en").send(sent) == Ok()
    text = api.messages[0]["text"]["content"]
    assert text.splitlines()[0] == "❌ Build failed · acme/shop"
    assert '<a href="https://ci.example.com/job/shop/128/">View log</a>' in text
    assert "<b>" not in text
    assert "font" not in text


@pytest.mark.parametrize("form", ["markdown", "text"])
async def test_the_largest_digest_names_each_build_once_and_fits(form: str) -> None:
    clock = Turnable()
    async with wecom_api(clock) as api:
        assert await channel(api, clock, {"form": form}).send(_digest(clock)) == Ok()
    text = api.messages[0][form]["content"]
    assert len(text.encode()) <= MAX_BYTES
    assert all(text.count(f"#{9000 + place}") == 1 for place in range(WeComApp.digest_size))


def _digest(clock: Turnable) -> Notice:
    facts = notice(log_tail="").facts
    assert isinstance(facts, BuildFacts)
    members = tuple(
        Member(
            notice_id=f"N-{place}",
            event=EventName.FAIL,
            facts=replace(facts, number=9000 + place, build_id=str(place), repo_name="商店" * 20),
        )
        for place in range(WeComApp.digest_size)
    )
    return Notice(
        id="N-1", channel="ops", event=EventName.FAIL, facts=DigestFacts(kind="backlog", members=members),
        created_at=clock.now,
    )  # fmt: skip


@pytest.mark.parametrize("char", ["x", "修", "\U0001f680"])
@pytest.mark.parametrize("over", [0, 1])
async def test_the_vendors_limit_is_counted_in_bytes(char: str, over: int) -> None:
    """What is too long by the vendor's count comes shorter in the same attempt."""
    clock = Turnable()
    async with wecom_api(clock) as api:
        if over:
            api.scripted.append(errcode(40058, "markdown.content exceed max length 2048"))
        assert await channel(api, clock).send(notice(log_tail="\n".join([char * 90] * 30))) == Ok()
    sizes = [len(json.loads(body)["markdown"]["content"].encode()) for body in api.bodies]
    assert sizes[0] <= 2_000
    assert len(sizes) == 1 + over
    assert sizes == sorted({*sizes}, reverse=True)
