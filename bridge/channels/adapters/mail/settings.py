"""The mail server of a channel, the sender and the recipients."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bridge.config.channels import ChannelSettings
from bridge.config.types import ConfigPath, Secret, wrong

_WORD: Final = r"[A-Za-z0-9_+-]+"
_PLAIN_ADDRESS: Final = rf"{_WORD}(?:\.{_WORD})*@{_WORD}(?:\.{_WORD})*"
_PLAIN: Final = re.compile(rf"{_PLAIN_ADDRESS}|\w+(?: \w+)* <{_PLAIN_ADDRESS}>")


def _address(text: str) -> str:
    if not _PLAIN.fullmatch(text):
        # The parser of all other forms takes half a megabyte.
        from bridge.channels.adapters.mail.address import check  # noqa: PLC0415

        check(text)
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
