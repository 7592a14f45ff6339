"""The section `people` of `bridge.yaml`: how each channel mentions the author of a commit.

The kinds of channels declare which keys a person may have; this module names none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from bridge.config.types import wrong


@dataclass(frozen=True, slots=True)
class ContactKey:
    """A key that a person may have, such as `wecom_userid`, and a sentence that says what it holds."""

    name: str
    description: str


def _email(value: str) -> str:
    local, _, domain = value.rpartition("@")
    if not local or not domain:
        problem = "must be an e-mail address: it is compared with the address of the commit's author"
        raise wrong("person", problem)
    return value.lower()


Email = Annotated[str, AfterValidator(_email)]
"""The address of a person, in lower case."""
Contact = Annotated[str, Field(min_length=1, max_length=255)]
"""How one channel knows a person. It is personal data: no log and no answer holds it."""
People = dict[Email, dict[str, Contact | None]]
"""Contacts by key, of each person."""


def contacts_by_email(people: People, key: ContactKey | None) -> Mapping[str, str]:
    """The contacts under one key, by lower-case e-mail address."""
    if key is None:
        return {}
    return {email: contact for email, person in people.items() if (contact := person.get(key.name))}
