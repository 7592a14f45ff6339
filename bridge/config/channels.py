"""What every kind of channel can be told besides its own settings."""

from typing import Literal

from pydantic import BaseModel

from bridge.config.notices import Events
from bridge.config.types import Strict


class ChannelSettings(Strict):
    """The settings that all kinds of channels have, that of in-app messages excepted."""

    language: Literal["zh-CN", "en"] | None = None
    """The language of its notices; if left out, that of the configuration."""
    enabled_event_type_names: Events | None = None
    """The events that it gets by notices that name none; if left out, successes and failures."""


def common(settings: BaseModel) -> ChannelSettings:
    """These settings of a channel; what every channel has that says nothing, for in-app messages."""
    return settings if isinstance(settings, ChannelSettings) else ChannelSettings()
