"""The contract of a channel: how a notice reaches people.

`send` makes one attempt, ends by itself (the adapter sets its own time-outs) and raises nothing: its outcome
says what the notifier does next. It runs in the daemon's event loop: a call that may block for longer than a
moment belongs in a thread. The notifier never calls `send` of one channel twice at the same time. The channel
renders, shortens and signs at each attempt, so that a late notice is still valid.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel

from bridge.channels.content import Worded
from bridge.channels.words import Speech, words_of
from bridge.config.people import ContactKey
from bridge.config.templates import NoticeTemplate
from bridge.model.notice import EventName, Notice
from bridge.model.silence import SilencedBy
from bridge.runtime.clock import Clock
from bridge.runtime.rate import Rate


@dataclass(frozen=True, slots=True)
class Ok:
    """The channel confirmed that it took the notice; `detail` adds what it said."""

    label: ClassVar[str] = "ok"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """The channel did not take the notice and may take it later: after `after` seconds if it named a time.

    `of_notice` says that the channel works: the fault lies in this notice or its recipient.
    """

    label: ClassVar[str] = "retry"
    why: str
    after: float | None = None
    of_notice: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The answer was lost: the channel may have taken the notice. The notifier sends it again."""

    label: ClassVar[str] = "unknown"
    why: str


@dataclass(frozen=True, slots=True)
class RateLimited:
    """The target wants a pause of `after` seconds for all notices. This send counts as no attempt."""

    label: ClassVar[str] = "ratelimited"
    why: str
    after: float


@dataclass(frozen=True, slots=True)
class Dead:
    """Another attempt would fail in the same way.

    `config`: the channel fails until a person corrects its settings. `content`: this notice fails for good.
    """

    label: ClassVar[str] = "dead"
    reason: Literal["config", "content"]
    why: str


@dataclass(frozen=True, slots=True)
class Suppressed:
    """There is nothing to send: the notice says nothing that the channel could show."""

    label: ClassVar[str] = "suppressed"
    why: str


Outcome = Ok | Retry | Unknown | RateLimited | Dead | Suppressed
"""`label` is its word in metrics and logs."""


class MessageSink(Protocol):
    """The store of in-app messages."""

    async def add_message(self, notice: Notice) -> None:
        """Store the notice as a message; a repeat of the same notice changes nothing. Raises StoreError."""


@dataclass(frozen=True, kw_only=True)
class ChannelContext:
    """What the daemon gives a channel.

    `contacts` holds how this kind of channel mentions a person, by the `address_key` of an e-mail address
    and, without an @, by the login with which the person starts builds by hand, in lower case. It is personal
    data: no log and no outcome may hold it. `sentences` are what builders and channels say, in Chinese, by
    the English sentence, in which `{}` stands for any words. `templates` are the channel's own texts.
    `public_url` begins the addresses of our pages, if they have one.
    """

    language: Literal["zh-CN", "en"]
    contacts: Mapping[str, str] = field(repr=False)
    clock: Clock
    messages: MessageSink
    sentences: Mapping[str, str] = field(default_factory=dict, repr=False)
    templates: Mapping[EventName, NoticeTemplate] = field(default_factory=dict, repr=False)
    public_url: str | None = None
    tried: list[tuple[Notice, Worded | None]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )
    """The notice for which a template was tried last, and what came of it: one send may write it often."""

    @cached_property
    def speech(self) -> Speech:
        """How the bridge speaks the language of the channel."""
        from bridge.channels.reasons import reasons  # noqa: PLC0415  # a quarter of a megabyte of sentences

        translate = reasons(self.language, self.sentences)
        return Speech(words_of(self.language), translate, self.public_url)


class Channel(ABC):
    """One configured channel, created as `Kind(name, settings, context)`; creation does no I/O."""

    kind: ClassVar[str]
    """The word in `bridge.yaml` and in rules, such as `DING_TALK`."""
    Settings: ClassVar[type[BaseModel]]
    """The settings under the channel's name in `bridge.yaml`, besides `kind`."""
    contact: ClassVar[ContactKey | None] = None
    """The key under `people` in `bridge.yaml` by which this kind mentions a person."""
    patience: float = 45.0
    """The seconds after which `send` is given up, if it has not ended by itself."""
    recipients: Sequence[str] = ()
    """Each gets a notice by itself; empty where the channel sends to all at once."""
    digest_size: ClassVar[int] = 0
    """How many notices one message can tell for sure, whatever their names; 0 where each goes by itself."""
    chinese: ClassVar[Mapping[str, str]] = {}
    """What its outcomes say, in Chinese, by the English sentence, in which `{}` stands for any words."""
    silenced_by: ClassVar[SilencedBy] = "any"
    """Whose silences hold its notices; `its-own` where it is no message that people may be tired of."""
    rate: Rate | None = None
    """At most `count` sends within any `seconds`; None where the channel has no such limit."""

    @classmethod
    def target(cls, settings: Any) -> str | None:  # noqa: ARG003  # most channels have their own
        """What the vendor's limit counts, without secrets; None where it is the channel.

        Channels with the same target share the rate and the pauses.
        """
        return None

    @abstractmethod
    def __init__(self, name: str, settings: Any, context: ChannelContext) -> None:
        """`settings` is an instance of the class's own `Settings`."""

    @abstractmethod
    async def send(self, notice: Notice) -> Outcome:
        """Make one attempt, to the notice's recipient if it has one.

        The channel shortens a notice that is too long for it.
        """

    @abstractmethod
    def preview(self, notice: Notice) -> str:
        """What `send` would send of it now, in a form to read and without secrets. Sends nothing."""

    async def aclose(self) -> None:  # noqa: B027  # most channels hold nothing
        """Release what the channel holds; bounded in time."""
