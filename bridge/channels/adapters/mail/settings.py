"""The mail server of a channel, the sender and the recipients."""

from email.headerregistry import Address
from email.policy import SMTP
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bridge.config.channels import ChannelSettings
from bridge.config.types import ConfigPath, Secret, wrong


def parsed(text: str) -> Address:
    """The one address that a header with this text would name. Raises ValueError."""
    header = SMTP.header_factory("To", text)
    if len(header.addresses) != 1 or header.defects:
        raise ValueError("not one address")
    address: Address = header.addresses[0]
    return address


def _address(text: str) -> str:
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
    return text


MailAddress = Annotated[str, Field(max_length=320), AfterValidator(_address)]


class MailSettings(ChannelSettings):
    """The mail server, the sender and the recipients. The channel never guesses how to encrypt."""

    host: Annotated[str, Field(min_length=1, max_length=255)]
    """The SMTP server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Its port."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`starttls` and `implicit` require encryption, `none` sends in clear text."""
    allow_plaintext_auth: bool = False
    """Allows the password to be sent without encryption."""
    username: str | None = None
    """The user for the login; without it there is no login."""
    password: Secret | None = None
    """The password of that user."""
    sender: Annotated[MailAddress, Field(alias="from")]
    """The address of the sender."""
    to: Annotated[list[MailAddress], Field(min_length=1, max_length=50)]
    """The recipients."""
    ca_file: ConfigPath | None = None
    """The authorities to trust instead of the public ones (a PEM file)."""

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise wrong("mail", "username and password go together")
        if self.tls == "none" and self.password and not self.allow_plaintext_auth:
            raise wrong("mail", "tls: none would send the password in clear: use starttls or implicit")
        return self
