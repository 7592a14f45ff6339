"""In-app messages: the store keeps the notice, and the pages show it."""

from dataclasses import asdict
from typing import Any

from pydantic import model_validator

from bridge.channels.base import Channel, ChannelContext, Ok, Outcome, Retry
from bridge.channels.readable import readable
from bridge.config.channels import ChannelSettings
from bridge.config.types import Strict, wrong
from bridge.errors import StoreError
from bridge.model.notice import Notice


class MessageSettings(Strict):
    """In-app messages have no settings."""

    @model_validator(mode="before")
    @classmethod
    def _has_none(cls, given: Any) -> Any:
        for name in ChannelSettings.model_fields:
            if isinstance(given, dict) and name in given:
                raise wrong(
                    name, f"{name} means nothing to in-app messages, which have no settings: leave it out"
                )
        return given


class Message(Channel):
    kind = "MESSAGE"
    silenced_by = "none"
    Settings = MessageSettings

    def __init__(self, name: str, settings: MessageSettings, context: ChannelContext) -> None:
        self.name = name
        self.settings = settings
        self._messages = context.messages

    async def send(self, notice: Notice) -> Outcome:
        try:
            await self._messages.add_message(notice)
        except StoreError as error:
            return Retry(f"the message could not be stored: {error}")
        return Ok()

    def preview(self, notice: Notice) -> str:
        """The facts, which the pages put into words."""
        return readable({"event": notice.event, "facts": asdict(notice.facts)})
