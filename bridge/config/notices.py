"""The notices of `bridge.yaml` and of rules: which events go to which channel."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, PlainSerializer, model_validator

from bridge.config.faults import suggest_or_list
from bridge.config.types import Duration, Strict, wrong
from bridge.model.notice import REMIND_SECONDS, EventName, Subscription

Events = Annotated[
    tuple[Annotated[EventName, Field(strict=False)], ...],
    Field(strict=False, min_length=1, max_length=len(EventName)),
]
NO_POOLS: Final[Mapping[str, Sequence[str]]] = {}
_DEFAULT_EVENTS: Final = (EventName.SUCCESS, EventName.FAIL)


_SHORTEST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(days=365)
_AS_WRITTEN: Final = PlainSerializer(lambda value: f"{value.total_seconds():.0f}s", str, when_used="json")
"""Rules that are kept as JSON are read again like a file."""


def _pause(value: timedelta) -> timedelta:
    if not _SHORTEST <= value <= _LONGEST:
        raise wrong("remind", "is from 1m to 365d")
    return value


class NoticeSetting(Strict):
    """Which events are sent to which channel.

    One of `channel` and `notice_type` may be left out: the type is the channel's kind, and names the channel
    where only one channel is of that kind. `only: changes` sends the first failure, reminders while it lasts,
    the first success after it and every success of a tag; `failures` sends no successes.
    """

    notice_type: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """The kind of the channel; it is enough where only one channel is of that kind."""
    channel: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """The name of the channel, or of a pool of channels, in bridge.yaml."""
    enabled_event_type_names: Events | None = None
    """The events that are sent; if left out, those that the channel names, else successes and failures."""
    only: Literal["always", "changes", "failures"] = "always"
    """`changes` sends failures that are new or last, repairs and tags; `failures` sends no success."""
    remind: Annotated[Duration, AfterValidator(_pause), _AS_WRITTEN] = timedelta(seconds=REMIND_SECONDS)
    """With `only: changes`, how long after a failure that was sent another one is sent."""

    @classmethod
    def longhand(cls, given: object) -> dict[str, object] | None:
        """The name of a channel alone."""
        return {"channel": given} if isinstance(given, str) else None

    @model_validator(mode="after")
    def _names_something(self) -> "NoticeSetting":
        if self.channel is None and self.notice_type is None:
            raise wrong("notice", "names no channel: give channel or notice_type")
        return self

    def resolve(
        self,
        channels: Mapping[str, str],
        events: Mapping[str, Events],
        whole: Collection[str] = (),
        pools: Mapping[str, Sequence[str]] = NO_POOLS,
    ) -> "NoticeSetting":
        """The same with channel, type and events set; the channel may be a pool. Raises Unresolved.

        `channels` are kinds by name, `events` those of the channels and pools that name some; for those that
        `whole` names, `only` means nothing. `pools` are the names of channels by the name of a pool.
        """
        found = self._named(channels, pools)
        if found.channel in whole:
            found = found.model_copy(update={"only": "always"})
        if self.enabled_event_type_names is not None:
            return found
        asked = events.get(found.channel or "", _DEFAULT_EVENTS)
        return found.model_copy(update={"enabled_event_type_names": asked})

    def _named(self, channels: Mapping[str, str], pools: Mapping[str, Sequence[str]]) -> "NoticeSetting":
        known = {**channels, **{name: channels.get(members[0], "") for name, members in pools.items()}}
        if self.channel is None:
            members = {member for pool in pools.values() for member in pool}
            choice = {name: kind for name, kind in known.items() if name not in members}
            return self.model_copy(update={"channel": self._only_channel(choice)})
        if (kind := known.get(self.channel)) is None:
            raise Unresolved(
                "channel", f"there is no channel {self.channel}{suggest_or_list(self.channel, known)}"
            )
        if self.notice_type not in {None, kind}:
            what = "pool" if self.channel in pools else "channel"
            raise Unresolved(
                "notice_type",
                f"{self.notice_type} is not the kind of {what} {self.channel}, which is {kind}",
            )
        return self.model_copy(update={"notice_type": kind})

    @property
    def events(self) -> Events:
        """The events that are sent; the notice must be resolved."""
        assert self.enabled_event_type_names is not None
        return self.enabled_event_type_names

    @property
    def subscription(self) -> Subscription:
        """The subscription of a build; the notice must be resolved."""
        assert self.channel is not None
        return Subscription(
            channel=self.channel,
            events=frozenset(self.events),
            only=self.only,
            remind=self.remind.total_seconds(),
        )

    def _only_channel(self, channels: Mapping[str, str]) -> str:
        found = sorted(name for name, kind in channels.items() if kind == self.notice_type)
        if not found:
            kinds = set(channels.values())
            raise Unresolved(
                "notice_type",
                f"no channel is of kind {self.notice_type}{suggest_or_list(self.notice_type, kinds)}",
            )
        if len(found) > 1:
            raise Unresolved(
                "notice_type",
                f"several channels are of kind {self.notice_type}: give channel, {' or '.join(found)}",
            )
        return found[0]


class Unresolved(Exception):
    """The notice does not name one channel: `key` is the wrong key, the text says why."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key
