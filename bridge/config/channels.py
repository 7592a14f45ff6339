"""What every kind of channel can be told besides its own settings."""

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel

from bridge.config.notices import Events
from bridge.config.types import Duration, Strict, wrong

_SHORTEST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(days=30)


def _lifetime(value: timedelta) -> timedelta:
    if not _SHORTEST <= value <= _LONGEST:
        raise wrong("ttl", "is from 1m to 30d")
    return value


class ChannelSettings(Strict):
    """The settings that all kinds of channels have, that of in-app messages excepted."""

    language: Literal["zh-CN", "en"] | None = None
    """The language of its notices; if left out, that of the configuration."""
    enabled_event_type_names: Events | None = None
    """The events that it gets by notices that name none; if left out, successes and failures."""
    ttl: Annotated[Duration, AfterValidator(_lifetime)] = timedelta(days=1)
    """After so long a notice that could not be sent is given up."""


_IN_APP: Final = ChannelSettings.model_construct(ttl=timedelta.max)


def common(settings: BaseModel) -> ChannelSettings:
    """These settings of a channel; in-app messages, which have none, are told at any age."""
    return settings if isinstance(settings, ChannelSettings) else _IN_APP
