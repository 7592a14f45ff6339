"""Silences as callers may see, make and end them; the command line makes them by the same checks."""

import re
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from bridge.model.access import Principal, Role
from bridge.model.audit import Action, Change
from bridge.model.notice import MESSAGE_CHANNEL, EventName
from bridge.model.silence import MAX_OF_NAMESPACE, MAX_SILENCES, Silence
from bridge.rules.pattern import BadPattern, compile_pattern
from bridge.runtime.clock import Clock
from bridge.store.base import Store
from bridge.web.api.core.access import require, require_in
from bridge.web.api.core.errors import Conflict, Forbidden, Invalid, NotFound
from bridge.web.api.core.repositories import RuleKeeper
from bridge.web.api.silence_documents import silence_document

MAX_LISTED: Final = 1000
MAX_REASON: Final = 500
LONGEST: Final = timedelta(days=90)
_OF_THE_BRIDGE: Final = frozenset({EventName.DEGRADED, EventName.RESTORED})
"""Who works on a repository must not hide from others that the bridge itself is down."""
_REFS: Final = re.compile(r"refs/(?:heads|tags)/")


class SilenceAccess:
    """One for repositories of one namespace is for who sees that; others, for who may read all."""

    def __init__(self, store: Store, keeper: RuleKeeper, clock: Clock) -> None:
        self._silences = store.silences
        self._keeper = keeper
        self._clock = clock

    async def newest(self, caller: Principal, *, only_active: bool) -> Sequence[Silence]:
        """Those that the caller may see, the newest first."""
        listed = self._silences.active() if only_active else self._silences.newest(MAX_LISTED)
        found = sorted(await listed, key=lambda one: one.id, reverse=True)
        return [one for one in found if _visible(caller, one)]

    async def one(self, caller: Principal, silence_id: str) -> Silence:
        """Raises NotFound."""
        found = await self._silences.get(silence_id)
        if found is None or not _visible(caller, found):
            raise NotFound("no silence has this id that your token may see: see /v1/silences")
        return found

    async def add(self, caller: Principal, silence: Silence, origin: str) -> None:
        """Make it; takes the role member there, or admin for events of the bridge itself.

        Raises Forbidden, Invalid, and Conflict for too many.
        """
        _require(caller, silence)
        check(silence, self._keeper.in_force.files.names.channels, self._clock())
        after = silence_document(silence, self._clock())
        change = Change(
            who=caller, action=Action.SILENCE_ADDED, subject=silence.id, origin=origin, after=after
        )
        if not await self._silences.add(silence, change):
            raise Conflict(TOO_MANY)

    def may_end(self, caller: Principal, silence: Silence) -> bool:
        """Whether `end` would refuse the caller."""
        try:
            _require(caller, silence)
        except Forbidden:
            return False
        return True

    async def end(self, caller: Principal, silence_id: str, origin: str) -> Silence:
        """From now on it holds nothing. Raises NotFound, Forbidden, and Conflict if it has ended before."""
        before = await self.one(caller, silence_id)
        _require(caller, before)
        change = Change(
            who=caller,
            action=Action.SILENCE_ENDED,
            subject=silence_id,
            origin=origin,
            before=silence_document(before, self._clock()),
        )
        if not await self._silences.end(silence_id, change):
            raise Conflict("the silence has ended before: there is nothing to end")
        return await self.one(caller, silence_id)


TOO_MANY: Final = (
    f"{MAX_SILENCES} silences are in force, or {MAX_OF_NAMESPACE} of this namespace, and no more can be: end "
    "some, see /v1/silences"
)


def check(silence: Silence, channels: Collection[str], now: float) -> None:
    """Raises Invalid for a silence that cannot be; `channels` are the names of those that there are."""
    _check_patterns(silence)
    problems: list[str] = []
    if not (silence.repository or silence.ref or silence.events or silence.channel):
        problems.append("repository: without repository, ref, events and channel it would hold everything")
    if silence.channel == MESSAGE_CHANNEL:
        problems.append("channel: messages in the app keep every event: name another channel")
    elif silence.channel is not None and silence.channel not in channels:
        problems.append(f"channel: there is no channel {silence.channel}: there are {', '.join(channels)}")
    if silence.until <= now:
        problems.append("until: is past: give a later time")
    elif silence.until > now + LONGEST.total_seconds():
        problems.append(f"until: is over {LONGEST.days} days ahead: give an earlier time, and renew it then")
    if not silence.reason.strip() or not silence.reason.isprintable():
        problems.append("reason: is to say why, in one line")
    if problems:
        raise Invalid(problems)


def _check_patterns(silence: Silence) -> None:
    problems: list[str] = []
    for key, pattern in (("repository", silence.repository), ("ref", silence.ref)):
        if pattern is not None and (found := _REFS.match(pattern)):
            problems.append(f"{key}: write the short name, {pattern[found.end() :]}")
        elif pattern is not None and (why := _fault(pattern)):
            problems.append(f"{key}: {pattern} cannot be a pattern: {why}")
    if silence.repository is not None and "/" not in silence.repository:
        problems.append(f"repository: {silence.repository} is no NAMESPACE/REPO_NAME: NS/* is a namespace")
    if problems:
        raise Invalid(problems)


def _fault(pattern: str) -> str | None:
    try:
        compile_pattern(pattern)
    except BadPattern as error:
        return str(error)
    return None


def _visible(caller: Principal, silence: Silence) -> bool:
    return caller.namespaces is None or silence.namespace in caller.namespaces


def _require(caller: Principal, silence: Silence) -> None:
    if (namespace := silence.namespace) is None:
        hides_bridge = silence.repository is None and silence.ref is None and silence.events & _OF_THE_BRIDGE
        require(caller, Role.ADMIN if hides_bridge else Role.MEMBER)
    else:
        require_in(caller, Role.MEMBER, namespace)
