"""Whom a notice mentions."""

from collections.abc import Iterator, Mapping
from typing import Final

from bridge.model.address import address_key
from bridge.model.event import Person
from bridge.model.notice import BuildFacts, DigestFacts, EventName, Notice

MAX_MENTIONS: Final = 10
_BY_HAND: Final = "manual"
# Builds with these causes come from no one.
_BY_NO_ONE: Final = frozenset({"order", "schedule"})


def mentions(notice: Notice, contacts: Mapping[str, str]) -> tuple[str, ...]:
    """The contacts of those whose builds failed or were fixed: each once, at most ten.

    After a push they are the commit's author and co-authors, and its committer where the author is not
    known; after a start by hand it is who started it.
    """
    facts = notice.facts
    if not isinstance(facts, DigestFacts):
        found = list(_concerned(notice.event, facts, contacts))
    else:  # of a job only the newest still matters
        members = facts.members[-1:] if facts.kind == "job" else facts.members
        found = [one for member in members for one in _concerned(member.event, member.facts, contacts)]
    return tuple(dict.fromkeys(found))[:MAX_MENTIONS]


def _concerned(event: EventName, facts: object, contacts: Mapping[str, str]) -> Iterator[str]:
    if not isinstance(facts, BuildFacts) or event not in {EventName.FAIL, EventName.FIXED}:
        return
    cause = facts.cause.lower().partition(" ")[0]
    if cause == _BY_HAND:
        who = (facts.by or "").strip().lower()
        # An address in place of a name would be looked up among those of commits.
        found = [] if "@" in who else [contacts.get(who)]
    elif cause in _BY_NO_ONE:
        found = []
    else:
        author = _contact(facts.author, contacts) or _contact(facts.committer, contacts)
        found = [author, *(_contact(one, contacts) for one in facts.co_authors)]
    yield from filter(None, found)


def _contact(person: Person, contacts: Mapping[str, str]) -> str | None:
    key = address_key(person.email)
    return contacts.get(key) if key else None
