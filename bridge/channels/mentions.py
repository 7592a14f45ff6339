"""Whom a notice mentions."""

from collections.abc import Mapping
from typing import Final

from bridge.model.notice import BuildFacts, DigestFacts, EventName, Notice

MAX_MENTIONS: Final = 10
# Builds with these causes do not come from the author's push.
_NOT_BY_AUTHOR: Final = frozenset({"manual", "order", "schedule"})


def mentions(notice: Notice, contacts: Mapping[str, str]) -> tuple[str, ...]:
    """The contacts of the authors whose own pushes failed or fixed a build: each once, at most ten."""
    facts = notice.facts
    if not isinstance(facts, DigestFacts):
        found = [_author(notice.event, facts, contacts)]
    else:  # of a job only the newest still matters
        members = facts.members[-1:] if facts.kind == "job" else facts.members
        found = [_author(member.event, member.facts, contacts) for member in members]
    return tuple(dict.fromkeys(filter(None, found)))[:MAX_MENTIONS]


def _author(event: EventName, facts: object, contacts: Mapping[str, str]) -> str | None:
    if not isinstance(facts, BuildFacts) or event not in {EventName.FAIL, EventName.FIXED}:
        return None
    cause = facts.cause.split(maxsplit=1)
    if cause and cause[0].lower() in _NOT_BY_AUTHOR:
        return None
    return contacts.get((facts.author.email or "").strip().lower())
