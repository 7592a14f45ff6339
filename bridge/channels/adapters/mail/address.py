"""Mail addresses as the header of a mail has them, with the name of a person where there is one."""

from email.headerregistry import Address
from email.policy import SMTP

from bridge.config.types import wrong


def parsed(text: str) -> Address:
    """The one address that a header with this text would name. Raises ValueError."""
    try:
        header = SMTP.header_factory("To", text)
    except (AttributeError, IndexError, TypeError):  # the parser stumbles over some that end too early
        raise ValueError("not one address") from None
    if len(header.addresses) != 1 or header.defects:
        raise ValueError("not one address")
    address: Address = header.addresses[0]
    return address


def check(text: str) -> None:
    """Raises the fault of a setting for what is not one address that any server takes."""
    try:
        address = parsed(text)
    except ValueError:
        raise wrong(
            "address", "write one mail address, such as ci@example.com or CI <ci@example.com>"
        ) from None
    if (
        not address.domain
        or not address.username
        or not address.addr_spec.isascii()
        or not text.isprintable()
    ):
        raise wrong("address", "a mail address needs a name and a domain, in ASCII")
