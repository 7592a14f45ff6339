"""What a kind of channel gives to the contract suite: its peer on loopback, a table of answers, its markup.

The contract of a kind is `CONTRACT` in `tests/channels/<folder>/contract.py`, where the folder is that of the
adapter below `bridge/channels/adapters`.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from support.notices import context

from bridge.channels.base import (
    Channel,
    ChannelContext,
    Dead,
    Ok,
    Outcome,
    RateLimited,
    Retry,
    Unknown,
)
from bridge.config.channels import ChannelSettings
from bridge.model.notice import EventName, Notice
from bridge.registry import CHANNELS
from bridge.runtime.clock import Clock

P = TypeVar("P")


class Answer(StrEnum):
    """The classes of answers to a send."""

    TAKEN = "the notice is taken"
    CREDENTIALS = "the settings or credentials are wrong"
    CONTENT = "the content is refused"
    RATE_SECONDS = "too many requests, come again in 77 seconds"
    RATE_DATE = "too many requests, come again at a date in 77 seconds"
    TEMPORARY = "a temporary refusal"
    SERVER_ERROR = "the server failed"
    UNREACHABLE = "the connection is refused"
    LOST = "the connection breaks before the answer"
    SILENT = "the answer never comes"
    UNREADABLE = "the answer is not in the words of the protocol"


OUTCOMES: Final[Mapping[Answer, tuple[type[Outcome], ...]]] = {
    Answer.TAKEN: (Ok,),
    Answer.CREDENTIALS: (Dead,),
    Answer.CONTENT: (Dead,),
    Answer.RATE_SECONDS: (RateLimited,),
    Answer.RATE_DATE: (RateLimited,),
    Answer.TEMPORARY: (Retry,),
    Answer.SERVER_ERROR: (Retry, Unknown),
    Answer.UNREACHABLE: (Retry,),
    Answer.LOST: (Unknown,),
    Answer.SILENT: (Unknown,),
    Answer.UNREADABLE: (Unknown,),
}


@dataclass(frozen=True)
class Written:
    """A rendered notice: `size` in the vendor's unit, `text` as the reader's client gets it."""

    size: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Markup:
    """How a kind renders: `limit` is the longest text that the vendor takes, in the vendor's unit.

    `own` is a pattern of the markup that the adapter itself writes, such as headings and links; `(?!)` for
    none. `power` is a pattern of what the reader's client acts upon, such as links and mentions. The
    suite removes from a text what `own` matches; then `power` must match nowhere, so that the texts of
    strangers have no power. `mention` is what the contact `zhangsan` becomes in a text; None where the kind
    mentions no one.
    """

    write: Callable[[Notice, ChannelContext], Written]
    limit: int
    own: str
    power: str
    mention: str | None = None


@dataclass(frozen=True, kw_only=True)
class Contract(Generic[P]):
    """The part of the suite that only the kind knows.

    `answers` prepare the peer for each class of answer, and may return changes of the settings; `absent` says
    why the others cannot happen. `timeouts` are the constants that bound a send.
    """

    serve: Callable[[Path, Clock], AbstractAsyncContextManager[P]]
    """Starts the peer; a folder for its files, and its clock."""
    settings: Callable[[P], Mapping[str, Any]]
    """What `bridge.yaml` says to reach the peer."""
    taken: Callable[[P], list[str]]
    """The texts that the peer took."""
    answers: Mapping[Answer, Callable[[P], Mapping[str, Any] | None]]
    absent: Mapping[Answer, str] = field(default_factory=dict)
    asked: Callable[[P], bool] = lambda _peer: False
    """Whether the peer has read the send that it leaves without an answer."""
    gives: Callable[[P], Mapping[str, Any]] = lambda _peer: {}
    """What the context of the channel holds for this peer."""
    events: frozenset[EventName] = frozenset(EventName)
    """The events of builds that it shows; others are suppressed."""
    of_bridge: bool = True
    """Whether it tells of the bridge itself, too."""
    secrets: tuple[str, ...] = ()
    timeouts: tuple[str, ...] = ()
    markup: Markup | None = None
    """None where the kind keeps the facts, and others render them."""


def find_contract(kind: str) -> Contract[Any] | None:
    """The contract of a kind of channel."""
    folder = CHANNELS[kind].__module__.split(".")[-2]
    name = f"channels.{folder}.contract"
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        return None
    contract: Contract[Any] = module.CONTRACT
    return contract


def shows_words(kind: str) -> bool:
    """Whether a kind of channel may have templates."""
    settings = CHANNELS[kind].Settings
    return issubclass(settings, ChannelSettings) and settings.shows_words


def make_channel(
    kind: str, contract: Contract[P], peer: P, changes: Mapping[str, Any] | None = None, **given: Any
) -> Channel:
    """A channel of this kind with the settings that reach the peer."""
    adapter = CHANNELS[kind]
    settings = adapter.Settings.model_validate({**contract.settings(peer), **(changes or {})})
    return adapter("team", settings, context(**contract.gives(peer), **given))
