"""What entries of `bridge.yaml` name that must be there: kinds, and the contacts of people."""

from collections.abc import Iterable, Iterator, Mapping

from bridge.config.document import Document, value_at
from bridge.config.faults import suggest_or_list
from bridge.config.forges import ForgeTraits, former_kinds
from bridge.config.people import ContactKey
from bridge.errors import Fault

Entry = tuple[str, str, dict[str, object]]
"""Name, kind and the rest of an entry."""


def entries_of(data: object, section: str, word: str = "kind") -> Iterator[Entry]:
    """Name, kind (or another word) and the rest of each entry of `builders` or `channels` that has it."""
    found = data.get(section) if isinstance(data, dict) else None
    for name, entry in found.items() if isinstance(found, dict) else ():
        if isinstance(entry, dict) and isinstance(kind := entry.get(word), str):
            yield name, kind, {key: value for key, value in entry.items() if key != word}


def unknown_contacts(document: Document, contacts: Mapping[str, ContactKey | None]) -> Iterator[Fault]:
    """The contacts under `people` that no kind of channel knows."""
    people = value_at(document.data, ("people",))
    used = [
        (email, key)
        for email, person in (people.items() if isinstance(people, dict) else ())
        for key in (person if isinstance(person, dict) else ())
    ]
    configured = {kind for _, kind, _ in entries_of(document.data, "channels") if kind in contacts}
    known = _contact_keys(contacts, configured) if used else set()
    if any(key not in known for _, key in used):
        # The kinds without a channel come last: to ask a kind imports its adapter.
        known = _contact_keys(contacts, contacts)
    for email, key in used:
        if key not in known:
            yield document.fault(("people", email, key), f"is not known{suggest_or_list(key, known)}")


def _contact_keys(contacts: Mapping[str, ContactKey | None], kinds: Iterable[str]) -> set[str]:
    return {key.name for kind in kinds if (key := contacts[kind])}


def unknown_kinds(document: Document, forges: Mapping[str, ForgeTraits]) -> Iterator[Fault]:
    """The kinds of sources that there are not."""
    known = {*forges, *former_kinds(forges)}
    for name, kind, _ in entries_of(document.data, "sources"):
        if kind not in known:
            problem = f"there is no kind {kind} of sources{suggest_or_list(kind, forges)}"
            yield document.fault(("sources", name, "kind"), problem)
