import base64
import json
from typing import Any

import pytest
from channels.webhook.contract import OTHER
from channels.webhook.receiver import SECRET, Receiver, webhook_receiver
from pydantic import ValidationError
from support.fake_robots import Turnable, answer
from support.guides import blocks
from support.notices import SERVICE, context, notice

from bridge.channels.adapters.webhook.channel import Webhook, signature
from bridge.channels.base import Dead, Ok, RateLimited
from bridge.model.notice import EventName, ServiceFacts
from bridge.registry import CHANNELS

TEST = ServiceFacts(subject="channel:team", detail="this is a test", is_test=True)


def channel(receiver: Receiver, clock: Turnable, **changes: Any) -> Webhook:
    given = {"url": receiver.url, "secrets": [SECRET], "allow_private": True, **changes}
    return Webhook("ops", Webhook.Settings.model_validate(given), context(clock, language="en"))


def test_a_signature_is_that_of_the_specification() -> None:
    """The vector that the libraries of Standard Webhooks test themselves with."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    found = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_a_document_is_as_the_guide_shows_it(language: str) -> None:
    (shown,) = blocks(CHANNELS.text("WEBHOOK", f"guide.{language}.md"), "json")
    clock = Turnable()
    async with webhook_receiver(clock) as receiver:
        assert await channel(receiver, clock).send(notice()) == Ok()
    assert receiver.messages == [json.loads(shown)]


async def test_a_further_attempt_has_the_same_id_and_a_time_of_its_own() -> None:
    clock = Turnable()
    async with webhook_receiver(clock) as receiver:
        ops = channel(receiver, clock)
        await ops.send(notice())
        clock.now += 7200
        await ops.send(notice())
    assert receiver.ids == [notice().id] * 2
    assert receiver.times == [1_700_000_000, 1_700_007_200]


@pytest.mark.parametrize("verifier", [SECRET, OTHER])
async def test_the_receiver_may_verify_with_either_secret_while_they_change(verifier: str) -> None:
    clock = Turnable()
    async with webhook_receiver(clock, secret=verifier) as receiver:
        assert await channel(receiver, clock, secrets=[OTHER, SECRET]).send(notice()) == Ok()


async def test_after_gone_nothing_is_sent_until_the_channel_is_made_anew() -> None:
    clock = Turnable()
    async with webhook_receiver(clock) as receiver:
        ops = channel(receiver, clock)
        receiver.scripted.append(answer(410, b""))
        first, second = await ops.send(notice()), await ops.send(notice())
        assert (len(receiver.requests), second) == (1, first)
        assert isinstance(first, Dead)
        assert first.reason == "config"
        assert await channel(receiver, clock).send(notice()) == Ok()


async def test_a_test_that_is_taken_ends_it_too() -> None:
    clock = Turnable()
    async with webhook_receiver(clock) as receiver:
        ops = channel(receiver, clock)
        receiver.scripted.append(answer(410, b""))
        await ops.send(notice())
        assert await ops.send(notice(EventName.RESTORED, TEST)) == Ok()
        assert await ops.send(notice()) == Ok()
    assert [message["type"] for message in receiver.messages] == ["channel.test", "build.failed"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_success(status: int) -> None:
    clock = Turnable()
    async with webhook_receiver(clock) as receiver:
        receiver.scripted.append(answer(status, b"" if status == 204 else b"<html>thanks</html>"))
        assert await channel(receiver, clock).send(notice()) == Ok()


@pytest.mark.parametrize("status", [429, 502, 504])
@pytest.mark.parametrize(("asked", "pause"), [({"retry-after": "123"}, 123), ({}, 60)])
async def test_a_busy_receiver_gets_nothing_for_as_long_as_it_asks(
    status: int, asked: dict[str, str], pause: float
) -> None:
    clock = Turnable()
    async with webhook_receiver(clock) as receiver:
        receiver.scripted.append(answer(status, b"", **asked))
        outcome = await channel(receiver, clock).send(notice())
    assert isinstance(outcome, RateLimited)
    assert outcome.after == pause


async def test_every_event_has_a_type_of_its_own() -> None:
    clock = Turnable()
    async with webhook_receiver(clock) as receiver:
        ops = channel(receiver, clock)
        for event in EventName:
            assert await ops.send(notice(event)) == Ok()
        await ops.send(notice(EventName.DEGRADED, SERVICE))
    types = [message["type"] for message in receiver.messages]
    assert len({*types}) == len(EventName)
    assert receiver.messages[-1]["data"]["service"] == {
        "subject": "jenkins",
        "detail": "no answer for five minutes",
    }


@pytest.mark.parametrize(
    "secret",
    ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64", "whsec_" + "A" * 92],
)
def test_a_secret_that_is_none_of_the_specification_is_reported_without_it(secret: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Webhook.Settings.model_validate({"url": "https://receiver.example.com/", "secrets": [secret]})
    assert "24 to 64 random bytes" in str(caught.value)
    assert secret[6:] == "" or secret[6:] not in str(caught.value)
