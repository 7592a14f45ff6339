import pytest
from pydantic import ValidationError
from support.notices import Messages, context, notice

from bridge.channels.adapters.message.channel import Message, MessageSettings
from bridge.channels.base import Ok, Retry
from bridge.errors import StoreError


async def test_a_message_is_kept() -> None:
    messages = Messages()
    channel = Message("app", MessageSettings(), context(messages=messages))
    assert await channel.send(notice()) == Ok()
    assert messages.kept == [notice()]


@pytest.mark.parametrize("setting", ["templates", "ttl", "language", "fallback"])
def test_a_setting_that_other_channels_have_is_refused_with_what_to_do(setting: str) -> None:
    with pytest.raises(ValidationError) as caught:
        MessageSettings.model_validate({setting: None})
    assert f"{setting} means nothing to in-app messages, which have no settings: leave it out" in str(
        caught.value
    )


async def test_a_store_that_cannot_write_now_is_asked_again() -> None:
    messages = Messages(failing=StoreError("the disk is full"))
    channel = Message("app", MessageSettings(), context(messages=messages))
    assert await channel.send(notice()) == Retry("the message could not be stored: the disk is full")
