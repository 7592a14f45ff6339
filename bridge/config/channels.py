"""The settings that every kind of channel has besides its own."""

from datetime import time, timedelta
from typing import Annotated, ClassVar, Final, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from bridge.config.notices import Events
from bridge.config.templates import Templates
from bridge.config.types import Duration, Shape, Strict, TimeZone, wrong
from bridge.model.quiet import QuietHours

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_CLOCK: Final = Shape(r"([01]\d|2[0-3]):[0-5]\d", "is a time of the day, such as 22:00")
_SHORTEST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(days=30)


def _lifetime(value: timedelta) -> timedelta:
    if not _SHORTEST <= value <= _LONGEST:
        raise wrong("ttl", "is from 1m to 30d")
    return value


class QuietHoursSettings(Strict):
    """Hours in which only failures, repairs and troubles of the bridge itself are sent."""

    begin: Annotated[str, Field(alias="from"), _CLOCK]
    """When they begin, such as "22:00"."""
    end: Annotated[str, Field(alias="to"), _CLOCK]
    """When they end; a time that is not later than `from` is one of the next day."""
    timezone: TimeZone
    """The time zone of both."""
    days: Annotated[tuple[Day, ...], Field(strict=False, min_length=1, max_length=7)] = get_args(Day)
    """The days on which they begin; if left out, all."""

    @model_validator(mode="after")
    def _has_hours(self) -> Self:
        if self.begin == self.end:
            raise wrong("quiet_hours", "from and to are the same: leave quiet_hours out, or name hours")
        return self

    @property
    def hours(self) -> QuietHours:
        days = get_args(Day)
        return QuietHours(
            begin=time.fromisoformat(self.begin),
            end=time.fromisoformat(self.end),
            zone=ZoneInfo(self.timezone),
            weekdays=frozenset(days.index(day) for day in self.days),
        )


class ChannelSettings(Strict):
    """The settings that all kinds of channels have, that of in-app messages excepted."""

    states: ClassVar[Events] = ()
    """The events of a kind that shows how each build is: it gets them by a notice that names none, and all of
    them, whatever `only` says. Empty for a kind whose notices are news for people."""
    shows_words: ClassVar[bool] = True
    """Whether its notices are texts for people, which templates can replace."""

    language: Literal["zh-CN", "en"] | None = None
    """The language of its notices; if left out, that of the configuration."""
    enabled_event_type_names: Events | None = None
    """The events that it gets by notices that name none; if left out, successes and failures."""
    ttl: Annotated[Duration, AfterValidator(_lifetime)] = timedelta(days=1)
    """After so long a notice that could not be sent is given up."""
    quiet_hours: QuietHoursSettings | None = None
    """Hours in which only what is urgent is sent; the rest follows in a digest."""
    fallback: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """The channel that gets its notices while it is out of order."""
    templates: Templates = Field(default_factory=dict)
    """What its notices say in place of the usual texts, by the event."""

    @field_validator("templates")
    @classmethod
    def _shows_words(cls, templates: Templates) -> Templates:
        if templates and not cls.shows_words:
            raise wrong(
                "templates", "mean nothing to this kind, which sends no text for people: leave them out"
            )
        return templates


_IN_APP: Final = ChannelSettings.model_construct(ttl=timedelta.max, templates={})


def states_of(settings: type[BaseModel] | None) -> Events:
    """What a kind of channel with these settings has as `states`."""
    return settings.states if settings and issubclass(settings, ChannelSettings) else ()


def common(settings: BaseModel) -> ChannelSettings:
    """These settings of a channel; in-app messages, which have none, never expire."""
    return settings if isinstance(settings, ChannelSettings) else _IN_APP
