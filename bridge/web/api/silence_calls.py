"""The calls of our own API about silences."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field
from uuid_utils import uuid7

from bridge.config.notices import Events
from bridge.config.types import Strict, wrong
from bridge.model.silence import Silence, SilenceState
from bridge.web.api.core.core import Core
from bridge.web.api.core.silences import MAX_REASON
from bridge.web.api.operation import Arguments, Call, Dialect, Operation
from bridge.web.api.silence_documents import SilenceDocument, silence_document

_SILENCE: Final = "/v1/silences/{silence_id}"
_Pattern = Annotated[str, Field(min_length=1, max_length=300)]


def _with_offset(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise wrong("until", f"{text} is no time with its offset, such as 2026-11-21T08:00:00+08:00")
    return text


class SilenceQuery(Arguments):
    """Which silences to list."""

    state: SilenceState | None = None
    """Silences in this state; if left out, all."""


class NewSilence(Strict):
    """Which notices to hold, until when, and why; at least one of repository, ref, events and channel."""

    repository: _Pattern | None = None
    """A pattern of namespace/repo_name, as rules have them for refs: `acme/*` is a whole namespace."""
    ref: _Pattern | None = None
    """A pattern of the name of a branch or tag."""
    events: Events | None = None
    """Notices of these events; what is about the bridge itself is held only if it is named here."""
    channel: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Notices to this channel."""
    until: Annotated[str, Field(max_length=40), AfterValidator(_with_offset)]
    """When it ends: ISO 8601 with the offset, within 90 days."""
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]
    """Why, in one line; people see it at each notice that is held."""


class SilenceCalls(Dialect):
    """The views."""

    _core: Core

    async def list_silences(self, call: Call, query: SilenceQuery) -> list[SilenceDocument]:
        """List silences, the newest first, at most 1000."""
        now = self._core.clock()
        found = await self._core.silences.newest(call.caller, only_active=query.state == "active")
        return [silence_document(one, now) for one in found if query.state in {None, one.state(now)}]

    async def show_silence(self, call: Call) -> SilenceDocument:
        """Show a silence."""
        found = await self._core.silences.one(call.caller, call.path["silence_id"])
        return silence_document(found, self._core.clock())

    async def add_silence(self, call: Call, body: NewSilence) -> SilenceDocument:
        """Have notices held for a time, also those that wait already; the messages in the app come anyway."""
        now = self._core.clock()
        silence = Silence(
            id=call.claim_id or str(uuid7()),
            created_at=now,
            until=datetime.fromisoformat(body.until).timestamp(),
            author=call.caller.name,
            reason=body.reason,
            repository=body.repository,
            ref=body.ref,
            events=frozenset(body.events or ()),
            channel=body.channel,
        )
        await self._core.silences.add(call.caller, silence, call.origin)
        return silence_document(await self._core.silences.one(call.caller, silence.id), now)

    async def end_silence(self, call: Call) -> SilenceDocument:
        """End a silence before its time. What it has held is not sent any more."""
        found = await self._core.silences.end(call.caller, call.path["silence_id"], call.origin)
        return silence_document(found, self._core.clock())

    silence_operations: ClassVar[Sequence[Operation]] = (
        Operation("GET", "/v1/silences", list_silences),
        Operation("POST", "/v1/silences", add_silence, status=201),
        Operation("GET", _SILENCE, show_silence),
        Operation("DELETE", _SILENCE, end_silence),
    )
