"""The section `people` of `bridge.yaml`: how each channel mentions the author of a commit.

The kinds of channels declare which keys a person may have; this module names none of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from bridge.config.types import Shape, Strict, wrong
from bridge.model.address import address_key


@dataclass(frozen=True, slots=True)
class ContactKey:
    """A key that a person may have, such as `wecom_userid`, with what it holds, in a sentence, and its form.

    `instead` is the key of those who do not have this one; `mark` stands before such a contact, so that the
    channel can distinguish the two.
    """

    name: str
    description: str
    form: Shape
    mark: str = ""
    instead: "ContactKey | None" = None

    def and_others(self) -> "Iterator[ContactKey]":
        """This key, and those that are read where it is missing, in order."""
        yield self
        if self.instead:
            yield from self.instead.and_others()


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


def _login(value: str) -> str:
    if "@" in value:
        raise wrong("person", "must be a name without @: an address belongs in emails")
    return value.lower()


Login = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_login)]


class PersonSettings(Strict):
    """What is known of a person; every other key is a contact, of which the kinds of channels know."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Contact | None]

    emails: Annotated[tuple[Email, ...], Field(strict=False, max_length=100)] = ()
    """Other addresses of the person's commits, besides the one above."""
    logins: Annotated[tuple[Login, ...], Field(strict=False, max_length=100)] = ()
    """The names of tokens and of accounts on this machine with which the person starts builds by hand."""

    @property
    def contacts(self) -> Mapping[str, Contact | None]:
        return self.__pydantic_extra__


People = dict[Email, PersonSettings]
"""Each person, by an address."""


def contacts_by_name(people: People, key: ContactKey | None) -> Mapping[str, str]:
    """The contacts under one key, by the `address_key` of each address and by login, in lower case."""
    if key is None:
        return {}
    return {
        name: contact
        for email, person in people.items()
        if (contact := _contact_of(person, key))
        for name in (*map(address_key, (email, *person.emails)), *person.logins)
        if name
    }


def _contact_of(person: PersonSettings, key: ContactKey) -> str | None:
    found = (one.mark + contact for one in key.and_others() if (contact := person.contacts.get(one.name)))
    return next(found, None)
