"""What this installation can talk to, as the configuration's reader needs to know it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from bridge.config.forges import ForgeTraits
from bridge.config.people import ContactKey
from bridge.config.templates import NoticeTemplate
from bridge.model.notice import EventName


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """What this installation can talk to, by the word in `bridge.yaml`.

    Builders and channels bring the model of their own settings; channels hold `MESSAGE`.
    """

    forges: Mapping[str, ForgeTraits]
    builders: Mapping[str, type[BaseModel]]
    channels: Mapping[str, type[BaseModel]]
    contacts: Mapping[str, ContactKey | None]
    """The contact key of each kind of channel; None where the kind mentions no one."""
    template_faults: Callable[[NoticeTemplate, EventName], Iterable[tuple[str, int, str]]]
    """What is wrong with a template for an event: its key, the offset in the text, the problem."""
    targets: Mapping[str, Callable[[Any], str | None]]
    """Of each kind of channel, what says what a vendor's limit counts for channels with these settings."""
