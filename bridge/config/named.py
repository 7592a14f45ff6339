"""What entries of `bridge.yaml` name that must be there: kinds, and the contacts of people."""

import re
from collections.abc import Iterable, Iterator, Mapping

from bridge.config.document import Document, value_at
from bridge.config.faults import suggest_or_list
from bridge.config.forges import ForgeTraits, former_kinds
from bridge.config.people import ContactKey, PersonSettings
from bridge.config.types import Shape
from bridge.errors import Fault
from bridge.model.address import address_key

Entry = tuple[str, str, dict[str, object]]
"""Name, kind and the rest of an entry."""


def entries_of(data: object, section: str, word: str = "kind") -> Iterator[Entry]:
    """Name, kind (or another word) and the rest of each entry of `builders` or `channels` that has it."""
    found = data.get(section) if isinstance(data, dict) else None
    for name, entry in found.items() if isinstance(found, dict) else ():
        if isinstance(entry, dict) and isinstance(kind := entry.get(word), str):
            yield name, kind, {key: value for key, value in entry.items() if key != word}


def faulty_contacts(document: Document, contacts: Mapping[str, ContactKey | None]) -> Iterator[Fault]:
    """The contacts under `people` that no kind of channel knows, or that are not of its form."""
    people = value_at(document.data, ("people",))
    used = [
        (email, key, contact)
        for email, person in (people.items() if isinstance(people, dict) else ())
        for key, contact in (person.items() if isinstance(person, dict) else ())
        if key not in PersonSettings.model_fields
    ]
    configured = {kind for _, kind, _ in entries_of(document.data, "channels") if kind in contacts}
    known = _contact_keys(contacts, configured) if used else {}
    if any(key not in known for _, key, _ in used):
        # The kinds without a channel come last: to ask a kind imports its adapter.
        known = _contact_keys(contacts, contacts)
    for email, key, contact in used:
        if key not in known:
            names = {*known, *PersonSettings.model_fields}
            yield document.fault(("people", email, key), f"is not known{suggest_or_list(key, names)}")
        elif isinstance(contact, str) and not re.fullmatch(known[key].pattern, contact):
            yield document.fault(("people", email, key), known[key].problem)


def doubled_people(document: Document) -> Iterator[Fault]:
    """The addresses and logins under `people` that two persons have."""
    people = value_at(document.data, ("people",))
    owners: dict[str, object] = {}
    for email, person in people.items() if isinstance(people, dict) else ():
        for loc, name in _names(email, person):
            if owners.setdefault(name, email) != email:
                problem = f"is of {owners[name]}, too: leave it with the one whom it is to mention"
                yield document.fault(loc, problem)


def _names(email: object, person: object) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where each name of a person stands, and in which form it is compared."""
    if not isinstance(email, str):
        return
    yield ("people", email), address_key(email) or email
    for key in ("emails", "logins"):
        listed = person.get(key) if isinstance(person, dict) else None
        for index, name in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(name, str):
                yield ("people", email, key, index), address_key(name) or name.lower()


def _contact_keys(contacts: Mapping[str, ContactKey | None], kinds: Iterable[str]) -> dict[str, Shape]:
    return {one.name: one.form for kind in kinds if (key := contacts[kind]) for one in key.and_others()}


def unknown_kinds(document: Document, forges: Mapping[str, ForgeTraits]) -> Iterator[Fault]:
    """The kinds of sources that there are not."""
    known = {*forges, *former_kinds(forges)}
    for name, kind, _ in entries_of(document.data, "sources"):
        if kind not in known:
            problem = f"there is no kind {kind} of sources{suggest_or_list(kind, forges)}"
            yield document.fault(("sources", name, "kind"), problem)
