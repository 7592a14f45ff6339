"""The contract of a channel: a way to tell people.

`send` makes one attempt, ends by itself (the adapter sets its own time-outs) and raises nothing: its answer
says what the notifier has to do next. Calls of one channel never overlap. Text, truncation and signature are
made at each attempt, so that a late notice is still valid.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel

from bridge.config.people import ContactKey
from bridge.model.notice import Notice
from bridge.runtime.clock import Clock
from bridge.runtime.rate import Rate


@dataclass(frozen=True, slots=True)
class Ok:
    """The channel itself said that it took the notice; `detail` is its word."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not taken; may work later, in `after` seconds if the channel said so."""

    why: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Perhaps taken (the answer was lost): to be sent again."""

    why: str


@dataclass(frozen=True, slots=True)
class RateLimited:
    """The whole channel must pause for `after` seconds; this was no attempt."""

    why: str
    after: float


@dataclass(frozen=True, slots=True)
class Dead:
    """Not worth another try as it is.

    For `config` the channel is out of order until a person mends it; for `content` this notice is, for good.
    """

    reason: Literal["config", "content"]
    why: str


Outcome = Ok | Retry | Unknown | RateLimited | Dead


class MessageSink(Protocol):
    """Where in-app messages are kept."""

    async def add_message(self, notice: Notice) -> None:
        """Keep the notice as a message; a repeat of the same notice changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelContext:
    """What the daemon gives a channel.

    `contacts` holds how this kind of channel mentions a person, by lower-case e-mail address. It is personal
    data: no log and no outcome may hold it.
    """

    language: Literal["zh-CN", "en"]
    contacts: Mapping[str, str] = field(repr=False)
    clock: Clock
    messages: MessageSink


class Channel(ABC):
    """One configured channel, made as `Kind(name, settings, context)`; making it does no I/O."""

    kind: ClassVar[str]
    """The word in `bridge.yaml` and in rules, such as `DING_TALK`."""
    Settings: ClassVar[type[BaseModel]]
    """What may stand under the channel's name in `bridge.yaml`, besides `kind`."""
    contact: ClassVar[ContactKey | None] = None
    """The key under `people` in `bridge.yaml` by which this kind mentions a person."""
    rate: Rate | None = None
    """At most `count` sends within any `seconds`; None where the channel has no such limit."""

    @abstractmethod
    def __init__(self, name: str, settings: Any, context: ChannelContext) -> None:
        """`settings` is an instance of the class's own `Settings`."""

    @abstractmethod
    async def send(self, notice: Notice) -> Outcome:
        """Make one attempt. A notice too long for the channel is shortened by the channel."""

    async def aclose(self) -> None:  # noqa: B027  # not every channel holds something
        """Give back what is held."""
